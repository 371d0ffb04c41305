/** Signs messages as clouds do (CMS SignedData), well and wrongly. */
import 'reflect-metadata'
import { createHash, KeyObject, sign, webcrypto } from 'node:crypto'
import {
  Attribute,
  CertificateChoices,
  CertificateSet,
  ContentInfo,
  DigestAlgorithmIdentifier,
  DigestAlgorithmIdentifiers,
  EncapsulatedContent,
  EncapsulatedContentInfo,
  IssuerAndSerialNumber,
  SignatureAlgorithmIdentifier,
  SignedData,
  SignerIdentifier,
  SignerInfo,
  SignerInfos,
} from '@peculiar/asn1-cms'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { Certificate, SubjectKeyIdentifier } from '@peculiar/asn1-x509'
import { SubjectKeyIdentifierExtension, X509CertificateGenerator } from '@peculiar/x509'

export const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
  rsa: '1.2.840.113549.1.1.1',
  rsaSha1: '1.2.840.113549.1.1.5',
  rsaPss: '1.2.840.113549.1.1.10',
  rsaSha256: '1.2.840.113549.1.1.11',
  rsaSha384: '1.2.840.113549.1.1.12',
  ecdsaSha256: '1.2.840.10045.4.3.2',
  ecdsaSha384: '1.2.840.10045.4.3.3',
  ecdsaSha512: '1.2.840.10045.4.3.4',
} as const

/** A self-signed certificate with its key. */
export interface Signer {
  readonly certificate: Buffer
  readonly privateKey: KeyObject
}

type KeyKind = 'RSA-1024' | 'RSA-2048' | 'P-256' | 'P-384' | 'P-521'

export async function makeSigner(kind: KeyKind, name = 'CN=metadata.azure.com', serialNumber = '01'): Promise<Signer> {
  const algorithm = kind.startsWith('RSA')
    ? {
        name: 'RSASSA-PKCS1-v1_5',
        hash: 'SHA-256',
        modulusLength: Number(kind.slice(4)),
        publicExponent: new Uint8Array([1, 0, 1]),
      }
    : { name: 'ECDSA', namedCurve: kind, hash: 'SHA-256' }
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber,
    name,
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2100-01-01T00:00:00Z'),
    signingAlgorithm: algorithm,
    keys,
    extensions: [await SubjectKeyIdentifierExtension.create(keys.publicKey)],
  })
  return { certificate: Buffer.from(certificate.rawData), privateKey: KeyObject.from(keys.privateKey) }
}

export interface Message {
  readonly content: Buffer
  readonly signers: readonly Signer[]
  /** Certificates inside; those of the signers where it is left out. */
  readonly certificates?: readonly Buffer[]
  readonly detached?: boolean
  readonly bySubjectKey?: boolean
  readonly digest?: 'sha1' | 'sha256' | 'sha384' | 'sha512'
  readonly digestOid?: string
  readonly signatureOid?: string
  /** Writes NULL as parameters of the signature algorithm, also where they must be left out. */
  readonly nullParameters?: boolean
  readonly contentType?: string
  /** false: the content itself is signed. Else changes to the two attributes that there must be. */
  readonly attributes?: false | ((made: Attribute[]) => Attribute[])
  /** Whose digest stands in the attributes, if not the content's. */
  readonly digestOf?: Buffer
}

const buffer = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer
const oid = (text: string): ArrayBuffer => {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest.flatMap(base128)]
  return buffer(Buffer.from([6, bytes.length, ...bytes]))
}
function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let left = value >> 7; left > 0; left >>= 7) bytes.unshift((left & 0x7f) | 0x80)
  return bytes
}

export const attribute = (type: string, ...values: ArrayBuffer[]): Attribute =>
  new Attribute({ attrType: type, attrValues: values })

/** The DER of a SignedData in its ContentInfo. */
export function signMessage(message: Message): Buffer {
  const { content, signers, digest = 'sha256', contentType = OID.data } = message
  const inside = message.certificates ?? signers.map(({ certificate }) => certificate)
  const signedData = new SignedData({
    version: message.bySubjectKey === true ? 3 : 1,
    digestAlgorithms: new DigestAlgorithmIdentifiers([digestAlgorithm(message)]),
    encapContentInfo: new EncapsulatedContentInfo({
      eContentType: contentType,
      ...(message.detached === true
        ? {}
        : { eContent: new EncapsulatedContent({ single: new OctetString(buffer(content)) }) }),
    }),
    ...(inside.length === 0
      ? {}
      : {
          certificates: new CertificateSet(
            inside.map((der) => new CertificateChoices({ certificate: AsnConvert.parse(buffer(der), Certificate) })),
          ),
        }),
    signerInfos: new SignerInfos(signers.map((signer) => signerInfo(signer, message, digest))),
  })
  const info = new ContentInfo({ contentType: OID.signedData, content: AsnConvert.serialize(signedData) })
  return Buffer.from(AsnConvert.serialize(info))
}

