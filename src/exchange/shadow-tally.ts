import type { ExchangeRecord } from '../audit/contract.ts'
import type { Reason } from '../refusal.ts'

/** What a rule in shadow would have done, as the record noted it at the time. Times are milliseconds since the epoch. */
export interface ShadowRule {
  readonly rule: string
  readonly effect: string
  /** Decisions that it matched. */
  readonly matched: number
  /** Of these, decisions that went the other way: refusals that a permit matched, grants that a forbid matched. */
  readonly otherwise: number
  readonly first: number
  readonly last: number
  /** Ids of records that went the other way. */
  readonly examples: readonly string[]
}

const MAX_RULES = 10_000
const MAX_EXAMPLES = 5

interface Open extends ShadowRule {
  matched: number
  otherwise: number
  first: number
  last: number
  readonly examples: string[]
}

/** Counts what rules in shadow would have done, record by record. */
export class ShadowTally {
  readonly #rules = new Map<string, Open>()

  see({ id, at, outcome, reason, shadow }: Pick<ExchangeRecord, 'id' | 'at' | 'outcome' | 'reason' | 'shadow'>): void {
    for (const { rule, outcome: effect } of shadow) {
      const tally = this.#tally(rule, effect, at)
      if (tally === undefined) continue
      tally.matched++
      tally.first = Math.min(tally.first, at)
      tally.last = Math.max(tally.last, at)
      if (effect === 'forbid' ? outcome !== 'granted' : !MISSING_PERMIT.has(reason)) continue
      tally.otherwise++
      if (tally.examples.length < MAX_EXAMPLES) tally.examples.push(id)
    }
  }

  #tally(rule: string, effect: string, at: number): Open | undefined {
    const key = JSON.stringify([rule, effect])
    const known = this.#rules.get(key)
    if (known !== undefined || this.#rules.size >= MAX_RULES) return known
    const fresh = { rule, effect, matched: 0, otherwise: 0, first: at, last: at, examples: [] }
    this.#rules.set(key, fresh)
    return fresh
  }

  /** By the names of the rules. */
  rules(): readonly ShadowRule[] {
    return [...this.#rules.values()]
      .map((tally) => ({ ...tally, examples: [...tally.examples] }))
      .sort((one, other) => (one.rule < other.rule ? -1 : one.rule > other.rule ? 1 : 0))
  }
}

/** Refusals for want of a permit. Of any other the permit would have changed nothing. */
const MISSING_PERMIT: ReadonlySet<string> = new Set<Reason>([
  'denied',
  'scope_denied',
  'delegation_denied',
  'change_denied',
])
