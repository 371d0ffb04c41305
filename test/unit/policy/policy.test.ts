import { describe, expect, it } from 'vitest'
import { Faults } from '../../../src/lib/fault.ts'
import { policyIndex } from '../../../src/policy/index-policies.ts'
import { lintPolicy } from '../../../src/policy/lint.ts'
import { compilePolicy } from '../../../src/policy/policy.ts'
import { READ } from './world.ts'

describe('a Policy document', () => {
  it('permits, is enforced, delegates nothing and changes little where it says nothing', () => {
    expect(compilePolicy('reads', READ)).toMatchObject({
      effect: 'permit',
      mode: 'enforce',
      disabled: false,
      lifetime: undefined,
      binding: 'none',
      delegation: { mode: 'none', maxDepth: 3, requireMayAct: false },
    })
    expect([...compilePolicy('reads', READ).changes]).toEqual(['format', 'scope', 'authority'])
  })

  it.each<[string, object, string]>([
    [
      'a permit without clients',
      { targets: ['orders'] },
      "spec.clients: a permit names its clients; ['*'] means all of them",
    ],
    [
      'a permit without targets',
      { clients: ['checkout'] },
      "spec.targets: a permit names its targets; ['*'] means all of them",
    ],
    ['* among others', { ...READ, clients: ['*', 'checkout'] }, 'spec.clients: * means all, so it stands alone'],
    ['a forbid with ceilings', { effect: 'forbid', lifetime: '1m' }, 'spec.lifetime: a forbid has no `lifetime`'],
    ['a forbid that delegates', { effect: 'forbid', delegation: {} }, 'spec.delegation: a forbid has no `delegation`'],
    [
      'a forbid that waives a proof',
      { effect: 'forbid', subject: { proofOfPossession: 'waived' } },
      'spec.subject.proofOfPossession: a forbid has no `proofOfPossession`: it denies what it matches',
    ],
    [
      'a misspelt waiver',
      { ...READ, subject: { proofOfPossession: 'none' } },
      'spec.subject.proofOfPossession: is one of required, waived',
    ],
    [
      'a waiver for the actor',
      { ...READ, actor: { proofOfPossession: 'waived' } },
      'spec.actor.proofOfPossession: there is no field `proofOfPossession` here',
    ],
    ['a forbid of no scope', { effect: 'forbid', scopes: [] }, 'spec.scopes: is an empty list'],
    [
      'ids of no issuer',
      { ...READ, subject: { ids: ['checkout'] } },
      'spec.subject.ids: two issuers may name two workloads alike',
    ],
    [
      'a trust domain that is a star',
      { ...READ, subject: { ids: ['spiffe://*/x'] } },
      'spec.subject.ids: two issuers may name',
    ],
    [
      'an id that no workload can have',
      { ...READ, actor: { ids: ['spiffe://prod.example/x', 'spiffe://prod.example/x/'] } },
      'spec.actor.ids[1]: "spiffe://prod.example/x/" can be the id of no workload',
    ],
    [
      'a misspelt field',
      { ...READ, scope: ['a'] },
      'spec.scope: there is no field `scope` here; did you mean `scopes`?',
    ],
    [
      'a misspelt field inside',
      { ...READ, delegation: { maxDeph: 2 } },
      'spec.delegation.maxDeph: there is no field `maxDeph` here; did you mean `maxDepth`?',
    ],
    ['another change', { ...READ, changes: ['everything'] }, 'spec.changes[0]: is one of format'],
    [
      'another kind of token',
      { effect: 'forbid', tokenTypes: ['access_token'] },
      'spec.tokenTypes[0]: is one of access-token',
    ],
    [
      'an authentication that nobody has',
      { ...READ, authentication: ['client_secret_basic'] },
      'spec.authentication[0]: is one of private_key_jwt',
    ],
    [
      'a condition that cannot be read',
      { ...READ, condition: "sbject.id == ''" },
      'spec.condition: line 1, column 1: `sbject` is not known here; did you mean `subject`?',
    ],
    [
      'a star inside a segment',
      { ...READ, actor: { match: { namespace: ['shop-*'] } } },
      'spec.actor.match.namespace[0]: in "shop-*" a * stands inside a segment',
    ],
    ['scopes of an actor', { ...READ, actor: { scopes: [] } }, 'spec.actor.scopes: there is no field'],
    ['a depth of nothing', { ...READ, delegation: { maxDepth: 9 } }, 'spec.delegation.maxDepth: is 8 at most'],
  ])('refuses %s', (_, spec, message) => {
    expect(() => compilePolicy('rule', spec)).toThrow(Faults)
    expect(() => compilePolicy('rule', spec)).toThrow(message)
  })

  it('takes ids without issuers where they are unique anyway', () => {
    expect(() =>
      compilePolicy('rule', {
        ...READ,
        subject: { ids: ['spiffe://prod.example/shop/*', 'wimse://cambist.example/prod/x'] },
      }),
    ).not.toThrow()
  })
})

