import { X509Certificate } from 'node:crypto'
import type { Fault } from '../lib/fault.ts'
import { readCertificate } from '../lib/x509/certificate.ts'
import { type Certificate, CertificateFault } from '../lib/x509/contract.ts'
import type { Anchors } from './contract.ts'

/** Seconds that a client certificate of an authority of one's own may live where the document says nothing: as long as the web lets one. */
export const CERTIFICATE_LIFETIME = 398 * 86_400

const MAX_CERTIFICATES = 32
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g

/** That the text holds certificates that OpenSSL can read, and no private key: anchors of a connection. */
export function checkCertificates(pem: string, path: string, faults: Fault[]): void {
  for (const [index, block] of blocksOf(pem, path, faults).entries()) {
    try {
      new X509Certificate(block)
    } catch {
      faults.push({ path, message: `certificate ${index + 1} cannot be read` })
    }
  }
}

/** Where certificate paths end, and what they may go through: each an authority, and written once. */
export function anchorsOf(roots: string, intermediates: string | undefined, faults: Fault[]): Anchors {
  const seen = new Map<string, string>()
  return Object.freeze({
    certificates: authoritiesOf(roots, 'spec.keys.roots', seen, faults),
    intermediates:
      intermediates === undefined ? [] : authoritiesOf(intermediates, 'spec.keys.intermediates', seen, faults),
  })
}

/** `seen`: where each certificate stands, by its fingerprint. */
function authoritiesOf(pem: string, path: string, seen: Map<string, string>, faults: Fault[]): readonly Certificate[] {
  const found: Certificate[] = []
  for (const [index, block] of blocksOf(pem, path, faults).entries()) {
    const fault = (message: string) => faults.push({ path, message: `certificate ${index + 1} ${message}` })
    try {
      const certificate = readCertificate(derOf(block))
      const earlier = seen.get(certificate.fingerprint)
      if (earlier !== undefined) fault(`is written twice (${earlier}); keep one`)
      else if (!certificate.isCa)
        fault('is not of an authority (basicConstraints CA); write the certificate that issues the credentials')
      seen.set(certificate.fingerprint, `${path}, certificate ${index + 1}`)
      found.push(certificate)
    } catch (error) {
      if (!(error instanceof CertificateFault)) throw error
      fault(`cannot be used (${error.code}): ${error.message}`)
    }
  }
  return Object.freeze(found)
}

const derOf = (block: string): Buffer => Buffer.from(block.replace(/-----[^-]+-----/g, ''), 'base64')

function blocksOf(pem: string, path: string, faults: Fault[]): readonly string[] {
  const blocks = pem.match(CERTIFICATE) ?? []
  if (pem.includes('PRIVATE KEY'))
    faults.push({
      path,
      message: 'holds a private key; keep only the certificates, and renew that key: it has been seen',
    })
  if (blocks.length > 0 && blocks.length <= MAX_CERTIFICATES) return blocks
  faults.push({
    path,
    message:
      blocks.length === 0 ? noneIn(pem) : `holds ${blocks.length} certificates in PEM; ${MAX_CERTIFICATES} is the most`,
  })
  return []
}

function noneIn(pem: string): string {
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    return 'holds no certificate in PEM; write each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----'
  const slip =
    pem.includes('…') || pem.includes('...') ? 'it is an example, so put your own in its place' : 'its lines are base64'
  return `holds no whole certificate in PEM between -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----; ${slip}`
}
