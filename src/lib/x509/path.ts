import {
  type Certificate,
  CertificateFault,
  type CertificateFaultCode,
  type CertificatePath,
  type Purpose,
} from './contract.ts'
import { applyNameConstraints } from './name-constraints.ts'

/** Certificates that may be presented, the leaf among them, and their bytes together (HC-06). */
export const MAX_PRESENTED = 10
export const MAX_PRESENTED_BYTES = 64 * 1024
/** Certificates of a path, leaf and anchor among them. */
const MAX_PATH = 6
/** Signatures that one search checks; each costs up to a millisecond (P-521), and who presents certificates that all could have issued each other gets no more (T38). */
const MAX_SIGNATURES = 12

const PURPOSES: Readonly<Record<Purpose, string>> = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
}
const ANY_PURPOSE = '2.5.29.37.0'

export interface PathOptions {
  /** Whom we believe: of one trust domain, never a pool of all (MT-06, SC-22). */
  readonly anchors: readonly Certificate[]
  /** Known from elsewhere, for who does not present them (NG-03). They are believed no more than presented ones. */
  readonly intermediates: readonly Certificate[]
  /** Seconds since the epoch. */
  readonly now: number
  readonly purpose: Purpose
}

/**
 * Finds and validates a path from the leaf to an anchor (RFC 5280 §6, MT-07). `presented` is what came with the leaf, in any
 * order; what no path needs does no harm. An anchor has to be in order itself: its dates, its being a CA, its constraints.
 * Throws CertificateFault: `untrusted` where no anchor is reached, and else what was wrong with the longest path tried.
 */
export function validatePath(
  leaf: Certificate,
  presented: readonly Certificate[],
  options: PathOptions,
): CertificatePath {
  const { anchors, intermediates, now, purpose } = options
  const others = presented.filter(({ fingerprint }) => fingerprint !== leaf.fingerprint)
  if (others.length >= MAX_PRESENTED)
    throw fault('path_too_long', `more than ${MAX_PRESENTED} certificates are presented`)
  if (others.reduce((total, { der }) => total + der.length, leaf.der.length) > MAX_PRESENTED_BYTES)
    throw fault('path_too_long', `the certificates presented have more than ${MAX_PRESENTED_BYTES} bytes`)
  checkLeaf(leaf, options)
  const anchored = new Set(anchors.map(({ fingerprint }) => fingerprint))
  // Each once, and anchors first: the shortest way to one is tried before others.
  const issuers = new Map([...anchors, ...others, ...intermediates].map((issuer) => [issuer.fingerprint, issuer]))
  let signatures = MAX_SIGNATURES
  let worst: { readonly length: number; readonly error: CertificateFault } | undefined
  const note = (length: number, error: CertificateFault): void => {
    if (length > (worst?.length ?? 0)) worst = { length, error }
  }

  /** The whole path that begins with this one, whose certificates are checked; undefined where none leads to an anchor. */
  const extend = (path: readonly Certificate[], child: Certificate): readonly Certificate[] | undefined => {
    let named = false
    for (const issuer of issuers.values()) {
      if (!isNamed(child, issuer) || path.includes(issuer)) continue
      named = true
      const longer = [...path, issuer]
      try {
        if (longer.length > MAX_PATH) throw fault('path_too_long', `the path has more than ${MAX_PATH} certificates`)
        checkIssuer(issuer, path, now, purpose)
        if (signatures-- === 0)
          throw fault('path_too_long', `no path was found with ${MAX_SIGNATURES} signatures checked`)
        checkSignature(child, issuer)
        if (anchored.has(issuer.fingerprint)) {
          checkAnchor(issuer)
          checkNames(longer)
          return longer
        }
      } catch (error) {
        if (!(error instanceof CertificateFault) || signatures < 0) throw error
        note(longer.length, error)
        continue
      }
      const whole = extend(longer, issuer)
      if (whole !== undefined) return whole
    }
    if (!named)
      note(path.length + 1, fault('untrusted', `no anchor has issued ${nameOf(child)}, and nothing presented`))
    return undefined
  }

  const certificates = extend([leaf], leaf)
  if (certificates === undefined) throw worst?.error ?? fault('untrusted', `no path leads from ${nameOf(leaf)}`)
  return Object.freeze({
    certificates: Object.freeze(certificates),
    validUntil: Math.min(...certificates.map(({ notAfter }) => notAfter)),
  })
}

