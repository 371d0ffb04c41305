/** Certificate authorities of the tour: they live as long as it does. */
// The library decorates its classes, and this has to be there before it.
import 'reflect-metadata'
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { TlsIdentity } from './workload.ts'

/** Whom a certificate is of. */
export interface Names {
  /** RFC 4514; '' for none. */
  readonly subject?: string
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly ips?: readonly string[]
}

const HOUR = 3_600_000
const SIGNED_WITH = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

export class Authority {
  /** Of the root certificate. */
  readonly pem: string
  readonly der: Buffer
  readonly key: KeyObject
  readonly #name: string

  private constructor(name: string, key: KeyObject, root: x509.X509Certificate) {
    this.pem = root.toString('pem')
    this.der = Buffer.from(root.rawData)
    this.#name = name
    this.key = key
  }

  /** A root of its own; a signing authority of SPIFFE has the ID of its trust domain among its names (S-29). */
  static async create(name: string, names: Names = {}): Promise<Authority> {
    const { privateKey, publicKey } = newKeys()
    const root = await certificate({ ...names, subject: name }, publicKey, { name, key: privateKey }, [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ])
    return new Authority(name, privateKey, root)
  }

  /** A certificate of an hour, for servers and clients, with a key of its own. */
  async issue(names: Names): Promise<TlsIdentity> {
    return await identity(names, { name: this.#name, key: this.key })
  }
}

/** A certificate that nobody vouches for. */
export const selfSigned = async (subject: string): Promise<TlsIdentity> => await identity({ subject }, undefined)

interface Signer {
  readonly name: string
  readonly key: KeyObject
}

async function identity(names: Names, signer: Signer | undefined): Promise<TlsIdentity> {
  const { privateKey, publicKey } = newKeys()
  const issued = await certificate(names, publicKey, signer ?? { name: names.subject ?? '', key: privateKey }, [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
  ])
  return {
    cert: issued.toString('pem'),
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    chain: [Buffer.from(issued.rawData)],
    jwk: { ...publicKey.export({ format: 'jwk' }), x5c: [Buffer.from(issued.rawData).toString('base64')] },
  }
}

async function certificate(
  { subject = '', uris = [], dns = [], ips = [] }: Names,
  publicKey: KeyObject,
  signer: Signer,
  extensions: readonly x509.Extension[],
): Promise<x509.X509Certificate> {
  const names = [
    ...uris.map((value) => ({ type: 'url' as const, value })),
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...ips.map((value) => ({ type: 'ip' as const, value })),
  ]
  return await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(8).toString('hex')}`,
    subject: asEncoded(subject),
    issuer: asEncoded(signer.name),
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + HOUR),
    publicKey: new x509.PublicKey(publicKey.export({ format: 'der', type: 'spki' })),
    signingKey: signer.key.toCryptoKey(SIGNED_WITH, true, ['sign']),
    signingAlgorithm: SIGNED_WITH,
    extensions: [
      ...extensions,
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names, subject === '')]),
    ],
  })
}

/** RFC 4514 writes first what is encoded last; the library takes names in the order of the encoding. */
const asEncoded = (name: string): string => name.split(',').reverse().join(',')

const newKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
