import { SELF_ISSUER } from '../identity/principal.ts'
import { wideness } from '../identity/wide-pattern.ts'
import { formatDuration } from '../lib/duration.ts'
import type { Fault } from '../lib/fault.ts'
import { wideTexts } from '../lib/wide-texts.ts'
import { POLICY_VARIABLES } from './case.ts'
import { DEFAULT_DEPTH, type Party, type Policy } from './policy.ts'

const LONG_LIFE = 900

type Warn = (path: string, message: string) => void

/** What is allowed but doubtful in a Policy by itself: the path and a sentence. */
export function lintPolicy(policy: Policy): readonly Fault[] {
  const warnings: Fault[] = []
  const warn: Warn = (path, message) => void warnings.push({ path, message })
  if (policy.effect === 'permit') {
    generosity(policy, warn)
    delegationInVain(policy, warn)
    waiver(policy, warn)
    changesInVain(policy, warn)
  }
  partyWarnings(policy.subject, 'spec.subject', warn)
  partyWarnings(policy.actor, 'spec.actor', warn)
  conditionWarnings(policy.condition, 'spec.condition', warn)
  return warnings
}

/** Permits that give more than most administrators mean. */
function generosity(policy: Policy, warn: Warn): void {
  if (policy.clients === undefined && policy.targets === undefined)
    warn('spec', 'every client, those to come too, may have a token for every target; name the clients or the targets')
  if (policy.clients === undefined && policy.subject === undefined && policy.condition === undefined)
    warn(
      'spec.clients',
      'every client, those to come too, is permitted for every subject; name the clients, or a `subject`',
    )
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
  if (policy.changes.has('unbind'))
    warn('spec.changes', 'a credential that only its key holder can use becomes one that anybody can who sees it')
}

/** What a rule says of actors while it allows none, or of a chain that it does not keep. */
function delegationInVain({ actor, delegation: { mode, maxDepth, requireMayAct } }: Policy, warn: Warn): void {
  if (mode === 'none' && actor !== undefined)
    warn(
      'spec.actor',
      'can never match: the rule asks for an actor, and its `delegation` allows none; say delegation: {mode: delegate}',
    )
  if (mode !== 'delegate' && maxDepth !== DEFAULT_DEPTH)
    warn(
      'spec.delegation.maxDepth',
      `has no effect: a chain of actors is kept by mode delegate alone, and the mode is ${mode}`,
    )
  if (mode === 'none' && requireMayAct)
    warn(
      'spec.delegation.requireMayAct',
      'has no effect: with mode none nobody acts for anybody; say mode: delegate, or leave it out',
    )
}

/** A rule that takes bound tokens of ours from others than their holder. */
function waiver({ subject, binding, changes }: Policy, warn: Warn): void {
  if (subject?.proofOfPossession !== 'waived') return
  const path = 'spec.subject.proofOfPossession'
  if (subject.issuers !== undefined && !subject.issuers.has(SELF_ISSUER))
    warn(path, 'has no effect: it is about tokens of ours alone, and `issuers` does not name self; leave it out')
  else if (binding === 'none')
    warn(
      path,
      changes.has('unbind')
        ? 'a token that only its holder could use becomes one that anybody can who sees it, and the holder has no part in it; say `binding` too, so that the new one has a holder again (T16)'
        : 'who brings such a token and proves no key of its own is refused by `changes`, and not told why; say `binding` too, which demands the proof',
    )
}

/** Changes that every exchange of a foreign credential makes, and that a rule about foreign subjects does not allow. */
function changesInVain({ subject, scopes, changes }: Policy, warn: Warn): void {
  if (changes.has('lifetime'))
    warn('spec.changes', 'lifetime has no effect: no token outlives what it is made from (I4); leave it out')
  const foreign = subject?.issuers !== undefined && !subject.issuers.has(SELF_ISSUER)
  if (!foreign) return
  if (!changes.has('authority'))
    warn(
      'spec.changes',
      'can never match: a credential of another issuer becomes one of ours, which is the change authority; list it',
    )
  else if (!changes.has('scope') && scopes !== undefined && scopes.size > 0)
    warn(
      'spec.changes',
      'no scope can be granted: a credential of another issuer holds none, so that each is the change scope; list it',
    )
}

function partyWarnings(party: Party | undefined, path: string, warn: Warn): void {
  if (party === undefined) return
  for (const [index, pattern] of (party.ids ?? []).entries()) {
    const why = wideness(pattern, 'subject')
    if (why !== undefined) warn(`${path}.ids[${index}]`, why)
  }
  for (const [attribute, patterns] of party.match) {
    if (party.issuers === undefined)
      warn(
        `${path}.match.${attribute}`,
        'every issuer may map an attribute of this name; name the `issuers` whose word you take (T1, T21)',
      )
    for (const pattern of patterns) {
      const why = wideness(pattern, attribute)
      if (why !== undefined) warn(`${path}.match.${attribute}`, why)
    }
  }
  if (party.condition !== undefined && party.issuers === undefined)
    warn(
      `${path}.condition`,
      'every issuer may map attributes as it likes; name the `issuers` whose word you take (T1)',
    )
  conditionWarnings(party.condition, `${path}.condition`, warn)
}

function conditionWarnings(condition: Policy['condition'], path: string, warn: Warn): void {
  if (condition === undefined) return
  for (const why of wideTexts(condition.source, POLICY_VARIABLES)) warn(path, why)
}
