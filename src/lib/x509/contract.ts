/**
 * lib/x509 owns X.509 as such: reading certificates strictly, and RFC 5280 path validation that fails closed (MT-07, T13).
 * It knows no trusted issuers and no SPIFFE; whose anchors are meant is trust/, and what a certificate proves is credentials/.
 */
import type { X509Certificate } from 'node:crypto'

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

/** Alternative names, each exactly as encoded; never taken from a joined or quoted text (S-21). */
export interface AlternativeNames {
  readonly uris: readonly string[]
  readonly dns: readonly string[]
  /** 4 or 16 bytes each. */
  readonly ips: readonly Buffer[]
  readonly emails: readonly string[]
  /** Names of further kinds, which nothing here reads. */
  readonly others: number
}

/** A certificate as read, once, and frozen. Times are seconds since the epoch. */
export interface Certificate {
  readonly der: Buffer
  readonly x509: X509Certificate
  /** base64url SHA-256 of the DER: `x5t#S256` (CB-01). */
  readonly fingerprint: string
  /** Lower-case hexadecimal, as many administrators know it. */
  readonly serialNumber: string
  /** DER of the names, for comparison. */
  readonly subject: Buffer
  readonly issuer: Buffer
  /** Attributes of the subject in order, by short name (`CN`, `O`, `OU`, …) or dotted OID. */
  readonly subjectAttributes: readonly (readonly [type: string, value: string])[]
  readonly notBefore: number
  readonly notAfter: number
  readonly names: AlternativeNames
  readonly isCa: boolean
  readonly pathLength: number | undefined
  /** undefined: the extension is absent. Names as in RFC 5280 §4.2.1.3: `digitalSignature`, `keyCertSign`, `cRLSign`, … */
  readonly keyUsage: ReadonlySet<string> | undefined
  /** undefined: absent. OIDs. */
  readonly extendedKeyUsage: readonly string[] | undefined
}

/** A path from a leaf to an anchor, leaf first, anchor last, and until when all of it is valid (seconds since the epoch). */
export interface CertificatePath {
  readonly certificates: readonly Certificate[]
  readonly validUntil: number
}
