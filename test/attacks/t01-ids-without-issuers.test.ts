import { describe, expect, it } from 'vitest'
import { factsOf, READ, verdict, workload } from '../unit/policy/world.ts'

// T1: a rule may name SPIFFE and WIMSE ids without their issuers, because such ids are unique. What is unique is the id
// that a kind of credential vouches for, and not a text that any issuer may write into `sub`.
const ADMIN = 'spiffe://prod.example/admin'
const genuine = factsOf({ subject: workload(ADMIN, { id: ADMIN, issuer: 'spire', kind: 'spiffe-jwt-svid' }) })
const forged = factsOf({
  subject: workload(ADMIN, { id: 'wimse://cambist.example/gitlab/spiffe%3A%2F%2Fprod.example%2Fadmin' }),
})
const admins = { ...READ, subject: { ids: [ADMIN] } }
const exact = { ...READ, subject: { issuers: ['prod'], ids: [ADMIN] } }

describe('a SPIFFE ID in a rule', () => {
  it('permits the workload whose id it is', () => {
    expect(verdict({ policies: { admins } }, genuine)).toBe('permitted orders:read')
  })

  it('permits nothing to a token of another issuer with that text in sub', () => {
    expect(verdict({ policies: { admins } }, forged)).toBe('denied')
  })

  it('permits it where the rule names that issuer', () => {
    expect(verdict({ policies: { exact } }, forged)).toBe('permitted orders:read')
  })

  it('forbids whoever has that text in sub: a forbid errs on the side of no', () => {
    const { scopes: _, ...forbid } = { ...admins, effect: 'forbid' }
    expect(verdict({ policies: { forbid, all: READ } }, forged)).toBe('forbidden')
  })
})
