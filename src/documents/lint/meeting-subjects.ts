import type { Steps } from '../../lib/slices.ts'
import type { Target } from '../../targets/contract.ts'
import { type Doubts, enforced, listed, type Nouns, subjectIssuers } from './enforced.ts'

/** Targets whose `subject` can call workloads of two issuers by one name (interfaces.md, "`subject.id`"). */
export function* meetingSubjects(nouns: Nouns): Doubts {
  const mapping = [...nouns.targets.values()].filter(({ disabled, tokens }) => !disabled && tokens.some(canMeet))
  if (mapping.length === 0) return
  const issuersOf = yield* issuersAt(mapping, nouns)
  for (const { name, tokens } of mapping) {
    yield undefined
    const here = issuersOf(name)
    if (here.size < 2) continue
    for (const [index, profile] of tokens.entries()) {
      if (canMeet(profile))
        yield {
          kind: 'Target',
          name,
          path: `spec.tokens[${index}].subject`,
          message: `workloads of ${listed(here)} can meet in one value of this mapping, and are then one to the target; put subject.issuer into it, or permit one issuer only (subject.id is unique over all)`,
        }
    }
  }
}

/** A mapping that names the issuer, or the id that is unique over all, keeps them apart. */
const canMeet = ({ subject }: Target['tokens'][number]): boolean =>
  subject !== undefined && !/\bsubject\s*\.\s*(?:issuer|id)\b/.test(subject.source)

/** By the name of a target, names of the issuers whose subjects may have a token of it. */
function* issuersAt(targets: readonly Target[], nouns: Nouns): Steps<(target: string) => ReadonlySet<string>> {
  const every = everyIssuer(nouns)
  const named = new Map<string, Set<string>>(targets.map(({ name }) => [name, new Set()]))
  // Rules that name no target are told once, and not at each of them.
  const everywhere = new Set<string>()
  for (const permit of enforced(nouns, 'permit')) {
    yield
    const issuers = subjectIssuers(permit, nouns) ?? every
    const places = permit.targets === undefined ? [everywhere] : [...permit.targets].map((name) => named.get(name))
    for (const here of places) for (const issuer of here === undefined ? [] : issuers) here?.add(issuer)
  }
  return (target) => everywhere.union(named.get(target) ?? new Set())
}

function everyIssuer({ issuers }: Nouns): readonly string[] {
  return [...issuers.values()].flatMap(({ name, disabled, uses }) => (disabled || !uses.has('subject') ? [] : name))
}
