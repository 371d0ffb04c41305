import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { decode } from '../../harness/tokens.ts'

/** RFC 8693 §2.1 and §2.1.1, RFC 8707: for whom a token is. */
const server = await startCambist()
await server.apply(
  document('Target', 'billing', {
    audience: 'https://billing.example',
    resources: ['https://billing.example', 'https://billing.example/v2'],
    scopes: ['orders:read', 'orders:write', 'billing:read'],
    defaultScopes: ['orders:read', 'billing:read'],
  }),
  document('Target', 'twofold', {
    audiences: ['urn:twofold:a', 'urn:twofold:b'],
    resources: ['https://twofold.example/'],
  }),
  document('Target', 'eddsa', { audience: 'urn:eddsa', tokens: [{ kind: 'access-token', algorithm: 'RS256' }] }),
  document('Target', 'brief', {
    audience: 'urn:brief',
    scopes: ['orders:read'],
    defaultScopes: ['orders:read'],
    tokens: [{ kind: 'access-token', lifetime: '40s' }],
  }),
  document('Target', 'unpermitted', { audience: 'urn:unpermitted', resources: ['https://unpermitted.example/'] }),
  document('Target', 'closed', {
    audience: 'urn:closed',
    clients: ['payroll'],
    resources: ['https://closed.example/'],
  }),
  document('Target', 'disabled', { audience: 'urn:disabled', disabled: true }),
  document('Client', 'payroll', {
    workloads: [{ issuer: 'cluster', match: { namespace: ['pay'], serviceaccount: ['payroll'] } }],
  }),
  document('Client', 'defaulted', {
    workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['defaulted'] } }],
    defaultTarget: 'orders',
  }),
  document('Policy', 'checkout-billing', {
    clients: ['checkout'],
    targets: ['billing'],
    scopes: ['orders:read', 'orders:write', 'billing:read'],
  }),
  document('Policy', 'checkout-others', {
    clients: ['checkout'],
    targets: ['twofold', 'eddsa', 'closed', 'disabled', 'brief'],
    scopes: ['orders:read'],
  }),
  document('Policy', 'defaulted', { clients: ['defaulted'], targets: ['orders'], scopes: ['orders:read'] }),
)

const ORDERS = 'https://orders.example'
const BILLING = 'https://billing.example'
const claimsOf = (answer: { body: Record<string, unknown> }) => decode(String(answer.body['access_token'])).claims

describe('RFC 8693 §2.1: audience and resource', () => {
  it.each([
    ['an audience', { audience: ORDERS }],
    ['a resource', { audience: undefined, resource: 'https://orders.example/api' }],
    ['an audience and a resource', { audience: ORDERS, resource: 'https://orders.example/api' }],
    ['an audience twice', { audience: [ORDERS, ORDERS] }],
    [
      'a resource twice',
      { audience: undefined, resource: ['https://orders.example/api', 'https://orders.example/api'] },
    ],
  ])('TE-08 RI-03 finds one target by %s', async (_, form) => {
    const answer = await server.exchange(form)
    expect(answer).toMatchObject({ status: 200, body: { scope: 'orders:read' } })
    expect(claimsOf(answer)['aud']).toBe(ORDERS)
    expect(await server.record(answer.id)).toMatchObject({ granted: { targets: ['orders'] } })
  })

  it('RI-02 writes the audience that was asked for, where a target has several', async () => {
    const only = async (audience: string | string[] | undefined, resource?: string) =>
      claimsOf(await server.exchange({ audience, resource }))['aud']
    expect(await only('urn:twofold:b')).toBe('urn:twofold:b')
    expect(await only('urn:twofold:a')).toBe('urn:twofold:a')
    expect(await only(undefined, 'https://twofold.example/')).toBe('urn:twofold:a')
    expect(await only(['urn:twofold:b', 'urn:twofold:a'])).toEqual(['urn:twofold:b', 'urn:twofold:a'])
  })

  it.each([
    'https://billing.example',
    'https://billing.example/',
    'https://billing.example:443',
    'HTTPS://Billing.Example/',
    'https://billing.example:443/',
  ])('RI-02 compares resources as URLs, with an empty path as a slash: %s', async (resource) => {
    const answer = await server.exchange({ audience: undefined, resource })
    expect(answer.status).toBe(200)
    expect(claimsOf(answer)['aud']).toBe(BILLING)
  })

  it.each([
    'https://billing.example/v2/',
    'https://billing.example/V2',
    'https://billing.example/v2/invoices',
    'https://billing.example/%76%32',
    'https://billing.example/x/../v2',
    'https://billing.example//v2',
    'https://billing.example/v2?',
    'https://billing.example:8443/v2',
    'http://billing.example/v2',
    'https://billing.example.evil.example/v2',
    'https://billing.example@evil.example/v2',
    'https://user@billing.example/v2',
    'https://billing.example./v2',
    'https:billing.example/v2',
    'https:/billing.example/v2',
  ])('T21 does not take %s for a resource that looks like it', async (resource) => {
    const answer = await server.exchange({ audience: undefined, resource })
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_unknown' })
  })

  it('RI-04 finds no target by a resource given as audience, nor by an audience given as resource', async () => {
    for (const form of [{ audience: 'https://orders.example/api' }, { audience: undefined, resource: ORDERS }]) {
      await expectRefusal(server, await server.exchange(form), { error: 'invalid_target', reason: 'target_unknown' })
    }
  })

  it('TE-61 asks for a target where the request names none', async () => {
    const answer = await server.exchange({ audience: undefined })
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_required' })
    await expectRefusal(server, await server.exchange({ audience: '' }), {
      error: 'invalid_target',
      reason: 'target_required',
    })
  })

  it('UC-83 makes tokens for three services of the one that a platform gives, each for its service alone', async () => {
    const subject_token = server.cluster.token()
    for (const audience of [ORDERS, BILLING, 'urn:brief']) {
      const answer = await server.exchange({ subject_token, audience, scope: 'orders:read' })
      expect(claimsOf(answer)).toMatchObject({ aud: audience, scope: 'orders:read' })
    }
  })

  it('AT-07 takes the default target of the client where the request names none', async () => {
    const answer = await server.exchange({
      audience: undefined,
      subject_token: server.cluster.token({}, { serviceaccount: 'defaulted' }),
    })
    expect(answer.status).toBe(200)
    expect(claimsOf(answer)['aud']).toBe(ORDERS)
  })
})

