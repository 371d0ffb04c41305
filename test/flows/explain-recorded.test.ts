import { describe, expect, it } from 'vitest'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

/** I6: an exchange that is judged again from its record gets the decision that it got, whatever has changed meanwhile. */
const server = await startCambist()
const { clock, cluster } = server
const till = new SigningKey('ES256')

const policies = (round: number) => [
  document('Policy', 'checkout-reads-orders', {
    clients: ['checkout'],
    targets: ['orders'],
    scopes: round % 3 === 1 ? [] : ['orders:read'],
    ...(round % 4 === 3
      ? { lifetime: '1m', condition: "subject.namespace == 'shop' && request.scopes.size() < 2" }
      : {}),
  }),
  document('Policy', 'billing-asks-stock', {
    clients: ['billing'],
    targets: ['stock'],
    scopes: ['stock:read'],
    subject: {
      issuers: ['self'],
      scopes: ['orders:read'],
      condition: round % 2 === 0 ? "visited('checkout')" : 'true',
    },
    delegation: { mode: round % 3 === 2 ? 'none' : 'delegate' },
  }),
  document('Policy', 'till-reads-orders', {
    clients: ['till'],
    targets: ['orders'],
    scopes: ['orders:read', 'orders:write'],
    delegation: { mode: 'delegate' },
    ...(round % 2 === 0 ? {} : { binding: 'any' }),
  }),
  document('Policy', 'never', {
    effect: 'forbid',
    mode: round % 4 === 2 ? 'enforce' : 'shadow',
    clients: ['till'],
    scopes: ['orders:write'],
  }),
  document('Policy', 'broken', { effect: 'forbid', mode: 'shadow', clients: ['*'], condition: 'int(subject.id) == 1' }),
  document('Client', 'till', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [till.jwk] } },
    ...(round % 5 === 4 ? { disabled: true } : {}),
  }),
  document('Target', 'stock', {
    audience: 'https://stock.example',
    scopes: ['stock:read'],
    tokens: [{ kind: 'access-token', lifetime: '5m' }],
    ...(round % 5 === 3 ? { clients: ['checkout'] } : {}),
  }),
]

const assertion = (): Form => ({
  client_assertion: clientAssertion('till', till, server.issuer, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})
const billing = (): Form => ({
  client_assertion: cluster.token({}, { serviceaccount: 'billing' }),
  client_assertion_type: TYPE.clientAssertion,
})
const used = assertion()

/** Requests of every kind that the documents have something to say to, and some that never get as far. */
async function requests(): Promise<readonly Form[]> {
  const own = (await server.exchange()).body['access_token']
  const ours: Form =
    own === undefined
      ? {}
      : { subject_token: String(own), subject_token_type: TYPE.accessToken, audience: 'https://stock.example' }
  return [
    {},
    { scope: 'orders:read' },
    { scope: 'orders:write' },
    { scope: 'orders:read orders:write' },
    { scope: 'orders:none' },
    { audience: 'https://stock.example' },
    { audience: 'https://else.example' },
    { audience: undefined },
    { audience: ['https://orders.example', 'https://stock.example'] },
    { requested_token_type: TYPE.jwt },
    { subject_token: cluster.token({}, { namespace: 'else' }) },
    { subject_token: cluster.token({ exp: clock.seconds() - 1, iat: clock.seconds() - 1000 }) },
    { subject_token: cluster.token({ aud: ['else'] }) },
    { subject_token: 'x' },
    { ...assertion() },
    { ...assertion(), scope: 'orders:read orders:write' },
    { ...assertion(), scope: 'orders:write' },
    { ...used },
    { ...ours, ...billing() },
    { ...ours, ...billing(), scope: 'stock:read' },
    { ...ours, scope: 'stock:read' },
  ]
}

describe('explained from the record', () => {
  it('every exchange gets the decision that it got', async () => {
    await server.apply(
      ...baseDocuments(cluster).slice(0, 3),
      ...policies(0),
      document('Client', 'billing', {
        workloads: [{ issuer: 'cluster', match: { serviceaccount: ['billing'] } }],
        audiences: ['https://orders.example'],
      }),
    )
    const ids: string[] = []
    for (let round = 0; round < 10; round++) {
      await server.apply(...policies(round))
      for (const form of await requests()) {
        ids.push((await server.exchange(form)).id)
        clock.advance(1)
      }
    }
    const reasons = new Map<string, number>()
    for (const id of ids) {
      const record = await server.record(id)
      const response = await fetch(`${server.admin}/admin/v1/explain`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${server.adminToken}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ audit: id }),
      })
      const answer = (await response.json()) as Record<string, unknown>
      const said = `${record['reason']}: ${record['detail']}`
      expect(response.status, said).toBe(200)
      const permitted = (record['rules'] as string[]).length > 0 && AFTER.has(String(record['reason']))
      if (record['facts'] === null)
        expect(answer, said).toMatchObject({ stage: 'undecided', same: null, reason: record['reason'] })
      else {
        expect(answer, said).toMatchObject({ same: true, differences: [] })
        if (record['reason'] !== 'replayed') expect(answer['verdict'], said).toBe(permitted ? 'permitted' : 'refused')
      }
      reasons.set(String(record['reason']), (reasons.get(String(record['reason'])) ?? 0) + 1)
    }
    // Otherwise it would be a test of few decisions.
    for (const reason of [...DECIDED, ...AFTER]) expect(reasons.get(reason), reason).toBeGreaterThan(0)
  }, 60_000)
})

const AFTER: ReadonlySet<string> = new Set(['granted', 'replayed', 'no_lifetime_left'])
const DECIDED = [
  'denied',
  'forbidden',
  'scope_denied',
  'scope_unknown',
  'target_unknown',
  'target_closed',
  'target_required',
  'requested_type_unsupported',
  'delegation_denied',
  'binding_required',
  'client_disabled',
  'audience_mismatch',
]
