import type { Target } from '../../targets/contract.ts'
import type { Warning } from '../contract.ts'
import { enforced, listed, type Nouns, subjectIssuers, targetsOf } from './enforced.ts'

/** Targets whose `subject` can call workloads of two issuers by one name (interfaces.md, "`subject.id`"). */
export function* meetingSubjects(nouns: Nouns): Iterable<Warning> {
  const mapping = [...nouns.targets.values()].filter(({ disabled, tokens }) => !disabled && tokens.some(canMeet))
  if (mapping.length === 0) return
  const issuers = issuersAt(mapping, nouns)
  for (const { name, tokens } of mapping) {
    const here = issuers.get(name) ?? new Set()
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

/** Names of the issuers whose subjects may have a token of the target. */
function issuersAt(targets: readonly Target[], nouns: Nouns): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>(targets.map(({ name }) => [name, new Set()]))
  for (const permit of enforced(nouns, 'permit')) {
    const issuers = subjectIssuers(permit, nouns) ?? everyIssuer(nouns)
    for (const { name } of targetsOf(permit, nouns) ?? targets) {
      const here = found.get(name)
      for (const issuer of here === undefined ? [] : issuers) here?.add(issuer)
    }
  }
  return found
}

function everyIssuer({ issuers }: Nouns): readonly string[] {
  return [...issuers.values()].flatMap(({ name, disabled, uses }) => (disabled || !uses.has('subject') ? [] : name))
}
