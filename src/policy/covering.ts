import type { Pattern } from '../identity/pattern.ts'
import type { Condition } from '../lib/cel.ts'
import { limitsCover } from './authorization-details.ts'
import type { Party, Policy } from './policy.ts'

/**
 * How two rules stand to each other, as far as their fields tell. A yes is certain; a no may be a yes that only an
 * evaluation of their conditions could find.
 */

/** Whether a forbid denies all that a permit permits: it is weaker in every field. */
export function denies(forbid: Policy, permit: Policy): boolean {
  return (
    isAbout(forbid, permit) &&
    covered(forbid.scopes, permit.scopes) &&
    (forbid.scopes === undefined || permit.authorizationDetails.length === 0) &&
    partyCovers(forbid.subject, permit.subject) &&
    partyCovers(forbid.actor, permit.actor) &&
    demandsNoMore(forbid.subject?.scopes ?? [], permit.subject?.scopes)
  )
}

/** Whether a permit permits all that another does, so that the other adds nothing: ceilings and demands of both count anyway. */
export function contains(wide: Policy, narrow: Policy): boolean {
  return (
    isAbout(wide, narrow) &&
    (narrow.scopes ?? NONE).isSubsetOf(wide.scopes ?? NONE) &&
    limitsCover(wide.authorizationDetails, narrow.authorizationDetails) &&
    narrow.changes.isSubsetOf(wide.changes) &&
    delegates(wide, narrow) &&
    vouches(wide.subject, narrow.subject) &&
    vouches(wide.actor, narrow.actor) &&
    partyCovers(wide.subject, narrow.subject) &&
    partyCovers(wide.actor, narrow.actor) &&
    crosses(wide, narrow) &&
    limitsNothing(narrow, wide)
  )
}

/** Fields that mean the same in permits and forbids. */
function isAbout(wide: Policy, narrow: Policy): boolean {
  return (
    covered(wide.clients, narrow.clients) &&
    covered(wide.targets, narrow.targets) &&
    covered(wide.grants, narrow.grants) &&
    covered(wide.tokenTypes, narrow.tokenTypes) &&
    sameOrNone(wide.condition, narrow.condition)
  )
}

const NONE: ReadonlySet<string> = new Set()

/** Whether the first names all that the second does; undefined stands for all. */
function covered(wide: ReadonlySet<string> | undefined, narrow: ReadonlySet<string> | undefined): boolean {
  return wide === undefined || narrow?.isSubsetOf(wide) === true
}

const sameOrNone = (wide: Condition | undefined, narrow: Condition | undefined): boolean =>
  wide === undefined || wide.source === narrow?.source

function partyCovers(wide: Party | undefined, narrow: Party | undefined): boolean {
  if (wide === undefined) return true
  if (narrow === undefined) return false
  return (
    covered(wide.issuers, narrow.issuers) &&
    patternsCover(wide.ids, narrow.ids) &&
    wide.match.every(([attribute, patterns]) =>
      patternsCover(patterns, narrow.match.find(([name]) => name === attribute)?.[1]),
    ) &&
    sameOrNone(wide.condition, narrow.condition)
  )
}

function patternsCover(wide: readonly Pattern[] | undefined, narrow: readonly Pattern[] | undefined): boolean {
  if (wide === undefined) return true
  return narrow?.every((each) => wide.some((pattern) => patternCovers(pattern, each))) === true
}

const patternCovers = (wide: Pattern, narrow: Pattern): boolean =>
  wide.source === narrow.source || (narrow.literal !== undefined && wide.matches(narrow.literal))

/** Ids without issuers are about vouched ids alone in a permit, so that they cover no ids of a named issuer. */
function vouches(wide: Party | undefined, narrow: Party | undefined): boolean {
  return wide?.ids === undefined || wide.issuers !== undefined || narrow?.issuers === undefined
}

function delegates(wide: Policy, narrow: Policy): boolean {
  return wide.delegation.mode === narrow.delegation.mode && wide.delegation.maxDepth >= narrow.delegation.maxDepth
}

/** A rule that does not say what a token of ours must hold takes none that is for another audience. */
function crosses({ subject: wide }: Policy, { subject: narrow }: Policy): boolean {
  if (wide?.scopes === undefined) return narrow?.scopes === undefined
  return demandsNoMore(wide.scopes, narrow?.scopes)
}

function demandsNoMore(wide: readonly string[], narrow: readonly string[] = []): boolean {
  return wide.every((scope) => narrow.includes(scope))
}

/** Whether the narrow rule puts no ceiling and no demand on what both permit that the wide one does not put itself. */
function limitsNothing(narrow: Policy, wide: Policy): boolean {
  return (
    (narrow.lifetime ?? Number.POSITIVE_INFINITY) >= (wide.lifetime ?? Number.POSITIVE_INFINITY) &&
    (narrow.binding === 'none' || narrow.binding === wide.binding) &&
    (narrow.authentication.size === 0 ||
      (wide.authentication.size > 0 && wide.authentication.isSubsetOf(narrow.authentication))) &&
    (!narrow.delegation.requireMayAct || wide.delegation.requireMayAct)
  )
}
