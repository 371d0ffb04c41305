/**
 * CMS SignedData (RFC 5652), as much of it as instance documents of clouds need (UC-76, UC-91): one signer, the content
 * inside or beside it, RSA PKCS#1 v1.5 or ECDSA with SHA-2. Whether the signer's certificate is to be believed is
 * lib/x509 and whoever asks.
 */
import { createHash, type KeyObject, verify, X509Certificate } from 'node:crypto'
import { createRequire } from 'node:module'
import type * as Cms from '@peculiar/asn1-cms'
import type * as Asn1 from '@peculiar/asn1-schema'
import type { Certificate } from '@peculiar/asn1-x509'
import { derElement, derOf } from './ber.ts'
import { rsaFault } from './rsa-modulus.ts'

/** Why a SignedData is not taken: a closed list, each with one test that shows it. */
export type CmsFaultCode =
  | 'too_large'
  | 'malformed'
  | 'content'
  | 'signer'
  | 'certificate'
  | 'algorithm'
  | 'attributes'
  | 'digest'
  | 'signature'

/** Thrown for what is wrong with a SignedData. Its message is for administrators and quotes nothing of it. */
export class CmsFault extends Error {
  readonly code: CmsFaultCode

  constructor(code: CmsFaultCode, message: string) {
    super(message)
    this.name = 'CmsFault'
    this.code = code
  }
}

export interface SignedDataOptions {
  /** What was signed, where it stands beside the SignedData. Where it also stands inside, the two must be equal. */
  readonly content?: Uint8Array
  /**
   * Certificates (DER) of which one must have signed, for messages without certificates, such as EC2's. Where it is left
   * out, the signer's certificate is found inside, and the caller must validate its path: anybody can sign.
   */
  readonly signers?: readonly Uint8Array[]
}

/** What a SignedData says before anything of it is verified: where to look for who signed it, and no more. */
export interface UnverifiedSignedData {
  /** undefined: the content stands elsewhere. */
  readonly content: Buffer | undefined
  /** The signer's certificate by its issuer (DER of the name) and serial number (bytes of the INTEGER); undefined where it is named in another way. */
  readonly signer: { readonly issuer: Buffer; readonly serial: Buffer } | undefined
  /** DER. */
  readonly certificates: readonly Buffer[]
}

/** A SignedData whose signature holds. Certificates are DER; `certificates` are those inside that are not the signer's. */
export interface VerifiedSignedData {
  readonly content: Buffer
  readonly signer: Buffer
  readonly certificates: readonly Buffer[]
}

const MAX_BYTES = 64 * 1024
const MAX_CERTIFICATES = 16

const DATA = '1.2.840.113549.1.7.1'
const SIGNED_DATA = '1.2.840.113549.1.7.2'
const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14'

const RSA_WITH: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
}
const ECDSA_WITH: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
}
const RSA = '1.2.840.113549.1.1.1'
const DIGESTS: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
  // Azure names the signature algorithm where the digest alone belongs.
  ...RSA_WITH,
}
const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/** Reads, and verifies nothing. Throws CmsFault, and nothing else. */
export function readSignedData(bytes: Uint8Array): UnverifiedSignedData {
  const message = read(bytes)
  const { eContent } = message.encapContentInfo
  const named = onlySigner(message).sid.issuerAndSerialNumber
  return {
    content: eContent?.single === undefined ? undefined : Buffer.from(eContent.single.buffer),
    signer:
      named === undefined ? undefined : { issuer: encoded(named.issuer), serial: Buffer.from(named.serialNumber) },
    certificates: certificatesIn(message).map(({ der }) => der),
  }
}

/** Verifies. Throws CmsFault, and nothing else. The bytes may be BER as signers write it that stream (lib/ber.ts). */
export function verifySignedData(
  bytes: Uint8Array,
  { content: beside, signers }: SignedDataOptions = {},
): VerifiedSignedData {
  const message = read(bytes)
  const content = contentOf(message, beside)
  const inside = certificatesIn(message)
  const info = onlySigner(message)
  const candidates =
    signers === undefined ? inside : signers.map((der) => ({ der: Buffer.from(der), read: readCertificate(der) }))
  const signer = signerOf(info, candidates)
  const digest = DIGESTS[info.digestAlgorithm.algorithm]
  if (digest === undefined || !hasNoParameters(info.digestAlgorithm))
    throw new CmsFault(
      'algorithm',
      `is digested with ${info.digestAlgorithm.algorithm}; SHA-256, SHA-384 and SHA-512 are taken`,
    )
  checkAnnounced(message, info, digest)
  const key = keyOf(signer)
  checkAlgorithm(info, digest, key)
  const signed = signedBytes(info, content, digest)
  if (!verify(digest, signed, key, Buffer.from(info.signature.buffer)))
    throw new CmsFault('signature', 'has a signature that does not verify with the key of its signer')
  return {
    content,
    signer,
    certificates: inside.map(({ der }) => der).filter((der) => !der.equals(signer)),
  }
}

