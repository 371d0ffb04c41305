/** The kinds of input that are measured: what a request brings, and what of it any server would have to verify. */
import { written } from '../harness/client-chain.ts'
import type { Issued } from '../harness/pki.ts'
import { attestation, attestationPop, dpop, httpSignature, wit, wpt } from '../harness/proofs.ts'
import { clientAssertion, type SigningKey, TYPE } from '../harness/tokens.ts'
import type { Verification } from './floor.ts'
import { WORKLOAD, type World } from './world.ts'

/** Which listener is asked: the plain one; over TLS; over TLS with a certificate. */
export type Listener = 'plain' | 'tls' | 'mtls'

export interface Kind {
  readonly name: string
  readonly listener: Listener
  /** The client's, where it presents one by TLS. */
  readonly certificate?: Issued
  /** Its proofs are taken once: each request is made for one use. */
  readonly oneUse: boolean
  readonly verifications: readonly Verification[]
  /** A whole request. */
  request(): Buffer
}

const SPIFFE_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'
const MTLS_TYPE = 'urn:ietf:params:oauth:token-type:mtls'

type Fields = Readonly<Record<string, string>>

export const formOf = (form: Fields): string =>
  new URLSearchParams({
    grant_type: TYPE.exchange,
    audience: 'https://orders.example',
    scope: 'orders:read',
    ...form,
  }).toString()

export function httpRequest(host: string, body: string, headers: Fields = {}, path = '/token'): Buffer {
  const lines = Object.entries({ 'Content-Type': FORM, 'Content-Length': String(body.length), ...headers })
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  )
}

const FORM = 'application/x-www-form-urlencoded'
const inForm = (field: string, { jwk }: SigningKey): Verification => ({ in: 'form', field, jwk })
const inHead = (field: string, { jwk }: SigningKey): Verification => ({ in: 'head', field, jwk })

const LIFETIME = 7200

/** A JWT-SVID of a workload. */
export const jwtSvid = (world: World, id = WORKLOAD): string =>
  world.jwtSvids.sign({ sub: id, aud: [world.issuer], iat: world.now(), exp: world.now() + LIFETIME }, { typ: 'JWT' })

/** A projected token of a pod. */
export const podToken = (world: World, serviceaccount = 'checkout'): string =>
  world.cluster.token({ exp: world.now() + LIFETIME }, { serviceaccount })

/**
 * The kinds, for the server that listens without TLS (behind a proxy, as it were) and for the one that ends TLS itself.
 * `rs256` makes a token of the cluster whose keys are RSA; `ours` is a token that the first server issued.
 */
