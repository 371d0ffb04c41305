import type { Explained } from '../exchange/explain.ts'
import type { PolicyIndex } from '../policy/index-policies.ts'

/** How the cases met one rule. */
export interface CoveredRule {
  readonly rule: string
  readonly effect: 'permit' | 'forbid'
  readonly mode: 'enforce' | 'shadow'
  /** Cases that it decided, or would have taken part in if it were not in shadow. */
  readonly cases: number
  /** Cases that it matched, whatever decided them. */
  readonly matched: number
}

/** Of all rules but those that are disabled. */
export interface Coverage {
  readonly rules: readonly CoveredRule[]
  readonly covered: number
  /** Whole percents, rounded down; 100 where there is no rule. */
  readonly percent: number
}

export function coverageOf(policies: PolicyIndex, cases: readonly (Explained | undefined)[]): Coverage {
  const said = cases.flatMap((each) => each?.explanation ?? [])
  const rules = [...policies.all()]
    .filter(({ disabled }) => !disabled)
    .map(({ name: rule, effect, mode }): CoveredRule => {
      const decided = said.filter(({ rules: deciding, shadow }) =>
        mode === 'enforce' ? deciding.includes(rule) : shadow.some((each) => each.rule === rule),
      )
      const matched = said.filter(({ trace }) =>
        trace.some((one) => one.rules.some((each) => each.rule === rule && each.matched)),
      )
      return { rule, effect, mode, cases: decided.length, matched: matched.length }
    })
  const covered = rules.filter(({ cases: count }) => count > 0).length
  const percent = rules.length === 0 ? 100 : Math.floor((100 * covered) / rules.length)
  return { rules, covered, percent }
}
