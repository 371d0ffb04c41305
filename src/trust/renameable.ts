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

/** Names that a rule goes by alone, and where: no subject and no immutable id is fixed beside them (P-5, G-5). */
export function namesMatched(issuer: TrustedIssuer, rule: Matching): readonly (readonly [...RenameableName, string])[] {
  const { renameable = {} } = issuer
  if (isFixed(issuer, rule)) return []
  const { match, condition } = rule
  const matched = match.flatMap(([attribute]) =>
    Object.entries(renameable).flatMap(([name, id]) =>
      name === attribute ? [[name, id, `match.${attribute}`] as const] : [],
    ),
  )
  const read = Object.entries(renameable).flatMap(([name, id]) =>
    condition !== undefined && reads(condition.source, name) && matched.every(([each]) => each !== name)
      ? [[name, id, 'condition'] as const]
      : [],
  )
  return [...matched, ...read]
}

/** Whether a rule says which of the strangers at a shared issuer it means, by what does not pass to others. */
export function isFixed({ renameable = {}, tenant, attributes }: TrustedIssuer, rule: Matching): boolean {
  const { ids, match, condition } = rule
  const tenantIds = attributes.flatMap(([name, { source }]) => (source === tenant?.mapping.source ? [name] : []))
  const stays: ReadonlySet<string> = new Set([...Object.values(renameable), ...tenantIds])
  const fixed = match.some(([attribute, patterns]) => stays.has(attribute) && patterns.every((each) => each.literal))
  const read = condition !== undefined && [...stays].some((id) => mentions(condition.source, id))
  return ids !== undefined || fixed || read
}

const mentions = (source: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(source)
/** As a member of something; a text of the same letters is none. */
const reads = (source: string, name: string): boolean => new RegExp(`(?:\\.\\s*|\\[\\s*['"])${name}\\b`).test(source)
