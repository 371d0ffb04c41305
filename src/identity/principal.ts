/**
 * identity/ owns who somebody is: values only, that cannot be malformed once they exist. Whether to believe them is
 * trust/ and credentials/, what they may do is policy/.
 */

/** What a policy can see of a mapped claim: JSON without null. */
export type AttributeValue =
  | string
  | number
  | boolean
  | readonly AttributeValue[]
  | { readonly [name: string]: AttributeValue }

export type Attributes = Readonly<Record<string, AttributeValue>>

/** A party whose credential has been verified. */
export interface Principal {
  /** A URI unique over all issuers; the default `sub` of what we mint (interfaces.md, "`subject.id`"). */
  readonly id: string
  /** The name of the TrustedIssuer document that vouches for it; `clients` for a registered client. */
  readonly issuer: string
  /** The subject as its issuer names it; what `ids` in documents are compared with. */
  readonly subject: string
  /** The name of the credential kind that proved it. */
  readonly kind: string
  /** Whether the credential was bound to a key and the key was proven on this request. */
  readonly key: boolean
  /** Which copy of the workload, where the issuer's document maps it; else ''. */
  readonly instance: string
  /** What a token of ours held; [] for foreign credentials, whose scopes neither grant nor cap. */
  readonly scopes: readonly string[]
  /** The issuer's mapped attributes. */
  readonly attributes: Attributes
}

/** Names that an attribute cannot take, because a principal already has them in conditions. */
export const RESERVED_ATTRIBUTES: ReadonlySet<string> = new Set(['id', 'issuer', 'kind', 'key', 'instance', 'scopes'])

/** Issuer names of principals that no TrustedIssuer document vouches for; documents cannot take them. */
export const CLIENTS_ISSUER = 'clients'
export const SELF_ISSUER = 'self'

/** A principal as conditions see it: its own members beside its attributes (interfaces.md, "CEL sees"). */
export function principalFacts(principal: Principal): Record<string, unknown> {
  return {
    ...principal.attributes,
    id: principal.id,
    issuer: principal.issuer,
    kind: principal.kind,
    key: principal.key,
    instance: principal.instance,
    scopes: principal.scopes,
  }
}

/**
 * The canonical id of a subject whose issuer gives it no URI of its own:
 * `wimse://TRUST-DOMAIN/ISSUER-NAME/PERCENT-ENCODED-SUBJECT`. Injective: the issuer name is a document name and so has
 * no `/`, and every byte of the subject that is not an RFC 3986 unreserved character is escaped; a subject made of dots
 * alone is escaped too, so that no reader can fold it away (UC-55, T15).
 * The subject must be well-formed Unicode (lib/json refuses what is not).
 */
export function canonicalId(trustDomain: string, issuer: string, subject: string): string {
  const encoded = encodeURIComponent(subject).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `wimse://${trustDomain}/${issuer}/${/^\.+$/.test(encoded) ? encoded.replaceAll('.', '%2E') : encoded}`
}

/** What canonicalId() was made of; undefined where the id is none of its. */
export function namedIn(
  trustDomain: string,
  id: string,
): { readonly issuer: string; readonly subject: string } | undefined {
  const prefix = `wimse://${trustDomain}/`
  const [issuer, encoded, ...more] = id.startsWith(prefix) ? id.slice(prefix.length).split('/') : []
  if (issuer === undefined || encoded === undefined || more.length > 0) return undefined
  try {
    const subject = decodeURIComponent(encoded)
    return canonicalId(trustDomain, issuer, subject) === id ? { issuer, subject } : undefined
  } catch {
    return undefined
  }
}
