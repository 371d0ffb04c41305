import type { Reason } from '../refusal.ts'
import type { Case } from './case.ts'
import { type Mismatch, permitMismatch, stages } from './match.ts'
import type { Policy } from './policy.ts'

const REASONS: Readonly<Record<Mismatch['stage'], Reason>> = {
  plain: 'denied',
  narrowing: 'scope_denied',
  delegation: 'delegation_denied',
  changes: 'change_denied',
  condition: 'denied',
}

interface Near {
  readonly rule: Policy
  readonly mismatch: Mismatch | undefined
  readonly covers: boolean
}

/** Why no permit lets the case have the scopes (none: a token at all), with the rule that came nearest. For the record; it is allowed to cost. */
export function denialAt(
  asked: Case,
  rules: readonly (readonly Policy[])[],
  scopes: readonly string[],
): { readonly reason: Reason; readonly detail: string } {
  const { client, target, facts, cap } = asked
  const asks = facts.scopes.length === 0 ? 'a token' : scopes.join(' ')
  const beyond = scopes.filter((scope) => cap !== undefined && !cap.includes(scope))
  if (facts.scopes.length > 0 && beyond.length > 0) {
    return {
      reason: 'scope_denied',
      detail: `the subject token is for ${target.name} already and does not hold ${beyond.join(' ')}`,
    }
  }
  const near = nearest(asked, rules, scopes)
  const lead = `no policy lets client ${client} ask for ${asks} at ${target.name}`
  if (near === undefined) return { reason: 'denied', detail: lead }
  const { rule, mismatch } = near
  if (mismatch === undefined) {
    const granted = [...(rule.scopes ?? [])]
    const change = granted.some((scope) => scopes.includes(scope)) ? ', and does not list the change scope' : ''
    return {
      reason: change === '' ? 'scope_denied' : 'change_denied',
      detail: `${lead}; ${rule.name} permits ${granted.join(' ') || 'no scope'}${change}`,
    }
  }
  return { reason: REASONS[mismatch.stage], detail: `${lead}; ${rule.name} does not match, because ${mismatch.why}` }
}

/** First a rule that would cover the scopes, then the one that stopped last, then by name. */
function nearest(asked: Case, rules: readonly (readonly Policy[])[], scopes: readonly string[]): Near | undefined {
  let best: Near | undefined
  for (const rule of rules.flat()) {
    if (rule.effect !== 'permit' || rule.mode !== 'enforce') continue
    const near: Near = {
      rule,
      mismatch: permitMismatch(rule, asked, []),
      covers: scopes.every((scope) => rule.scopes?.has(scope)),
    }
    if (best === undefined || isNearer(near, best)) best = near
  }
  return best
}

function isNearer(one: Near, other: Near): boolean {
  if (one.covers !== other.covers) return one.covers
  const [mine, theirs] = [rank(one), rank(other)]
  return mine === theirs ? one.rule.name < other.rule.name : mine > theirs
}

const rank = ({ mismatch }: Near): number => (mismatch === undefined ? stages.length : stages.indexOf(mismatch.stage))
