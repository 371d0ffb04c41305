import { formatDuration } from '../lib/duration.ts'
import type { Fault } from '../lib/fault.ts'
import type { Party, Policy } from './policy.ts'

const LONG_LIFE = 900

/** What is allowed but doubtful in a Policy by itself: the path and a sentence. */
export function lintPolicy(policy: Policy): readonly Fault[] {
  const warnings: Fault[] = []
  const warn = (path: string, message: string) => warnings.push({ path, message })
  if (policy.effect === 'permit') {
    if (policy.clients === undefined && policy.targets === undefined)
      warn(
        'spec',
        'every client, those to come too, may have a token for every target; name the clients or the targets',
      )
    if (policy.clients === undefined && policy.subject === undefined && policy.condition === undefined)
      warn('spec.clients', 'every client, those to come too, is permitted for every subject')
    if (policy.lifetime !== undefined && policy.lifetime > LONG_LIFE)
      warn(
        'spec.lifetime',
        `${formatDuration(policy.lifetime)} is long for a token of a workload; 15m is the usual limit (T39)`,
      )
    if (policy.delegation.mode === 'impersonate') {
      if (policy.subject === undefined && policy.condition === undefined)
        warn(
          'spec.delegation.mode',
          'the client may look like any subject it can bring a token of, and nothing in the token shows it (TE-53); name the subjects',
        )
      else warn('spec.delegation.mode', 'nothing in the issued token shows who acted; delegate keeps the name (TE-53)')
    }
    if (policy.changes.has('lifetime'))
      warn('spec.changes', 'lifetime has no effect: no token outlives what it is made from (I4); leave it out')
    if (policy.changes.has('unbind'))
      warn('spec.changes', 'a credential that only its key holder can use becomes one that anybody can who sees it')
  }
  partyWarnings(policy.subject, 'spec.subject', warn)
  partyWarnings(policy.actor, 'spec.actor', warn)
  return warnings
}

function partyWarnings(party: Party | undefined, path: string, warn: (path: string, message: string) => void): void {
  if (party === undefined) return
  for (const { source } of party.ids ?? []) {
    if (/^\*\*?$/.test(source)) warn(`${path}.ids`, `${source} alone matches nearly every subject`)
    else if (source.endsWith('**'))
      warn(
        `${path}.ids`,
        `${source} also matches everything further down, now and later; name the segments with * where you can`,
      )
  }
  for (const [attribute, patterns] of party.match) {
    if (party.issuers === undefined)
      warn(
        `${path}.match.${attribute}`,
        'every issuer may map an attribute of this name; name the `issuers` whose word you take (T1, T21)',
      )
    for (const { source } of patterns)
      if (/^\*\*?$/.test(source))
        warn(`${path}.match.${attribute}`, `${source} alone matches nearly every ${attribute}`)
  }
  if (party.condition !== undefined && party.issuers === undefined)
    warn(
      `${path}.condition`,
      'every issuer may map attributes as it likes; name the `issuers` whose word you take (T1)',
    )
}
