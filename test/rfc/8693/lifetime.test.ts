import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../../harness/tokens.ts'

/** TE-13, P-11 and I4: no exchange lengthens anything. */
const server = await startCambist()
const { cluster, clock } = server
const gateway = new SigningKey('ES256')
await server.apply(
  document('Client', 'gateway', { authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } } }),
  document('Client', 'agent', {
    workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['agent'] } }],
  }),
  document('Target', 'long', {
    audience: 'urn:long',
    scopes: ['a', 'b'],
    tokens: [{ kind: 'access-token', lifetime: '15m' }],
  }),
  document('Target', 'short', { audience: 'urn:short', tokens: [{ kind: 'access-token', lifetime: '45s' }] }),
  document('Policy', 'all', { clients: ['checkout'], targets: ['short'], lifetime: '10m' }),
  document('Policy', 'a', { clients: ['checkout'], targets: ['long'], scopes: ['a'], lifetime: '10m' }),
  document('Policy', 'b', { clients: ['checkout'], targets: ['long'], scopes: ['b'], lifetime: '2m' }),
  document('Policy', 'delegated', {
    clients: ['agent', 'gateway'],
    targets: ['long'],
    delegation: { mode: 'delegate' },
  }),
)

const livesFor = async (form: Parameters<typeof server.exchange>[0]) => {
  const answer = await server.exchange(form)
  const { iat, exp } = decode(String(answer.body['access_token'])).claims as { iat: number; exp: number }
  expect(iat).toBe(clock.seconds())
  expect(exp - iat).toBe(answer.body['expires_in'])
  expect(await server.record(answer.id)).toMatchObject({ granted: { lifetime: exp - iat } })
  return exp - iat
}
const subject = (exp: number) => ({ subject_token: cluster.token({ exp: clock.seconds() + exp }) })

describe('RFC 8693 §2.1: how long a token lives', () => {
  it.each([
    ['the target', 'urn:short', undefined, 3600, 45],
    ['the rule', 'urn:long', 'a', 3600, 600],
    ['the strictest of the deciding rules', 'urn:long', 'a b', 3600, 120],
    ['the subject token', 'urn:long', 'a', 100, 100],
    ['the subject token, to the last second', 'urn:short', undefined, 1, 1],
  ])('TE-13 I4 is bounded by %s', async (_, audience, scope, exp, seconds) => {
    expect(await livesFor({ ...subject(exp), audience, scope })).toBe(seconds)
  })

  it('TE-13 rounds a subject token that ends within a second down', async () => {
    expect(await livesFor({ ...subject(100.9), audience: 'urn:long', scope: 'a' })).toBe(100)
  })

  it.each([
    [3600, 50],
    [50, 3600],
  ])('P-11 is bounded by subject token (%i s) and actor token (%i s) alike', async (subjectEnds, actorEnds) => {
    const form = {
      subject_token: cluster.token({ exp: clock.seconds() + subjectEnds }, { serviceaccount: 'web' }),
      actor_token: cluster.token({ exp: clock.seconds() + actorEnds }, { serviceaccount: 'agent' }),
      actor_token_type: TYPE.jwt,
    }
    expect(await livesFor({ ...form, audience: 'urn:long' })).toBe(50)
  })

  it('P-11 is not bounded by a client assertion, which only proves who asks', async () => {
    const form = {
      subject_token: cluster.token({}, { serviceaccount: 'web' }),
      client_assertion_type: TYPE.clientAssertion,
      client_assertion: clientAssertion('gateway', gateway, server.issuer, clock.seconds(), {
        exp: clock.seconds() + 20,
      }),
    }
    expect(await livesFor({ ...form, audience: 'urn:long' })).toBe(900)
  })

  it.each([0, -1, -29])(
    'I4 issues nothing for a subject token that ends %i s from now, although the clocks may differ',
    async (exp) => {
      const answer = await server.exchange(subject(exp))
      await expectRefusal(server, answer, { error: 'invalid_request', reason: 'no_lifetime_left' })
    },
  )

  it('I4 issues nothing for a subject token that ends within this second', async () => {
    const answer = await server.exchange(subject(0.9))
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'no_lifetime_left' })
  })

  it('TE-13 gives less and less for one subject token as the time goes by, and then nothing', async () => {
    const form = { ...subject(200), audience: 'urn:long', scope: 'a' }
    const lives: number[] = [await livesFor(form)]
    for (const seconds of [60, 60, 79]) {
      clock.advance(seconds)
      lives.push(await livesFor(form))
    }
    expect(lives).toEqual([200, 140, 80, 1])
    clock.advance(1)
    await expectRefusal(server, await server.exchange(form), { error: 'invalid_request', reason: 'no_lifetime_left' })
    clock.advance(29)
    await expectRefusal(server, await server.exchange(form), { error: 'invalid_request', reason: 'expired' })
  })
})
