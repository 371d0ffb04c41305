import { describe, expect, it } from 'vitest'
import { offlineCompiler } from '../../src/cli/offline.ts'
import { readDocuments } from '../../src/documents/read.ts'
import type { Facts } from '../../src/policy/contract.ts'
import { evaluate } from '../../src/policy/evaluate.ts'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const key = new SigningKey('ES256')
await server.apply(
  ...baseDocuments(server.cluster),
  document('Client', 'batch', { authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } } }),
  document('Policy', 'batch-acts', {
    clients: ['batch'],
    targets: ['orders'],
    scopes: ['orders:write'],
    delegation: { mode: 'delegate' },
    condition: "subject.namespace == 'shop' && request.scopes.size() < 5",
  }),
  document('Policy', 'no-nights', {
    effect: 'forbid',
    clients: ['checkout'],
    condition: "request.scopes.exists(s, s == 'orders:write')",
  }),
)

const assertion = () => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('batch', key, server.issuer, server.clock.seconds()),
})

describe('the record holds enough to judge again (I6)', () => {
  it.each([
    ['what was granted', {}],
    ['a scope that no rule covers', { scope: 'orders:read orders:write' }],
    ['what a rule forbids', { scope: 'orders:write' }],
    ['delegation to a registered client', { ...assertion(), scope: 'orders:write' }],
    ['delegation of what the rule does not list', { ...assertion(), scope: 'orders:read' }],
    ['an unknown target', { audience: 'https://nowhere.example' }],
    ['a resource with a default scope', { audience: undefined, resource: 'https://orders.example/api' }],
  ])('%s', async (_what, form) => {
    const answer = await server.exchange(form)
    const record = await server.record(answer.id)
    const documents = readDocuments(await (await server.adminGet('/admin/v1/export')).text(), 'application/yaml')
    const rules = offlineCompiler(server.issuer).compile(documents)

    const decision = evaluate(record['facts'] as Facts, rules)

    expect(decision.permitted ? 'granted' : decision.reason).toBe(record['reason'])
    expect(decision.rules).toEqual(record['rules'])
    expect([...decision.changes].sort()).toEqual([...(record['changes'] as string[])].sort())
    if (decision.permitted) {
      expect(decision.scopes).toEqual((record['granted'] as { scopes: string[] }).scopes)
      expect(decision.actors).toEqual(record['actors'])
    }
  })
})
