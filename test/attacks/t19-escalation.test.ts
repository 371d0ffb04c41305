import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, factsOf, READ, verdict, workload } from '../unit/policy/world.ts'

/** T19: scope or lifetime grows by exchange. */
describe('T19 escalation by exchange', () => {
  const policies = { wide: { clients: ['checkout'], targets: ['*'], scopes: ['orders:read', 'orders:write', 'pay'] } }
  const holding = (scopes: readonly string[], audiences: readonly string[], asked: readonly string[]) =>
    factsOf({
      subject: workload('checkout', { issuer: 'self', scopes }),
      subjectAudiences: audiences,
      subjectClient: 'checkout',
      scopes: asked,
    })

  it('a token of ours gains no scope at its own audience, however wide the rule', () => {
    const scopes = fc.subarray(['orders:read', 'orders:write'])
    fc.assert(
      fc.property(scopes, scopes, (held, asked) => {
        const decision = decide({ policies }, holding(held, ['https://orders.example'], asked))
        if (decision.permitted) for (const scope of decision.scopes) expect(held).toContain(scope)
        else expect(asked.some((scope) => !held.includes(scope))).toBe(true)
      }),
    )
  })

  it('a token of ours reaches another audience only by a rule that says what it must hold', () => {
    expect(verdict({ policies }, holding(['pay'], ['billing'], ['orders:read']))).toBe('scope_denied')
    const said = { narrow: { ...READ, subject: { scopes: ['pay'] } } }
    expect(verdict({ policies: said }, holding(['pay'], ['billing'], ['orders:read']))).toBe('permitted orders:read')
    expect(verdict({ policies: said }, holding([], ['billing'], ['orders:read']))).toBe('scope_denied')
  })

  it('scopes of a foreign token count for nothing', () => {
    const said = { narrow: { ...READ, subject: { scopes: ['orders:read'] } } }
    expect(
      verdict(
        { policies: said },
        factsOf({ subject: workload('checkout', { attributes: { scope: 'orders:read', scopes: ['orders:read'] } }) }),
      ),
    ).toBe('scope_denied')
  })

  it('no rule lengthens what the profile allows, and every deciding rule can shorten it', () => {
    expect(decide({ policies: { a: { ...READ, lifetime: '24h' } } }, factsOf())).toMatchObject({ lifetime: 300 })
    expect(
      decide({ policies: { a: { ...READ, lifetime: '24h' }, b: { ...READ, lifetime: '30s' } } }, factsOf()),
    ).toMatchObject({ lifetime: 30 })
  })
})
