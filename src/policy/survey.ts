import type { Case } from './case.ts'
import { forbidMismatch, grantsSome, permitMismatch } from './match.ts'
import type { Policy } from './policy.ts'

/** What the rules say to one case. */
export interface Survey {
  readonly asked: Case
  /** Enforced permits that match, scopes aside. */
  readonly permits: readonly Policy[]
  /** Enforced forbids that match. */
  readonly forbids: readonly Policy[]
  /** Default scopes that a forbid takes away: none was asked for, so what is forbidden is not granted, and no more is denied. */
  readonly withheld: readonly string[]
}

interface Notes {
  readonly errors: string[]
  readonly shadow: Map<string, 'permit' | 'forbid'>
}

const NOTHING: readonly never[] = Object.freeze([])

/**
 * Puts a case to all rules that speak of its client and target. Rules in shadow are asked like all others and noted,
 * without effect. With `forbidsOnly`, permits are left alone: another candidate client decides.
 */
export function survey(
  rules: readonly (readonly Policy[])[],
  asked: Case,
  wanted: readonly string[],
  notes: Notes,
  forbidsOnly = false,
): Survey {
  const permits: Policy[] = []
  let forbids: Policy[] | undefined
  let withheld: string[] | undefined
  for (const list of rules) {
    for (const rule of list) {
      if (rule.effect === 'permit') {
        if (forbidsOnly || permitMismatch(rule, asked, notes.errors) !== undefined) continue
        if (rule.mode === 'enforce') permits.push(rule)
        else if (grantsSome(rule, asked, wanted)) notes.shadow.set(rule.name, 'permit')
        continue
      }
      const scopes = rule.scopes === undefined ? undefined : wanted.filter((scope) => rule.scopes?.has(scope))
      if (scopes?.length === 0 || forbidMismatch(rule, asked, notes.errors) !== undefined) continue
      if (rule.mode === 'shadow') notes.shadow.set(rule.name, 'forbid')
      else if (scopes === undefined || asked.facts.scopes.length > 0) {
        forbids ??= []
        forbids.push(rule)
      } else {
        withheld ??= []
        withheld.push(...scopes)
      }
    }
  }
  return { asked, permits, forbids: forbids ?? NOTHING, withheld: withheld ?? NOTHING }
}
