import { describe, expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { dpop, sha256 } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { type Claims, decode, SigningKey, TYPE } from '../harness/tokens.ts'
import {
  ask,
  byAttestation,
  byDpop,
  byWpt,
  type Headers,
  TrustDomain,
  witAndSignature,
  witAndWpt,
} from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const mesh = new TrustDomain(clock.seconds, 'prod.example', 'wimse')
const holder = new SigningKey('ES256')
const workloads = [
  { issuer: 'prod-wit', ids: [prod.id('svc')] },
  { issuer: 'mesh', ids: [mesh.id('svc')] },
]
const rule = (name: string, target: string, changes: object = {}) =>
  document('Policy', name, {
    clients: ['svc', 'attested-fleet'],
    targets: [target],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
    ...changes,
  })
await server.apply(
  ...baseDocuments(cluster),
  ...prod.trusted(us),
  document('TrustedIssuer', 'mesh', {
    credential: 'wit',
    trustDomain: 'prod.example',
    scheme: 'wimse',
    keys: { jwks: { keys: [mesh.witKey.jwk] } },
  }),
  document('Client', 'svc', { workloads }),
  document('Client', 'attested-fleet', {
    authentication: { method: 'spiffe_wit', issuer: 'prod-wit', spiffeId: prod.id('fleet/*') },
  }),
  document('Target', 'loose', { audience: 'https://loose.example', scopes: ['orders:read'] }),
  rule('svc-reads-orders', 'orders'),
  rule('svc-reads-loose', 'loose', { changes: ['format', 'scope', 'authority', 'unbind'] }),
)

const LOOSE = { audience: 'https://loose.example', scope: 'orders:read' }
const CLIENT = { status: 401, error: 'invalid_client' } as const
const REQUEST = { status: 400, error: 'invalid_request' } as const

describe('WIT with WPT (W-30 to W-48)', () => {
  it('authenticates the client, for a subject that somebody else vouches for', async () => {
    const token = prod.wit('svc', holder)
    const answer = await ask(server, {}, (body) => witAndWpt(server, holder, token, body))
    expect(answer.status).toBe(200)
    expect(decode(String(answer.body['access_token'])).claims).toMatchObject({
      client_id: 'svc',
      act: { sub: 'spiffe://prod.example/svc' },
    })
    expect(await server.record(answer.id)).toMatchObject({
      client: 'svc',
      authentication: 'workload_identity_token',
      subject: { issuer: 'cluster' },
      changes: ['authority', 'scope'],
    })
    for (const client_id of ['svc', 'spiffe://prod.example/svc'])
      expect((await ask(server, { client_id }, (body) => witAndWpt(server, holder, token, body))).status).toBe(200)
    const wrong = await ask(server, { client_id: 'checkout' }, (body) => witAndWpt(server, holder, token, body))
    await expectRefusal(server, wrong, { ...CLIENT, reason: 'client_mismatch' })
  })

  it.each([
    ['prod', prod],
    ['mesh', mesh],
  ])('of %s is called by how it was proven: a PoP, which covers no body, is no WPT (T45)', async (_, domain) => {
    const token = domain.wit('svc', holder)
    const proven = [
      await ask(server, {}, (body) => witAndWpt(server, holder, token, body)),
      await ask(server, {}, () => byAttestation(server, holder, token)),
    ]
    const records = await Promise.all(proven.map(({ id }) => server.record(id)))
    expect(records.map(({ outcome, authentication }) => [outcome, authentication])).toEqual([
      ['granted', 'workload_identity_token'],
      ['granted', 'spiffe_wit'],
    ])
  })

  it('is the subject itself, and a bearer token is made of it only where a rule says unbind', async () => {
    const subject_token = prod.wit('svc', holder)
    const wpt = (body: string) => byWpt(server, holder, subject_token, body)
    const bound = await ask(server, { subject_token }, wpt)
    await expectRefusal(server, bound, { ...REQUEST, reason: 'change_denied' })
    const loose = await ask(server, { subject_token, ...LOOSE }, wpt)
    expect(loose.body['token_type']).toBe('Bearer')
    expect(decode(String(loose.body['access_token'])).claims).not.toHaveProperty('cnf')
    expect(await server.record(loose.id)).toMatchObject({
      authentication: 'subject_token',
      subject: { issuer: 'prod-wit', id: 'spiffe://prod.example/svc', kind: 'wit' },
      changes: ['format', 'authority', 'unbind', 'scope'],
    })
  })

  it('needs no unbind beside a DPoP proof, whose key the token is then bound to (DP-04, DP-10)', async () => {
    const subject_token = prod.wit('svc', holder)
    const key = new SigningKey('ES256')
    const both = (oth: (dpop: Headers) => Claims | undefined) => {
      const dpop = byDpop(server, key)
      return ask(server, { subject_token }, (body) => ({
        ...byWpt(server, holder, subject_token, body, { oth: oth(dpop) }),
        ...dpop,
      }))
    }
    // Each may be of another key, so the one says that the other was there (W-45, T45).
    await expectRefusal(server, await both(() => undefined), { ...CLIENT, reason: 'proof_invalid' })
    const answer = await both(({ DPoP }) => ({ dpop: sha256(String(DPoP)) }))
    expect(answer.body['token_type']).toBe('DPoP')
    expect(decode(String(answer.body['access_token'])).claims['cnf']).toEqual({ jkt: await thumbprint(key) })
    expect(await server.record(answer.id)).toMatchObject({
      granted: { binding: 'dpop' },
      changes: ['format', 'authority', 'scope'],
    })
  })

  it('is client and subject at once by one proof', async () => {
    const token = prod.wit('svc', holder)
    const answer = await ask(server, { subject_token: token, ...LOOSE }, (body) =>
      witAndWpt(server, holder, token, body),
    )
    expect(decode(String(answer.body['access_token'])).claims).not.toHaveProperty('act')
    expect(await server.record(answer.id)).toMatchObject({ authentication: 'workload_identity_token' })
  })

  it('is presented again with another proof, and never with the same (W-46, RP-06)', async () => {
    const token = prod.wit('svc', holder)
    const form = { subject_token: cluster.token() }
    const once = await ask(server, form, (body) => witAndWpt(server, holder, token, body, { jti: 'once' }))
    expect(once.status).toBe(200)
    expect((await ask(server, form, (body) => witAndWpt(server, holder, token, body))).status).toBe(200)
    const again = await ask(server, form, (body) => witAndWpt(server, holder, token, body, { jti: 'once' }))
    expect(again.headers.get('WWW-Authenticate')).toBe('WPT')
    await expectRefusal(server, again, { ...CLIENT, reason: 'replayed' })
  })

  it('UC-05, W-44: proves which transaction it is about: the token of another request in its place is refused', async () => {
    const [own, swapped] = [cluster.token(), cluster.token()]
    const token = prod.wit('svc', holder)
    const asked = (carried: Record<string, string>) =>
      ask(server, {}, (body) => ({ ...witAndWpt(server, holder, token, body, { tth: sha256(own) }), ...carried }))
    expect((await asked({ 'Txn-Token': own })).status).toBe(200)
    for (const carried of [{ 'Txn-Token': swapped }, {}])
      await expectRefusal(server, await asked(carried), { ...CLIENT, reason: 'proof_invalid' })
    const unsaid = await ask(server, {}, (body) => ({
      ...witAndWpt(server, holder, token, body),
      'Txn-Token': own,
    }))
    await expectRefusal(server, unsaid, { ...CLIENT, reason: 'proof_invalid' })
  })

  it('has a jti that others of its subject have as well: none is a replay of another (RP-06)', async () => {
    const form = { subject_token: cluster.token() }
    for (const _ of [1, 2, 3]) {
      const instance = new SigningKey('ES256')
      const token = prod.wit('svc', instance, { jti: 'shared' })
      expect((await ask(server, form, (body) => witAndWpt(server, instance, token, body))).status).toBe(200)
    }
  })

  it.each([
    ['the body is another than was signed', { sent: (body: string) => `${body}&scope=orders%3Aread` }],
    ['the body has lost a member', { sent: (body: string) => body.replace(/&audience=[^&]*/, '') }],
  ])('is refused where %s', async (_, change) => {
    const token = prod.wit('svc', holder)
    const answer = await ask(server, {}, (body) => witAndWpt(server, holder, token, body), change)
    expect(answer.headers.get('WWW-Authenticate')).toBe('WPT')
    await expectRefusal(server, answer, { ...CLIENT, reason: 'proof_invalid' })
  })

  it('is good for nothing without a proof, in whatever position and however it is carried (W-30, S-60, S-63)', async () => {
    const token = prod.wit('svc', holder)
    const subject = await server.exchange({ subject_token: token })
    await expectRefusal(server, subject, { ...REQUEST, reason: 'confirmation_unproven' })
    const actor = await server.exchange({ actor_token: token, actor_token_type: TYPE.jwt })
    await expectRefusal(server, actor, { ...REQUEST, reason: 'confirmation_unproven' })
    const client = await ask(server, {}, () => ({ 'Workload-Identity-Token': token }))
    await expectRefusal(server, client, { ...CLIENT, reason: 'confirmation_unproven' })
    for (const scheme of ['Bearer', 'DPoP', 'WIT']) {
      const bearer = await ask(server, {}, () => ({ Authorization: `${scheme} ${token}` }))
      await expectRefusal(server, bearer, { ...CLIENT, reason: 'authentication_scheme' })
    }
    // A DPoP proof by its key is a proof of another request form, and not one of its own (SC-34).
    const dpopOnly = await ask(server, { subject_token: token }, () => byDpop(server, holder))
    await expectRefusal(server, dpopOnly, { ...REQUEST, reason: 'confirmation_unproven' })
  })

  it.each([
    ['aud: it is read as a JWT-SVID, and is none (S, §4)', 'token_type_mismatch', { aud: us }, {}],
    ['no key', 'claim_missing', { cnf: undefined }, {}],
    ['a key without alg (SC-31)', 'claim_missing', { cnf: { jwk: bare() } }, {}],
    ['a key by thumbprint', 'claim_missing', { cnf: { jkt: `${'x'.repeat(42)}A` } }, {}],
    ['no kid (WIT-SVID)', 'token_malformed', {}, { kid: undefined }],
    ['typ JWT', 'token_type_mismatch', {}, { typ: 'JWT' }],
    ['no expiry', 'claim_missing', { exp: undefined }, {}],
    ['a workload of another domain (W-25)', 'issuer_unknown', { sub: 'spiffe://other.example/svc' }, {}],
  ] as const)('is refused with %s', async (_, reason, claims, header) => {
    const subject_token = prod.wit('svc', holder, claims, header)
    const answer = await ask(server, { subject_token, ...LOOSE }, (body) => byWpt(server, holder, subject_token, body))
    await expectRefusal(server, answer, { ...REQUEST, reason })
  })

  it('is refused where its key is of the JWT-SVIDs of the same domain (S-62)', async () => {
    const subject_token = prod.svidKey.sign(decode(prod.wit('svc', holder)).claims, { typ: 'wit+jwt' })
    const answer = await ask(server, { subject_token, ...LOOSE }, (body) => byWpt(server, holder, subject_token, body))
    await expectRefusal(server, answer, { ...REQUEST, reason: 'key_unknown' })
  })

  it('is not judged by iat (S, §4)', async () => {
    const subject_token = prod.wit('svc', holder, { iat: clock.seconds() + 1000 })
    const answer = await ask(server, { subject_token, ...LOOSE }, (body) => byWpt(server, holder, subject_token, body))
    expect(answer.status).toBe(200)
  })
})

describe('WIT of a wimse domain (W-4, W-9)', () => {
  it('is another workload than the one of the same name under the other scheme', async () => {
    const subject_token = mesh.wit('svc', holder)
    const answer = await ask(server, { subject_token, ...LOOSE }, (body) => byWpt(server, holder, subject_token, body))
    expect(decode(String(answer.body['access_token'])).claims['sub']).toBe('wimse://prod.example/svc')
    expect(await server.record(answer.id)).toMatchObject({
      subject: { issuer: 'mesh', id: 'wimse://prod.example/svc' },
    })
    const crossed = mesh.wit('svc', holder, { sub: prod.id('svc') })
    const refused = await ask(server, { subject_token: crossed, ...LOOSE }, (body) =>
      byWpt(server, holder, crossed, body),
    )
    await expectRefusal(server, refused, { ...REQUEST, reason: 'key_unknown' })
  })

  it('may prove an Ed25519 key, which SPIFFE does not know', async () => {
    const edwards = new SigningKey('EdDSA')
    const wimse = mesh.wit('svc', edwards)
    const taken = await ask(server, { subject_token: wimse, ...LOOSE }, (body) => byWpt(server, edwards, wimse, body))
    expect(taken.status).toBe(200)
    const spiffe = prod.wit('svc', edwards)
    const refused = await ask(server, { subject_token: spiffe, ...LOOSE }, (body) =>
      byWpt(server, edwards, spiffe, body),
    )
    await expectRefusal(server, refused, { ...REQUEST, reason: 'algorithm_refused' })
  })
})

describe('WIT with an HTTP message signature (W-50 to W-61)', () => {
  it('authenticates the client, over method, path, query and body', async () => {
    const token = prod.wit('svc', holder)
    const answer = await ask(server, {}, (body) => witAndSignature(server, holder, token, body))
    expect(answer.status).toBe(200)
    expect(await server.record(answer.id)).toMatchObject({ client: 'svc', authentication: 'workload_identity_token' })
    const path = '/token?trace=1'
    const query = await ask(server, {}, (body) => witAndSignature(server, holder, token, body, {}, { path }), { path })
    expect(query.status).toBe(200)
  })

  it('is the subject, too, where it stands in the field that is signed', async () => {
    const token = prod.wit('svc', holder)
    const form = { subject_token: token, ...LOOSE }
    expect((await ask(server, form, (body) => witAndSignature(server, holder, token, body))).status).toBe(200)
    const other = prod.wit('svc', holder)
    const refused = await ask(server, { ...form, subject_token: other }, (body) =>
      witAndSignature(server, holder, token, body),
    )
    await expectRefusal(server, refused, { ...REQUEST, reason: 'confirmation_unproven' })
  })

  it.each([
    ['the body is another', '/token', '/token', (body: string) => `${body}&x=1`],
    ['the query is another', '/token?a=1', '/token?a=2', (body: string) => body],
    ['a query was added', '/token', '/token?', (body: string) => body],
  ])('is refused where %s', async (what, signed, path, sent) => {
    const token = prod.wit('svc', holder)
    const headers = (body: string) => witAndSignature(server, holder, token, body, {}, { path: signed })
    const answer = await ask(server, {}, headers, { path, sent })
    // An empty query and none are one to the signature (RFC 9421 §2.2.7), and to us.
    if (what === 'a query was added') expect(answer.status).toBe(200)
    else await expectRefusal(server, answer, { ...CLIENT, reason: 'proof_invalid' })
  })

  it('is judged beside a WPT as well: both hold, or the request is refused', async () => {
    const token = prod.wit('svc', holder)
    const both = (body: string, signer: SigningKey) =>
      witAndSignature(server, signer, token, body, {}, { headers: byWpt(server, holder, token, body) })
    expect((await ask(server, {}, (body) => both(body, holder))).status).toBe(200)
    const refused = await ask(server, {}, (body) => both(body, new SigningKey('ES256')))
    await expectRefusal(server, refused, { ...CLIENT, reason: 'proof_invalid' })
  })
})

describe('WIT-SVID in the attestation headers: spiffe_wit (SC-30 to SC-33)', () => {
  it('authenticates with a proof of its key, with and without client_id', async () => {
    const token = prod.wit('fleet/1', holder)
    for (const client_id of [undefined, 'attested-fleet', prod.id('fleet/1')]) {
      const answer = await ask(server, { client_id }, () => byAttestation(server, holder, token))
      expect(await server.record(answer.id)).toMatchObject({
        outcome: 'granted',
        client: 'attested-fleet',
        authentication: 'spiffe_wit',
      })
    }
  })

  it.each([
    ['no proof', 'confirmation_unproven', (token: string) => ({ 'OAuth-Client-Attestation': token })],
    [
      'a DPoP proof alone: the combined mode is not of WIT-SVIDs (SC-34)',
      'confirmation_unproven',
      (token: string) => ({ 'OAuth-Client-Attestation': token, ...byDpop(server, holder) }),
    ],
    [
      'the proof of another key',
      'proof_invalid',
      (token: string) => byAttestation(server, new SigningKey('ES256'), token),
    ],
    ['another algorithm', 'proof_invalid', (token: string) => byAttestation(server, new SigningKey('ES384'), token)],
    [
      'a proof for the token endpoint',
      'proof_invalid',
      (token: string) => byAttestation(server, holder, token, { aud: `${us}/token` }),
    ],
    [
      'a proof that somebody else signs off',
      'proof_invalid',
      (token: string) => byAttestation(server, holder, token, { iss: 'x' }),
    ],
  ] as const)('is refused with %s', async (_, reason, headers) => {
    const token = prod.wit('fleet/1', holder)
    const answer = await ask(server, {}, () => headers(token))
    await expectRefusal(server, answer, { ...CLIENT, reason })
  })

  it('is that client by this method alone (T45)', async () => {
    const token = prod.wit('fleet/1', holder)
    const answer = await ask(server, {}, (body) => witAndWpt(server, holder, token, body))
    await expectRefusal(server, answer, { ...CLIENT, reason: 'client_unknown' })
  })
})

function bare(): object {
  const { alg: _, kid: _kid, use: _use, ...jwk } = holder.jwk
  return jwk
}

async function thumbprint(key: SigningKey): Promise<string> {
  const { calculateJwkThumbprint } = await import('jose')
  return calculateJwkThumbprint(decode(dpop(key, { url: us, now: 0 })).header['jwk'] as never)
}
