import { document, type TestServer } from './cambist.ts'
import { attestation, attestationPop, wit, wpt } from './proofs.ts'
import { type Claims, clientAssertion, decode, SigningKey, TYPE } from './tokens.ts'

/** One sort of JWT that a request can carry, in one of its own places. */
export interface Jwt {
  readonly sort: string
  /** What signs it; the tokens of ours are signed by a key that no test has, and so by this one only where something in them is changed. */
  readonly key: SigningKey
  /** A good one; claims and header members given replace, undefined leaves out. */
  make(claims?: Claims, header?: Claims): string
  /** What the request has beside what every exchange has: the token in its place, and the proof of its key. */
  send(token: string): ReturnType<TestServer['token']>
  readonly about: 'client' | 'subject' | 'actor'
  /** Whether it names an audience that must be ours. */
  readonly named: boolean
}

export const TRUST_DOMAIN = 'prod.example'
export const WORKLOAD = `spiffe://${TRUST_DOMAIN}/checkout`
const SVID_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'

/** A bundle of one key, as `keys` of a TrustedIssuer. */
export const bundleOf = (key: SigningKey, use: 'jwt-svid' | 'wit-svid') => ({
  bundle: { inline: { keys: [{ ...key.jwk, use }] } },
})

/** Every sort of JWT, trusted by the server beside what it trusts already: each by a key of its own. */
export async function everyJwt(server: TestServer): Promise<readonly Jwt[]> {
  const { cluster, issuer: us, clock } = server
  const [registered, attester, svids, wits, holder, stranger] = Array.from(
    { length: 6 },
    () => new SigningKey('ES256'),
  ) as [SigningKey, SigningKey, SigningKey, SigningKey, SigningKey, SigningKey]
  const privateKeyJwt = { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } }
  await server.apply(
    document('TrustedIssuer', 'svids', {
      ...{ credential: 'spiffe-jwt-svid', trustDomain: TRUST_DOMAIN, audiences: [us] },
      keys: bundleOf(svids, 'jwt-svid'),
    }),
    document('TrustedIssuer', 'wits', {
      ...{ credential: 'wit', trustDomain: TRUST_DOMAIN, keys: bundleOf(wits, 'wit-svid') },
    }),
    document('Client', 'asserting', { authentication: privateKeyJwt }),
    document('Client', 'attested', {
      authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
    }),
    document('Client', 'workloads', {
      workloads: ['svids', 'wits'].map((issuer) => ({ issuer, ids: [WORKLOAD] })),
    }),
    document('Policy', 'everybody', {
      ...{ clients: ['*'], targets: ['orders'], scopes: ['orders:read'], delegation: { mode: 'delegate' } },
      changes: ['format', 'scope', 'authority', 'unbind'],
    }),
  )

  const now = clock.seconds
  const asserted = () => ({
    client_assertion: clientAssertion('asserting', registered, us, now()),
    client_assertion_type: TYPE.clientAssertion,
  })
  const svid = (claims: Claims = {}, header: Claims = {}) =>
    svids.sign({ sub: WORKLOAD, aud: [us], exp: now() + 300, iat: now(), ...claims }, header)
  const ours = String((await server.exchange(asserted())).body['access_token'])
  const bodyOf = (form: Record<string, string>) =>
    new URLSearchParams({
      ...{ grant_type: TYPE.exchange, subject_token_type: TYPE.jwt, audience: 'https://orders.example', ...form },
    }).toString()

  return [
    {
      ...{ sort: 'service-account token as subject token', key: cluster.key, about: 'subject', named: true },
      make: (claims, header) => cluster.token(claims, {}, header),
      send: (token) => server.exchange({ subject_token: token }),
    },
    {
      ...{ sort: 'service-account token as client assertion', key: cluster.key, about: 'client', named: true },
      make: (claims, header) => cluster.token(claims, {}, header),
      send: (token) => server.exchange({ client_assertion: token, client_assertion_type: TYPE.clientAssertion }),
    },
    {
      ...{ sort: 'service-account token as actor token', key: cluster.key, about: 'actor', named: true },
      make: (claims, header) => cluster.token(claims, {}, header),
      send: (token) => server.exchange({ ...asserted(), actor_token: token, actor_token_type: TYPE.jwt }),
    },
    {
      ...{ sort: 'client assertion', key: registered, about: 'client', named: true },
      make: (claims, header) => clientAssertion('asserting', registered, us, now(), claims, header),
      send: (token) => server.exchange({ client_assertion: token, client_assertion_type: TYPE.clientAssertion }),
    },
    {
      ...{ sort: 'JWT-SVID as subject token', key: svids, about: 'subject', named: true },
      make: svid,
      send: (token) => server.exchange({ subject_token: token }),
    },
    {
      ...{ sort: 'JWT-SVID as client assertion', key: svids, about: 'client', named: true },
      make: svid,
      send: (token) => server.exchange({ client_assertion: token, client_assertion_type: SVID_ASSERTION }),
    },
    {
      ...{ sort: 'WIT-SVID with its proof', key: wits, about: 'client', named: false },
      make: (claims, header) => wit(wits, holder, { subject: WORKLOAD, now: now() }, claims, header),
      async send(token) {
        const form = { subject_token: cluster.token() }
        const proof = wpt(holder, { token, audience: us, body: bodyOf(form), now: now() })
        const headers = { 'Workload-Identity-Token': token, Authorization: `WPT ${proof}` }
        return server.token(Object.fromEntries(new URLSearchParams(bodyOf(form))), headers)
      },
    },
    {
      ...{ sort: 'client attestation', key: attester, about: 'client', named: false },
      make: (claims, header) => attestation(attester, holder, { client: 'attested', now: now() }, claims, header),
      send: (token) =>
        server.exchange(
          {},
          {
            'OAuth-Client-Attestation': token,
            'OAuth-Client-Attestation-PoP': attestationPop(holder, { issuer: us, now: now() }),
          },
        ),
    },
    {
      ...{ sort: 'access token of ours', key: stranger, about: 'subject', named: false },
      make(claims, header) {
        if (claims === undefined && header === undefined) return ours
        const said = decode(ours)
        return stranger.sign({ ...said.claims, ...claims }, { ...said.header, ...header })
      },
      send: (token) => server.exchange({ ...asserted(), subject_token: token, subject_token_type: TYPE.accessToken }),
    },
  ] satisfies Jwt[]
}
