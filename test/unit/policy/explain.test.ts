import { describe, expect, it } from 'vitest'
import type { Explanation, Facts, TracedRule } from '../../../src/policy/contract.ts'
import { explain } from '../../../src/policy/explain.ts'
import { factsOf, onBehalf, READ, rulesOf, type World, workload } from './world.ts'

const explained = (world: World, facts: Facts = factsOf()): Explanation => explain(facts, rulesOf(world))

/** What the trace says of one rule, of which there is one line. */
function line(explanation: Explanation, rule: string): TracedRule {
  const lines = explanation.trace.flatMap(({ rules }) => rules).filter((each) => each.rule === rule)
  expect(lines, `lines about ${rule}`).toHaveLength(1)
  return lines[0] as TracedRule
}

describe('the sentence', () => {
  it('says what a permit lets the client have, where and for how long', () => {
    expect(explained({ policies: { reads: READ } })).toMatchObject({
      permitted: true,
      sentence: 'rule reads lets client checkout have orders:read at orders for 5m',
      rules: ['reads'],
      changes: ['authority', 'scope'],
      granted: { targets: ['orders'], scopes: ['orders:read'], token: 'access-token', lifetime: 300, binding: 'none' },
    })
    const policies = {
      a: { ...READ, delegation: { mode: 'delegate' } },
      b: { ...READ, delegation: { mode: 'delegate' } },
    }
    expect(explained({ policies }, onBehalf({ binding: 'dpop' })).sentence).toBe(
      'rules a and b let client checkout have orders:read at orders for 5m, acting for wimse://cambist.example/people/alice, bound by dpop',
    )
    expect(explained({ policies: { bare: { ...READ, scopes: [] } } }, factsOf({ scopes: [] })).sentence).toBe(
      'rule bare lets client checkout have a token without scopes at orders for 5m',
    )
  })

  it('says what no rule permits, and what the nearest one does', () => {
    const policies = { 'checkout-reads-orders': READ, other: { ...READ, clients: ['stock'] } }
    const explanation = explained({ policies }, factsOf({ scopes: ['orders:write'] }))
    expect(explanation).toMatchObject({
      permitted: false,
      reason: 'scope_denied',
      sentence:
        'no rule lets client checkout ask for orders:write at orders; rule checkout-reads-orders permits orders:read',
      nearest: {
        client: 'checkout',
        target: 'orders',
        rule: 'checkout-reads-orders',
        failing: {
          path: 'spec.scopes',
          why: 'it does not permit orders:write',
          saw: { 'request.scopes': ['orders:write'] },
        },
      },
    })
    expect(explanation.granted).toBeUndefined()
  })

  it('is JSON, whole', () => {
    for (const facts of [factsOf(), factsOf({ scopes: ['pay'] }), onBehalf(), factsOf({ audiences: ['nowhere'] })]) {
      const explanation = explained({ policies: { reads: { ...READ, condition: 'has(subject.namespace)' } } }, facts)
      expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation)
    }
  })
})

