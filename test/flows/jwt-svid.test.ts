import { describe, expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { expectRefusal, refusal } from '../harness/refusal.ts'
import { decode, SigningKey, TYPE } from '../harness/tokens.ts'
import { TrustDomain } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const other = new TrustDomain(clock.seconds, 'other.example')
await server.apply(
  ...baseDocuments(cluster),
  ...prod.trusted(us),
  document('TrustedIssuer', 'other', {
    credential: 'spiffe-jwt-svid',
    trustDomain: 'other.example',
    audiences: [us],
    keys: { bundle: { inline: other.bundle } },
  }),
  document('Client', 'svc', { workloads: [{ issuer: 'prod', ids: [prod.id('svc')] }] }),
  document('Client', 'fleet', {
    authentication: { method: 'spiffe_jwt', issuer: 'prod', spiffeId: prod.id('fleet/**') },
  }),
  document('Policy', 'svc-reads-orders', {
    clients: ['svc', 'fleet'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

const SVID_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'
const asClient = (token: string, client_id?: string) => ({
  client_assertion: token,
  client_assertion_type: SVID_ASSERTION,
  client_id,
})
const CLIENT = { status: 401, error: 'invalid_client' } as const

describe('JWT-SVID as subject (SC-70)', () => {
  it('is exchanged under its own id, twice, since its holder presents it again and again (SC-12, S-47)', async () => {
    const subject_token = prod.svid('svc', [us])
    for (const _ of ['once', 'again']) {
      const answer = await server.exchange({ subject_token })
      expect(answer.status).toBe(200)
      expect(decode(String(answer.body['access_token'])).claims).toMatchObject({
        sub: 'spiffe://prod.example/svc',
        client_id: 'svc',
      })
      expect(await server.record(answer.id)).toMatchObject({
        client: 'svc',
        authentication: 'subject_token',
        subject: { issuer: 'prod', id: 'spiffe://prod.example/svc', kind: 'spiffe-jwt-svid' },
        changes: ['authority', 'scope'],
      })
    }
    const jti = prod.svid('svc', us, { jti: 'one' })
    expect([
      await server.exchange({ subject_token: jti }),
      await server.exchange({ subject_token: jti }),
    ]).toMatchObject([{ status: 200 }, { status: 200 }])
  })

  it.each([
    ['typ JOSE', () => prod.svid('svc', us, {}, { typ: 'JOSE' })],
    ['no typ', () => prod.svid('svc', us, {}, { typ: undefined })],
    ['no kid, where one key is its own (S-42)', () => prod.svid('svc', us, {}, { kid: undefined })],
    ['no iat', () => prod.svid('svc', us, { iat: undefined })],
    ['an iss that is nobody here', () => prod.svid('svc', us, { iss: 'https://oidc.evil.example' })],
  ])('is taken with %s', async (_, token) => {
    expect((await server.exchange({ subject_token: token() })).status).toBe(200)
  })

  it.each([
    ['the key of another trust domain', 'key_unknown', () => other.svidKey.sign({ ...claims() })],
    [
      'the key of another trust domain under a known kid',
      'signature_invalid',
      () => other.svidKey.sign({ ...claims() }, { kid: prod.svidKey.kid }),
    ],
    ['a key of another use of the same bundle (SC-14)', 'key_unknown', () => prod.witKey.sign({ ...claims() })],
    ['an EdDSA key (S-41)', 'algorithm_refused', () => new SigningKey('EdDSA').sign({ ...claims() })],
    ['a further header parameter (S-43)', 'token_malformed', () => prod.svid('svc', us, {}, { cty: 'x' })],
    ['an audience beside us (SC-11)', 'audience_several', () => prod.svid('svc', [us, 'https://other.example'])],
    ['the token endpoint as audience', 'audience_mismatch', () => prod.svid('svc', `${us}/token`)],
    ['no audience: it is read as a WIT, and is none', 'token_type_mismatch', () => prod.svid('svc', undefined)],
    ['no expiry', 'claim_missing', () => prod.svid('svc', us, { exp: undefined })],
    ['an expiry that is past', 'expired', () => prod.svid('svc', us, { exp: clock.seconds() - 31 })],
    ['the id of its trust domain', 'claim_malformed', () => prod.svid('svc', us, { sub: 'spiffe://prod.example' })],
    [
      'an id in capitals, and no iss to go by',
      'claim_missing',
      () => prod.svid('svc', us, { sub: 'spiffe://PROD.example/svc' }),
    ],
    ['a trust domain nobody trusts', 'issuer_unknown', () => prod.svid('svc', us, { sub: 'spiffe://x.example/svc' })],
    ['the id of a wimse workload', 'issuer_unknown', () => prod.svid('svc', us, { sub: 'wimse://prod.example/svc' })],
  ] as const)('is refused with %s', async (_, reason, token) => {
    await refusal(server, { subject_token: token() }, reason)
  })

  const claims = () => ({ sub: prod.id('svc'), aud: us, exp: clock.seconds() + 300 })
})

describe('JWT-SVID as actor', () => {
  it('acts for the subject, under its own id', async () => {
    const actor = { actor_token: prod.svid('svc', us), actor_token_type: TYPE.jwt }
    const answer = await server.exchange(actor)
    expect(decode(String(answer.body['access_token'])).claims).toMatchObject({
      sub: 'wimse://127.0.0.1/cluster/system%3Aserviceaccount%3Ashop%3Acheckout',
      act: { sub: 'spiffe://prod.example/svc' },
      client_id: 'svc',
    })
    expect(await server.record(answer.id)).toMatchObject({ authentication: 'actor_token' })
    expect((await server.exchange(actor)).status).toBe(200)
  })
})

describe('JWT-SVID as client: spiffe_jwt (SC-10 to SC-15)', () => {
  it.each([
    ['no client_id', undefined],
    ['the SPIFFE ID as client_id', 'spiffe://prod.example/svc'],
    ['the name of the Client as client_id', 'svc'],
  ])('authenticates with %s (SC-65), again and again', async (_, client_id) => {
    const token = prod.svid('svc', [us])
    for (const _again of [1, 2]) {
      const answer = await server.exchange(asClient(token, client_id))
      expect(answer.status).toBe(200)
      expect(decode(String(answer.body['access_token'])).claims).toMatchObject({ client_id: 'svc' })
      expect(await server.record(answer.id)).toMatchObject({ client: 'svc', authentication: 'spiffe_jwt' })
    }
  })

  it.each([
    'spiffe://prod.example/fleet/1',
    'spiffe://prod.example/SVC',
    'spiffe://prod.example/svc/',
    'fleet',
    'checkout',
    'x',
  ])('is refused with client_id %s', async (client_id) => {
    const answer = await server.exchange(asClient(prod.svid('svc', us), client_id))
    await expectRefusal(server, answer, { ...CLIENT, reason: 'client_mismatch' })
  })

  it.each([
    ['two audiences', 'audience_several', () => prod.svid('svc', [us, 'https://other.example'])],
    ['the token endpoint as audience', 'audience_mismatch', () => prod.svid('svc', `${us}/token`)],
    [
      'the key of another domain',
      'key_unknown',
      () => other.svidKey.sign({ sub: prod.id('svc'), aud: us, exp: clock.seconds() + 60 }),
    ],
    ['a workload that is no client', 'client_unknown', () => prod.svid('nobody', us)],
  ] as const)('is refused with %s', async (_, reason, token) => {
    const answer = await server.exchange(asClient(token()))
    await expectRefusal(server, answer, { ...CLIENT, reason })
  })

  it('is no assertion of RFC 7523, nor a JWT of another kind one of these (SC-10)', async () => {
    const assertion = { client_assertion: prod.svid('svc', us), client_assertion_type: TYPE.clientAssertion }
    await refusal(server, assertion, 'claim_missing', 'client')
    const named = { ...assertion, client_assertion: prod.svid('svc', us, { iss: prod.id('svc') }) }
    await refusal(server, named, 'issuer_unknown', 'client')
    await refusal(server, asClient(cluster.token()), 'claim_malformed', 'client')
  })

  it('is a registered client whose SPIFFE ID fits the pattern, whole segments at a time (SC-62)', async () => {
    for (const path of ['fleet/1', 'fleet/eu/7']) {
      const answer = await server.exchange(asClient(prod.svid(path, us), prod.id(path)))
      expect(await server.record(answer.id)).toMatchObject({
        outcome: 'granted',
        client: 'fleet',
        authentication: 'spiffe_jwt',
      })
      expect((await server.exchange(asClient(prod.svid(path, us), 'fleet'))).status).toBe(200)
    }
    for (const path of ['fleet', 'fleet1', 'fleet1/1', 'Fleet/1']) {
      const answer = await server.exchange(asClient(prod.svid(path, us)))
      await expectRefusal(server, answer, { ...CLIENT, reason: 'client_unknown' })
    }
    const malformed = await server.exchange(asClient(prod.svid('fleet/', us)))
    await expectRefusal(server, malformed, { ...CLIENT, reason: 'claim_malformed' })
    const foreign = await server.exchange(asClient(other.svid('fleet/1', us)))
    await expectRefusal(server, foreign, { ...CLIENT, reason: 'client_unknown' })
  })

  it('is not that client in any other way than the registered one (T45)', async () => {
    await refusal(server, { subject_token: prod.svid('fleet/1', us) }, 'client_unknown')
    await refusal(server, { actor_token: prod.svid('fleet/1', us), actor_token_type: TYPE.jwt }, 'client_unknown')
  })
})