export function plainKinds(
  world: World,
  { rs256, rsa, ours, ourKey }: { rs256: () => string; rsa: object; ours: string; ourKey: object },
): readonly Kind[] {
  const { host } = new URL(world.issuer)
  const { holder, issuer, now } = world
  const url = `${issuer}/token`
  const subject = { subject_token_type: TYPE.jwt }
  const es256 = inForm('subject_token', world.cluster.key)
  const kind = (
    name: string,
    verifications: readonly Verification[],
    make: () => { form: Fields; headers?: Fields },
    oneUse = false,
  ): Kind => ({
    name,
    listener: 'plain',
    oneUse,
    verifications,
    request: () => {
      const { form, headers } = make()
      return httpRequest(host, formOf(form), headers)
    },
  })
  const once = (...of: [string, readonly Verification[], () => { form: Fields; headers?: Fields }]): Kind =>
    kind(...of, true)
  // Credentials are used again and again, and made once; proofs are not.
  const pod = podToken(world)
  const credential = wit(world.wits, holder, { subject: WORKLOAD, now: now() })
  const attested = attestation(world.attester, holder, { client: 'attested', now: now() })
  const provenByWpt = (more: () => Fields) => (): { form: Fields; headers: Fields } => {
    const form = { ...subject, subject_token: credential }
    const beside = more()
    const covered = { body: formOf(form), dpop: beside['DPoP'] }
    const proof = wpt(holder, { token: credential, audience: url, now: now(), ...covered })
    return { form, headers: { 'Workload-Identity-Token': credential, Authorization: `WPT ${proof}`, ...beside } }
  }
  const byWpt = [inHead('workload-identity-token', world.wits), inHead('authorization', holder)]
  return [
    kind('jwt', [es256], () => ({ form: { ...subject, subject_token: podToken(world) } })),
    kind('jwt-rs256', [{ in: 'form', field: 'subject_token', jwk: rsa }], () => ({
      form: { ...subject, subject_token: rs256() },
    })),
    kind('jwt-svid', [inForm('subject_token', world.jwtSvids)], () => ({
      form: { ...subject, subject_token: jwtSvid(world) },
    })),
    kind('x509-svid-header', [], () => ({
      form: { subject_token_type: MTLS_TYPE },
      headers: written.rfc9440(world.svid.chain()),
    })),
    once('jwt+dpop', [es256, inHead('dpop', holder)], () => ({
      form: { ...subject, subject_token: pod },
      headers: { DPoP: dpop(holder, { url, now: now() }) },
    })),
    once(
      'wit+wpt',
      byWpt,
      provenByWpt(() => ({})),
    ),
    once(
      'wit+wpt+dpop',
      [...byWpt, inHead('dpop', holder)],
      provenByWpt(() => ({ DPoP: dpop(holder, { url, now: now() }) })),
    ),
    once('wit+signature', [inHead('workload-identity-token', world.wits), { jwk: {} }], () => {
      const form = { ...subject, subject_token: credential }
      const { headers } = httpSignature(
        holder,
        {
          ...{ method: 'POST', url, body: formOf(form) },
          headers: { 'Content-Type': FORM, 'Workload-Identity-Token': credential },
        },
        { audience: url, now: now() },
      )
      const { 'content-type': _, ...others } = headers
      return { form, headers: others }
    }),
    once(
      'attestation+pop',
      [inHead('oauth-client-attestation', world.attester), inHead('oauth-client-attestation-pop', holder), es256],
      () => ({
        form: { ...subject, subject_token: pod },
        headers: {
          'OAuth-Client-Attestation': attested,
          'OAuth-Client-Attestation-PoP': attestationPop(holder, { issuer, now: now() }),
        },
      }),
    ),
    once('private-key-jwt', [inForm('client_assertion', world.registered), es256], () => ({
      form: {
        ...{ ...subject, subject_token: pod },
        client_assertion_type: TYPE.clientAssertion,
        client_assertion: clientAssertion('registered', world.registered, issuer, now()),
      },
    })),
    kind(
      'access-token',
      [inForm('client_assertion', world.jwtSvids), { in: 'form', field: 'subject_token', jwk: ourKey }],
      () => ({
        form: {
          ...{ subject_token: ours, subject_token_type: TYPE.accessToken },
          client_assertion_type: SPIFFE_ASSERTION,
          client_assertion: jwtSvid(world),
        },
      }),
    ),
  ]
}

export function tlsKinds(world: World, mtls: string): readonly Kind[] {
  const subject = { subject_token_type: TYPE.jwt }
  const es256 = inForm('subject_token', world.cluster.key)
  const { host } = new URL(mtls)
  const kind = (
    name: string,
    verifications: readonly Verification[],
    certificate: Issued | undefined,
    form: () => Fields,
  ): Kind => ({
    ...{ name, verifications, oneUse: false },
    ...(certificate === undefined ? { listener: 'tls' } : { listener: 'mtls', certificate }),
    request: () => httpRequest(certificate === undefined ? new URL(world.issuer).host : host, formOf(form())),
  })
  return [
    kind('jwt-tls', [es256], undefined, () => ({ ...subject, subject_token: podToken(world) })),
    kind('x509-svid', [], world.svid, () => ({ subject_token_type: MTLS_TYPE })),
    kind('x509', [], world.certificate, () => ({ subject_token_type: MTLS_TYPE })),
    kind('self-signed', [es256], world.selfSigned, () => ({
      ...{ ...subject, subject_token: podToken(world) },
      client_id: 'self-signed',
    })),
  ]
}