/** Loaded with the first message, as lib/x509 does it: most processes never read one. */
let loaded:
  | { readonly convert: typeof Asn1.AsnConvert; readonly types: typeof Cms; readonly certificate: typeof Certificate }
  | undefined

function library() {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url)
    const { AsnConvert: convert } = require('@peculiar/asn1-schema') as typeof Asn1
    const types = require('@peculiar/asn1-cms') as typeof Cms
    const { Certificate: certificate } = require('@peculiar/asn1-x509') as { Certificate: typeof Certificate }
    loaded = { convert, types, certificate }
  }
  return loaded
}

function read(bytes: Uint8Array): Cms.SignedData {
  if (bytes.length > MAX_BYTES) throw new CmsFault('too_large', `has more than ${MAX_BYTES} bytes`)
  const der = derOf(bytes)
  if (der === undefined) throw new CmsFault('malformed', 'is not one element of DER, nor of the BER that is taken')
  const { types } = library()
  const { contentType, content } = decoded(der, types.ContentInfo, 'the message')
  if (contentType !== SIGNED_DATA) throw new CmsFault('malformed', `is of type ${contentType}, which is no SignedData`)
  return decoded(Buffer.from(content), types.SignedData, 'the SignedData')
}

/** The library forgives much, so that only what it would write the same is taken. */
function decoded<T extends object>(der: Uint8Array, type: new () => T, what: string): T {
  const { convert } = library()
  try {
    const value = convert.parse(der, type)
    if (Buffer.from(convert.serialize(value)).equals(der)) return value
  } catch {
    // said below
  }
  throw new CmsFault('malformed', `${what} is not DER of its type`)
}

function onlySigner({ signerInfos }: Cms.SignedData): Cms.SignerInfo {
  const [info, ...others] = signerInfos
  if (info === undefined || others.length > 0)
    throw new CmsFault('signer', `has ${signerInfos.length} signers; exactly one is taken`)
  return info
}

/** What is said beside the signature must say the same (RFC 5652 §5.1, §5.3): left unread, it could be changed by anybody. */
function checkAnnounced({ version, digestAlgorithms }: Cms.SignedData, info: Cms.SignerInfo, digest: string): void {
  const expected = info.sid.issuerAndSerialNumber === undefined ? 3 : 1
  if (version !== expected || info.version !== expected)
    throw new CmsFault('malformed', `has versions ${version} and ${info.version}; both must be ${expected}`)
  const [announced, ...more] = digestAlgorithms
  if (
    announced === undefined ||
    more.length > 0 ||
    DIGESTS[announced.algorithm] !== digest ||
    !hasNoParameters(announced)
  )
    throw new CmsFault('algorithm', 'announces other digests than the one of its signer')
}

function contentOf({ encapContentInfo }: Cms.SignedData, beside: Uint8Array | undefined): Buffer {
  const { eContentType, eContent } = encapContentInfo
  if (eContentType !== DATA) throw new CmsFault('content', `has content of type ${eContentType}; plain data is taken`)
  const inside = eContent?.single === undefined ? undefined : Buffer.from(eContent.single.buffer)
  if (eContent !== undefined && inside === undefined)
    throw new CmsFault('content', 'has content that is no octet string')
  if (inside === undefined && beside === undefined)
    throw new CmsFault('content', 'has no content, and none was handed in with it')
  if (inside !== undefined && beside !== undefined && !inside.equals(beside))
    throw new CmsFault('content', 'has other content than the one beside it')
  return inside ?? Buffer.from(beside ?? [])
}

interface Read {
  readonly der: Buffer
  readonly read: Certificate
}

function certificatesIn({
  certificates = [],
}: {
  readonly certificates?: readonly Cms.CertificateChoices[]
}): readonly Read[] {
  if (certificates.length > MAX_CERTIFICATES)
    throw new CmsFault('certificate', `has ${certificates.length} certificates; ${MAX_CERTIFICATES} are taken`)
  return certificates.map(({ certificate }) => {
    if (certificate === undefined) throw new CmsFault('certificate', 'has a certificate that is not of X.509')
    return { der: encoded(certificate), read: certificate }
  })
}

const encoded = (value: object): Buffer => Buffer.from(library().convert.serialize(value))

const readCertificate = (der: Uint8Array): Certificate => decoded(der, library().certificate, 'a certificate handed in')

/** The certificate that the signer names. Two that answer to one name are none: which was meant could not be told. */
function signerOf({ sid }: Cms.SignerInfo, candidates: readonly Read[]): Buffer {
  const named = candidates.filter(({ read }) => isNamed(sid, read))
  const [first] = named
  if (first === undefined || named.some(({ der }) => !der.equals(first.der))) {
    throw new CmsFault(
      'signer',
      first === undefined
        ? 'is signed by somebody whose certificate is not there'
        : 'is signed by somebody to whom several certificates answer',
    )
  }
  return first.der
}

