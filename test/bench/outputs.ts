/** What goes out, each kind of token and each way in which it is bound, for one and the same pod: what a request asks for, and what any server would verify and sign for it. */
import { dpop } from '../harness/proofs.ts'
import { clientAssertion, TYPE } from '../harness/tokens.ts'
import type { Verification } from './floor.ts'
import { httpRequest, type Kind, podToken } from './kinds.ts'
import type { World } from './world.ts'

type Fields = Readonly<Record<string, string>>

const document = (kind: string, name: string, spec: object) => ({
  apiVersion: 'cambist/v1',
  kind,
  metadata: { name },
  spec,
})

const SCOPES = ['orders:read']
const tokenType = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`

/** A target of each kind, by the name under which it is asked for. */
export function outputDocuments({ issuer, cluster, registered }: World): readonly object[] {
  const { hostname: trustDomain } = new URL(issuer)
  const id = `'spiffe://${trustDomain}/shop/checkout'`
  const target = (name: string, audience: string, profile: object, scopes: readonly string[] = SCOPES) =>
    document('Target', name, { audience, scopes, tokens: [profile] })
  const targets = [
    target('plain', 'urn:plain', { kind: 'access-token' }),
    target('revocable', 'urn:revocable', { kind: 'access-token', revocable: true }),
    target('opaque', 'urn:opaque', { kind: 'opaque' }),
    target('transactions', trustDomain, { kind: 'transaction-token' }),
    target('peer', 'https://peer.example', { kind: 'authorization-grant' }),
    target('identity', 'https://saas.example', { kind: 'id-jag' }),
    target('svid', 'urn:svid', { kind: 'jwt-svid', subject: id }, []),
    target('wit', 'urn:wit', { kind: 'wit', subject: id }, []),
  ]
  return [
    ...targets,
    // ID tokens of the same issuer, for the client that brings them.
    document('TrustedIssuer', 'login', {
      preset: 'kubernetes',
      issuer: cluster.issuer,
      audiences: ['registered'],
      uses: ['subject'],
      keys: { jwks: cluster.jwks },
    }),
    document('Client', 'pods', {
      workloads: [{ issuer: 'cluster', match: { namespace: ['shop'] } }],
      grants: ['token-exchange', 'jwt-bearer'],
    }),
    document('Client', 'registered', {
      authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } },
      grants: ['token-exchange', 'client-credentials'],
    }),
    document('Policy', 'outputs', {
      clients: ['pods', 'registered'],
      targets: ['plain', 'revocable', 'opaque', 'transactions', 'peer', 'identity', 'svid', 'wit'],
      scopes: SCOPES,
      delegation: { mode: 'delegate' },
      changes: ['format', 'scope', 'authority', 'identity', 'unbind'],
      condition: "subject.kind != '' && request.scopes.size() < 5",
    }),
  ]
}

/** The kinds of output. */
export function outputKinds(world: World): readonly Kind[] {
  const { issuer, holder, now, registered } = world
  const { host, hostname } = new URL(issuer)
  const inForm = (field: string, { jwk }: { readonly jwk: object }): Verification => ({ in: 'form', field, jwk })
  const pod = inForm('subject_token', world.cluster.key)
  const proof: Verification = { in: 'head', field: 'dpop', jwk: holder.jwk }
  const exchange = { grant_type: TYPE.exchange, subject_token_type: TYPE.jwt }
  const kind = (
    name: string,
    verifications: readonly Verification[],
    form: () => Fields,
    headers?: () => Fields,
    oneUse = false,
  ): Kind => ({
    name,
    listener: 'plain',
    oneUse,
    verifications,
    request: () => httpRequest(host, new URLSearchParams(form()).toString(), headers?.()),
  })
  const ofPod = (audience: string, more: Fields = {}) => {
    return () => ({ ...exchange, subject_token: podToken(world), audience, scope: 'orders:read', ...more })
  }
  const bound = () => ({ DPoP: dpop(holder, { url: `${issuer}/token`, now: now() }) })
  const assertion = () => ({
    client_assertion_type: TYPE.clientAssertion,
    client_assertion: clientAssertion('registered', registered, issuer, now()),
  })
  const ofClient = inForm('client_assertion', registered)
  // The ID token of a user, issued to the client that brings it.
  const idToken = () => world.cluster.token({ aud: ['registered'], exp: now() + 3600 }, { serviceaccount: 'alice' })
  return [
    kind('access-token', [pod], ofPod('urn:plain')),
    kind('+ dpop', [pod, proof], ofPod('urn:plain'), bound, true),
    // A certificate that nobody here vouches for: it authenticates no one, and binds what is issued.
    kind('+ mtls', [pod], ofPod('urn:plain'), () => ({
      'Client-Cert': `:${world.stranger.der.toString('base64')}:`,
    })),
    kind('+ revocable', [pod], ofPod('urn:revocable')),
    kind('opaque', [pod], ofPod('urn:opaque')),
    kind('transaction-token', [pod], ofPod(hostname, { requested_token_type: tokenType('txn_token') })),
    kind('authorization-grant', [pod], ofPod('https://peer.example')),
    kind(
      'id-jag',
      [inForm('subject_token', world.cluster.key), ofClient],
      () => ({
        ...{ ...exchange, subject_token_type: tokenType('id_token'), subject_token: idToken() },
        ...{ audience: 'https://saas.example', requested_token_type: tokenType('id-jag'), scope: 'orders:read' },
        ...assertion(),
      }),
      undefined,
      true,
    ),
    kind('jwt-svid', [pod], () => ({ ...exchange, subject_token: podToken(world), audience: 'urn:svid' })),
    kind(
      'wit',
      [pod, proof],
      () => ({ ...exchange, subject_token: podToken(world), audience: 'urn:wit' }),
      bound,
      true,
    ),
    kind('jwt-bearer', [inForm('assertion', world.cluster.key)], () => ({
      ...{ grant_type: TYPE.jwtBearer, assertion: podToken(world) },
      ...{ audience: 'urn:plain', scope: 'orders:read' },
    })),
    kind(
      'client-credentials',
      [ofClient],
      () => ({ grant_type: 'client_credentials', audience: 'urn:plain', scope: 'orders:read', ...assertion() }),
      undefined,
      true,
    ),
  ]
}
