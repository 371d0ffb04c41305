import { type Attributes, type AttributeValue, canonicalId, type Principal } from '../identity/principal.ts'
import { Refusal } from '../refusal.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { AnyCredentialKind, VerifiedFacts } from './contract.ts'
import { isName } from './jwt-checks.ts'

/** What conditions and mappings of a trusted issuer see of a verified credential. */
export type Seen = Readonly<Record<string, unknown>>

/** Whose a verified credential is, as its issuer's document maps it. Throws Refusal `subject_unmapped`. */
export function principalOf(
  issuer: TrustedIssuer,
  kind: AnyCredentialKind,
  facts: VerifiedFacts,
  keyProven: boolean,
  seen: Seen,
  trustDomain: string,
): Principal {
  let subject: unknown
  try {
    subject = issuer.subject.value(seen)
  } catch (error) {
    throw new Refusal(
      'subject_unmapped',
      `subject of trusted issuer ${issuer.name} cannot be read: ${messageOf(error)}`,
      { cause: error },
    )
  }
  // The id that a kind guarantees is a name whatever its length: SPIFFE has them of up to 2048 bytes (S-5).
  if (!(isName(subject) || (subject === facts.uri && typeof subject === 'string')))
    throw new Refusal(
      'subject_unmapped',
      `subject of trusted issuer ${issuer.name} is not a text of 1 to 1024 characters`,
    )
  return {
    id: facts.uri ?? canonicalId(trustDomain, issuer.name, subject),
    issuer: issuer.name,
    subject,
    kind: kind.name,
    key: keyProven,
    instance: instanceOf(issuer, seen),
    scopes: facts.scopes ?? NO_SCOPES,
    attributes: attributesOf(issuer, seen),
  }
}

const NO_SCOPES: readonly string[] = Object.freeze([])

function instanceOf(issuer: TrustedIssuer, seen: Seen): string {
  const value = mapped(issuer.instance, seen)
  return typeof value === 'string' && value.length <= 1024 ? value : ''
}

/** A mapping that fails leaves its attribute absent, so that no rule can match on it (interfaces.md, "Errors in conditions"). */
function attributesOf(issuer: TrustedIssuer, seen: Seen): Attributes {
  // A plain object: names are checked when documents are saved, and one without a prototype costs JSON.stringify four times as much.
  const attributes: Record<string, AttributeValue> = {}
  for (const [name, mapping] of issuer.attributes) {
    const value = mapped(mapping, seen)
    if (value !== undefined) attributes[name] = value
  }
  return attributes
}

function mapped(mapping: TrustedIssuer['instance'], seen: Seen): AttributeValue | undefined {
  if (mapping === undefined) return undefined
  try {
    return mapping.value(seen)
  } catch {
    return undefined
  }
}

/** What an expression said when it failed. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
