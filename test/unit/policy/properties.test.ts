import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_ACTORS } from '../../../src/identity/actor.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import { parseDuration } from '../../../src/lib/duration.ts'
import type { Facts } from '../../../src/policy/contract.ts'
import { evaluate } from '../../../src/policy/evaluate.ts'
import { explain } from '../../../src/policy/explain.ts'
import { AUDIENCE, chain, fullRequest, strictPolicies } from './random.ts'
import { decide, onBehalf, READ, rulesOf, workload } from './world.ts'

type Written = Readonly<Record<string, unknown>> & {
  readonly subject?: { readonly issuers?: readonly string[]; readonly match?: object }
  readonly actor?: { readonly issuers?: readonly string[] }
  readonly scopes?: readonly string[]
  readonly lifetime?: string
  readonly changes?: readonly string[]
  readonly delegation?: { readonly mode?: string; readonly maxDepth?: number; readonly requireMayAct?: boolean }
}

/** Whether a rule's plain words, read once more by somebody else, are about the principal. */
const isAbout = (party: Written['subject'], principal: Principal | undefined): boolean =>
  party === undefined || (principal !== undefined && (party.issuers?.includes(principal.issuer) ?? true))

const seldom = { numRuns: 3000 }

describe('what is granted is within subject, actor and rule', () => {
  it('every deciding rule is about all of them, and nothing outgrows any of them (I4, T18 to T20)', () => {
    let permitted = 0
    fc.assert(
      fc.property(strictPolicies, fullRequest, (policies, facts) => {
        const decision = decide({ policies }, facts)
        if (!decision.permitted) return
        permitted++
        const { subject, actor, actors } = facts
        for (const name of decision.rules) {
          const rule = policies[name] as Written
          expect(isAbout(rule.subject, subject)).toBe(true)
          expect(isAbout(rule.actor, actor)).toBe(true)
          expect(decision.lifetime).toBeLessThanOrEqual(parseDuration(rule.lifetime ?? '5m') ?? 0)
          const changes = rule.changes ?? ['format', 'scope', 'authority']
          for (const change of decision.changes.filter((each) => each !== 'scope')) expect(changes).toContain(change)
          const { mode = 'none', maxDepth = 3, requireMayAct = false } = rule.delegation ?? {}
          if (actor !== undefined) {
            expect(mode).not.toBe('none')
            if (requireMayAct) expect(facts.mayAct).toBeDefined()
          }
          if (decision.actors.length > 0)
            expect(mode === 'impersonate' || decision.actors.length <= maxDepth).toBe(true)
        }
        expect(decision.lifetime).toBeLessThanOrEqual(300)
        for (const scope of decision.scopes) {
          const sources = decision.rules
            .map((name) => policies[name] as Written)
            .filter(({ scopes }) => scopes?.includes(scope))
          expect(sources.length, `rules that list ${scope}`).toBeGreaterThan(0)
        }
        // who acted before is still there, in order, and one more at most
        expect(decision.actors.slice(decision.actors.length - actors.length)).toEqual(actors)
        expect(decision.actors.length - actors.length).toBeLessThanOrEqual(actor === undefined ? 0 : 1)
        expect(decision.actors.length).toBeLessThanOrEqual(MAX_ACTORS)
        if (facts.mayAct !== undefined) {
          const acting = actor ?? facts.client.principal
          // tokens of ours may also name the client that acts
          const named = facts.mayAct.members['sub']
          expect(named === acting.subject || (subject.issuer === 'self' && named === decision.client)).toBe(true)
        }
      }),
      seldom,
    )
    expect(permitted, 'requests that were permitted at all').toBeGreaterThan(30)
  })

  it('no chain of exchanges gains a scope at its own audience, a second of life beyond each ceiling, or depth beyond the most (T19)', () => {
    const policies = {
      wide: {
        clients: ['*'],
        targets: ['*'],
        scopes: ['orders:read', 'orders:write', 'pay'],
        subject: { scopes: [] },
        delegation: { mode: 'delegate', maxDepth: 8 },
      },
    }
    const hop = fc.record({
      client: fc.constantFrom('checkout', 'stock'),
      target: fc.constantFrom('orders', 'billing'),
      scopes: fc.subarray(['orders:read', 'orders:write', 'pay']),
    })
    const clients = {
      checkout: { workloads: [{ issuer: 'prod', ids: ['checkout'] }], audiences: Object.values(AUDIENCE) },
      stock: { workloads: [{ issuer: 'prod', ids: ['stock'] }], audiences: Object.values(AUDIENCE) },
    }
    const rules = rulesOf({ clients, policies })
    fc.assert(
      fc.property(fc.array(hop, { minLength: 2, maxLength: 12 }), (hops) => {
        let facts: Facts = onBehalf()
        let held: { readonly scopes: readonly string[]; readonly audience: string } | undefined
        for (const { client, target, scopes } of hops) {
          const audience = AUDIENCE[target as keyof typeof AUDIENCE]
          facts = {
            ...facts,
            client: { candidates: [client], authentication: 'private_key_jwt', principal: workload(client) },
            actor: workload(client),
            audiences: [audience],
            scopes,
          }
          const decision = evaluate(facts, rules)
          if (!decision.permitted) continue
          if (held?.audience === audience) for (const scope of decision.scopes) expect(held.scopes).toContain(scope)
          expect(decision.actors.length).toBeLessThanOrEqual(MAX_ACTORS)
          held = { scopes: decision.scopes, audience }
          facts = {
            ...facts,
            subject: { ...facts.subject, issuer: 'self', scopes: decision.scopes },
            subjectAudiences: [audience],
            subjectClient: client,
            actors: decision.actors,
            path: [...(facts.path ?? []), client],
          }
        }
      }),
      seldom,
    )
  })
})

