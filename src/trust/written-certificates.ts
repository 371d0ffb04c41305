import { X509Certificate } from 'node:crypto'
import type { Fault } from '../lib/fault.ts'
import { certificatesInPem, readCertificate } from '../lib/x509/certificate.ts'
import { type Certificate, CertificateFault } from '../lib/x509/contract.ts'
import type { Anchors } from './contract.ts'

/** Seconds that a client certificate of an authority of one's own may live where the document says nothing: as long as the web lets one. */
export const CERTIFICATE_LIFETIME = 398 * 86_400

const MAX_CERTIFICATES = 32

/** That the text holds certificates that OpenSSL can read, and no private key: anchors of a connection. */
export function checkCertificates(pem: string, path: string, faults: Fault[]): void {
  for (const [index, der] of writtenIn(pem, path, faults).entries()) {
    try {
      new X509Certificate(der)
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
  for (const [index, der] of writtenIn(pem, path, faults).entries()) {
    const fault = (message: string) => faults.push({ path, message: `certificate ${index + 1} ${message}` })
    try {
      const certificate = readCertificate(der)
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

/** Each certificate of the text, as DER. What cannot be read as PEM is a fault: a certificate that was passed over would be missed when it is needed. */
function writtenIn(pem: string, path: string, faults: Fault[]): readonly Buffer[] {
  const fault = (message: string): readonly [] => {
    faults.push({ path, message })
    return []
  }
  if (pem.includes('PRIVATE KEY'))
    return fault('holds a private key; keep only the certificates, and renew that key: it has been seen')
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    return fault(
      'holds no certificate in PEM; write each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----',
    )
  if (/…|\.\.\./.test(pem)) return fault('holds no certificate but an example of one; put your own in its place')
  try {
    const found = certificatesInPem(pem)
    return found.length <= MAX_CERTIFICATES
      ? found
      : fault(`holds ${found.length} certificates in PEM; ${MAX_CERTIFICATES} is the most`)
  } catch (error) {
    if (!(error instanceof CertificateFault)) throw error
    return fault(`cannot be read: ${error.message}`)
  }
}
