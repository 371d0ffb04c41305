import type { Reason } from '../refusal.ts'
import type { Case } from './case.ts'
import { type Clause, stages, unlisted } from './clauses.ts'
import type { Failing } from './contract.ts'
import { covers, permitMismatch } from './match.ts'
import type { Policy } from './policy.ts'

const REASONS: Readonly<Record<Clause['stage'], Reason>> = {
  plain: 'denied',
  narrowing: 'scope_denied',
  delegation: 'delegation_denied',
  changes: 'change_denied',
  condition: 'denied',
}

interface Near {
  readonly rule: Policy
  readonly mismatch: Clause | undefined
  /** Whether it lists every scope in question. */
  readonly lists: boolean
}

/** Why no permit lets the case have the scopes (none: a token at all), with the rule that came nearest. For the record; it is allowed to cost. */
export function denialAt(
  asked: Case,
  rules: readonly (readonly Policy[])[],
  scopes: readonly string[],
): { readonly reason: Reason; readonly detail: string } {
  const { client, target, facts } = asked
  const asks = facts.scopes.length === 0 ? 'a token' : scopes.join(' ')
  const beyond = facts.scopes.length === 0 ? [] : unheld(scopes, asked)
  if (beyond.length > 0) return { reason: 'scope_denied', detail: alreadyFor(asked, beyond) }
  const near = nearest(asked, rules, scopes)
  const lead = `no rule lets client ${client} ask for ${asks} at ${target.name}`
  if (near === undefined) return { reason: 'denied', detail: lead }
  const { rule, mismatch } = near
  if (mismatch !== undefined) {
    const { why } = mismatch.describe(rule, asked)
    return { reason: REASONS[mismatch.stage], detail: `${lead}; rule ${rule.name} does not match, because ${why}` }
  }
  const failing = scopeFailing(rule, asked, scopes)
  return {
    reason: failing?.path === 'spec.changes' ? 'change_denied' : 'scope_denied',
    detail: `${lead}; rule ${rule.name} permits ${[...(rule.scopes ?? [])].join(' ') || 'no scope'}${failing?.path === 'spec.changes' ? `, and ${failing.why}` : ''}`,
  }
}

/** What keeps a permit that matches from granting all of the scopes; undefined where nothing does. */
export function scopeFailing(rule: Policy, asked: Case, scopes: readonly string[]): Failing | undefined {
  const missing = scopes.filter((scope) => !covers(rule, scope, asked))
  if (missing.length === 0) return undefined
  const saw = { 'request.scopes': asked.facts.scopes, 'subject.scopes': asked.facts.subject.scopes }
  const beyond = unheld(missing, asked)
  if (beyond.length > 0) return { path: 'spec.scopes', why: alreadyFor(asked, beyond), saw }
  const unpermitted = missing.filter((scope) => rule.scopes?.has(scope) !== true)
  if (unpermitted.length === 0) return unlisted(['scope'], asked)
  return { path: 'spec.scopes', why: `it does not permit ${unpermitted.join(' ')}`, saw }
}

/** Scopes beyond what a token of ours holds, where it already is for this target. */
const unheld = (scopes: readonly string[], { cap }: Case): readonly string[] =>
  cap === undefined ? [] : scopes.filter((scope) => !cap.includes(scope))

const alreadyFor = ({ target }: Case, scopes: readonly string[]): string =>
  `the subject token is for ${target.name} already and does not hold ${scopes.join(' ')}`

/** The enforced permit that comes nearest: first one that lists the scopes, then the one that stopped last, then by name. */
export function nearest(
  asked: Case,
  rules: readonly (readonly Policy[])[],
  scopes: readonly string[],
): Near | undefined {
  let best: Near | undefined
  for (const rule of rules.flat()) {
    if (rule.effect !== 'permit' || rule.mode !== 'enforce') continue
    const near: Near = {
      rule,
      mismatch: permitMismatch(rule, asked, []),
      lists: scopes.every((scope) => rule.scopes?.has(scope)),
    }
    if (best === undefined || isNearer(near, best)) best = near
  }
  return best
}

function isNearer(one: Near, other: Near): boolean {
  if (one.lists !== other.lists) return one.lists
  const [mine, theirs] = [rank(one), rank(other)]
  return mine === theirs ? one.rule.name < other.rule.name : mine > theirs
}

const rank = ({ mismatch }: Near): number => (mismatch === undefined ? stages.length : stages.indexOf(mismatch.stage))
