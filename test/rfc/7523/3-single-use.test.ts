import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, clientAssertion, SigningKey, TYPE } from '../../harness/tokens.ts'

/** RFC 7523 §3 item 7 and RFC 10070 §6: what becomes of assertions, audiences and keys in the course of time. */
const server = await startCambist()
const { clock } = server
const gateway = new SigningKey('ES256')
const second = new SigningKey('RS256')
const legacy = new SigningKey('ES256')
const single = new SigningKey('ES256')
const tokenEndpoint = `${server.issuer}/token`

const registered = (name: string, keys: readonly SigningKey[], more: object = {}) =>
  document('Client', name, {
    authentication: { method: 'private_key_jwt', jwks: { keys: keys.map(({ jwk }) => jwk) }, ...more },
  })
await server.apply(
  registered('gateway', [gateway, second]),
  registered('single', [single]),
  // the test's clock begins on 2026-11-24 at noon, UTC
  registered('legacy', [legacy], { tokenEndpointAudienceUntil: '2026-11-24' }),
  document('Policy', 'gateways-act', {
    clients: ['gateway', 'single', 'legacy'],
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

describe('RFC 7523 §3 item 7: single use', () => {
  const REPLAYED = { ...CLIENT, reason: 'replayed' } as const

  it('RP-01 I2 takes an assertion once', async () => {
    const assertion = make()
    expect((await withAssertion(assertion)).status).toBe(200)
    await expectRefusal(server, await withAssertion(assertion), REPLAYED)
    await expectRefusal(server, await withAssertion(assertion), REPLAYED)
  })

  it('RP-02 I2 takes one of twenty that come at once', async () => {
    const assertion = make()
    const answers = await Promise.all(Array.from({ length: 20 }, () => withAssertion(assertion)))
    const granted = answers.filter(({ status }) => status === 200)
    expect(granted).toHaveLength(1)
    for (const answer of answers) if (answer !== granted[0]) await expectRefusal(server, answer, REPLAYED)
  })

  it('RP-01 goes by jti: another assertion of the same jti is a replay', async () => {
    const jti = randomUUID()
    expect((await withAssertion(make({ jti }))).status).toBe(200)
    clock.advance(1)
    await expectRefusal(server, await withAssertion(make({ jti })), REPLAYED)
    await expectRefusal(server, await withAssertion(make({ jti }, {}, second)), REPLAYED)
  })

  it('RP-02 another client may use the same jti', async () => {
    const jti = randomUUID()
    expect((await withAssertion(make({ jti }))).status).toBe(200)
    expect((await withAssertion(make({ jti }, {}, single, 'single'))).status).toBe(200)
  })

  it('RP-02 T10 what did not verify uses up nothing', async () => {
    const jti = randomUUID()
    const [header = '', claims = ''] = make({ jti }).split('.')
    const forged = `${header}.${claims}.${Buffer.alloc(64, 1).toString('base64url')}`
    await expectRefusal(server, await withAssertion(forged), { ...CLIENT, reason: 'signature_invalid' })
    await expectRefusal(server, await withAssertion(make({ jti, aud: 'https://evil.example' })), {
      ...CLIENT,
      reason: 'audience_mismatch',
    })
    expect((await withAssertion(make({ jti }))).status).toBe(200)
  })

  it('RP-01 an assertion is spent also where the exchange is refused', async () => {
    const assertion = make()
    const refused = await withAssertion(assertion, { scope: 'orders:write' })
    await expectRefusal(server, refused, { error: 'invalid_scope', reason: 'scope_denied' })
    await expectRefusal(server, await withAssertion(assertion), REPLAYED)
  })

  it('RP-03 a spent assertion stays refused to its end and through the grace for clocks', async () => {
    const assertion = make({ exp: clock.seconds() + 60 })
    expect((await withAssertion(assertion)).status).toBe(200)
    clock.advance(85)
    await expectRefusal(server, await withAssertion(assertion), REPLAYED)
    clock.advance(10)
    await expectRefusal(server, await withAssertion(assertion), { ...CLIENT, reason: 'expired' })
  })
})

describe('RFC 10070 §6: clients of the old rule', () => {
  const byLegacy = (aud: unknown) => withAssertion(make({ aud }, {}, legacy, 'legacy'))

  it('JC-11 takes the token endpoint as sole audience until the day that is named, and the issuer always', async () => {
    expect((await byLegacy(tokenEndpoint)).status).toBe(200)
    expect((await byLegacy([tokenEndpoint])).status).toBe(200)
    expect((await byLegacy(server.issuer)).status).toBe(200)
    await expectRefusal(server, await byLegacy([server.issuer, tokenEndpoint]), {
      ...CLIENT,
      reason: 'audience_several',
    })
    await expectRefusal(server, await byLegacy(`${tokenEndpoint}/`), { ...CLIENT, reason: 'audience_mismatch' })
    clock.advance(Date.parse('2026-11-24T23:59:58Z') / 1000 - clock.seconds())
    expect((await byLegacy(tokenEndpoint)).status).toBe(200)
    clock.advance(2)
    await expectRefusal(server, await byLegacy(tokenEndpoint), { ...CLIENT, reason: 'audience_mismatch' })
    expect((await byLegacy(server.issuer)).status).toBe(200)
  })
})

describe('keys that a client rotates', () => {
  it('JC-02 T22 is believed with the keys of its new document, and no longer with the old', async () => {
    const [before, after] = [new SigningKey('ES256'), new SigningKey('ES256')]
    const policy = document('Policy', 'rotating', {
      clients: ['rotating'],
      targets: ['orders'],
      scopes: ['orders:read'],
      delegation: { mode: 'delegate' },
    })
    const by = (key: SigningKey) => withAssertion(make({}, {}, key, 'rotating'))
    await server.apply(registered('rotating', [before]), policy)
    expect((await by(before)).status).toBe(200)
    await server.apply(registered('rotating', [before, after]))
    expect([(await by(before)).status, (await by(after)).status]).toEqual([200, 200])
    await server.apply(registered('rotating', [after]))
    expect((await by(after)).status).toBe(200)
    await expectRefusal(server, await by(before), { ...CLIENT, reason: 'key_unknown' })
  })
})
