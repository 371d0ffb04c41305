import { createHash, X509Certificate } from 'node:crypto'
import { type AuthorityKeyIdentifier, type Certificate, CertificateFault } from './contract.ts'
import { decode, encode, usagesOf, type X509 } from './decoder.ts'
import { shortNameOf } from './distinguished-name.ts'
import { isFitSignature, publicKeyOf } from './fitness.ts'
import { directoriesOf, noNames, readAlternativeNames, readNameConstraints } from './general-names.ts'

/** Bytes of a certificate, at most (HC-06). */
export const MAX_CERTIFICATE_BYTES = 16 * 1024

const OID = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
}
/** What is processed, so that its being critical is no reason to refuse. Key identifiers MUST NOT be critical (§4.2.1.1, §4.2.1.2). */
const PROCESSED: ReadonlySet<string> = new Set([
  OID.keyUsage,
  OID.subjectAltName,
  OID.basicConstraints,
  OID.nameConstraints,
  OID.extKeyUsage,
])

/**
 * Reads one certificate (RFC 5280 §4). The bytes have to be canonical DER to the last of them, at most 16 KiB. What makes a
 * certificate unfit for a path only (dates, an unknown critical extension, the algorithm of its signature) is noted, so
 * that one that no path needs does no harm. Throws CertificateFault `malformed`, `names` or `weak_key`.
 */
export function readCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_BYTES)
    throw malformed(`the certificate has ${der.length} bytes, at most ${MAX_CERTIFICATE_BYTES} are taken`)
  // A copy: what the caller does with its bytes later changes nothing here.
  const bytes = Buffer.from(der)
  const { tbsCertificate: body, signatureAlgorithm } = decode(bytes, (types) => types.Certificate, 'the certificate')
  const extensions = readExtensions(body)
  const identifier = encode(signatureAlgorithm)
  // RFC 5280 §4.1.1.2: what is signed says with what.
  if (!identifier.equals(encode(body.signature)))
    throw malformed('the certificate names two signature algorithms, one inside of what is signed and one outside')
  if (body.issuer.length === 0) throw malformed('the certificate has an empty issuer')
  const subject = encode(body.subject)
  const issuer = encode(body.issuer)
  const serial = Buffer.from(body.serialNumber)
  const x509 = parsed(bytes)
  const { parameters } = body.subjectPublicKeyInfo.algorithm
  return Object.freeze({
    der: bytes,
    x509,
    publicKey: publicKeyOf(x509, new Uint8Array(parameters ?? [])),
    fingerprint: createHash('sha256').update(bytes).digest('base64url'),
    serialNumber: x509.serialNumber.toLowerCase(),
    serial,
    subject,
    issuer,
    selfIssued: subject.equals(issuer),
    subjectAttributes: readAttributes(body.subject),
    notBefore: seconds(body.validity.notBefore),
    notAfter: seconds(body.validity.notAfter),
    ...extensions,
    unfitSignature: isFitSignature(identifier) ? undefined : signatureAlgorithm.algorithm,
  })
}

/**
 * The certificates (DER, not read) of a PEM text (RFC 7468 §5), in order. Text between them is a comment; a block of another kind, a
 * private key say, is refused. Throws CertificateFault, `malformed` also where there is none.
 */
export function certificatesInPem(pem: string): readonly Buffer[] {
  const certificates: Buffer[] = []
  let lines: string[] | undefined
  for (const written of pem.split('\n')) {
    const line = written.trim()
    if (lines === undefined) {
      if (line === '-----BEGIN CERTIFICATE-----') lines = []
      else if (line.startsWith('-----'))
        throw malformed('the PEM has a line that begins with ----- and does not begin a certificate')
    } else if (line === '-----END CERTIFICATE-----') {
      certificates.push(fromBase64(lines.join('')))
      lines = undefined
    } else lines.push(line)
  }
  if (lines !== undefined) throw malformed('the PEM has a certificate that does not end')
  if (certificates.length === 0) throw malformed('the PEM has no certificate')
  return Object.freeze(certificates)
}

