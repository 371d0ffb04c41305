import type { TrustedIssuer } from './contract.ts'

/** A name, and the id that stays when the name goes to somebody else. `ids` stands for the subject itself. */
export type RenameableName = readonly [name: string, id: string]

/** What of an issuer a rule goes by. */
interface Matching {
  readonly ids: readonly unknown[] | undefined
  readonly match: readonly (readonly [
    attribute: string,
    patterns: readonly { readonly literal: string | undefined }[],
  ])[]
  readonly condition: { readonly source: string } | undefined
}

/** Names that an expression reads although their owners can be renamed (P-5); none where it reads an id as well. */
export function namesRead({ renameable = {} }: TrustedIssuer, source: string): readonly RenameableName[] {
  if (Object.values(renameable).some((id) => mentions(source, id))) return []
  return Object.entries(renameable).filter(([name]) => mentions(source, name))
}

/** Names that a rule goes by alone: no subject and no immutable id is fixed beside them (P-5, G-5). */
export function namesMatched({ renameable = {} }: TrustedIssuer, rule: Matching): readonly RenameableName[] {
  const { ids, match, condition } = rule
  const stays: ReadonlySet<string> = new Set(Object.values(renameable))
  const fixed = match.some(([attribute, patterns]) => stays.has(attribute) && patterns.every((each) => each.literal))
  const read = condition !== undefined && [...stays].some((id) => mentions(condition.source, id))
  if (ids !== undefined || fixed || read) return []
  return match.flatMap(([attribute]) => Object.entries(renameable).filter(([name]) => name === attribute))
}

const mentions = (source: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(source)