describe('the trace', () => {
  it('has every rule that speaks of the client and the target, and counts the others', () => {
    const policies = {
      all: { ...READ, clients: ['*'], targets: ['*'] },
      never: { effect: 'forbid' },
      off: { ...READ, disabled: true },
      reads: READ,
      elsewhere: { ...READ, targets: ['billing'] },
      stock: { ...READ, clients: ['stock'] },
    }
    const { trace } = explained({ policies })
    expect(trace).toHaveLength(1)
    expect(trace[0]).toMatchObject({
      client: 'checkout',
      target: 'orders',
      scopes: ['orders:read'],
      changes: ['authority'],
      others: 2,
    })
    expect(trace[0]?.rules.map(({ rule }) => rule)).toEqual(['all', 'never', 'off', 'reads'])
  })

  it.each<[string, object, Partial<Facts>, string, string, object]>([
    [
      'grants',
      { grants: ['jwt-bearer'] },
      {},
      'spec.grants',
      'it is about jwt-bearer, and this is token-exchange',
      { 'request.grant': 'token-exchange' },
    ],
    [
      'tokenTypes',
      { tokenTypes: ['wit', 'jwt-svid'] },
      {},
      'spec.tokenTypes',
      'it is about tokens of kind wit or jwt-svid, and this would be one of kind access-token',
      { tokenType: 'access-token' },
    ],
    [
      'subject.issuers',
      { subject: { issuers: ['people'] } },
      {},
      'spec.subject.issuers',
      'it is about subjects of people, and this one is of prod',
      { 'subject.issuer': 'prod', 'subject.subject': 'checkout' },
    ],
    [
      'ids without issuers',
      { subject: { ids: ['spiffe://prod.example/checkout'] } },
      { subject: workload('spiffe://prod.example/checkout') },
      'spec.subject.issuers',
      'its ids mean workloads whose credentials vouch for such an id, and prod only writes it; name the issuer beside the ids',
      { 'subject.issuer': 'prod' },
    ],
    [
      'subject.ids',
      { subject: { issuers: ['prod'], ids: ['stock'] } },
      {},
      'spec.subject.ids',
      'its ids do not name checkout of prod',
      { 'subject.subject': 'checkout' },
    ],
    [
      'subject.match',
      { subject: { issuers: ['prod'], match: { serviceaccount: ['checkout'], namespace: ['stock', 'web'] } } },
      {},
      'spec.subject.match.namespace',
      "it is about subjects whose namespace is stock or web, and this one's is shop",
      { 'subject.namespace': 'shop' },
    ],
    [
      'subject.match, absent',
      { subject: { match: { cluster: ['*'] } } },
      {},
      'spec.subject.match.cluster',
      "it is about subjects whose cluster is *, and this one's is absent",
      { 'subject.cluster': null },
    ],
    [
      'subject.match, no text',
      { subject: { match: { number: ['1'] } } },
      { subject: workload('checkout', { attributes: { number: 1 } }) },
      'spec.subject.match.number',
      "it is about subjects whose number is 1, and this one's is no text, which only a condition can look into",
      { 'subject.number': 1 },
    ],
    [
      'actor',
      { actor: { issuers: ['prod'] } },
      {},
      'spec.actor',
      'it is about an actor, and nobody acts for the subject here',
      { actor: null },
    ],
    [
      'actor.match',
      { actor: { match: { namespace: ['web'] } }, delegation: { mode: 'delegate' } },
      { actor: workload('gateway') },
      'spec.actor.match.namespace',
      "it is about actors whose namespace is web, and this one's is shop",
      { 'actor.namespace': 'shop' },
    ],
    [
      'subject.scopes, unsaid',
      {},
      { subject: workload('checkout', { issuer: 'self' }), subjectAudiences: ['billing'], subjectClient: 'checkout' },
      'spec.subject.scopes',
      'it does not say in subject.scopes what a token for another audience must hold',
      { 'subject.scopes': [] },
    ],
    [
      'subject.scopes',
      { subject: { scopes: ['pay', 'more'] } },
      {
        subject: workload('checkout', { issuer: 'self', scopes: ['pay'] }),
        subjectAudiences: ['billing'],
        subjectClient: 'checkout',
      },
      'spec.subject.scopes',
      'the subject token does not hold more, which it lists in subject.scopes',
      { 'subject.scopes': ['pay'] },
    ],
    [
      'delegation.mode',
      {},
      { actor: workload('gateway'), actors: [{ sub: 'old' }] },
      'spec.delegation.mode',
      'its `delegation` is none, and the client acts for another subject',
      { 'actor.id': 'wimse://cambist.example/prod/gateway', actors: ['old'] },
    ],
    [
      'delegation.maxDepth',
      { delegation: { mode: 'delegate', maxDepth: 1 } },
      { actor: workload('gateway'), actors: [{ sub: 'old' }] },
      'spec.delegation.maxDepth',
      'the chain of actors would be 2 deep, and it allows 1',
      { actors: ['old'] },
    ],
    [
      'changes',
      { changes: ['scope', 'authority'] },
      { format: 'x509', subject: workload('checkout', { key: true }) },
      'spec.changes',
      'it does not list the changes format (the token would be of another format than the credential) and unbind (the credential is bound to a key, and the token would be good for whoever has it)',
      { changes: ['format', 'unbind'], 'subject.key': true, from: 'x509', to: 'jwt' },
    ],
    [
      'the change scope',
      { changes: ['authority'] },
      {},
      'spec.changes',
      'it does not list the change scope (the token would have scopes or authorization details that the credential does not hold)',
      { changes: ['scope'] },
    ],
    [
      'subject.condition',
      { subject: { condition: "subject.namespace == 'web'" } },
      {},
      'spec.subject.condition',
      'its condition does not hold',
      { 'subject.namespace': 'shop' },
    ],
    [
      'actor.condition',
      { actor: { condition: "actor.instance != ''" }, delegation: { mode: 'delegate' } },
      { actor: workload('gateway') },
      'spec.actor.condition',
      'its condition does not hold',
      { 'actor.instance': '' },
    ],
    [
      'condition',
      { condition: "visited('fraud') && entry == 'gateway' && request.scopes.exists(s, s == subject['namespace'])" },
      { path: ['stock', 'web'] },
      'spec.condition',
      'its condition does not hold',
      { visited: ['stock', 'web'], entry: 'stock', 'request.scopes': ['orders:read'], 'subject.namespace': 'shop' },
    ],
    [
      'a condition that fails',
      { condition: "subject.cluster.name == 'prod'" },
      {},
      'spec.condition',
      'its condition failed: there is no member cluster',
      { 'subject.cluster.name': null },
    ],
    [
      'scopes',
      { scopes: ['orders:write'] },
      {},
      'spec.scopes',
      'it does not permit orders:read',
      { 'request.scopes': ['orders:read'] },
    ],
  ])('names the first clause that fails: %s', (_, more, facts, path, why, saw) => {
    const explanation = explained({ policies: { rule: { ...READ, ...more } } }, factsOf(facts))
    expect(explanation.permitted).toBe(false)
    expect(line(explanation, 'rule')).toMatchObject({ matched: false, scopes: [], failing: { path, why, saw } })
    expect(explanation.nearest).toMatchObject({ rule: 'rule', failing: { path } })
    if (path !== 'spec.scopes') expect(explanation.sentence).toContain(why)
  })

  it('asks in the order of the road, so that plain fields are named before conditions', () => {
    const rule = { ...READ, grants: ['jwt-bearer'], condition: 'false', changes: [], subject: { issuers: ['people'] } }
    expect(line(explained({ policies: { rule } }), 'rule').failing?.path).toBe('spec.grants')
  })

  it('says what a rule grants of what is asked, and what it does not', () => {
    const explanation = explained({ policies: { reads: READ } }, factsOf({ scopes: ['orders:read', 'orders:write'] }))
    expect(line(explanation, 'reads')).toMatchObject({
      matched: true,
      scopes: ['orders:read'],
      failing: { path: 'spec.scopes', why: 'it does not permit orders:write' },
    })
  })

  it('says of a token for this target that it holds less', () => {
    const facts = factsOf({
      subject: workload('checkout', { issuer: 'self', scopes: ['orders:read'] }),
      subjectAudiences: ['https://orders.example'],
      subjectClient: 'checkout',
      scopes: ['orders:write'],
    })
    const explanation = explained({ policies: { rule: { ...READ, scopes: ['orders:write'] } } }, facts)
    expect(line(explanation, 'rule')).toMatchObject({
      matched: false,
      failing: { path: 'spec.scopes', why: 'the subject token is for orders already and does not hold orders:write' },
    })
  })

  it('cuts what is long', () => {
    const rule = { ...READ, condition: "subject.long == 'x' || subject.list == ['x']" }
    const attributes = { long: 'a'.repeat(1000), list: Array.from({ length: 500 }, () => 'member') }
    const { failing } = line(
      explained({ policies: { rule } }, factsOf({ subject: workload('checkout', { attributes }) })),
      'rule',
    )
    expect(failing?.saw).toEqual({
      'subject.long': `${'a'.repeat(256)}…`,
      'subject.list': expect.stringMatching(/^\["member",.{246,}…$/),
    })
  })

  it('shows demands of a rule that matches, met or not', () => {
    const rule = {
      ...READ,
      binding: 'dpop',
      authentication: ['private_key_jwt', 'spiffe_jwt'],
      delegation: { mode: 'delegate', requireMayAct: true },
    }
    const explanation = explained({ policies: { rule } }, onBehalf({ binding: 'dpop' }))
    expect(explanation).toMatchObject({
      reason: 'authentication_insufficient',
      sentence: 'rule rule demands private_key_jwt or spiffe_jwt, and the client came by subject_token',
      rules: ['rule'],
      nearest: {
        rule: 'rule',
        matched: true,
        scopes: ['orders:read'],
        failing: {
          path: 'spec.authentication',
          why: 'it demands private_key_jwt or spiffe_jwt',
          saw: { 'client.authentication': 'subject_token' },
        },
      },
    })
    expect(line(explanation, 'rule').demands).toEqual([
      {
        path: 'spec.authentication',
        demands: ['private_key_jwt', 'spiffe_jwt'],
        saw: { 'client.authentication': 'subject_token' },
        met: false,
      },
      {
        path: 'spec.delegation.requireMayAct',
        demands: ['may_act'],
        saw: { mayAct: false, 'actor.id': 'wimse://cambist.example/prod/checkout' },
        met: false,
      },
      { path: 'spec.binding', demands: ['dpop'], saw: { binding: 'dpop' }, met: true },
    ])
    const { authentication: _, ...bound } = rule
    expect(line(explained({ policies: { bound } }, factsOf()), 'bound')).toMatchObject({
      matched: true,
      failing: { path: 'spec.binding', saw: { binding: 'none' } },
    })
  })

  it('shows what rules in shadow would have done, without effect', () => {
    const policies = {
      reads: READ,
      tried: { effect: 'forbid', mode: 'shadow', scopes: ['orders:read'] },
      more: { ...READ, scopes: ['orders:write'], mode: 'shadow' },
    }
    const explanation = explained({ policies })
    expect(explanation).toMatchObject({ permitted: true, shadow: [{ rule: 'tried', outcome: 'forbid' }] })
    expect(line(explanation, 'tried')).toMatchObject({ mode: 'shadow', matched: true, scopes: ['orders:read'] })
    expect(line(explanation, 'more')).toMatchObject({ mode: 'shadow', matched: false })
    const wider = explained({ policies }, factsOf({ scopes: ['orders:write'] }))
    expect(wider).toMatchObject({
      permitted: false,
      shadow: [{ rule: 'more', outcome: 'permit' }],
      nearest: { rule: 'reads' },
    })
    expect(line(wider, 'more')).toMatchObject({ matched: true, scopes: ['orders:write'] })
  })

  it('shows forbids, those that match and those that do not', () => {
    const policies = {
      reads: READ,
      never: { effect: 'forbid', subject: { issuers: ['prod'] } },
      failing: { effect: 'forbid', condition: "subject.cluster == 'x'" },
      others: { effect: 'forbid', subject: { issuers: ['people'] } },
      writes: { effect: 'forbid', scopes: ['orders:write'] },
    }
    const explanation = explained({ policies })
    expect(explanation).toMatchObject({
      reason: 'forbidden',
      sentence: 'rules failing and never forbid client checkout to have orders:read at orders',
      rules: ['failing', 'never'],
      errors: ['rule failing: there is no member cluster'],
      nearest: { rule: 'reads', matched: true },
    })
    expect(explanation.nearest?.failing).toBeUndefined()
    for (const name of ['never', 'failing'])
      expect(line(explanation, name)).toMatchObject({ effect: 'forbid', matched: true, scopes: ['orders:read'] })
    expect(line(explanation, 'others')).toMatchObject({ matched: false, failing: { path: 'spec.subject.issuers' } })
    expect(line(explanation, 'writes')).toMatchObject({
      matched: false,
      failing: {
        path: 'spec.scopes',
        why: 'it forbids orders:write, and none of them is in question',
        saw: { scopes: ['orders:read'] },
      },
    })
  })

  it('says that a rule is disabled', () => {
    expect(line(explained({ policies: { off: { ...READ, disabled: true } } }), 'off')).toMatchObject({
      disabled: true,
      matched: false,
      failing: { path: 'spec.disabled', why: 'it is disabled' },
    })
  })

  it('shows default scopes where none is asked for', () => {
    const { trace } = explained({ policies: { reads: READ } }, factsOf({ scopes: [] }))
    expect(trace[0]).toMatchObject({
      scopes: ['orders:read', 'orders:write'],
      rules: [{ matched: true, scopes: ['orders:read'] }],
    })
  })
})

describe('clients and targets', () => {
  const both = { candidates: ['stock', 'checkout'], authentication: 'subject_token', principal: workload('checkout') }

  it('are traced one by one', () => {
    const policies = { a: READ, b: { ...READ, clients: ['stock'], targets: ['billing'] } }
    const { trace } = explained(
      { policies },
      factsOf({ client: both, audiences: ['https://orders.example', 'billing'] }),
    )
    expect(trace.map(({ client, target, rules }) => [client, target, ...rules.map(({ rule }) => rule)])).toEqual([
      ['stock', 'orders'],
      ['stock', 'billing', 'b'],
      ['checkout', 'orders', 'a'],
      ['checkout', 'billing'],
    ])
  })

  it('names the target that does not let the client have it all', () => {
    const policies = { a: READ, b: { ...READ, targets: ['billing'], scopes: ['pay'] } }
    expect(
      explained({ policies }, factsOf({ audiences: ['https://orders.example', 'billing'] })).nearest,
    ).toMatchObject({
      target: 'billing',
      rule: 'b',
      failing: { why: 'it does not permit orders:read' },
    })
  })

  it('shows the forbid of a client that the caller is as well, at the target that only the other means', () => {
    const own = (defaultTarget: string) => ({ workloads: [{ issuer: 'prod', ids: ['x'] }], defaultTarget })
    const world = {
      clients: { checkout: own('orders'), stock: own('billing') },
      policies: { a: READ, never: { effect: 'forbid', clients: ['stock'], targets: ['orders'] } },
    }
    const explanation = explained(world, factsOf({ client: both, audiences: [] }))
    expect(explanation).toMatchObject({ reason: 'forbidden', rules: ['never'] })
    expect(line(explanation, 'never')).toMatchObject({ matched: true })
  })

  it('says what stops a client, whatever the rules say, and shows them all the same', () => {
    const workloads = [{ issuer: 'prod', ids: ['checkout'] }]
    const stoppedIn = (world: World, facts?: Partial<Facts>) =>
      explained({ policies: { reads: READ }, ...world }, factsOf(facts)).trace[0]
    expect(stoppedIn({ clients: { checkout: { workloads, disabled: true } } })).toMatchObject({
      stopped: { reason: 'client_disabled' },
      rules: [{ matched: true }],
    })
    expect(stoppedIn({ clients: { checkout: { workloads, grants: ['jwt-bearer'] } } })).toMatchObject({
      stopped: { reason: 'grant_not_allowed' },
      rules: [{ matched: true }],
    })
    const stolen = {
      subject: workload('checkout', { issuer: 'self' }),
      subjectAudiences: ['x'],
      subjectClient: 'stock',
    }
    expect(stoppedIn({}, stolen)).toMatchObject({ stopped: { reason: 'audience_mismatch' } })
    const orders = { audience: 'https://orders.example', scopes: ['orders:read'] }
    expect(stoppedIn({ targets: { orders: { ...orders, clients: ['stock'] } } })).toMatchObject({
      stopped: { reason: 'target_closed' },
      rules: [{ matched: true }],
    })
    expect(stoppedIn({}, { client: { ...both, named: 'checkout' } })).toMatchObject({
      client: 'stock',
      stopped: { reason: 'client_mismatch' },
    })
    const unmapped = { orders: { ...orders, tokens: [{ kind: 'access-token', subject: 'subject.cluster' }] } }
    expect(stoppedIn({ targets: unmapped })).toMatchObject({ stopped: { reason: 'subject_unmapped' }, rules: [] })
    expect(stoppedIn({}, { scopes: ['pay'] })).toMatchObject({ target: 'orders', stopped: { reason: 'scope_unknown' } })
  })

  it('says that there is no such client, or target', () => {
    expect(explained({}, factsOf({ client: { ...both, candidates: ['gone'] } }))).toMatchObject({
      reason: 'client_unknown',
      sentence: 'no client is named gone',
      trace: [{ client: 'gone', stopped: { reason: 'client_unknown' }, rules: [], others: 0 }],
    })
    const nowhere = explained({ policies: { reads: READ } }, factsOf({ audiences: ['nowhere'] }))
    expect(nowhere).toMatchObject({
      reason: 'target_unknown',
      sentence: 'no target has the audience "nowhere"',
      trace: [{ client: 'checkout', stopped: { reason: 'target_unknown' }, rules: [], others: 1 }],
    })
    expect(nowhere.trace[0]).not.toHaveProperty('target')
    expect(nowhere.nearest).toBeUndefined()
  })
})
