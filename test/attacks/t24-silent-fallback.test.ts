import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fullRequest, strictPolicies } from '../unit/policy/random.ts'
import { decide, factsOf, onBehalf, READ, verdict, workload } from '../unit/policy/world.ts'

/** T24: something that is missing turns one right into another. Parameters are test/rfc/8693/2.1-request.test.ts. */
describe('T24 silent fall-back', () => {
  it('nobody acts without a name in the token, but by rules that all say impersonate', () => {
    let silent = 0
    fc.assert(
      fc.property(strictPolicies, fullRequest, (policies, facts) => {
        const decision = decide({ policies }, facts)
        if (!decision.permitted || facts.actor === undefined || decision.actors.length > facts.actors.length) return
        silent++
        for (const name of decision.rules) expect(policies[name]).toMatchObject({ delegation: { mode: 'impersonate' } })
        expect(facts.actors).toEqual([])
      }),
      { numRuns: 3000 },
    )
    expect(silent, 'requests that impersonate at all').toBeGreaterThan(0)
  })

  it('a client that leaves its actor token out acts itself, and needs that right', () => {
    const policies = {
      rule: {
        ...READ,
        actor: { issuers: ['prod'], match: { serviceaccount: ['stock'] } },
        delegation: { mode: 'delegate' },
      },
    }
    expect(verdict({ policies }, onBehalf({ actor: workload('stock') }))).toBe('permitted orders:read')
    expect(verdict({ policies }, onBehalf())).toBe('denied')
    const { actor: _, ...alone } = onBehalf()
    expect(verdict({ policies }, alone)).toBe('denied')
  })

  it('a may_act that is missing is none that holds', () => {
    const policies = { rule: { ...READ, delegation: { mode: 'delegate', requireMayAct: true } } }
    expect(verdict({ policies }, onBehalf())).toBe('delegation_denied')
  })

  it('a token of ours whose audiences are missing is held to both its limits', () => {
    const subject = workload('checkout', { issuer: 'self', scopes: ['orders:read'] })
    const policies = { rule: { ...READ, scopes: ['orders:read', 'orders:write'] } }
    expect(verdict({ policies }, factsOf({ subject, subjectClient: 'checkout' }))).toBe('scope_denied')
  })

  it('a scope, a target or a kind of token that is missing gives no more than the least that is said', () => {
    const policies = { rule: READ }
    expect(decide({ policies }, factsOf({ scopes: [] }))).toMatchObject({ scopes: ['orders:read'] })
    expect(verdict({ policies }, factsOf({ audiences: [] }))).toBe('target_required')
    expect(decide({ policies }, factsOf())).toMatchObject({ profile: { kind: 'access-token' } })
  })
})
