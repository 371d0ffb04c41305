/**
 * A SPIFFE ID (SPIFFE-ID §2, S-1 to S-7, SC-67) or a WIMSE workload identifier (draft-ietf-wimse-identifier-03, W-1 to
 * W-6) as a value that cannot be malformed: nothing is decoded, folded or normalised, so that one workload has one
 * spelling and two identifiers are one workload only where they are equal byte for byte (T15).
 */
export interface WorkloadId {
  /** The whole identifier, as written. What is compared. */
  readonly uri: string
  readonly scheme: 'spiffe' | 'wimse'
  /** Scheme and trust domain without the path (W-11): the same trust domain under two schemes is two authorities (W-9). */
  readonly origin: string
  readonly trustDomain: string
  /** With its leading slash; '' for the trust domain itself. */
  readonly path: string
}

const MAX_URI = 2048
const MAX_TRUST_DOMAIN = 255
const TRUST_DOMAIN = /^[a-z0-9._-]+$/
const SPIFFE_SEGMENT = /^[A-Za-z0-9._-]+$/
/** RFC 3986 pchar without percent-encoding of what needs none: an escape stays an escape, and upper-case hex is its one spelling. */
const WIMSE_SEGMENT = /^(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+$/

/** The SPIFFE ID that the text is, or undefined. One without a path is a trust domain's own, and never a workload's (S-22). */
export function parseSpiffeId(text: string): WorkloadId | undefined {
  return text.startsWith('spiffe://') ? parse(text, 'spiffe', SPIFFE_SEGMENT) : undefined
}

/** The workload identifier of either scheme that the text is, or undefined. */
export function parseWorkloadId(text: string): WorkloadId | undefined {
  return text.startsWith('wimse://') ? parse(text, 'wimse', WIMSE_SEGMENT) : parseSpiffeId(text)
}

/** Whether the text can name a trust domain (S-2, S-5). */
export const isTrustDomain = (text: string): boolean => text.length <= MAX_TRUST_DOMAIN && TRUST_DOMAIN.test(text)

function parse(text: string, scheme: WorkloadId['scheme'], segment: RegExp): WorkloadId | undefined {
  if (text.length > MAX_URI) return undefined
  const rest = text.slice(scheme.length + 3)
  const slash = rest.indexOf('/')
  const trustDomain = slash < 0 ? rest : rest.slice(0, slash)
  if (!isTrustDomain(trustDomain)) return undefined
  const path = slash < 0 ? '' : rest.slice(slash)
  if (path !== '') {
    for (const part of path.slice(1).split('/'))
      if (!segment.test(part) || part === '.' || part === '..') return undefined
  }
  return Object.freeze({ uri: text, scheme, origin: `${scheme}://${trustDomain}`, trustDomain, path })
}