it('is found by client and target, once, and not where it is disabled', () => {
  const rules = {
    named: READ,
    both: { ...READ, clients: ['checkout', 'stock'] },
    everywhere: { ...READ, targets: ['*'] },
    everyone: { ...READ, clients: ['*'] },
    all: { ...READ, clients: ['*'], targets: ['*'] },
    never: { effect: 'forbid' },
    other: { ...READ, clients: ['stock'] },
    off: { ...READ, disabled: true },
  }
  const index = policyIndex(Object.entries(rules).map(([name, spec]) => compilePolicy(name, spec)))
  const about = (client: string, target: string) =>
    index
      .about(client, target)
      .flat()
      .map(({ name }) => name)
      .sort()
  expect(about('checkout', 'orders')).toEqual(['all', 'both', 'everyone', 'everywhere', 'named', 'never'])
  expect(about('checkout', 'billing')).toEqual(['all', 'everywhere', 'never'])
  expect(about('nobody', 'orders')).toEqual(['all', 'everyone', 'never'])
  expect(index.byName('off')?.disabled).toBe(true)
  expect(index.size).toBe(8)
})

describe('lint', () => {
  const paths = (spec: object) => lintPolicy(compilePolicy('rule', { ...READ, ...spec })).map(({ path }) => path)
  it.each<[string, object, readonly string[]]>([
    ['nothing', {}, []],
    ['everybody everywhere', { clients: ['*'], targets: ['*'] }, ['spec', 'spec.clients']],
    ['every client', { clients: ['*'] }, ['spec.clients']],
    ['a long life', { lifetime: '1h' }, ['spec.lifetime']],
    ['impersonating anybody', { delegation: { mode: 'impersonate' } }, ['spec.delegation.mode']],
    [
      'impersonating somebody',
      { delegation: { mode: 'impersonate' }, subject: { issuers: ['people'] } },
      ['spec.delegation.mode'],
    ],
    ['unbinding', { changes: ['unbind'] }, ['spec.changes']],
    ['an attribute of any issuer', { subject: { match: { namespace: ['shop'] } } }, ['spec.subject.match.namespace']],
    ['a condition of any issuer', { subject: { condition: 'true' } }, ['spec.subject.condition']],
    [
      'wide patterns',
      { subject: { issuers: ['prod'], ids: ['a/**', '*'], match: { namespace: ['*'] } } },
      ['spec.subject.ids[0]', 'spec.subject.ids[1]', 'spec.subject.match.namespace'],
    ],
  ])('%s', (_, spec, expected) => {
    expect(paths(spec)).toEqual(expected)
  })

  it('leaves a forbid alone, which can hardly be too wide', () => {
    expect(lintPolicy(compilePolicy('never', { effect: 'forbid' }))).toEqual([])
  })
})
