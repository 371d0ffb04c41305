import { z } from 'zod'
import { MTLS_TYPE } from '../../lib/token-types.ts'
import type { Certificate } from '../../lib/x509/contract.ts'
import { Refusal } from '../../refusal.ts'
import type { KeySource, TrustedIssuer } from '../../trust/contract.ts'
import { CERTIFICATE_LIFETIME } from '../../trust/written-certificates.ts'
import { CARRIED_TYPE, type CredentialKind, type TrustKey } from '../contract.ts'
import { shown } from '../jwt-checks.ts'
import { type PresentedChain, readChain } from '../presented-certificate.ts'
import { checkChain, checkProven, factsOfCertificate, issuerKey, subjectKey } from '../x509-checks.ts'

const settings = z.strictObject({})

/**
 * A certificate of an authority that a document names by its roots (MT-02, MT-05 to MT-07, TE-86, TE-88). Certificates
 * name their issuer by a distinguished name, so roots and intermediates are the look-up key.
 */
export const x509: CredentialKind<z.output<typeof settings>, PresentedChain> = {
  name: 'x509',
  summary: 'An X.509 client certificate of an authority of yours, proven by TLS with us or with a trusted proxy.',
  format: 'x509',
  tokenTypes: [MTLS_TYPE],
  clientTypes: new Map([[CARRIED_TYPE.certificate, 'tls_client_auth']]),
  settings,
  audience: 'none',
  without: ['onlineCheck', 'act'],
  general: true, // an SVID below a corporate root is its trust domain's
  variables: ['certificate'],
  subject: 'certificate.subject.CN',
  // Authorities of one's own renew certificates by the year.
  maxLifetime: CERTIFICATE_LIFETIME,
  maxAge: Number.POSITIVE_INFINITY,
  keyUse: 'x509-svid',
  sources: ['roots'],

  authority: () => '',
  lookUp: (keys: KeySource) =>
    keys.from === 'certificates'
      ? [...new Set([...keys.anchors.certificates, ...keys.anchors.intermediates].map(subjectKey))]
      : [],
  read: readChain,

  locate(chain) {
    const known = located.get(chain)
    if (known !== undefined) return known
    const { leaf, others } = chain
    const where = Object.freeze({
      authorities: [pinKey(leaf), ...[leaf, ...others].map(issuerKey)],
      audiences: [],
      named: shown(leaf.x509.issuer.replaceAll('\n', ', ')),
    })
    located.set(chain, where)
    return where
  },

  async verify(chain, issuer, tools) {
    const { leaf } = chain
    const pending = isPinned(issuer) ? checkPinned(leaf, issuer, tools) : checkChain(chain, issuer, tools)
    const validUntil = pending instanceof Promise ? await pending : pending
    return { ...factsOfCertificate(leaf, issuer, tools, validUntil), uri: undefined }
  },
}

/** A chain is read once and presented often. */
const located = new WeakMap<PresentedChain, TrustKey>()

const pinKey = ({ fingerprint }: Certificate): string => `certificate:${fingerprint}`

/** What makes an issuer one of single certificates, which stand for themselves (MT-04). */
export const pinned = (certificates: readonly Certificate[]) => ({
  keys: Object.freeze({ from: 'certificates' as const, anchors: Object.freeze({ certificates, intermediates: [] }) }),
  lookUp: certificates.map(pinKey),
})

const isPinned = ({ lookUp }: TrustedIssuer): boolean => lookUp[0]?.startsWith('certificate:') ?? false

/** The certificate is one of those written down: its path is none, its dates still count (MT-04). */
function checkPinned(
  leaf: Certificate,
  { lookUp, clockSkew }: TrustedIssuer,
  { now, possession }: Parameters<typeof x509.verify>[2],
): number {
  checkProven(leaf, possession)
  if (!lookUp.includes(pinKey(leaf)))
    throw new Refusal('certificate_refused', 'the certificate is not one of those that the client is registered with')
  if (leaf.notAfter + clockSkew <= now)
    throw new Refusal('expired', `the certificate expired ${now - leaf.notAfter} s ago`)
  if (leaf.notBefore - clockSkew > now)
    throw new Refusal('not_yet_valid', `the certificate is not valid for another ${leaf.notBefore - now} s`)
  return leaf.notAfter
}