const digestAlgorithm = ({ digest = 'sha256', digestOid }: Message) =>
  new DigestAlgorithmIdentifier({ algorithm: digestOid ?? OID[digest], parameters: null })

function signerInfo({ certificate, privateKey }: Signer, message: Message, digest: string): SignerInfo {
  const { content, contentType = OID.data, digestOf = content, attributes = (made) => made } = message
  const rsa = privateKey.asymmetricKeyType === 'rsa'
  const ecdsa = { sha256: OID.ecdsaSha256, sha384: OID.ecdsaSha384, sha512: OID.ecdsaSha512 }[digest] ?? ''
  const attrs =
    attributes === false
      ? undefined
      : attributes([
          attribute(OID.contentType, oid(contentType)),
          attribute(
            OID.messageDigest,
            AsnConvert.serialize(new OctetString(buffer(createHash(digest).update(digestOf).digest()))),
          ),
        ])
  const signed = attrs === undefined ? content : setOf(attrs)
  const { tbsCertificate } = AsnConvert.parse(buffer(certificate), Certificate)
  const sid =
    message.bySubjectKey === true
      ? new SignerIdentifier({
          subjectKeyIdentifier: new SubjectKeyIdentifier(
            AsnConvert.parse(
              tbsCertificate.extensions?.find(({ extnID }) => extnID === '2.5.29.14')?.extnValue.buffer ??
                new ArrayBuffer(0),
              OctetString,
            ).buffer,
          ),
        })
      : new SignerIdentifier({
          issuerAndSerialNumber: new IssuerAndSerialNumber({
            issuer: tbsCertificate.issuer,
            serialNumber: tbsCertificate.serialNumber,
          }),
        })
  return new SignerInfo({
    version: message.bySubjectKey === true ? 3 : 1,
    sid,
    digestAlgorithm: digestAlgorithm(message),
    ...(attrs === undefined ? {} : { signedAttrs: attrs }),
    signatureAlgorithm: new SignatureAlgorithmIdentifier({
      algorithm: message.signatureOid ?? (rsa ? OID.rsa : ecdsa),
      ...(rsa || message.nullParameters === true ? { parameters: null } : {}),
    }),
    signature: new OctetString(buffer(sign(digest, signed, privateKey))),
  })
}

/** The attributes as they are signed: a SET OF by itself. */
export function setOf(attributes: readonly Attribute[]): Buffer {
  const content = Buffer.concat(attributes.map((one) => Buffer.from(AsnConvert.serialize(one))))
  return tlv(0x31, content)
}

export function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...header]), content])
}

const END = Buffer.from([0, 0])

/** The same message as EC2's signer writes it: outer lengths left open, and the content in pieces. */
export function streamed(der: Buffer, depth = 0, parent = 0): Buffer {
  const tag = der[0] ?? 0
  const children = (tag & 0x20) === 0 ? [] : childrenOf(der)
  if (tag === 0x04 && depth === 5 && parent === 0xa0) {
    const content = contentOf(der)
    const pieces = [content.subarray(0, 10), content.subarray(10)].map((piece) => tlv(0x04, piece))
    return Buffer.concat([Buffer.from([0x24, 0x80]), ...pieces, END])
  }
  if (children.length === 0 || depth > 4) return der
  return Buffer.concat([Buffer.from([tag, 0x80]), ...children.map((child) => streamed(child, depth + 1, tag)), END])
}

export function childrenOf(der: Buffer): Buffer[] {
  const children: Buffer[] = []
  for (let content = contentOf(der); content.length > 0; ) {
    const size = content.length - contentOf(content, true).length
    children.push(content.subarray(0, size))
    content = content.subarray(size)
  }
  return children
}

/** What an element holds, or what comes after it. */
function contentOf(der: Buffer, after = false): Buffer {
  const first = der[1] ?? 0
  const begin = first < 0x80 ? 2 : 2 + (first & 0x7f)
  const end = begin + (first < 0x80 ? first : der.readUIntBE(2, first & 0x7f))
  return after ? der.subarray(end) : der.subarray(begin, end)
}
