/**
 * lib/x509 owns X.509 as such: reading certificates strictly, and RFC 5280 path validation that fails closed (MT-07, T13).
 * It knows no trusted issuers and no SPIFFE; whose anchors are meant is trust/, and what a certificate proves is credentials/.
 */
import type { KeyObject, X509Certificate } from 'node:crypto'

/** Why a certificate or a chain is not taken: a closed list, each with one test that shows it. */
export type CertificateFaultCode =
  | 'malformed'
  | 'expired'
  | 'not_yet_valid'
  | 'untrusted'
  | 'signature'
  | 'not_a_ca'
  | 'is_a_ca'
  | 'path_too_long'
  | 'key_usage'
  | 'extended_key_usage'
  | 'name_constraints'
  | 'unknown_critical'
  | 'weak_key'
  | 'names'

/** Thrown for what is wrong with a certificate. Its message is for administrators and quotes nothing longer than a name. */
export class CertificateFault extends Error {
  readonly code: CertificateFaultCode

  constructor(code: CertificateFaultCode, message: string) {
    super(message)
    this.name = 'CertificateFault'
    this.code = code
  }
}

/**
 * Alternative names, each exactly as encoded; never taken from a joined or quoted text (S-21). Texts are printable ASCII
 * without spaces and not empty.
 */
export interface AlternativeNames {
  readonly uris: readonly string[]
  readonly dns: readonly string[]
  /** 4 or 16 bytes each. */
  readonly ips: readonly Buffer[]
  readonly emails: readonly string[]
  /** DER of the names. */
  readonly directories: readonly Buffer[]
  /** Names of further kinds, which nothing here reads. */
  readonly others: number
}

/** One subtree of a nameConstraints extension (RFC 5280 §4.2.1.10), as encoded. An ip is address and mask: 8 or 32 bytes. */
export type Subtree =
  | { readonly form: 'uri' | 'dns' | 'email'; readonly base: string }
  | { readonly form: 'ip' | 'directory'; readonly base: Buffer }

export interface NameConstraints {
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
  /** It has subtrees of further forms or with distances, so that nothing can be said to satisfy it. */
  readonly unsupported: boolean
}

/** What an authorityKeyIdentifier says about the issuer (RFC 5280 §4.2.1.1). */
export interface AuthorityKeyIdentifier {
  readonly key: Buffer | undefined
  /** DER of the directory names among those of the issuer's own issuer; undefined where it names none at all. */
  readonly issuers: readonly Buffer[] | undefined
  /** The bytes of the INTEGER. */
  readonly serialNumber: Buffer | undefined
}

/**
 * An attribute of a distinguished name: its type by short name (`CN`, `O`, `OU`, …) or dotted OID, and its text; `joined`
 * where it stands in one part with the attribute before it.
 */
export type NameAttribute = readonly [type: string, value: string, joined?: 'joined']

/** A certificate as read, once, and frozen. Times are seconds since the epoch. */
export interface Certificate {
  readonly der: Buffer
  readonly x509: X509Certificate
  /** RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519: others are not read (T17). */
  readonly publicKey: KeyObject
  /** base64url SHA-256 of the DER: `x5t#S256` (CB-01). */
  readonly fingerprint: string
  /** Lower-case hexadecimal, as many administrators know it. */
  readonly serialNumber: string
  /** The bytes of the INTEGER, for comparison. */
  readonly serial: Buffer
  /** DER of the names, for comparison. */
  readonly subject: Buffer
  readonly issuer: Buffer
  /** Subject and issuer are one name, as in roots and in certificates of a new key of an authority. */
  readonly selfIssued: boolean
  /** Attributes of the subject in order, most general first. */
  readonly subjectAttributes: readonly NameAttribute[]
  readonly notBefore: number
  readonly notAfter: number
  readonly names: AlternativeNames
  readonly isCa: boolean
  readonly pathLength: number | undefined
  /** undefined: the extension is absent. Names as in RFC 5280 §4.2.1.3: `digitalSignature`, `keyCertSign`, `cRLSign`, … */
  readonly keyUsage: ReadonlySet<string> | undefined
  /** undefined: absent. OIDs. */
  readonly extendedKeyUsage: readonly string[] | undefined
  readonly nameConstraints: NameConstraints | undefined
  readonly subjectKeyIdentifier: Buffer | undefined
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined
  /** OIDs of critical extensions that nothing here processes: such a certificate is on no path (`unknown_critical`). */
  readonly unknownCritical: readonly string[]
  /** The OID of an algorithm that signatures are not taken from, MD5 and SHA-1 among them; undefined where it is fit. */
  readonly unfitSignature: string | undefined
}

/** What the leaf is for; an extendedKeyUsage has to allow it. */
export type Purpose = 'clientAuth' | 'serverAuth'

/** A path from a leaf to an anchor, leaf first, anchor last, and until when all of it is valid (seconds since the epoch). */
export interface CertificatePath {
  readonly certificates: readonly Certificate[]
  readonly validUntil: number
}
