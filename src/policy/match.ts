import type { Case } from './case.ts'
import type { Clause, Errors } from './clauses.ts'
import type { Policy } from './policy.ts'

/** The first clause by which a permit does not match, scopes aside; undefined where it does. A condition that fails does not hold. */
export function permitMismatch(rule: Policy, asked: Case, errors: Errors): Clause | undefined {
  for (const clause of rule.clauses) if (clause.holds(rule, asked, errors) !== true) return clause
  return undefined
}

/** The same of a forbid, in which a condition that fails counts as one that holds (interfaces.md, "Errors in conditions"). */
export function forbidMismatch(rule: Policy, asked: Case, errors: Errors): Clause | undefined {
  for (const clause of rule.clauses) if (clause.holds(rule, asked, errors) === false) return clause
  return undefined
}

/** Whether a permit that matches grants the scope, within what a token of ours holds. */
export function covers(rule: Policy, scope: string, { cap, facts }: Case): boolean {
  if (cap !== undefined && !cap.includes(scope)) return false
  return rule.scopes?.has(scope) === true && (rule.changes.has('scope') || facts.subject.scopes.includes(scope))
}