describe('what a forbid is about is never permitted', () => {
  it('everything, where it says nothing', () => {
    let forbidden = 0
    fc.assert(
      fc.property(strictPolicies, fullRequest, (policies, facts) => {
        const without = decide({ policies }, facts)
        const decision = decide({ policies: { ...policies, never: { effect: 'forbid' } } }, facts)
        expect(decision.permitted).toBe(false)
        if (without.permitted) {
          expect(decision).toMatchObject({ reason: 'forbidden', rules: expect.arrayContaining(['never']) })
          forbidden++
        }
      }),
      seldom,
    )
    expect(forbidden, 'requests that would be permitted').toBeGreaterThan(30)
  })

  it('whatever its plain words are about, read once more by somebody else', () => {
    const about = fc.record(
      {
        clients: fc.constantFrom(['checkout'], ['stock']),
        targets: fc.constantFrom(['orders'], ['billing']),
        subject: fc.constantFrom({ issuers: ['prod'] }, { issuers: ['people'] }, { issuers: ['self'] }, {}),
        actor: fc.constantFrom({ issuers: ['prod'] }, { issuers: ['people'] }, {}),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(strictPolicies, fullRequest, about, (policies, facts, words) => {
        const decision = decide({ policies: { ...policies, never: { effect: 'forbid', ...words } } }, facts)
        if (!decision.permitted) return
        const names = decision.targets.map(({ name }) => name)
        const speaks =
          (words.clients?.some((client) => facts.client.candidates.includes(client)) ?? true) &&
          (words.targets?.some((target) => names.includes(target)) ?? true) &&
          isAbout(words.subject, facts.subject) &&
          isAbout(words.actor, facts.actor)
        expect(speaks).toBe(false)
      }),
      seldom,
    )
  })
})

describe('actors inside never matter (TE-42, UC-26)', () => {
  it('over ten thousand chains, whatever the rules', () => {
    let compared = 0
    fc.assert(
      fc.property(
        strictPolicies,
        fullRequest,
        fc.array(chain, { minLength: 6, maxLength: 6 }),
        (policies, request, chains) => {
          // as long as each other, since depth is counted
          const length = Math.min(...chains.map((each) => each.length))
          const rules = rulesOf({ policies })
          const [first, ...others] = chains.map((each) =>
            evaluate({ ...request, actors: each.slice(0, length) }, rules),
          )
          for (const other of others) {
            if (first?.permitted && other.permitted) expect({ ...other, actors: [] }).toEqual({ ...first, actors: [] })
            else expect(other).toEqual(first)
            compared++
          }
        },
      ),
      { numRuns: 2000 },
    )
    expect(compared).toBe(10_000)
  })

  it('so that a name inside opens nothing for a rule that asks for it', () => {
    const policies = {
      rule: {
        ...READ,
        actor: { issuers: ['prod'], ids: ['admin'] },
        delegation: { mode: 'delegate', maxDepth: 8 },
        condition: "entry == 'checkout' && !visited('admin')",
      },
    }
    const rules = rulesOf({ policies })
    fc.assert(
      fc.property(chain, (actors) => {
        expect(evaluate(onBehalf({ actors }), rules).permitted).toBe(false)
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('explain', () => {
  it('says what evaluate says', () => {
    fc.assert(
      fc.property(strictPolicies, fullRequest, (policies, facts) => {
        const rules = rulesOf({ policies })
        const [decision, explanation] = [evaluate(facts, rules), explain(facts, rules)]
        expect(explanation).toMatchObject({
          permitted: decision.permitted,
          rules: decision.rules,
          shadow: decision.shadow,
          changes: decision.changes,
          errors: decision.errors,
        })
        if (decision.permitted)
          expect(explanation.granted).toMatchObject({ scopes: decision.scopes, lifetime: decision.lifetime })
        else expect(explanation).toMatchObject({ reason: decision.reason, sentence: decision.detail })
        expect(explanation.sentence).not.toBe('')
      }),
      seldom,
    )
  })

  it('has a trace from which the decision follows', () => {
    fc.assert(
      fc.property(strictPolicies, fullRequest, (policies, facts) => {
        const { trace, ...explanation } = explain(facts, rulesOf({ policies }))
        const lines = trace.flatMap(({ rules }) => rules)
        for (const name of explanation.rules)
          expect(
            lines.some(({ rule, matched }) => rule === name && matched),
            `${name} matched`,
          ).toBe(true)
        for (const { rule, outcome } of explanation.shadow)
          expect(
            lines.some(
              (line) => line.rule === rule && line.matched && line.mode === 'shadow' && line.effect === outcome,
            ),
          ).toBe(true)
        for (const line of lines) {
          expect(line.matched || line.failing !== undefined).toBe(true)
          if (!line.matched) expect(line.scopes).toEqual([])
        }
        if (trace.some(({ stopped }) => stopped !== undefined) || explanation.reason === 'may_act_mismatch') return
        expect(explanation.permitted).toBe(follows(trace, facts, policies))
      }),
      seldom,
    )
  })
})

type Trace = ReturnType<typeof explain>['trace']

/** The verdict as a reader of the trace would reach it. */
function follows(trace: Trace, facts: Facts, policies: Readonly<Record<string, unknown>>): boolean {
  const enforced = ({ rules }: Trace[number], wanted: string) =>
    rules.filter(({ effect, mode, matched }) => effect === wanted && mode === 'enforce' && matched)
  const asks = facts.scopes.length > 0
  const forbids = trace.flatMap((at) => enforced(at, 'forbid'))
  // a forbid of some scopes only withholds them where none is asked for
  if (forbids.some(({ rule }) => asks || (policies[rule] as Written).scopes === undefined)) return false
  const withheld = new Set(forbids.flatMap(({ scopes }) => scopes))
  return facts.client.candidates.some((client) => {
    const mine = trace.filter((at) => at.client === client)
    const permits = mine.map((at) => enforced(at, 'permit'))
    const wanted = mine[0]?.scopes ?? []
    const granted = wanted.filter(
      (scope) => !withheld.has(scope) && permits.every((rules) => rules.some(({ scopes }) => scopes.includes(scope))),
    )
    if (permits.some((rules) => rules.length === 0) || (asks && granted.length < wanted.length)) return false
    const deciding = permits
      .flat()
      .filter(({ scopes }) => granted.length === 0 || scopes.some((scope) => granted.includes(scope)))
    const demands = deciding.flatMap((rule) => rule.demands)
    const bindings = new Set(demands.flatMap((each) => (each.path === 'spec.binding' ? each.demands : [])))
    return demands.every(({ met }) => met) && !(bindings.has('dpop') && bindings.has('mtls'))
  })
}
