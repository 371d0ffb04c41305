import type { Principal } from '../identity/principal.ts'
import { selects } from '../identity/selector.ts'
import type { Condition } from '../lib/cel.ts'
import type { Case } from './case.ts'
import { delegationMismatch } from './delegation.ts'
import type { Party, Policy } from './policy.ts'

/**
 * How far a rule goes along with a case before it stops, in the order in which it is asked: the further, the nearer it
 * was to matching, and the better it explains a denial.
 */
export const stages = ['plain', 'narrowing', 'delegation', 'changes', 'condition'] as const
export interface Mismatch {
  readonly stage: (typeof stages)[number]
  /** Completes "rule NAME does not match, because …". */
  readonly why: string
}

/** Told of conditions that failed: `rule NAME: message`. */
export type Errors = string[]

const mismatch = (stage: Mismatch['stage'], why: string): Mismatch => Object.freeze({ stage, why })
const GRANT = mismatch('plain', 'it is about another grant')
const TOKEN_TYPE = mismatch('plain', 'it is about another kind of token')
const SUBJECT = mismatch('plain', 'it is about other subjects')
const ACTOR = mismatch('plain', 'it is about other actors')
const NARROWING = mismatch('narrowing', 'it does not say in subject.scopes what a token for another audience must hold')
const UNHELD = mismatch('narrowing', 'the subject token does not hold the scopes that it lists in subject.scopes')
const CONDITION = mismatch('condition', 'its condition does not hold')
const ERROR = mismatch('condition', 'its condition failed')

/** Whether a permit matches, scopes aside; undefined where it does. Plain fields first, conditions last. */
export function permitMismatch(rule: Policy, asked: Case, errors: Errors): Mismatch | undefined {
  const plain = plainMismatch(rule, asked)
  if (plain !== undefined) return plain
  const { facts } = asked
  const demanded = rule.subject?.scopes
  if (demanded === undefined) {
    if (asked.crosses) return NARROWING
  } else if (!holdsAll(facts.subject, demanded)) return UNHELD
  const delegation = delegationMismatch(rule, facts)
  if (delegation !== undefined) return { stage: 'delegation', why: delegation }
  for (const change of asked.changes) {
    if (!rule.changes.has(change)) return { stage: 'changes', why: `it does not list the change ${change}` }
  }
  for (const condition of conditionsOf(rule)) {
    const result = ask(condition, rule, asked, errors)
    if (result !== true) return result === false ? CONDITION : ERROR
  }
  return undefined
}

/** Whether a forbid matches, scopes aside. A condition that fails counts as one that holds (interfaces.md, "Errors in conditions"). */
export function forbidMatches(rule: Policy, asked: Case, errors: Errors): boolean {
  if (plainMismatch(rule, asked) !== undefined) return false
  if (rule.subject?.scopes !== undefined && !holdsAll(asked.facts.subject, rule.subject.scopes)) return false
  return conditionsOf(rule).every((condition) => ask(condition, rule, asked, errors) !== false)
}

function plainMismatch(rule: Policy, { facts, profile }: Case): Mismatch | undefined {
  if (rule.grants !== undefined && !rule.grants.has(facts.grant)) return GRANT
  if (rule.tokenTypes !== undefined && !rule.tokenTypes.has(profile.kind)) return TOKEN_TYPE
  const { subject, actor, effect } = rule
  if (subject !== undefined && !isParty(subject, facts.subject, effect)) return SUBJECT
  if (actor !== undefined && (facts.actor === undefined || !isParty(actor, facts.actor, effect))) return ACTOR
  return undefined
}

/**
 * Ids without issuers mean workloads whose id their kind of credential vouches for. Any issuer may write a SPIFFE ID into
 * `sub`, and is not permitted anything by it (T1).
 */
function isParty(party: Party, principal: Principal, effect: Policy['effect']): boolean {
  const vouched =
    party.issuers?.has(principal.issuer) ??
    (party.ids === undefined || effect === 'forbid' || principal.id === principal.subject)
  return vouched && selects(party, principal)
}

function holdsAll(subject: Principal, scopes: readonly string[]): boolean {
  return scopes.every((scope) => subject.scopes.includes(scope))
}

const NO_CONDITIONS: readonly Condition[] = Object.freeze([])

function conditionsOf({ subject, actor, condition }: Policy): readonly Condition[] {
  if (condition === undefined && subject?.condition === undefined && actor?.condition === undefined)
    return NO_CONDITIONS
  return [subject?.condition, actor?.condition, condition].filter((each) => each !== undefined)
}

/** Undefined where the condition failed, which is told to `errors`. */
function ask(condition: Condition, rule: Policy, { bindings }: Case, errors: Errors): boolean | undefined {
  try {
    return condition.test(bindings)
  } catch (error) {
    const line = `rule ${rule.name}: ${error instanceof Error ? error.message : 'its condition failed'}`
    if (!errors.includes(line)) errors.push(line)
    return undefined
  }
}
