import { describe, expect, it } from 'vitest'
import { factsOf, onBehalf, READ, verdict, workload } from '../unit/policy/world.ts'

/** T18: any client may exchange any token for any target. */
describe('T18 confused deputy', () => {
  const reads = { reads: { ...READ, subject: { issuers: ['people'] }, delegation: { mode: 'delegate' } } }
  const stolen = (client: string) =>
    onBehalf({
      client: { candidates: [client], authentication: 'private_key_jwt', principal: workload(client) },
      actor: workload(client),
    })

  it('a client that no rule names gets nothing with a token that another may exchange', () => {
    expect(verdict({ policies: reads }, stolen('checkout'))).toBe('permitted orders:read')
    expect(verdict({ policies: reads }, stolen('stock'))).toBe('denied')
  })

  it('a rule for one target says nothing of another', () => {
    expect(verdict({ policies: reads }, { ...stolen('checkout'), audiences: ['billing'] })).toBe('denied')
  })

  it("a rule for one issuer's subjects says nothing of a namesake of another", () => {
    const namesake = workload('alice', { issuer: 'prod' })
    expect(verdict({ policies: reads }, { ...stolen('checkout'), subject: namesake })).toBe('denied')
  })

  it('a rule for oneself says nothing of acting for others', () => {
    expect(verdict({ policies: { own: READ } }, factsOf())).toBe('permitted orders:read')
    expect(verdict({ policies: { own: READ } }, stolen('checkout'))).toBe('delegation_denied')
  })

  it('the owner of a target can close it, whatever rules say', () => {
    const targets = { orders: { audience: 'https://orders.example', scopes: ['orders:read'], clients: ['stock'] } }
    expect(verdict({ targets, policies: reads }, stolen('checkout'))).toBe('target_closed')
  })
})
