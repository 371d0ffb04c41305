import { formatDuration } from '../lib/duration.ts'
import type { Explained } from './explain.ts'
import { sameMembers } from './judgement.ts'
import type { Expectation } from './written-case.ts'

/** Something that a case expects, and what came instead, as people read it. */
export interface Miss {
  readonly what: keyof Expectation
  readonly expected: string
  readonly got: string
}

/** What of an expectation did not come true. `lifetime` is that of the token, where credentials end it before the rules do. */
export function missesOf(expected: Expectation, explained: Explained, lifetime?: number): readonly Miss[] {
  const { permitted, reason, explanation } = explained
  const granted = explanation?.granted
  const verdict = permitted ? 'permitted' : 'refused'
  const misses: Miss[] = []
  const one = (what: keyof Expectation, wanted: string | undefined, got: string) => {
    if (wanted !== undefined && wanted !== got) misses.push({ what, expected: wanted, got: got || NOTHING })
  }
  const all = (
    what: keyof Expectation,
    wanted: readonly string[] | undefined,
    got: readonly string[],
    same = sameMembers,
  ) => {
    if (wanted !== undefined && !same(wanted, got)) misses.push({ what, expected: listed(wanted), got: listed(got) })
  }
  one('verdict', expected.verdict, verdict)
  one('reason', expected.reason, reason)
  one('client', expected.client, explanation?.client ?? '')
  const rules = explanation?.rules ?? []
  if (expected.rule !== undefined && !rules.includes(expected.rule))
    misses.push({ what: 'rule', expected: expected.rule, got: listed(rules) })
  all('rules', expected.rules, rules)
  all('changes', expected.changes, explanation?.changes ?? [])
  all(
    'shadow',
    expected.shadow,
    (explanation?.shadow ?? []).map(({ rule }) => rule),
  )
  // Of a refusal that was to be a permit, the verdict says it all.
  if (granted === undefined) return misses
  all('scopes', expected.scopes, granted.scopes)
  one('subject', expected.subject, granted.subject)
  // The current actor comes first.
  all(
    'actors',
    expected.actors,
    granted.actors.map(({ sub }) => sub),
    sameInOrder,
  )
  one('lifetime', duration(expected.lifetime), formatDuration(lifetime ?? granted.lifetime))
  return misses
}

const NOTHING = 'none'
const listed = (names: readonly string[]): string => (names.length === 0 ? NOTHING : names.join(', '))
const duration = (seconds: number | undefined) => (seconds === undefined ? undefined : formatDuration(seconds))

const sameInOrder = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((each, index) => each === others[index])