/** Extensions, each at most once, and what follows from the absence of one. */
function readExtensions(body: X509.TBSCertificate) {
  // The library's arrays make arrays of their own kind.
  const listed = Array.from(body.extensions ?? [])
  // The number is one less than the name of the version.
  if (body.version !== 2 && (body.version > 2 || body.extensions !== undefined))
    throw malformed('the certificate is not of version 3, and has extensions or a version that is not known')
  const byOid = new Map(listed.map((extension) => [extension.extnID, extension]))
  if (byOid.size !== listed.length) throw malformed('the certificate has an extension twice')
  const read = <T>(name: keyof typeof OID, type: (types: typeof X509) => new () => T): T | undefined => {
    const extension = byOid.get(OID[name])
    return extension === undefined ? undefined : decode(new Uint8Array(extension.extnValue.buffer), type, name)
  }
  const names = read('subjectAltName', (types) => types.SubjectAlternativeName)
  const basic = read('basicConstraints', (types) => types.BasicConstraints)
  const usage = read('keyUsage', (types) => types.KeyUsage)
  const extended = read('extKeyUsage', (types) => types.ExtendedKeyUsage)
  const constraints = read('nameConstraints', (types) => types.NameConstraints)
  const own = read('subjectKeyIdentifier', (types) => types.SubjectKeyIdentifier)
  const authority = read('authorityKeyIdentifier', (types) => types.AuthorityKeyIdentifier)
  const usages = usage === undefined ? undefined : usagesOf(usage)
  if (usages?.length === 0) throw malformed('the keyUsage allows nothing')
  const isCa = basic?.cA === true
  const pathLength: unknown = basic?.pathLenConstraint
  // The library answers a text for what is no safe integer.
  if (pathLength !== undefined && !(Number.isSafeInteger(pathLength) && Number(pathLength) >= 0))
    throw malformed('the basicConstraints have a pathLenConstraint that is no length')
  return {
    names: names === undefined ? noNames : readAlternativeNames(names),
    isCa,
    pathLength: isCa && pathLength !== undefined ? Number(pathLength) : undefined,
    keyUsage: usages === undefined ? undefined : new Set(usages),
    extendedKeyUsage: extended === undefined ? undefined : Object.freeze([...extended]),
    nameConstraints: constraints === undefined ? undefined : readNameConstraints(constraints),
    subjectKeyIdentifier: own === undefined ? undefined : Buffer.from(own.buffer),
    authorityKeyIdentifier: authority === undefined ? undefined : readAuthority(authority),
    unknownCritical: Object.freeze(
      listed.flatMap(({ extnID, critical }) => (critical && !PROCESSED.has(extnID) ? [extnID] : [])),
    ),
  }
}

function readAuthority(value: X509.AuthorityKeyIdentifier): AuthorityKeyIdentifier {
  const { keyIdentifier: key, authorityCertIssuer: issuers, authorityCertSerialNumber: serialNumber } = value
  return Object.freeze({
    key: key === undefined ? undefined : Buffer.from(key.buffer),
    issuers: issuers === undefined ? undefined : Object.freeze(directoriesOf(issuers)),
    serialNumber: serialNumber === undefined ? undefined : Buffer.from(serialNumber),
  })
}

function readAttributes(name: X509.Name): Certificate['subjectAttributes'] {
  const attributes = [...name].flatMap((relative) =>
    [...relative].map(({ type, value }, at) => {
      const text = value.toString()
      if (text.includes('\0')) throw new CertificateFault('names', 'the subject has a NUL character in its name')
      const read = [shortNameOf(type), text] as const
      return Object.freeze(at === 0 ? read : ([...read, 'joined'] as const))
    }),
  )
  return Object.freeze(attributes)
}

function seconds(time: X509.Time): number {
  const milliseconds = time.getTime().getTime()
  // RFC 5280 §4.1.2.5.2 has no fractions.
  if (!Number.isSafeInteger(milliseconds / 1000)) throw malformed('the certificate has a date that is no whole second')
  return milliseconds / 1000
}

function parsed(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der)
  } catch {
    throw malformed('the certificate is none that OpenSSL reads')
  }
}

function fromBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw malformed('the PEM has a certificate that is not base64')
  return bytes
}

const malformed = (message: string) => new CertificateFault('malformed', message)