function checkLeaf(leaf: Certificate, { anchors, now, purpose }: PathOptions): void {
  const name = nameOf(leaf)
  if (leaf.isCa) throw fault('is_a_ca', `${name} is an authority and proves nobody`)
  // What an anchor is, its issuer has not said.
  if (anchors.some(({ fingerprint }) => fingerprint === leaf.fingerprint))
    throw fault('untrusted', `${name} is an anchor itself, and an anchor is believed for others alone`)
  checkEvery(leaf, now)
  if (leaf.keyUsage?.has('digitalSignature') === false)
    throw fault('key_usage', `${name} has a keyUsage without digitalSignature`)
  if (leaf.extendedKeyUsage?.includes(PURPOSES[purpose]) === false)
    throw fault('extended_key_usage', `${name} has an extKeyUsage without ${purpose}`)
  // RFC 5280 §4.2.1.10 has them in certificates of authorities alone.
  if (leaf.nameConstraints !== undefined)
    throw fault('name_constraints', `${name} has nameConstraints and is no authority`)
}

/** Everything about an issuer but its signature and its constraints on names; `path` is what it would be above. */
function checkIssuer(issuer: Certificate, path: readonly Certificate[], now: number, purpose: Purpose): void {
  const name = nameOf(issuer)
  if (!issuer.isCa) throw fault('not_a_ca', `${name} has issued a certificate and is no authority`)
  if (issuer.keyUsage?.has('keyCertSign') === false)
    throw fault('key_usage', `${name} has issued a certificate, and its keyUsage has no keyCertSign`)
  checkEvery(issuer, now)
  const between = path.slice(1).filter(({ selfIssued }) => !selfIssued).length
  if (issuer.pathLength !== undefined && between > issuer.pathLength)
    throw fault('path_too_long', `${name} allows ${issuer.pathLength} authorities below it, and there are ${between}`)
  const { extendedKeyUsage: usages } = issuer
  if (usages !== undefined && !usages.includes(PURPOSES[purpose]) && !usages.includes(ANY_PURPOSE))
    throw fault('extended_key_usage', `${name} is an authority with an extKeyUsage without ${purpose}`)
}

function checkEvery(certificate: Certificate, now: number): void {
  const { notBefore, notAfter, unknownCritical } = certificate
  if (now < notBefore) throw fault('not_yet_valid', `${nameOf(certificate)} is valid from ${dateOf(notBefore)}`)
  if (now > notAfter) throw fault('expired', `${nameOf(certificate)} was valid until ${dateOf(notAfter)}`)
  if (unknownCritical.length > 0)
    throw fault(
      'unknown_critical',
      `${nameOf(certificate)} has the critical extension ${unknownCritical[0]}, which is not known here`,
    )
}

function checkSignature(child: Certificate, issuer: Certificate): void {
  if (child.unfitSignature !== undefined)
    throw fault('weak_key', `${nameOf(child)} is signed with ${child.unfitSignature}, which is not taken`)
  let valid: boolean
  try {
    valid = child.x509.verify(issuer.publicKey)
  } catch {
    valid = false
  }
  if (!valid) throw fault('signature', `${nameOf(child)} is not signed by the key of ${nameOf(issuer)}`)
}

/** A root names itself as its issuer; one that says that another key signed it is not the root of anything. */
function checkAnchor(anchor: Certificate): void {
  if (anchor.selfIssued && !isNamed(anchor, anchor))
    throw fault('untrusted', `the anchor ${nameOf(anchor)} has an authorityKeyIdentifier that is not its own`)
}

/** Constraints of every authority on all below it. Done last, so that nobody gets it done who is not issued for (T12). */
function checkNames(path: readonly Certificate[]): void {
  for (const [height, { nameConstraints }] of path.entries()) {
    if (nameConstraints === undefined) continue
    for (const [at, below] of path.slice(0, height).entries()) {
      // RFC 5280 §6.1.3: a self-issued certificate is free of them, unless it is the leaf.
      if (at === 0 || !below.selfIssued) applyNameConstraints(nameConstraints, below)
    }
  }
}

/** Whether the child means this issuer, by name and, where it says more, by key identifier and serial number (§4.2.1.1). */
function isNamed(child: Certificate, issuer: Certificate): boolean {
  if (!child.issuer.equals(issuer.subject)) return false
  const { key, issuers, serialNumber } = child.authorityKeyIdentifier ?? {}
  return (
    (key === undefined || issuer.subjectKeyIdentifier === undefined || key.equals(issuer.subjectKeyIdentifier)) &&
    (issuers === undefined || issuers.some((name) => name.equals(issuer.issuer))) &&
    (serialNumber === undefined || serialNumber.equals(issuer.serial))
  )
}

/** For messages: the subject, cut, quoted so that nothing in it looks like a sentence of ours. */
const nameOf = ({ subjectAttributes, serialNumber }: Certificate): string =>
  subjectAttributes.length === 0
    ? `the certificate ${serialNumber.slice(0, 40)}`
    : JSON.stringify(
        subjectAttributes
          .map(([type, value]) => `${type}=${value}`)
          .join(',')
          .slice(0, 120),
      )

const dateOf = (seconds: number): string => new Date(seconds * 1000).toISOString()

const fault = (code: CertificateFaultCode, message: string) => new CertificateFault(code, message)