function isNamed(
  { issuerAndSerialNumber, subjectKeyIdentifier }: Cms.SignerIdentifier,
  { tbsCertificate }: Certificate,
) {
  if (issuerAndSerialNumber !== undefined) {
    const { issuer, serialNumber } = issuerAndSerialNumber
    return (
      Buffer.from(serialNumber).equals(Buffer.from(tbsCertificate.serialNumber)) &&
      encoded(issuer).equals(encoded(tbsCertificate.issuer))
    )
  }
  const extension = tbsCertificate.extensions?.find(({ extnID }) => extnID === SUBJECT_KEY_IDENTIFIER)
  if (extension === undefined || subjectKeyIdentifier === undefined) return false
  const wanted = Buffer.from(subjectKeyIdentifier.buffer)
  return Buffer.from(extension.extnValue.buffer).equals(derElement(OCTET_STRING, wanted))
}

function keyOf(der: Buffer): KeyObject {
  let key: KeyObject
  try {
    key = new X509Certificate(der).publicKey
  } catch {
    throw new CmsFault('certificate', 'is signed with a certificate whose key cannot be read')
  }
  if (key.asymmetricKeyType === 'rsa') {
    const { n = '', e } = key.export({ format: 'jwk' })
    const fault = e === 'AQAB' ? rsaFault(n) : 'has a public exponent other than 65537'
    if (fault !== undefined) throw new CmsFault('certificate', `is signed with a certificate whose key ${fault}`)
  } else if (key.asymmetricKeyType !== 'ec' || !CURVES.has(key.asymmetricKeyDetails?.namedCurve)) {
    throw new CmsFault(
      'certificate',
      'is signed with a certificate whose key is neither RSA nor of P-256, P-384 or P-521',
    )
  }
  return key
}

type Algorithm = Cms.SignerInfo['signatureAlgorithm']

function checkAlgorithm({ signatureAlgorithm }: Cms.SignerInfo, digest: string, key: KeyObject): void {
  const { algorithm } = signatureAlgorithm
  const fits =
    key.asymmetricKeyType === 'rsa'
      ? (algorithm === RSA || RSA_WITH[algorithm] === digest) && hasNoParameters(signatureAlgorithm)
      : ECDSA_WITH[algorithm] === digest && signatureAlgorithm.parameters === undefined
  if (!fits)
    throw new CmsFault(
      'algorithm',
      `is signed with ${algorithm}, which does not fit its key and its digest (${digest})`,
    )
}

/** NULL, or none at all: both are written. */
function hasNoParameters({ parameters }: Algorithm): boolean {
  return parameters === undefined || parameters === null || Buffer.from(parameters).equals(NULL)
}

const NULL = Buffer.from([0x05, 0x00])
const OCTET_STRING = 0x04
const SET_OF = 0x31

/** What the signature is over (RFC 5652 §5.4): the attributes where there are some, which then name the content by its digest. */
function signedBytes({ signedAttrs }: Cms.SignerInfo, content: Buffer, digest: string): Buffer {
  if (signedAttrs === undefined) {
    // Attributes that somebody signed could be handed in as the content of a message without any.
    if (content[0] === SET_OF)
      throw new CmsFault('content', 'has content that could be signed attributes, and no signed attributes')
    return content
  }
  const types = new Set(signedAttrs.map(({ attrType }) => attrType))
  if (types.size !== signedAttrs.length) throw new CmsFault('attributes', 'has a signed attribute twice')
  if (!onlyValue(signedAttrs, CONTENT_TYPE).equals(DATA_OID))
    throw new CmsFault('attributes', 'has signed attributes of other content')
  const told = onlyValue(signedAttrs, MESSAGE_DIGEST)
  const computed = createHash(digest).update(content).digest()
  if (!told.equals(derElement(OCTET_STRING, computed)))
    throw new CmsFault('digest', 'has other content than was signed')
  // As a SET OF by itself, with its own tag and not the one it has in the message.
  return derElement(SET_OF, Buffer.concat(signedAttrs.map(encoded)))
}

/** `1.2.840.113549.1.7.1`, encoded. */
const DATA_OID = Buffer.from('06092a864886f70d010701', 'hex')

function onlyValue(attributes: readonly Cms.Attribute[], type: string): Buffer {
  const [value, ...more] = attributes.find(({ attrType }) => attrType === type)?.attrValues ?? []
  if (value === undefined || more.length > 0)
    throw new CmsFault('attributes', `does not have the signed attribute ${type} with exactly one value`)
  return Buffer.from(value)
}
