import { describe, expect, it } from 'vitest'
import type { Reason } from '../../../src/refusal.ts'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, Cluster, clientAssertion, decode, SigningKey, segment, TYPE } from '../../harness/tokens.ts'

/** RFC 7523 §2.2 and §3 with RFC 10070: a JWT by which a registered client authenticates. */
const server = await startCambist()
const { clock } = server
const gateway = new SigningKey('ES256')
const second = new SigningKey('RS256')
const single = new SigningKey('ES256')
const platform = new Cluster({ issuer: 'https://platform.test.example', audience: server.issuer, now: clock.seconds })
const tokenEndpoint = `${server.issuer}/token`

const registered = (name: string, keys: readonly SigningKey[], more: object = {}) =>
  document('Client', name, {
    authentication: { method: 'private_key_jwt', jwks: { keys: keys.map(({ jwk }) => jwk) }, ...more },
  })
await server.apply(
  registered('gateway', [gateway, second]),
  registered('single', [single]),
  document('TrustedIssuer', 'platform', {
    preset: 'kubernetes',
    issuer: platform.issuer,
    audiences: [server.issuer, 'urn:also:us'],
    keys: { jwks: platform.jwks },
  }),
  document('Client', 'web', { workloads: [{ issuer: 'platform', match: { serviceaccount: ['web'] } }] }),
  document('Policy', 'gateways-act', {
    clients: ['gateway', 'single', 'web'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

const make = (changes: Claims = {}, header: Claims = {}, key = gateway, name = 'gateway') =>
  clientAssertion(name, key, server.issuer, clock.seconds(), changes, header)
const withAssertion = (assertion: string, form: Form = {}) =>
  server.exchange({ client_assertion_type: TYPE.clientAssertion, client_assertion: assertion, ...form })
const CLIENT = { status: 401, error: 'invalid_client' } as const

describe('RFC 7523 §2.2, §3: a good assertion', () => {
  it('JC-01 authenticates the client', async () => {
    const answer = await withAssertion(make())
    expect(answer.status).toBe(200)
    expect(decode(String(answer.body['access_token'])).claims['client_id']).toBe('gateway')
    expect(await server.record(answer.id)).toMatchObject({ client: 'gateway', authentication: 'private_key_jwt' })
  })

  it('JC-03 may name the issuer in a list of one', async () => {
    expect((await withAssertion(make({ aud: [server.issuer] }))).status).toBe(200)
  })

  it.each([
    ['client-authentication+jwt', 'client-authentication+jwt'],
    ['the full media type', 'application/client-authentication+jwt'],
    ['other letters', 'Client-Authentication+JWT'],
    ['JWT', 'JWT'],
    ['none', undefined],
  ])('JC-06 JC-08 JV-07 may be typed: %s', async (_, typ) => {
    expect((await withAssertion(make({}, { typ }))).status).toBe(200)
  })

  it('AF-06 may come with the client_id that it proves, or without', async () => {
    expect((await withAssertion(make(), { client_id: 'gateway' })).status).toBe(200)
    expect((await withAssertion(make(), { client_id: '' })).status).toBe(200)
  })

  it('AF-07 may come with an empty client_secret beside it', async () => {
    expect((await withAssertion(make(), { client_secret: '' })).status).toBe(200)
  })

  it('JV-03 may leave the kid out where one key fits', async () => {
    expect((await withAssertion(make({}, { kid: undefined }, single, 'single'))).status).toBe(200)
    expect((await withAssertion(make({}, { kid: undefined }))).status).toBe(200) // one ES256 key among two
  })

  it('JC-02 may be signed by any of its keys', async () => {
    expect((await withAssertion(make({}, {}, second))).status).toBe(200)
  })

  it('RP-01 may leave iat and nbf out', async () => {
    expect((await withAssertion(make({ iat: undefined }))).status).toBe(200)
    expect((await withAssertion(make({ nbf: clock.seconds() }))).status).toBe(200)
  })

  it('RP-03 may live for five minutes', async () => {
    expect((await withAssertion(make({ exp: clock.seconds() + 300 }))).status).toBe(200)
  })
})

describe('RFC 10070 §4: the audience', () => {
  const wrong: readonly (readonly [what: string, audience: () => unknown, reason: Reason])[] = [
    ['the token endpoint', () => tokenEndpoint, 'audience_mismatch'],
    ['a list of the token endpoint', () => [tokenEndpoint], 'audience_mismatch'],
    ['the issuer and the token endpoint', () => [server.issuer, tokenEndpoint], 'audience_several'],
    ['the issuer and another server', () => [server.issuer, 'https://evil.example'], 'audience_several'],
    ['another server and the issuer', () => ['https://evil.example', server.issuer], 'audience_several'],
    ['another server', () => 'https://evil.example', 'audience_mismatch'],
    ['the issuer with a slash', () => `${server.issuer}/`, 'audience_mismatch'],
    ['the issuer in capitals', () => server.issuer.toUpperCase(), 'audience_mismatch'],
    ['the issuer with a path', () => `${server.issuer}/token/`, 'audience_mismatch'],
    [
      'the issuer under another name of the host',
      () => server.issuer.replace('127.0.0.1', 'localhost'),
      'audience_mismatch',
    ],
    ['the metadata document', () => `${server.issuer}/.well-known/oauth-authorization-server`, 'audience_mismatch'],
    ['the name of the client', () => 'gateway', 'audience_mismatch'],
    ['nobody', () => undefined, 'claim_missing'],
    ['an empty list', () => [], 'claim_malformed'],
    ['an empty text', () => '', 'claim_malformed'],
    ['a list in a list', () => [[server.issuer]], 'claim_malformed'],
    ['an object', () => ({ [server.issuer]: true }), 'claim_malformed'],
    ['null', () => null, 'claim_malformed'],
  ]
  it.each(wrong)('JC-03 JC-04 must not be %s', async (_, audience, reason) => {
    await expectRefusal(server, await withAssertion(make({ aud: audience() })), { ...CLIENT, reason })
  })

  it('JC-03 a platform token authenticates only where it is for our issuer alone', async () => {
    const web = (aud: unknown) => withAssertion(platform.token({ aud }, { serviceaccount: 'web' }))
    expect((await web([server.issuer])).status).toBe(200)
    await expectRefusal(server, await web('urn:also:us'), { ...CLIENT, reason: 'audience_mismatch' })
    await expectRefusal(server, await web([server.issuer, 'urn:also:us']), { ...CLIENT, reason: 'audience_several' })
  })
})

describe('RFC 7523 §3: what an assertion must say', () => {
  it.each([
    ['iss of another client', { iss: 'single' }, 'key_unknown'],
    ['sub of another client', { sub: 'single' }, 'tenant_refused'],
    ['iss and sub of another client', { iss: 'single', sub: 'single' }, 'key_unknown'],
    ['a client that there is not', { iss: 'nobody', sub: 'nobody' }, 'issuer_unknown'],
    ['no iss', { iss: undefined }, 'claim_missing'],
    ['no sub', { sub: undefined }, 'tenant_refused'],
    ['iss as a list', { iss: ['gateway'] }, 'claim_malformed'],
    ['iss in capitals', { iss: 'Gateway', sub: 'Gateway' }, 'issuer_unknown'],
    ['iss that is our issuer', { iss: 'ISSUER' }, 'issuer_unknown'],
    ['no jti', { jti: undefined }, 'condition_refused'],
    ['an empty jti', { jti: '' }, 'claim_malformed'],
    ['a jti that is no text', { jti: 7 }, 'claim_malformed'],
    ['no exp', { exp: undefined }, 'claim_missing'],
    ['exp as a text', { exp: '9999999999' }, 'claim_malformed'],
    ['an actor', { act: { sub: 'x' } }, 'actor_claim_refused'],
  ] as const)('JC-02 JC-12 refuses %s', async (_, changes, reason) => {
    const claims = 'iss' in changes && changes.iss === 'ISSUER' ? { iss: server.issuer } : changes
    await expectRefusal(server, await withAssertion(make(claims)), { ...CLIENT, reason })
  })

  it('JC-12 AF-02 refuses what has expired, is too long-lived, or not valid yet', async () => {
    const now = clock.seconds()
    const cases = [
      [{ exp: now - 30, iat: now - 90 }, 'expired'],
      [{ exp: now + 301 }, 'too_long_lived'],
      [{ exp: now + 331, iat: undefined }, 'too_long_lived'],
      [{ iat: now + 31, exp: now + 60 }, 'not_yet_valid'],
      [{ nbf: now + 31, exp: now + 60 }, 'not_yet_valid'],
      [{ exp: now + 100_000_000, iat: now }, 'too_long_lived'],
    ] as const
    const answers = []
    for (const [changes, reason] of cases) answers.push([await withAssertion(make(changes)), reason] as const)
    for (const [answer, reason] of answers) await expectRefusal(server, answer, { ...CLIENT, reason })
  })

  it('AF-02 bears with clocks that differ by less than half a minute', async () => {
    const now = clock.seconds()
    expect((await withAssertion(make({ exp: now - 29, iat: now - 89 }))).status).toBe(200)
    expect((await withAssertion(make({ iat: now + 30, exp: now + 90 }))).status).toBe(200)
  })

  it.each([
    'at+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'logout+jwt',
    'oauth-id-jag+jwt',
    'txntoken+jwt',
    'wit+jwt',
    'token-introspection+jwt',
    'JWS',
    'application/x/client-authentication+jwt',
    ' JWT',
  ])('JC-06 KX-01 refuses an assertion of type %s', async (typ) => {
    await expectRefusal(server, await withAssertion(make({}, { typ })), { ...CLIENT, reason: 'token_type_mismatch' })
  })
})

describe('RFC 7523 §3: signatures and keys', () => {
  it('JC-10 T1 refuses the key of another client, and one that is nobody’s', async () => {
    for (const key of [single, new SigningKey('ES256')]) {
      const borrowed = { ...CLIENT, reason: 'signature_invalid' } as const
      await expectRefusal(server, await withAssertion(make({}, { kid: gateway.kid }, key)), borrowed)
      await expectRefusal(server, await withAssertion(make({}, {}, key)), { ...CLIENT, reason: 'key_unknown' })
    }
  })

  it('JC-13 T3 refuses an assertion without a signature', async () => {
    const claims = decode(make()).claims
    const bare = `${segment({ alg: 'none' })}.${segment(claims)}.`
    const answer = await withAssertion(bare)
    expect(answer.status).toBe(401)
    expect((await server.record(answer.id))['reason']).toMatch(/^(algorithm_refused|token_malformed)$/)
    clock.advance(1)
    const stripped = `${make().split('.').slice(0, 2).join('.')}.`
    const second = await withAssertion(stripped)
    expect(second.status).toBe(401)
    expect((await server.record(second.id))['reason']).toMatch(/^(signature_invalid|token_malformed)$/)
    clock.advance(1)
  })

  it('T2 refuses one key under another algorithm', async () => {
    for (const alg of ['RS256', 'ES384', 'HS256', 'EdDSA', 'es256']) {
      const answer = await withAssertion(make({}, { alg }))
      expect(answer.status).toBe(401)
      expect((await server.record(answer.id))['reason']).toMatch(/^(algorithm_refused|key_unknown|signature_invalid)$/)
      clock.advance(1)
    }
  })
})

describe('AF-06, AF-07: one client, one way', () => {
  it('AF-06 refuses a client_id that the assertion does not prove', async () => {
    for (const id of ['single', 'nobody', 'Gateway', server.issuer]) {
      await expectRefusal(server, await withAssertion(make(), { client_id: id }), {
        ...CLIENT,
        reason: 'client_mismatch',
      })
    }
  })

  it('AF-07 refuses a secret beside it, in the body or in the header', async () => {
    const unexpected = { error: 'invalid_request', reason: 'parameter_unexpected' } as const
    await expectRefusal(server, await withAssertion(make(), { client_secret: 'x' }), unexpected)
    const form = { client_assertion_type: TYPE.clientAssertion, client_assertion: make() }
    const basic = await server.exchange(form, { Authorization: `Basic ${Buffer.from('gateway:x').toString('base64')}` })
    await expectRefusal(server, basic, { ...CLIENT, reason: 'authentication_scheme' })
  })

  it('AF-07 refuses two assertions', async () => {
    const answer = await server.exchange({
      client_assertion_type: TYPE.clientAssertion,
      client_assertion: [make(), make()],
    })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_repeated' })
  })

  it('T24 never falls back to the subject token where the assertion fails', async () => {
    expect((await server.exchange()).status).toBe(200)
    const answer = await withAssertion(make({ aud: 'https://evil.example' }))
    await expectRefusal(server, answer, { ...CLIENT, reason: 'audience_mismatch' })
  })

  it('KX-01 takes no token of ours, no platform token of another audience and no assertion elsewhere', async () => {
    const ours = String((await server.exchange()).body['access_token'])
    await expectRefusal(server, await withAssertion(ours), { ...CLIENT, reason: 'issuer_unknown' })
    const subject = await server.exchange({ subject_token: make() })
    await expectRefusal(server, subject, { error: 'invalid_request', reason: 'issuer_unknown' })
    const actor = await server.exchange({ actor_token: make(), actor_token_type: TYPE.jwt })
    await expectRefusal(server, actor, { error: 'invalid_request', reason: 'issuer_unknown' })
  })
})
