import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { refusal } from '../harness/refusal.ts'
import type { Claims } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const YEAR = 365 * 86_400

/** A legacy secret token: flat names, no end, no audience, the same key and kid (K-5). */
const legacy: Claims = {
  iss: 'kubernetes/serviceaccount',
  'kubernetes.io/serviceaccount/namespace': 'shop',
  'kubernetes.io/serviceaccount/secret.name': 'checkout-token-abcde',
  'kubernetes.io/serviceaccount/service-account.name': 'checkout',
  'kubernetes.io/serviceaccount/service-account.uid': '0c9d5d5e-57c2-4bd4-9a0c-6b8f5c6d7e21',
  sub: 'system:serviceaccount:shop:checkout',
}
/** What the API server puts into a token whose life it stretched to a year (K-4). */
const bound = (changes: Claims): Claims => ({ ...(cluster.claims()['kubernetes.io'] as Claims), ...changes })

describe('K-4 extended tokens', () => {
  it.each([3607, 0, '', false])(
    'refuses a token that carries warnafter (%j), how short its life may be',
    async (warnafter) => {
      await refusal(
        server,
        { subject_token: cluster.token({ 'kubernetes.io': bound({ warnafter }) }) },
        'condition_refused',
      )
    },
  )

  it('refuses a life of a year without it', async () => {
    const now = clock.seconds()
    await refusal(server, { subject_token: cluster.token({ iat: now, exp: now + YEAR }) }, 'too_long_lived')
  })

  it('refuses an extended token as the API server makes it', async () => {
    const now = clock.seconds()
    const token = cluster.token({
      aud: ['https://kubernetes.default.svc.cluster.local'],
      exp: now + YEAR,
      'kubernetes.io': bound({ warnafter: now + 3607 }),
    })
    await refusal(server, { subject_token: token }, ['too_long_lived', 'audience_mismatch'])
  })
})

describe('K-5 legacy tokens', () => {
  it('refuses one that is signed by the same key', async () => {
    await refusal(server, { subject_token: cluster.key.sign(legacy) }, ['claim_missing', 'issuer_unknown'])
    await refusal(server, { subject_token: cluster.key.sign({ ...legacy, aud: us }) }, 'issuer_unknown')
  })

  it('refuses one also where it had the name, the audience and an end', async () => {
    const now = clock.seconds()
    const dressed = { ...legacy, iss: cluster.issuer, aud: [us], iat: now, exp: now + 60 }
    await refusal(server, { subject_token: cluster.key.sign(dressed) }, 'condition_refused')
  })

  it.each([null, 'shop', [], 1, true, {}])('refuses kubernetes.io that is %j', async (value) => {
    const answer = await server.exchange({ subject_token: cluster.token({ 'kubernetes.io': value }) })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
    expect(await server.record(answer.id)).toMatchObject({
      outcome: 'refused',
      reason: expect.stringMatching(/condition_refused|client_unknown/),
    })
  })
})

describe('who a token is', () => {
  it('takes the attributes from the structured claims and not from sub, which could be made to look alike', async () => {
    await refusal(
      server,
      { subject_token: cluster.token({ sub: 'system:serviceaccount:shop:checkout' }, { namespace: 'evil' }) },
      'client_unknown',
    )
    for (const namespace of ['shop/', 'Shop', 'shop:checkout', 'shop\u00ad', '*', '**', ' shop']) {
      await refusal(server, { subject_token: cluster.token({}, { namespace }) }, 'client_unknown')
    }
  })

  it.each([
    ['a list', ['shop']],
    ['a number', 1],
    ['an object', { shop: 1 }],
    ['null', null],
    ['true', true],
  ])('matches no namespace that is %s', async (_, namespace) => {
    await refusal(server, { subject_token: cluster.token({ 'kubernetes.io': bound({ namespace }) }) }, [
      'client_unknown',
      'condition_refused',
    ])
  })

  it('takes a token that is bound to no pod, and says so by an empty instance', async () => {
    const answer = await server.exchange({
      subject_token: cluster.token({ 'kubernetes.io': bound({ pod: undefined, node: undefined }) }),
    })
    expect(answer.status).toBe(200)
    expect(await server.record(answer.id)).toMatchObject({ subject: { instance: '' } })
  })

  it('does not believe a client that is not in the documents any more, from the next request on (T22)', async () => {
    const client = (disabled: boolean) =>
      document('Client', 'checkout', {
        disabled,
        workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['checkout'] } }],
      })
    await server.apply(client(true))
    const { answer } = await refusal(server, {}, 'client_disabled', 'client')
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    await server.apply(client(false))
    expect((await server.exchange()).status).toBe(200)
  })

  it('does not believe an issuer that is switched off, from the next request on (T22)', async () => {
    const issuer = (disabled: boolean) =>
      document('TrustedIssuer', 'cluster', {
        disabled,
        preset: 'kubernetes',
        issuer: cluster.issuer,
        audiences: [us],
        keys: { jwks: cluster.jwks },
      })
    await server.apply(issuer(true))
    await refusal(server, {}, 'issuer_disabled')
    await server.apply(issuer(false))
    expect((await server.exchange()).status).toBe(200)
  })
})
