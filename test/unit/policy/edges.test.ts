import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../src/policy/evaluate.ts'
import { explain } from '../../../src/policy/explain.ts'
import { lintPolicy } from '../../../src/policy/lint.ts'
import { compilePolicy } from '../../../src/policy/policy.ts'
import { decide, factsOf, READ, rulesOf, verdict } from './world.ts'

const twice = factsOf({ audiences: ['https://orders.example', 'billing'] })
const both = { policies: { a: { ...READ, targets: ['*'], changes: ['authority', 'scope', 'identity'] } } }
const targets = (token: object, other: object = token) => ({
  orders: { audience: 'https://orders.example', scopes: ['orders:read'], tokens: [{ kind: 'access-token', ...token }] },
  billing: { audience: 'billing', scopes: ['orders:read'], tokens: [{ kind: 'access-token', ...other }] },
})

describe('one token for several targets', () => {
  it('is refused where they come to name the subject differently', () => {
    expect(decide({ ...both, targets: targets({ subject: 'target.name' }) }, twice)).toMatchObject({
      reason: 'target_combination',
      detail: 'the targets name the subject differently; ask for one at a time',
    })
  })

  it('has the claims that both map alike', () => {
    const claims = (source: string) => ({ claims: { 'https://x.example/team': source } })
    expect(verdict({ ...both, targets: targets(claims('subject.namespace')) }, twice)).toBe('permitted orders:read')
    expect(verdict({ ...both, targets: targets(claims('subject.namespace'), claims('subject.id')) }, twice)).toBe(
      'target_combination',
    )
  })

  it.each([
    ['none', 'dpop', 'dpop', 'permitted orders:read'],
    ['dpop', 'none', 'dpop', 'permitted orders:read'],
    ['any', 'dpop', 'dpop', 'permitted orders:read'],
    ['mtls', 'any', 'mtls', 'permitted orders:read'],
    ['any', 'any', 'mtls', 'permitted orders:read'],
    ['any', 'mtls', 'dpop', 'binding_required'],
    ['dpop', 'mtls', 'dpop', 'target_combination'],
  ] as const)('bound by what meets %s and %s', (one, other, binding, expected) => {
    expect(verdict({ ...both, targets: targets({ binding: one }, { binding: other }) }, { ...twice, binding })).toBe(
      expected,
    )
  })
})

describe('a token for two targets', () => {
  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('is revocable where one of them asks for that: %s and %s', (one, other) => {
    expect(decide({ ...both, targets: targets({ revocable: one }, { revocable: other }) }, twice)).toMatchObject({
      profile: { revocable: one || other },
    })
  })
})

it('gives no one token for two targets whose kinds are asked for by one type, and differ', () => {
  const ofKind = (...kinds: string[]) => ({
    ...both,
    targets: targets({ kind: kinds[0] }, { kind: kinds[1] }),
  })
  const asking = { ...twice, tokenType: 'urn:ietf:params:oauth:token-type:jwt', scopes: [] }
  expect(verdict(ofKind('authorization-grant', 'jwt-svid'), asking)).toBe('target_combination')
  expect(verdict(ofKind('jwt-svid', 'jwt-svid'), asking)).toBe('permitted')
})

describe('demands', () => {
  it('that no one proof meets are met by none, whatever a third rule demands', () => {
    const policies = {
      a: { ...READ, binding: 'dpop' },
      b: { ...READ, binding: 'mtls' },
      c: { ...READ, binding: 'any' },
    }
    for (const binding of ['none', 'dpop', 'mtls'] as const)
      expect(decide({ policies }, factsOf({ binding }))).toMatchObject({
        reason: 'binding_required',
        detail: `the token must be bound by both dpop and mtls, which no one proof does, and the request proves ${binding}`,
      })
  })
})

it('a proof does not bind a token of a kind that no key binds, and the refusal says which', () => {
  const policies = { a: { ...READ, scopes: [], binding: 'dpop' } }
  const asking = factsOf({ scopes: [], binding: 'dpop' })
  expect(decide({ policies, targets: targets({ kind: 'jwt-svid' }) }, asking)).toMatchObject({
    reason: 'binding_required',
    detail: 'the token must be bound by dpop, and a jwt-svid is not bound by dpop',
  })
})

describe('the issued subject', () => {
  it.each(["''", '7', 'request.scopes', `'${'x'.repeat(1025)}'`])('cannot be %s', (subject) => {
    expect(decide({ ...both, targets: targets({ subject }) }, factsOf())).toMatchObject({
      reason: 'subject_unmapped',
      detail: expect.stringContaining('yields no text of 1 to 1024 characters'),
    })
  })
})

describe('clients', () => {
  it('without a grant may use none', () => {
    const clients = { checkout: { workloads: [{ issuer: 'prod', ids: ['checkout'] }], grants: [] } }
    expect(decide({ clients, policies: { a: READ } }, factsOf())).toMatchObject({
      reason: 'grant_not_allowed',
      detail: 'client checkout may not use token-exchange; its `grants` are none',
    })
  })
})

describe('changes', () => {
  it('are listed of a denial too, with scopes that the credential does not hold', () => {
    const facts = factsOf({ format: 'x509', scopes: ['orders:write'] })
    expect(decide({ policies: { a: READ } }, facts)).toMatchObject({
      permitted: false,
      changes: ['format', 'authority', 'scope'],
    })
  })

  it('name the one that a rule lacks, with what it is', () => {
    const subject = { ...factsOf().subject, key: true }
    expect(decide({ policies: { a: READ } }, factsOf({ subject }))).toMatchObject({
      reason: 'change_denied',
      detail:
        'no rule lets client checkout ask for orders:read at orders; rule a does not match, because it does not list the change unbind (the credential is bound to a key, and the token would be good for whoever has it)',
    })
  })

  it('name lifetime in vain', () => {
    const warned = (changes: string[]) =>
      lintPolicy(compilePolicy('a', { ...READ, changes })).map(({ message }) => message)
    const message = 'lifetime has no effect: no token outlives what it is made from (I4); leave it out'
    expect(warned(['authority', 'scope', 'lifetime'])).toContain(message)
    expect(warned(['authority', 'scope'])).not.toContain(message)
  })
})

it('a fault of our own is no refusal', () => {
  const rules = rulesOf({ policies: { a: READ } })
  const broken = {
    ...rules,
    targets: {
      ...rules.targets,
      byAudience() {
        throw new Error('broken')
      },
    },
  }
  expect(() => evaluate(factsOf(), broken)).toThrow('broken')
  // it breaks when the decision is made, and the trace is not
  let asked = 0
  const late = {
    ...rules,
    targets: {
      ...rules.targets,
      byAudience(audience: string) {
        asked++
        if (asked > 1) throw new Error('broken later')
        return rules.targets.byAudience(audience)
      },
    },
  }
  expect(() => explain(factsOf(), late)).toThrow('broken later')
})
