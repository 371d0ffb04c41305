/** KX-01, T9: a credential of each sort in each place of a real request, with everything else in order: taken in its own places, and refused in all others. */
import { randomUUID } from 'node:crypto'
import { request } from 'node:https'
import { describe, expect, it } from 'vitest'
import type { Reason } from '../../src/refusal.ts'
import { type Answer, baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { inquire } from '../harness/inquiries.ts'
import { createRoot } from '../harness/pki.ts'
import { attestation, attestationPop, dpop, wit, wpt } from '../harness/proofs.ts'
import { expectWireOf } from '../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'

const root = await createRoot()
const host = await root.leaf({ ips: ['127.0.0.1'] })
const svid = await root.leaf({ subject: '', uris: ['spiffe://prod.example/checkout'] })
const server = await startCambist({ mtls: { cert: host.chainPem(), key: host.keyPem } })
const { cluster, clock, issuer: us } = server

const [registered, attester, svids, wits, holder, asker] = Array.from({ length: 6 }, () => new SigningKey('ES256')) as [
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
  SigningKey,
]
const bundle = (key: SigningKey, use: string) => ({ bundle: { inline: { keys: [{ ...key.jwk, use }] } } })
const trustDomain = 'prod.example'
await server.apply(
  ...baseDocuments(cluster),
  document('TrustedIssuer', 'svids', {
    ...{ credential: 'spiffe-jwt-svid', trustDomain, audiences: [us], keys: bundle(svids, 'jwt-svid') },
  }),
  document('TrustedIssuer', 'wits', { credential: 'wit', trustDomain, keys: bundle(wits, 'wit-svid') }),
  document('TrustedIssuer', 'certificates', {
    ...{ credential: 'spiffe-x509-svid', trustDomain, keys: { roots: root.pem }, maxLifetime: '90000h' },
  }),
  document('Client', 'registered', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } },
    grants: ['token-exchange', 'jwt-bearer'],
  }),
  document('Client', 'orders', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [asker.jwk] } },
    audiences: ['https://orders.example', 'https://vault.example', 'prod.example'],
  }),
  document('Client', 'attested', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
  }),
  document('Client', 'workloads', {
    workloads: ['svids', 'wits', 'certificates'].map((issuer) => ({ issuer, ids: ['spiffe://prod.example/checkout'] })),
  }),
  document('Target', 'prod', { audience: 'prod.example', scopes: ['buy'], tokens: [{ kind: 'transaction-token' }] }),
  document('Target', 'vault', { audience: 'https://vault.example', scopes: ['open'], tokens: [{ kind: 'opaque' }] }),
  document('Target', 'listed', { audience: 'urn:listed', tokens: [{ kind: 'access-token', revocable: true }] }),
  document('Target', 'peer', {
    ...{ audience: 'https://as.peer.example', scopes: ['read'], tokens: [{ kind: 'authorization-grant' }] },
  }),
  document('Policy', 'all', {
    ...{ clients: ['*'], targets: ['*'], scopes: ['orders:read', 'buy', 'open', 'read'] },
    ...{ subject: { scopes: [] }, delegation: { mode: 'delegate' } },
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
)

/** A request on a connection with the workload's certificate, so that its key is proven wherever it is presented. */
interface Sent {
  readonly form: Form
  /** Header fields, by the body that they may speak of. */
  readonly headers?: (body: string) => Record<string, string>
}

async function send({ form, headers = () => ({}) }: Sent): Promise<Answer> {
  const parameters = { grant_type: TYPE.exchange, audience: 'https://orders.example', ...form }
  const body = new URLSearchParams(parameters as Record<string, string>).toString()
  const options = {
    ...{ method: 'POST', cert: svid.chainPem(), key: svid.keyPem, ca: root.pem, agent: false },
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers(body) },
  }
  return new Promise((resolve, reject) => {
    request(`${server.mtls}/token`, options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: new Headers(response.headers as Record<string, string>),
          body: JSON.parse(text),
          id: String(response.headers['cambist-request-id']),
        }),
      )
    })
      .on('error', reject)
      .end(body)
  })
}

const subject = () => ({ subject_token: cluster.token(), subject_token_type: TYPE.jwt })
const asserted = () => ({
  client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})
const uri = (type: string) => `urn:ietf:params:oauth:${type}`
const now = () => clock.seconds()

const goodWit = () => wit(wits, holder, { subject: 'spiffe://prod.example/checkout', now: now() })
const goodAttestation = () => attestation(attester, holder, { client: 'attested', now: now() })
const goodPop = () => attestationPop(holder, { issuer: us, now: now() })
const proven = (token: string) => (body: string) => ({
  authorization: `WPT ${wpt(holder, { token, audience: us, body, now: now() })}`,
})

