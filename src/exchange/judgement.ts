import { canonicalJson } from '../lib/json.ts'
import type { Decision, Permission } from '../policy/contract.ts'
import type { Reason } from '../refusal.ts'

/** A decision as a replay shows it. */
export interface Judgement {
  readonly verdict: 'permitted' | 'refused'
  readonly reason: Reason | 'granted'
  /** A sentence for the administrator; '' where it permits. */
  readonly detail: string
  /** '' where none could be settled on. */
  readonly client: string
  readonly rules: readonly string[]
  readonly targets?: readonly string[]
  readonly scopes?: readonly string[]
  /** The ceiling, in seconds. */
  readonly lifetime?: number
  readonly tokenType?: string
}

/** In what two decisions differ for whoever asked. */
export const differences = ['verdict', 'client', 'targets', 'scopes', 'lifetime', 'token', 'subject', 'actors'] as const
export type Difference = (typeof differences)[number]

export function judgementOf(decision: Decision): Judgement {
  const { client = '', rules } = decision
  if (!decision.permitted)
    return { verdict: 'refused', reason: decision.reason, detail: decision.detail, client, rules }
  const { targets, scopes, lifetime, profile } = decision
  return {
    verdict: 'permitted',
    reason: 'granted',
    detail: '',
    client,
    rules,
    targets: targets.map(({ name }) => name),
    scopes,
    lifetime,
    tokenType: profile.tokenType,
  }
}

/** Two refusals are alike to whoever is refused, whatever the reason; so are two permissions that make the same token, whatever the rule. */
export function differencesOf(one: Decision, other: Decision): readonly Difference[] {
  if (one.permitted !== other.permitted) return VERDICT
  if (!one.permitted || !other.permitted) return NONE
  const found = COMPARED.filter(([, same]) => !same(one, other))
  return found.length === 0 ? NONE : found.map(([difference]) => difference)
}

const VERDICT: readonly Difference[] = Object.freeze(['verdict'])
const NONE: readonly Difference[] = Object.freeze([])

type Same = (one: Permission, other: Permission) => boolean

const COMPARED: readonly (readonly [Difference, Same])[] = [
  ['client', (one, other) => one.client === other.client],
  ['targets', (one, other) => sameMembers(namesOf(one), namesOf(other))],
  ['scopes', (one, other) => sameMembers(one.scopes, other.scopes)],
  ['lifetime', (one, other) => one.lifetime === other.lifetime],
  ['token', (one, other) => one.profile.tokenType === other.profile.tokenType && one.binding === other.binding],
  ['subject', (one, other) => one.subject === other.subject],
  ['actors', (one, other) => chainOf(one) === chainOf(other)],
]

const namesOf = ({ targets }: Permission): readonly string[] => targets.map(({ name }) => name)
const chainOf = ({ actors }: Permission): string => (actors.length === 0 ? '' : canonicalJson(actors))

/** Each stands once in a list of this kind, in no order that matters. */
export const sameMembers = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((each) => others.includes(each))
