/**
 * What every certificate that is a credential must pass: its key proven on this request, its path valid to the anchors of
 * its issuer and of no other (MT-06, SC-22), and all that found once and kept until something on the path ends.
 */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type Certificate, CertificateFault, type Purpose } from '../lib/x509/contract.ts'
import { validatePath } from '../lib/x509/path.ts'
import { Refusal } from '../refusal.ts'
import type { Anchors, TrustedIssuer } from '../trust/contract.ts'
import type { Possession, VerifiedFacts, VerifyTools } from './contract.ts'
import type { PresentedChain } from './presented-certificate.ts'

/** What a path was found to be, between these seconds since the epoch. */
interface Judged {
  readonly from: number
  readonly until: number
}

/** Paths by leaf and presented certificates, for one version of an issuer's anchors: with new anchors all is judged again. */
const judged = new WeakMap<Anchors, LRUCache<string, Judged>>()
const MAX_KEPT = 10_000

/**
 * Verifies the chain of an issuer for client authentication; answers until when it holds. Throws (or rejects with)
 * Refusal `certificate_refused`, `expired`, `not_yet_valid`, and what the keys of the issuer say.
 */
export function checkChain(chain: PresentedChain, issuer: TrustedIssuer, tools: VerifyTools): number | Promise<number> {
  checkProven(chain.leaf, tools.possession)
  const found = tools.keys.anchors(issuer)
  const check = (anchors: Anchors): number => checkPath(chain, anchors, tools.now, 'clientAuth')
  return found instanceof Promise ? found.then(check) : check(found)
}

/** Look-up keys by names, which are compared as encoded (RFC 5280 §7.1 would allow more; what allows more can be made to meet). */
export const subjectKey = ({ subject }: Pick<Certificate, 'subject'>): string => nameKey(subject)
export const issuerKey = ({ issuer }: Pick<Certificate, 'issuer'>): string => nameKey(issuer)
const nameKey = (name: Buffer): string => `name:${createHash('sha256').update(name).digest('base64url')}`

/** The look-up key of one certificate, by what a signature names it by. */
export const signerKey = ({ issuer, serial }: Pick<Certificate, 'issuer' | 'serial'>): string =>
  `signer:${createHash('sha256').update(issuer).update(serial).digest('base64url')}`

/** A certificate is public: only the connection's own is believed, and whoever sends another proves nothing by it (TE-88). */
export function checkProven(leaf: Certificate, { certificate }: Possession): void {
  if (certificate?.thumbprint !== leaf.fingerprint)
    throw new Refusal(
      'confirmation_unproven',
      certificate === undefined
        ? 'a certificate was presented, and the connection has none that proves its key'
        : 'the certificate that was presented is not that of the connection',
    )
}

/** Until when a path from the leaf to one of the anchors holds. Throws Refusal `certificate_refused`, `expired`, `not_yet_valid`. */
export function checkPath({ leaf, others }: PresentedChain, anchors: Anchors, now: number, purpose: Purpose): number {
  let paths = judged.get(anchors)
  if (paths === undefined) {
    paths = new LRUCache({ max: MAX_KEPT })
    judged.set(anchors, paths)
  }
  const key = [purpose, ...[leaf, ...others].map(({ fingerprint }) => fingerprint)].join('.')
  const known = paths.get(key)
  if (known !== undefined && known.from <= now && now < known.until) return known.until
  const { certificates, validUntil } = faultsAsRefusals(() =>
    validatePath(leaf, others, {
      anchors: anchors.certificates,
      intermediates: anchors.intermediates,
      now,
      purpose,
    }),
  )
  const from = Math.max(...certificates.map(({ notBefore }) => notBefore))
  paths.set(key, { from, until: validUntil })
  return validUntil
}

/** What is wrong with a certificate, as a reason that the record and the doors know. */
export function faultsAsRefusals<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof CertificateFault)) throw error
    const reason = error.code === 'expired' || error.code === 'not_yet_valid' ? error.code : 'certificate_refused'
    throw new Refusal(reason, `${error.code}: ${error.message}`, { cause: error })
  }
}

/** What is true of every verified certificate. Throws Refusal `too_long_lived` or `too_old`, by the document of its issuer. */
export function factsOfCertificate(
  leaf: Certificate,
  issuer: TrustedIssuer,
  { now }: VerifyTools,
  validUntil: number,
): Omit<VerifiedFacts, 'uri'> {
  const lifetime = leaf.notAfter - leaf.notBefore
  if (lifetime > issuer.maxLifetime)
    throw new Refusal(
      'too_long_lived',
      `the certificate lives ${lifetime} s, at most ${issuer.maxLifetime} s are allowed (maxLifetime)`,
    )
  const age = now - leaf.notBefore
  if (age > issuer.maxAge + issuer.clockSkew)
    throw new Refusal('too_old', `the certificate is valid since ${age} s, at most ${issuer.maxAge} s are allowed`)
  return {
    authority: issuer.authority,
    claims: NOTHING,
    header: NOTHING,
    certificate: leaf,
    audiences: [],
    expiresAt: validUntil,
    useId: leaf.fingerprint,
    keyProven: true,
    actors: [],
    mayAct: undefined,
  }
}

const NOTHING = Object.freeze({})