const peer = new SigningKey('ES256')
const peers = ['authorization-grant', 'id-jag'] as const
await server.apply(
  ...peers.map((credential) =>
    document('TrustedIssuer', credential, {
      ...{ credential, issuer: `https://${credential}.example`, audiences: [us], keys: { jwks: { keys: [peer.jwk] } } },
    }),
  ),
)
const goodGrant = (credential: (typeof peers)[number], typ: string) =>
  peer.sign(
    {
      ...{ iss: `https://${credential}.example`, sub: 'johndoe', aud: us, client_id: 'registered', jti: randomUUID() },
      ...{ iat: now(), exp: now() + 60 },
    },
    { typ },
  )

/** What is issued to the client `registered`. */
const issued = async (form: Form = {}): Promise<string> =>
  String((await send({ form: { ...subject(), ...asserted(), ...form } })).body['access_token'])
/** A client that its tokens are for asks about them. */
const asking = () => ({
  client_assertion: clientAssertion('orders', asker, us, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})

/** Each sort of credential and of proof, good as it is, and where it is taken (assertions.md §6). */
const SAMPLES: Readonly<Record<string, readonly [make: () => string | Promise<string>, places: readonly string[]]>> = {
  'service-account token': [
    () => cluster.token(),
    ['assertion jwt-bearer', 'subject jwt', 'subject id_token', 'actor jwt', 'actor id_token', 'grant'],
  ],
  'client assertion': [() => asserted().client_assertion, ['assertion jwt-bearer']],
  'JWT-SVID': [
    () => svids.sign({ sub: 'spiffe://prod.example/checkout', aud: [us], exp: now() + 300, iat: now() }),
    ['assertion jwt-spiffe', 'subject jwt', 'actor jwt', 'grant'],
  ],
  'WIT-SVID': [goodWit, ['Workload-Identity-Token', 'OAuth-Client-Attestation', 'subject jwt', 'actor jwt']],
  'client attestation': [goodAttestation, ['OAuth-Client-Attestation']],
  'access token of ours': [() => issued(), ['subject access_token']],
  'transaction token of ours': [
    () => {
      const asked = { requested_token_type: uri('token-type:txn_token'), audience: 'prod.example', scope: 'buy' }
      return issued(asked)
    },
    ['subject txn_token'],
  ],
  'opaque token of ours': [() => issued({ audience: 'https://vault.example' }), ['subject access_token']],
  'authorization grant of ours': [() => issued({ audience: 'https://as.peer.example', scope: 'read' }), []],
  'introspection answer of ours': [
    async () => {
      const form = { token: await issued(), ...asking() }
      return (await inquire(server, '/introspect', form, { Accept: 'application/token-introspection+jwt' })).text
    },
    [],
  ],
  'status list of ours': [
    async () => {
      await issued({ audience: 'urn:listed' })
      const list = await server.get('/status-lists/0', { Accept: 'application/statuslist+jwt' })
      return list.text()
    },
    [],
  ],
  certificate: [
    () => JSON.stringify(svid.chain().map((der) => der.toString('base64'))),
    ['subject mtls', 'actor mtls'],
  ],
  'DPoP proof': [() => dpop(holder, { url: `${server.mtls}/token`, now: now() }), ['DPoP']],
  'proof of an attested key': [goodPop, ['OAuth-Client-Attestation-PoP']],
  'transaction token of another': [() => cluster.token({}, {}, { typ: 'txntoken+jwt' }), []],
  'authorization grant': [() => goodGrant('authorization-grant', 'cambist-authorization-grant+jwt'), ['grant']],
  'ID-JAG': [() => goodGrant('id-jag', 'oauth-id-jag+jwt'), ['grant']],
  'grant of a transaction': [() => goodGrant('authorization-grant', 'txn-chain+jwt'), []],
  'logout token': [() => cluster.token({}, {}, { typ: 'logout+jwt' }), []],
  'introspection answer': [() => cluster.token({}, {}, { typ: 'token-introspection+jwt' }), []],
  'security event': [() => cluster.token({}, {}, { typ: 'secevent+jwt' }), []],
  'proof of a WIT': [() => wpt(holder, { token: goodWit(), audience: us, body: '', now: now() }), []],
}

const parameter =
  (name: 'subject' | 'actor', type: string) =>
  (token: string, sort: string): Sent => ({
    form: { ...subject(), ...asserted(), [`${name}_token`]: token, [`${name}_token_type`]: uri(`token-type:${type}`) },
    ...(sort === 'WIT-SVID' ? { headers: proven(token) } : {}),
  })
const assertion = (type: string) => (token: string) => ({
  form: { ...subject(), client_assertion: token, client_assertion_type: uri(`client-assertion-type:${type}`) },
})
const TOKEN_TYPES = ['jwt', 'id_token', 'access_token', 'txn_token', 'mtls']

/** Every place for a credential or a proof, in a request that lacks nothing else. */
const PLACES: Readonly<Record<string, (token: string, sort: string) => Sent>> = {
  'assertion jwt-bearer': assertion('jwt-bearer'),
  'assertion jwt-spiffe': assertion('jwt-spiffe'),
  ...Object.fromEntries(TOKEN_TYPES.map((type) => [`subject ${type}`, parameter('subject', type)])),
  ...Object.fromEntries(TOKEN_TYPES.map((type) => [`actor ${type}`, parameter('actor', type)])),
  grant: (token) => ({ form: { ...asserted(), grant_type: TYPE.jwtBearer, assertion: token } }),
  'Workload-Identity-Token': (token) => ({
    form: subject(),
    headers: (body) => ({ 'workload-identity-token': token, ...proven(token)(body) }),
  }),
  'Authorization: WPT': (token) => ({
    form: subject(),
    headers: () => ({ 'workload-identity-token': goodWit(), authorization: `WPT ${token}` }),
  }),
  'OAuth-Client-Attestation': (token) => ({
    form: subject(),
    headers: () => ({ 'oauth-client-attestation': token, 'oauth-client-attestation-pop': goodPop() }),
  }),
  'OAuth-Client-Attestation-PoP': (token) => ({
    form: subject(),
    headers: () => ({ 'oauth-client-attestation': goodAttestation(), 'oauth-client-attestation-pop': token }),
  }),
  DPoP: (token) => ({ form: { ...subject(), ...asserted() }, headers: () => ({ dpop: token }) }),
}

/** Why a credential is refused for what it is, and not because some rule says no. */
const OF_THE_CREDENTIAL: readonly Reason[] = [
  ...(['token_malformed', 'token_type_mismatch', 'claim_missing', 'claim_malformed', 'issuer_unknown'] as const),
  ...(['position_refused', 'proof_invalid', 'dpop_invalid'] as const),
]

describe('KX-01, JB-08: a credential of each sort in each place', () => {
  it('takes the certificate of the connection where nothing else authenticates the client', async () => {
    const answer = await send({ form: subject() })
    expect(answer.status).toBe(200)
    expect(await server.record(answer.id)).toMatchObject({ authentication: 'spiffe_x509' })
  })

  it('takes the proof of a WIT beside that WIT on that request, which no other request can show', async () => {
    const token = goodWit()
    const sent = {
      form: subject(),
      headers: (body: string) => ({ 'workload-identity-token': token, ...proven(token)(body) }),
    }
    expect((await send(sent)).status).toBe(200)
  })

  it.each([
    ['access token', 'at+jwt'],
    ['transaction token', 'txntoken+jwt'],
    ['authorization grant', 'cambist-authorization-grant+jwt'],
    ['introspection answer', 'token-introspection+jwt'],
    ['status list', 'statuslist+jwt'],
  ])('has a good %s of ours to try, which says %s', async (sort, typ) => {
    const [make] = SAMPLES[`${sort} of ours`] ?? [() => '']
    expect(decode(await make()).header['typ']).toBe(typ)
  })

  it.each(Object.keys(SAMPLES))('%s: taken in its own places, and in no other', async (sort) => {
    const [make, own] = SAMPLES[sort] ?? [() => '', []]
    const outcomes: [string, boolean][] = []
    for (const [place, sending] of Object.entries(PLACES)) {
      const answer = await send(sending(await make(), sort))
      const record = await server.record(answer.id)
      outcomes.push([place, answer.status === 200])
      if (answer.status !== 200) {
        expect(record).toMatchObject({ outcome: 'refused', jti: '', granted: null })
        expect(OF_THE_CREDENTIAL, `${place}: ${record['detail']}`).toContain(record['reason'])
        const about = place.startsWith('subject')
          ? 'subject'
          : place.startsWith('actor')
            ? 'actor'
            : place === 'grant'
              ? 'assertion'
              : 'client'
        expectWireOf(answer, record['reason'] as Reason, about)
      }
      clock.advance(0.2)
    }
    expect(outcomes).toEqual(Object.keys(PLACES).map((place) => [place, own.includes(place)]))
  })

  it.each(Object.keys(SAMPLES))(
    '%s: counts at /introspect if it is an access token, and else is nothing',
    async (sort) => {
      const [make, own] = SAMPLES[sort] ?? [() => '', []]
      const { status, text, body } = await inquire(server, '/introspect', { token: await make(), ...asking() })
      expect(status).toBe(200)
      if (own.includes('subject access_token')) expect(body).toMatchObject({ active: true, client_id: 'registered' })
      else expect(text).toBe('{"active":false}')
    },
  )
})