describe('RFC 8693 §2.2.2: invalid_target tells nothing', () => {
  const cases = [
    ['an unknown audience', { audience: 'urn:nobody' }, 'target_unknown'],
    ['an unknown resource', { audience: undefined, resource: 'https://nobody.example/' }, 'target_unknown'],
    ['a closed target', { audience: 'urn:closed' }, 'target_closed'],
    ['a closed target by its resource', { audience: undefined, resource: 'https://closed.example/' }, 'target_closed'],
    ['a disabled target', { audience: 'urn:disabled' }, 'target_closed'],
    ['a target that no policy permits', { audience: 'urn:unpermitted' }, 'denied'],
    ['such a target by its resource', { audience: undefined, resource: 'https://unpermitted.example/' }, 'denied'],
  ] as const

  it.each(cases)('TE-61 RI-01 refuses %s', async (_, form, reason) => {
    await expectRefusal(server, await server.exchange(form), { error: 'invalid_target', reason })
  })

  it('TE-63 T25 refuses them all in the same words', async () => {
    const bodies = new Set<string>()
    for (const [, form] of cases) {
      const { status, body, headers } = await server.exchange(form)
      const { request_id: _, ...said } = body
      bodies.add(JSON.stringify([status, said, headers.get('Content-Type')]))
      server.clock.advance(1)
    }
    expect([...bodies]).toHaveLength(1)
  })

  it('TE-61 refuses one unknown target beside a good one', async () => {
    const answer = await server.exchange({ audience: [ORDERS, 'urn:nobody'] })
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_unknown' })
  })
})

describe('RFC 8693 §2.1.1: every scope at every target', () => {
  it('TE-08 TE-14 issues one token for two targets that policy permits', async () => {
    const answer = await server.exchange({ audience: [ORDERS, BILLING], scope: 'orders:read' })
    expect(answer).toMatchObject({ status: 200, body: { scope: 'orders:read' } })
    expect(claimsOf(answer)).toMatchObject({ aud: [ORDERS, BILLING], scope: 'orders:read' })
    expect(await server.record(answer.id)).toMatchObject({
      granted: { targets: ['orders', 'billing'], scopes: ['orders:read'] },
      rules: ['checkout-billing', 'checkout-reads-orders'],
    })
  })

  it('TE-08 takes a target by audience and another by resource', async () => {
    const answer = await server.exchange({
      audience: ORDERS,
      resource: 'https://billing.example/v2',
      scope: 'orders:read',
    })
    expect(claimsOf(answer)['aud']).toEqual([ORDERS, BILLING])
  })

  it('TE-14 AT-07 AT-08 refuses a scope that one of the targets does not offer, and could misread', async () => {
    const answer = await server.exchange({ audience: [ORDERS, BILLING], scope: 'orders:read billing:read' })
    await expectRefusal(server, answer, { error: 'invalid_scope', reason: 'scope_unknown' })
  })

  it('TE-14 AT-08 refuses a scope that policy grants at one of the targets only', async () => {
    expect((await server.exchange({ audience: BILLING, scope: 'orders:write' })).status).toBe(200)
    const answer = await server.exchange({ audience: [BILLING, ORDERS], scope: 'orders:write' })
    await expectRefusal(server, answer, { error: 'invalid_scope', reason: 'scope_denied' })
  })

  it('TE-14 refuses two targets of which policy permits one', async () => {
    for (const audience of [
      [ORDERS, 'urn:unpermitted'],
      ['urn:unpermitted', ORDERS],
    ]) {
      const answer = await server.exchange({ audience })
      await expectRefusal(server, answer, { error: 'invalid_target', reason: 'denied' })
    }
  })

  it('TE-14 grants the default scopes that both targets have', async () => {
    const answer = await server.exchange({ audience: [ORDERS, BILLING] })
    expect(answer).toMatchObject({ status: 200, body: { scope: 'orders:read' } })
  })

  it('TE-14 refuses targets that do not agree on how a token looks', async () => {
    const answer = await server.exchange({ audience: [ORDERS, 'urn:eddsa'] })
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_combination' })
  })

  it('I4 gives one token for two targets the lesser lifetime', async () => {
    expect((await server.exchange({ audience: ['urn:brief', ORDERS] })).body['expires_in']).toBe(40)
    expect((await server.exchange({ audience: [ORDERS, 'urn:brief'] })).body['expires_in']).toBe(40)
  })
})
