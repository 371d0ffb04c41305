// The library decorates its classes, and this has to be there before it.
import 'reflect-metadata'
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { der } from './der.ts'

export const OID = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  any: '2.5.29.37.0',
} as const

/** A pair of keys as Node has them. `keyPair('ed25519')`, `keyPair('rsa', { modulusLength: 2048 })`; P-256 without a word. */
export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export function keyPair(type: 'ec' | 'rsa' | 'ed25519' = 'ec', options: Record<string, unknown> = {}): KeyPair {
  const generate = generateKeyPairSync as (type: string, options: unknown) => KeyPair
  return generate(type, { ...(type === 'ec' ? { namedCurve: 'P-256' } : {}), ...options })
}

export type Extension = x509.Extension

export interface IssueOptions {
  /** RFC 4514; '' for none. */
  readonly subject?: string
  /** Seconds since the epoch. */
  readonly notBefore?: number
  readonly notAfter?: number
  /** The subject's own. */
  readonly keys?: KeyPair
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
  readonly emails?: readonly string[]
  /** false: without the extension. */
  readonly keyUsage?: readonly (keyof typeof x509.KeyUsageFlags)[] | false
  readonly extendedKeyUsage?: readonly string[] | false
  /** Beside those that the other members make. */
  readonly extensions?: readonly Extension[]
  /** false: without basicConstraints. */
  readonly basicConstraints?: boolean
  readonly hash?: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'
  /** Hexadecimal. */
  readonly serialNumber?: string
}

/** A certificate with its private key and all that leads to its root. */
export interface Issued {
  readonly der: Buffer
  readonly pem: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** PKCS #8. */
  readonly keyPem: string
  /** Itself and its intermediates, leaf first, without the root: what a TLS peer presents. */
  chain(): readonly Buffer[]
  /** The same as PEM, as `cert` of a TLS server or client. */
  chainPem(): string
}

export interface AuthorityOptions extends IssueOptions {
  readonly pathLength?: number
}

export interface Authority extends Issued {
  leaf(options?: IssueOptions): Promise<Issued>
  intermediate(options?: AuthorityOptions): Promise<Authority>
}

/** 2026-01-01 and ten years on: dates of what says nothing else. */
export const VALID_FROM = 1_767_225_600
export const VALID_UNTIL = VALID_FROM + 10 * 365 * 86_400

/** A root of its own. */
export const createRoot = (options: AuthorityOptions = {}): Promise<Authority> =>
  authority({ subject: 'CN=Test Root', ...options }, undefined)

/** Any extension from its DER. */
export const extension = (oid: string, value: Uint8Array | string, critical = false): Extension =>
  new x509.Extension(oid, critical, typeof value === 'string' ? Buffer.from(value, 'hex') : value)

/** A nameConstraints extension of general names, each as `der(0x80 + form, …)`: email 1, DNS 2, URI 6, IP 7, directory 0xa4. */
export function nameConstraints(
  { permitted = [], excluded = [] }: { permitted?: readonly Uint8Array[]; excluded?: readonly Uint8Array[] },
  critical = true,
): Extension {
  const list = (tag: number, names: readonly Uint8Array[]) =>
    names.length === 0 ? [] : [der(tag, ...names.map((name) => der(0x30, name)))]
  return extension('2.5.29.30', der(0x30, ...list(0xa0, permitted), ...list(0xa1, excluded)), critical)
}

async function authority(options: AuthorityOptions, issuer: Signer | undefined): Promise<Authority> {
  const { pathLength, basicConstraints = true, keyUsage = ['keyCertSign', 'cRLSign'], extensions = [] } = options
  const issued = await issue(
    {
      ...{ extendedKeyUsage: false, ...options, keyUsage },
      extensions: [
        ...(basicConstraints ? [new x509.BasicConstraintsExtension(true, pathLength, true)] : []),
        ...extensions,
      ],
    },
    issuer,
  )
  const signer = { issued, subject: options.subject ?? '' }
  return {
    ...issued,
    leaf: (leaf = {}) =>
      issue({ subject: 'CN=leaf', extendedKeyUsage: [OID.serverAuth, OID.clientAuth], ...leaf }, signer),
    intermediate: (next = {}) => authority({ subject: 'CN=Test Intermediate', ...next }, signer),
  }
}

interface Signer {
  readonly issued: Issued
  readonly subject: string
}

async function issue(options: IssueOptions, signer: Signer | undefined): Promise<Issued> {
  const { subject = '', keys = keyPair(), hash = 'SHA-256', keyUsage = ['digitalSignature'] } = options
  const { extendedKeyUsage = false, extensions = [], uris = [], dns = [], ips = [], emails = [] } = options
  const names = [
    ...uris.map((value) => ({ type: 'url' as const, value })),
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...ips.map((value) => ({ type: 'ip' as const, value })),
    ...emails.map((value) => ({ type: 'email' as const, value })),
  ]
  const signing = signer?.issued.privateKey ?? keys.privateKey
  const algorithm = algorithmOf(signing, hash)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: options.serialNumber ?? `01${randomBytes(8).toString('hex')}`,
    subject,
    issuer: signer?.subject ?? subject,
    notBefore: new Date((options.notBefore ?? VALID_FROM) * 1000),
    notAfter: new Date((options.notAfter ?? VALID_UNTIL) * 1000),
    publicKey: new x509.PublicKey(keys.publicKey.export({ format: 'der', type: 'spki' })),
    signingKey: signing.toCryptoKey(algorithm, true, ['sign']),
    signingAlgorithm: algorithm,
    extensions: [
      ...(keyUsage === false
        ? []
        : [
            new x509.KeyUsagesExtension(
              keyUsage.reduce((bits, name) => bits | x509.KeyUsageFlags[name], 0),
              true,
            ),
          ]),
      ...(extendedKeyUsage === false ? [] : [new x509.ExtendedKeyUsageExtension([...extendedKeyUsage])]),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names, subject === '')]),
      ...extensions,
    ],
  })
  const raw = Buffer.from(certificate.rawData)
  const pem = pemOf(raw)
  const chain = [raw, ...(signer?.issued.chain() ?? [])]
  return {
    ...{ der: raw, pem, privateKey: keys.privateKey, publicKey: keys.publicKey },
    keyPem: keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    // A root is nobody's to present.
    chain: () => (signer === undefined ? [] : chain),
    chainPem: () => (signer === undefined ? [raw] : chain).map(pemOf).join(''),
  }
}

/** What WebCrypto calls the key's algorithm, to sign with. */
function algorithmOf(key: KeyObject, hash: string): { name: string; hash: string; namedCurve?: string } {
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return { name: 'Ed25519', hash }
    case 'rsa':
      return { name: 'RSASSA-PKCS1-v1_5', hash }
    default:
      return { name: 'ECDSA', hash, namedCurve: key.export({ format: 'jwk' }).crv ?? '' }
  }
}

export function pemOf(raw: Uint8Array): string {
  const lines =
    Buffer.from(raw)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
