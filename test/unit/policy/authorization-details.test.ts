import { describe, expect, it } from 'vitest'
import type { Facts } from '../../../src/policy/contract.ts'
import { contains, denies } from '../../../src/policy/covering.ts'
import { explain } from '../../../src/policy/explain.ts'
import { compilePolicy } from '../../../src/policy/policy.ts'
import type { AuthorizationDetails } from '../../../src/targets/authorization-details.ts'
import { decide, factsOf, READ, rulesOf, workload } from './world.ts'

const targets = {
  orders: {
    audience: 'https://orders.example',
    scopes: ['orders:read'],
    authorizationDetails: [{ type: 'order', members: { actions: 'texts', amount: 'number' } }],
  },
}
const asking = (authorizationDetails: AuthorizationDetails, more: Partial<Facts> = {}) =>
  factsOf({ scopes: [], authorizationDetails, ...more })
const ORDER = { type: 'order', actions: ['place'], amount: 10 }
const rule = (members: object, more: object = {}) => ({
  ...{ clients: ['checkout'], targets: ['orders'] },
  authorizationDetails: [{ type: 'order', members }],
  ...more,
})

describe('authorization details in a decision', () => {
  it('are granted by one rule each, and never by two halves', () => {
    const halves = { a: rule({ actions: ['place'], amount: 5 }), b: rule({ actions: ['cancel'], amount: 50 }) }
    expect(decide({ targets, policies: halves }, asking([ORDER]))).toMatchObject({
      permitted: false,
      reason: 'details_denied',
      detail: expect.stringContaining('of rule a: what is asked for of type order is beyond its limits'),
    })
  })

  it('decide which rules do: a rule that grants none of them puts no ceiling on the token', () => {
    const policies = { details: rule({ amount: 10 }), reads: { ...READ, lifetime: '1m' } }
    expect(decide({ targets, policies }, asking([ORDER]))).toMatchObject({
      permitted: true,
      rules: ['details'],
      scopes: [],
      authorizationDetails: [ORDER],
      lifetime: 300,
    })
    const both = decide({ targets, policies }, asking([ORDER], { scopes: ['orders:read'] }))
    expect(both).toMatchObject({ rules: ['details', 'reads'], scopes: ['orders:read'], lifetime: 60 })
  })

  it('are a change of scope where the credential does not hold them', () => {
    const strict = { policies: { a: rule({}, { changes: ['authority'] }) }, targets }
    expect(decide(strict, asking([ORDER]))).toMatchObject({
      permitted: false,
      reason: 'details_denied',
      detail: expect.stringContaining('change scope'),
    })
    const ours: Partial<Facts> = {
      subject: workload('checkout', { issuer: 'self' }),
      subjectAudiences: ['https://orders.example'],
      subjectClient: 'checkout',
      subjectDetails: [ORDER],
    }
    const decision = decide(strict, asking([ORDER], ours))
    expect(decision).toMatchObject({ permitted: true, changes: [] })
  })

  it('in shadow are noted where they would have been granted, and only there', () => {
    const policies = { real: rule({}), trial: rule({ amount: 5 }, { mode: 'shadow' }) }
    expect(decide({ targets, policies }, asking([ORDER])).shadow).toEqual([])
    expect(decide({ targets, policies }, asking([{ ...ORDER, amount: 5 }])).shadow).toEqual([
      { rule: 'trial', outcome: 'permit' },
    ])
  })

  it('are explained by the rule that comes nearest, with what was asked', () => {
    const explanation = explain(asking([ORDER]), rulesOf({ targets, policies: { small: rule({ amount: 5 }) } }))
    expect(explanation).toMatchObject({
      permitted: false,
      reason: 'details_denied',
      nearest: {
        rule: 'small',
        matched: false,
        failing: { path: 'spec.authorizationDetails', saw: { 'request.authorizationDetails': [ORDER] } },
      },
    })
    const granted = explain(asking([ORDER]), rulesOf({ targets, policies: { all: rule({}) } }))
    expect(granted.sentence).toContain('with authorization details of type order')
    expect(granted.granted?.authorizationDetails).toEqual([ORDER])
  })
})

describe('rules about authorization details, compared', () => {
  const compiled = (members: object, more: object = {}) => compilePolicy('p', rule(members, more))
  it.each<[string, object, object, boolean]>([
    ['no limit holds all', {}, { amount: 5 }, true],
    ['a higher number', { amount: 10 }, { amount: 5 }, true],
    ['a lower number', { amount: 5 }, { amount: 10 }, false],
    ['more texts', { actions: ['a', 'b'] }, { actions: ['a'] }, true],
    ['fewer texts', { actions: ['a'] }, { actions: ['a', 'b'] }, false],
    ['a limit that the other has not', { amount: 5 }, {}, false],
  ])('%s', (_, wide, narrow, holds) => {
    expect(contains(compiled(wide), compiled(narrow))).toBe(holds)
  })

  it('a forbid of scopes denies no details', () => {
    const permit = { clients: ['checkout'], targets: ['orders'], scopes: ['orders:read'] }
    const forbid = compilePolicy('f', { effect: 'forbid', scopes: ['orders:read'] })
    expect(denies(forbid, compilePolicy('p', permit))).toBe(true)
    expect(denies(forbid, compilePolicy('p', { ...permit, authorizationDetails: [{ type: 'order' }] }))).toBe(false)
    expect(
      contains(compilePolicy('w', permit), compilePolicy('n', { ...permit, authorizationDetails: [{ type: 'x' }] })),
    ).toBe(false)
  })
})
