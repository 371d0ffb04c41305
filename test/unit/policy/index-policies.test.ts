import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluate, type Rules } from '../../../src/policy/evaluate.ts'
import { policyIndex } from '../../../src/policy/index-policies.ts'
import { compilePolicy } from '../../../src/policy/policy.ts'
import { factsOf, onBehalf, rulesOf, workload } from './world.ts'

const party = fc.record(
  {
    issuers: fc.subarray(['prod', 'people'], { minLength: 1 }),
    ids: fc.subarray(['checkout', 'alice', 'team:a', 'team:*'], { minLength: 1 }),
    match: fc.dictionary(
      fc.constantFrom('namespace', 'serviceaccount'),
      fc.constantFrom(['shop'], ['checkout'], ['*']),
    ),
    condition: fc.constantFrom("subject.namespace == 'shop'", 'subject.nothing.there'),
  },
  { requiredKeys: ['issuers'] },
)
const policy = fc
  .record(
    {
      effect: fc.constantFrom(
        'permit',
        'permit',
        'permit',
        'permit',
        'permit',
        'permit',
        'permit',
        'permit',
        'permit',
        'forbid',
      ),
      mode: fc.constantFrom('enforce', 'enforce', 'shadow'),
      clients: fc.constantFrom(['*'], ['checkout']),
      targets: fc.constantFrom(['*'], ['orders']),
      scopes: fc.constantFrom(['orders:read'], ['orders:read', 'orders:write']),
      subject: party,
      actor: party,
      delegation: fc.constantFrom({ mode: 'delegate' }, { mode: 'impersonate' }),
    },
    { requiredKeys: ['effect', 'clients', 'targets'] },
  )
  .map(({ delegation, ...spec }) =>
    spec.effect === 'forbid' || delegation === undefined ? spec : { ...spec, delegation },
  )
const policies = fc.array(policy, { minLength: 4, maxLength: 80, size: 'max' }).map((specs) => {
  // In any order: names say it.
  return specs.map((spec, at) => compilePolicy(`rule-${(at * 37) % 101}`, spec))
})
const principal = fc
  .record({
    subject: fc.constantFrom('checkout', 'alice', 'team:a'),
    issuer: fc.constantFrom('prod', 'people', 'other'),
    namespace: fc.constantFrom('shop', 'other'),
  })
  .map(({ subject, issuer, namespace }) =>
    workload(subject, { issuer, attributes: { namespace, serviceaccount: subject } }),
  )

/** The same rules, of which every one is asked. */
const unfiled = (rules: Rules): Rules => ({
  ...rules,
  policies: { ...rules.policies, about: (client, target) => rules.policies.about(client, target) },
})

describe('rules found by whom they are about', () => {
  it('decide as all of them would, with the same notes', () => {
    let permitted = 0
    fc.assert(
      fc.property(policies, principal, fc.option(principal, { nil: undefined }), (all, subject, actor) => {
        const rules = { ...rulesOf({}), policies: policyIndex(all) }
        const facts = actor === undefined ? factsOf({ subject }) : onBehalf({ subject, actor })
        const decision = evaluate(facts, rules)
        if (decision.permitted) permitted++
        expect(decision).toEqual(evaluate(facts, unfiled(rules)))
      }),
      { numRuns: 500 },
    )
    expect(permitted).toBeGreaterThan(20)
  })

  it('are few where many rules are about others', () => {
    const spec = (subject: object) => ({ clients: ['*'], targets: ['orders'], scopes: ['orders:read'], ...subject })
    const index = policyIndex([
      ...Array.from({ length: 1000 }, (_, at) =>
        compilePolicy(`by-match-${at}`, spec({ subject: { issuers: ['prod'], match: { namespace: [`team-${at}`] } } })),
      ),
      ...Array.from({ length: 1000 }, (_, at) =>
        compilePolicy(`by-id-${at}`, spec({ subject: { issuers: ['prod'], ids: [`team-${at}:*`] } })),
      ),
      ...Array.from({ length: 1000 }, (_, at) =>
        compilePolicy(
          `by-actor-${at}`,
          spec({ subject: { issuers: ['prod'] }, actor: { issuers: ['prod'], ids: [`agent-${at}`] } }),
        ),
      ),
      compilePolicy('everybody', spec({})),
    ])
    const subject = workload('team-7:app', { attributes: { namespace: 'team-7' } })
    const about = (parties: Parameters<typeof index.about>[2]) =>
      index.about('checkout', 'orders', parties).map((rules) => rules.map(({ name }) => name))
    expect(about({ subject, actor: workload('agent-3') })).toEqual([
      ['by-actor-3', 'by-id-7', 'by-match-7', 'everybody'],
    ])
    expect(about({ subject: workload('nobody', { issuer: 'people' }) })).toEqual([['everybody']])
    expect(index.about('checkout', 'orders').flat()).toHaveLength(3001)
  })
})
