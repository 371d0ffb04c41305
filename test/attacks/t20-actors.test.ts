import { describe, expect, it } from 'vitest'
import { decide, onBehalf, READ, verdict, workload } from '../unit/policy/world.ts'

/** T20: chains of actors forged, dropped, deepened or believed; may_act ignored. What is inside a token's act is read in credentials/. */
describe('T20 actors', () => {
  const delegate = { rule: { ...READ, delegation: { mode: 'delegate' } } }
  const chain = [{ sub: 'gateway' }, { sub: 'admin' }]

  it('an actor inside opens nothing that its name would open outside', () => {
    const policies = {
      rule: { ...READ, delegation: { mode: 'delegate' }, actor: { issuers: ['prod'], ids: ['admin'] } },
    }
    expect(verdict({ policies }, onBehalf({ actors: chain }))).toBe('denied')
    expect(verdict({ policies }, onBehalf({ actor: workload('admin') }))).toBe('permitted orders:read')
  })

  it('no exchange drops, reorders or renames those before', () => {
    const decision = decide({ policies: delegate }, onBehalf({ actors: chain }))
    expect(decision.permitted && decision.actors.slice(1)).toEqual(chain)
    expect(
      verdict({ policies: { rule: { ...READ, delegation: { mode: 'impersonate' } } } }, onBehalf({ actors: chain })),
    ).toBe('delegation_denied')
  })

  it('impersonation is a right of its own, which no other rule gives', () => {
    expect(decide({ policies: delegate }, onBehalf())).toMatchObject({ actors: [{ sub: workload('checkout').id }] })
    expect(verdict({ policies: { rule: READ } }, onBehalf())).toBe('delegation_denied')
  })

  it('protected subjects are kept by a forbid, whoever may impersonate', () => {
    const policies = {
      rule: { ...READ, delegation: { mode: 'impersonate' } },
      protect: { effect: 'forbid', subject: { issuers: ['people'], ids: ['root'] } },
    }
    expect(verdict({ policies }, onBehalf())).toBe('permitted orders:read')
    expect(verdict({ policies }, onBehalf({ subject: workload('root', { issuer: 'people' }) }))).toBe('forbidden')
  })

  it('may_act is enforced on issuer and subject, also against a namesake of another issuer', () => {
    const mayAct = {
      members: { sub: 'checkout', iss: 'https://idp.example' },
      issuer: 'https://idp.example',
      actorIssuer: 'https://prod.example',
    }
    expect(verdict({ policies: delegate }, onBehalf({ mayAct }))).toBe('may_act_mismatch')
    expect(
      verdict({ policies: delegate }, onBehalf({ mayAct: { ...mayAct, actorIssuer: 'https://idp.example' } })),
    ).toBe('permitted orders:read')
  })
})
