import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AUDIENCE, forbid, permit, policies, request, TARGETS } from './random.ts'
import { decide } from './world.ts'

/** Rights only shrink: over random rules and requests. */
const runs = { numRuns: 600 }

describe('rights only shrink', () => {
  it('grants within what is asked, offered, permitted and held', () => {
    let permitted = 0
    fc.assert(
      fc.property(policies, request, (rules, facts) => {
        const decision = decide({ policies: rules }, facts)
        if (!decision.permitted) return
        permitted++
        expect(facts.client.candidates).toContain(decision.client)
        const offered = facts.audiences.map(
          (audience) => TARGETS[audience === AUDIENCE.orders ? 'orders' : 'billing'] as readonly string[],
        )
        for (const scope of decision.scopes) {
          expect(facts.scopes.length === 0 || facts.scopes.includes(scope)).toBe(true)
          for (const scopes of offered) expect(scopes).toContain(scope)
          expect(
            Object.values(rules).some(
              (rule) =>
                rule['effect'] === undefined &&
                rule['mode'] !== 'shadow' &&
                (rule['scopes'] as string[] | undefined)?.includes(scope),
            ),
          ).toBe(true)
          if (
            facts.subject.issuer === 'self' &&
            facts.audiences.some((audience) => facts.subjectAudiences?.includes(audience))
          )
            expect(facts.subject.scopes).toContain(scope)
        }
        if (facts.scopes.length > 0) expect([...decision.scopes].sort()).toEqual([...facts.scopes].sort())
        expect(decision.rules.length).toBeGreaterThan(0)
        for (const rule of decision.rules)
          expect(rules[rule]).toMatchObject({
            clients: expect.toSatisfy((each: string[]) => each.includes('*') || each.includes(decision.client)),
          })
        if (facts.actors.length > 0) expect(decision.actors.slice(-1)).toEqual(facts.actors)
      }),
      // Few of them are permitted; so many that some always are.
      { numRuns: 4000 },
    )
    expect(permitted, 'requests that were permitted at all').toBeGreaterThan(10)
  })

  it('a further forbid grants nothing', () => {
    fc.assert(
      fc.property(policies, forbid, request, (rules, more, facts) => {
        const before = decide({ policies: rules }, facts)
        const after = decide({ policies: { ...rules, zz: more } }, facts)
        if (!after.permitted) return
        expect(before.permitted).toBe(true)
        if (before.permitted && before.client === after.client)
          for (const scope of after.scopes) expect(before.scopes).toContain(scope)
      }),
      runs,
    )
  })

  it('a further permit without demands takes nothing away', () => {
    fc.assert(
      fc.property(policies, permit, request, (rules, more, facts) => {
        const before = decide({ policies: rules }, facts)
        const after = decide({ policies: { ...rules, zz: more } }, facts)
        if (!before.permitted) return
        expect(after.permitted).toBe(true)
        if (after.permitted && before.client === after.client)
          for (const scope of before.scopes) expect(after.scopes).toContain(scope)
      }),
      runs,
    )
  })

  it('a rule in shadow, or disabled, changes nothing but what is recorded', () => {
    fc.assert(
      fc.property(policies, fc.oneof(permit, forbid), fc.boolean(), request, (rules, more, disabled, facts) => {
        const idle = { ...more, mode: disabled ? 'enforce' : 'shadow', disabled }
        const before = decide({ policies: rules }, facts)
        const after = decide({ policies: { ...rules, zz: idle } }, facts)
        expect({ ...after, shadow: [], errors: [] }).toEqual({ ...before, shadow: [], errors: [] })
        if (disabled) expect(after).toEqual(before)
      }),
      runs,
    )
  })

  it('the order and the names of documents mean nothing', () => {
    fc.assert(
      fc.property(policies, request, fc.integer(), (rules, facts, seed) => {
        const shuffled = Object.entries(rules)
          .map((entry, index) => ({ entry, at: Math.sin(seed + index) }))
          .sort((one, other) => one.at - other.at)
        const turned = Object.fromEntries(shuffled.map(({ entry }) => entry))
        expect(decide({ policies: turned }, facts)).toEqual(decide({ policies: rules }, facts))
        const renamed = Object.fromEntries(shuffled.map(({ entry: [, rule] }, index) => [`n${index}`, rule]))
        const [one, other] = [decide({ policies: rules }, facts), decide({ policies: renamed }, facts)]
        expect(other.permitted).toBe(one.permitted)
        if (one.permitted && other.permitted) expect(other.scopes).toEqual(one.scopes)
      }),
      runs,
    )
  })
})
