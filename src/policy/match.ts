import { coversDetail } from './authorization-details.ts'
import type { Case } from './case.ts'
import type { Clause, Errors } from './clauses.ts'
import * as clauses from './clauses.ts'
import type { Policy } from './policy.ts'

/**
 * The first clause by which a permit does not match, scopes and demands aside; undefined where it does: plain fields first,
 * conditions last. A condition that fails does not hold.
 */
export function permitMismatch(rule: Policy, asked: Case, errors: Errors): Clause | undefined {
  const plain = plainMismatch(rule, asked, errors)
  if (plain !== undefined) return plain
  if (!clauses.delegation.holds(rule, asked, errors)) return clauses.delegation
  if (!clauses.changes.holds(rule, asked, errors)) return clauses.changes
  for (const condition of rule.conditions) if (condition.holds(rule, asked, errors) !== true) return condition
  return undefined
}

/**
 * The same of a forbid, which says when, and nothing of how. A condition that fails counts as one that holds
 * (interfaces.md, "Errors in conditions").
 */
export function forbidMismatch(rule: Policy, asked: Case, errors: Errors): Clause | undefined {
  const plain = plainMismatch(rule, asked, errors)
  if (plain !== undefined) return plain
  for (const condition of rule.conditions) if (condition.holds(rule, asked, errors) === false) return condition
  return undefined
}

/** Written out and not in a loop: every decision asks this of every rule in question. */
function plainMismatch(rule: Policy, asked: Case, errors: Errors): Clause | undefined {
  if (!clauses.grant.holds(rule, asked, errors)) return clauses.grant
  if (!clauses.tokenType.holds(rule, asked, errors)) return clauses.tokenType
  if (!clauses.subject.holds(rule, asked, errors)) return clauses.subject
  if (!clauses.actor.holds(rule, asked, errors)) return clauses.actor
  if (!clauses.narrowing.holds(rule, asked, errors)) return clauses.narrowing
  return undefined
}

/** Whether a permit that matches grants the scope, within what a token of ours holds. */
export function covers(rule: Policy, scope: string, { cap, facts }: Case): boolean {
  if (cap !== undefined && !cap.includes(scope)) return false
  return rule.scopes?.has(scope) === true && (rule.changes.has('scope') || facts.subject.scopes.includes(scope))
}

/** Whether a permit that matches takes part in the decision: it grants something of what is asked, or no more than a token is. */
export function grantsSome(rule: Policy, asked: Case, wanted: readonly string[]): boolean {
  const { scopes, authorizationDetails } = asked.facts
  if (scopes.length === 0 && authorizationDetails === undefined) return true
  return (
    wanted.some((scope) => covers(rule, scope, asked)) ||
    authorizationDetails?.some((detail) => coversDetail(rule, detail, asked)) === true
  )
}
