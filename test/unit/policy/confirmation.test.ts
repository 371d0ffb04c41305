import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Facts } from '../../../src/policy/contract.ts'
import { evaluate } from '../../../src/policy/evaluate.ts'
import { explain } from '../../../src/policy/explain.ts'
import { factsOf, READ, rulesOf, verdict, workload } from './world.ts'

/** TE-74, T16: a token of ours that is bound to a key, which stock was called with and checkout holds the key of. */
const clients = {
  stock: { workloads: [{ issuer: 'prod', ids: ['stock'] }], audiences: ['billing'] },
  checkout: { workloads: [{ issuer: 'prod', ids: ['checkout'] }], audiences: ['billing'] },
}
const by = (...candidates: readonly string[]): Facts['client'] => ({
  candidates,
  authentication: 'private_key_jwt',
  principal: workload('stock'),
})
const unproven = (more: Partial<Facts> = {}): Facts =>
  factsOf({
    client: by('stock'),
    subject: workload('checkout', { issuer: 'self', scopes: ['pay'] }),
    actor: workload('stock'),
    subjectAudiences: ['billing'],
    subjectClient: 'checkout',
    subjectUnproven: true,
    binding: 'dpop',
    ...more,
  })
const rule = (more: object = {}, proofOfPossession?: 'required' | 'waived') => ({
  ...READ,
  clients: ['stock', 'checkout'],
  subject: { scopes: [], ...(proofOfPossession === undefined ? {} : { proofOfPossession }) },
  delegation: { mode: 'delegate' },
  ...more,
})
const decided = (policies: Record<string, object>, facts = unproven()) =>
  verdict({ clients, policies: policies as Record<string, Record<string, unknown>> }, facts)
const GRANTED = 'permitted orders:read'

describe('a bound token of ours whose key is not proven', () => {
  it('is taken by a rule that waives the proof, and by no other', () => {
    expect(decided({ rule: rule({}, 'waived') })).toBe(GRANTED)
    for (const strict of [rule(), rule({}, 'required')]) {
      expect(decided({ rule: strict })).toBe('confirmation_unproven')
      const { subjectUnproven: _, ...proven } = unproven()
      expect(decided({ rule: strict }, proven)).toBe(GRANTED)
    }
  })

  it('needs the waiver of every deciding rule: they do not add up', () => {
    expect(decided({ one: rule({}, 'waived'), two: rule() })).toBe('confirmation_unproven')
    expect(decided({ one: rule({}, 'waived'), two: rule({}, 'waived') })).toBe(GRANTED)
    // A rule that grants nothing of what is asked does not decide.
    expect(decided({ one: rule({}, 'waived'), two: rule({ scopes: ['orders:write'] }) })).toBe(GRANTED)
  })

  it('is never taken from whom it was issued to, in whatever company', () => {
    const policies = { rule: rule({}, 'waived') }
    for (const candidates of [['checkout'], ['checkout', 'stock'], ['stock', 'checkout']])
      expect(decided(policies, unproven({ client: by(...candidates) }))).toBe('confirmation_unproven')
    expect(decided(policies, unproven({ client: { ...by('checkout', 'stock'), named: 'stock' } }))).toBe(
      'confirmation_unproven',
    )
    const { subjectClient: _, ...unknown } = unproven()
    expect(decided(policies, unknown)).not.toBe(GRANTED)
  })

  it('is still brought by an audience of it alone (T18)', () => {
    const policies = { rule: rule({}, 'waived') }
    expect(decided(policies, unproven({ subjectAudiences: ['https://orders.example'] }))).toBe('audience_mismatch')
  })

  it('becomes a bearer token only by the change unbind', () => {
    const bearer = unproven({ binding: 'none' })
    expect(decided({ rule: rule({}, 'waived') }, bearer)).toBe('change_denied')
    const changes = ['format', 'scope', 'authority', 'unbind']
    expect(decided({ rule: rule({ changes }, 'waived') }, bearer)).toBe(GRANTED)
    expect(decided({ rule: rule({ changes }) }, bearer)).toBe('confirmation_unproven')
    expect(decided({ rule: rule({ changes, binding: 'any' }, 'waived') }, bearer)).toBe('binding_required')
  })

  it('is granted, whatever the rules, by such that all waive', () => {
    const scopes = fc.subarray(['orders:read', 'orders:write'])
    const written = fc.record({
      scopes,
      changes: fc.constantFrom(['format', 'scope', 'authority'], ['format', 'scope', 'authority', 'unbind']),
      subject: fc.constantFrom(
        { scopes: [] },
        { scopes: [], proofOfPossession: 'required' },
        { scopes: [], proofOfPossession: 'waived' },
        { scopes: ['pay'], proofOfPossession: 'waived' },
      ),
    })
    const asked = fc.record({ scopes, binding: fc.constantFrom('none', 'dpop', 'mtls') })
    let permitted = 0
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 3 }), asked, (rules, request) => {
        const policies = Object.fromEntries(rules.map((each, index) => [`r${index}`, rule(each)]))
        const decision = evaluate(unproven(request), rulesOf({ clients, policies }))
        if (!decision.permitted) return
        permitted++
        expect(decision.rules.length).toBeGreaterThan(0)
        for (const name of decision.rules) {
          const decided = rules[Number(name.slice(1))]
          expect(decided?.subject).toMatchObject({ proofOfPossession: 'waived' })
          if (request.binding === 'none') expect(decided?.changes).toContain('unbind')
        }
      }),
      { numRuns: 500 },
    )
    expect(permitted, 'requests that were permitted at all').toBeGreaterThan(20)
  })
})

describe('explain', () => {
  it('says which rule did not waive the proof, and where', () => {
    const { reason, sentence, nearest, trace } = explain(unproven(), rulesOf({ clients, policies: { rule: rule() } }))
    expect([reason, sentence]).toEqual([
      'confirmation_unproven',
      'the subject token is bound to a key that the request does not prove, and rule rule does not say subject.proofOfPossession: waived',
    ])
    const demand = {
      path: 'spec.subject.proofOfPossession',
      demands: ['a proof of the key that the subject token is bound to'],
      saw: { subjectUnproven: true },
    }
    expect(nearest?.failing).toMatchObject({ path: demand.path, saw: demand.saw })
    expect(trace[0]?.rules[0]?.demands).toEqual([{ ...demand, met: false }])
    const waived = explain(unproven(), rulesOf({ clients, policies: { rule: rule({}, 'waived') } }))
    expect(waived.trace[0]?.rules[0]).toMatchObject({ matched: true, demands: [{ ...demand, met: true }] })
    expect(waived.trace[0]?.rules[0]).not.toHaveProperty('failing')
  })

  it('says that the holder is not let off', () => {
    const { trace, sentence } = explain(
      unproven({ client: by('checkout') }),
      rulesOf({ clients, policies: { rule: rule({}, 'waived') } }),
    )
    expect(trace[0]?.stopped?.reason).toBe('confirmation_unproven')
    expect(sentence).toBe(
      'the token of ours is bound to a key of client checkout, which brings it back, and the request does not prove that key',
    )
  })
})
