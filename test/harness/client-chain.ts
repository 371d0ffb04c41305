import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** What a TLS client or server presents, and its key. */
export interface Chain {
  /** DER, leaf first, the root last. */
  readonly der: readonly Buffer[]
  /** PEM of the same, one certificate each, with a line feed at the end as OpenSSL writes it. */
  readonly pem: readonly string[]
  /** PKCS #8 PEM of the leaf's key. */
  readonly key: string
}

x509.cryptoProvider.set(webcrypto as never)
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY = 24 * 3600 * 1000

/** A chain of so many certificates, each signed by the one behind it; padding makes the leaf larger. Valid around the real time, which TLS reads. */
export async function makeChain(length: number, { padding = 0 }: { padding?: number } = {}): Promise<Chain> {
  const certificates: x509.X509Certificate[] = []
  let issuer: webcrypto.CryptoKeyPair | undefined
  let key = ''
  for (let index = length - 1; index >= 0; index--) {
    const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: `0${index + 1}`,
      subject: `CN=certificate ${index}`,
      issuer: `CN=certificate ${Math.min(index + 1, length - 1)}`,
      notBefore: new Date(Date.now() - DAY),
      notAfter: new Date(Date.now() + DAY),
      publicKey: keys.publicKey as never,
      signingKey: (issuer ?? keys).privateKey as never,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(index > 0, undefined, true),
        ...(index > 0 || padding === 0 ? [] : [new x509.Extension('1.3.6.1.4.1.99999.1', false, octets(padding))]),
      ],
    })
    certificates.unshift(certificate)
    issuer = keys
    key = pemOf('PRIVATE KEY', Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey as never)))
  }
  const der = certificates.map((one) => Buffer.from(one.rawData))
  return { der, pem: der.map((one) => pemOf('CERTIFICATE', one)), key }
}

/** An OCTET STRING of so many bytes. */
const octets = (size: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(size + 4)
  bytes.set([0x04, 0x82, size >> 8, size & 255])
  return bytes
}

export const pemOf = (label: string, der: Buffer): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`

/** What each proxy writes of a chain, to the letter: the captured shapes of binding.md §4. */
export const written = {
  /** RFC 9440, as HAProxy and Google's balancer write it. */
  rfc9440: (der: readonly Buffer[]): Record<string, string> => {
    const [leaf = '', ...behind] = der.map((one) => `:${one.toString('base64')}:`)
    return { 'Client-Cert': leaf, ...(behind.length === 0 ? {} : { 'Client-Cert-Chain': behind.join(', ') }) }
  },
  /** `$ssl_client_escaped_cert`: everything but unreserved characters is escaped. */
  nginx: (pem: string): string => encodeURIComponent(pem),
  /** Envoy escapes five characters of the PEM. */
  envoy: (pem: string): string =>
    pem.replace(/[\n +/=]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`),
}
