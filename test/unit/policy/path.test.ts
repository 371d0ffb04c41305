import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, factsOf, onBehalf, READ, verdict, workload } from './world.ts'

const when = (condition: string) => ({
  policies: { rule: { ...READ, condition, delegation: { mode: 'delegate', maxDepth: 8 } } },
})
const allowed = 'permitted orders:read'

describe('visited and entry: where a request has been, and where it came in', () => {
  it('are what Cambist wrote into its own tokens, hop by hop', () => {
    const facts = factsOf({ path: ['gateway', 'fraud'] })
    expect(verdict(when("visited('fraud')"), facts)).toBe(allowed)
    expect(verdict(when("entry == 'gateway'"), facts)).toBe(allowed)
    expect(verdict(when("visited('checkout')"), facts)).toBe('denied')
    expect(verdict(when("entry == 'fraud'"), facts)).toBe('denied')
  })

  it('begin with the client that is judged', () => {
    for (const path of [undefined, []]) {
      const facts = factsOf(path === undefined ? {} : { path })
      expect(verdict(when("entry == 'checkout'"), facts)).toBe(allowed)
      expect(verdict(when("!visited('checkout')"), facts)).toBe(allowed)
    }
    const both = { candidates: ['checkout', 'stock'], authentication: 'subject_token', principal: workload('checkout') }
    const policies = {
      a: { ...READ, condition: 'false' },
      b: { ...READ, clients: ['stock'], condition: "entry == 'stock'" },
    }
    expect(decide({ policies }, factsOf({ client: both }))).toMatchObject({ permitted: true, client: 'stock' })
  })

  it('let a forbid demand that a service was passed', () => {
    const policies = { reads: READ, 'fraud-first': { effect: 'forbid', condition: "!visited('fraud')" } }
    expect(verdict({ policies }, factsOf({ path: ['gateway'] }))).toBe('forbidden')
    expect(verdict({ policies }, factsOf({ path: ['gateway', 'fraud'] }))).toBe(allowed)
  })

  it('never come from an act that a token brings (TE-42, UC-26)', () => {
    const name = fc.constantFrom('fraud', 'gateway', 'checkout', 'x')
    const actors = fc.array(fc.record({ sub: name }, { requiredKeys: ['sub'] }), { maxLength: 7 })
    fc.assert(
      fc.property(actors, (chain) => {
        for (const facts of [factsOf({ actors: chain }), onBehalf({ actors: chain })]) {
          expect(verdict(when("visited('fraud')"), facts)).toBe('denied')
          expect(verdict(when("entry != 'checkout'"), facts)).toBe('denied')
          expect(verdict(when("entry == 'checkout'"), facts)).toBe(allowed)
        }
      }),
    )
  })
})
