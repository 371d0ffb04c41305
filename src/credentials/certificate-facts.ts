import type { Certificate } from '../lib/x509/contract.ts'
import { writeDistinguishedName } from '../lib/x509/distinguished-name.ts'

/**
 * A certificate as conditions and mappings see it (`certificate` in CEL): names, each exactly as encoded, and dates in
 * seconds since the epoch. `subject` has the first value of each attribute by its short name, `dn` all
 * of them as RFC 4514 writes them.
 */
export function certificateFacts(certificate: Certificate): Readonly<Record<string, unknown>> {
  const known = made.get(certificate)
  if (known !== undefined) return known
  const subject: Record<string, string> = {}
  for (const [type, value] of certificate.subjectAttributes) subject[type] ??= value
  const facts = Object.freeze({
    subject,
    dn: writeDistinguishedName(certificate.subjectAttributes),
    uris: certificate.names.uris,
    dns: certificate.names.dns,
    emails: certificate.names.emails,
    ips: certificate.names.ips.map(addressOf),
    serial: certificate.serialNumber,
    fingerprint: certificate.fingerprint,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  })
  made.set(certificate, facts)
  return facts
}

/** A certificate is read once and presented often. */
const made = new WeakMap<Certificate, Readonly<Record<string, unknown>>>()

/** The one text of an address: dotted for version 4, eight groups of lower-case hexadecimal for version 6. */
export function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.')
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16)).join(':')
}
