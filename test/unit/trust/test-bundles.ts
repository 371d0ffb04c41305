/** Trust domains with an authority of their own, their bundles, and servers that are known by a SPIFFE ID. */
import 'reflect-metadata'
import { createPublicKey, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { readCertificate } from '../../../src/lib/x509/certificate.ts'
import type { Certificate } from '../../../src/lib/x509/contract.ts'
import type { Identity } from './hostile-server.ts'

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const VALID = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2100-01-01T00:00:00Z') }

export interface Authority {
  readonly certificate: Certificate
  readonly pem: string
  /** As an entry of a bundle. */
  readonly entry: Record<string, unknown>
  /** A server certificate with these URIs among its names, its only ones as with SPIRE. */
  server(...uris: readonly string[]): Promise<Identity>
}

export async function authority(name = 'authority'): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify'])
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}`,
    ...VALID,
    keys,
    signingAlgorithm: P256,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  const der = Buffer.from(made.rawData)
  const pem = made.toString('pem')
  return {
    certificate: readCertificate(der),
    pem,
    entry: {
      ...createPublicKey(pem).export({ format: 'jwk' }),
      use: 'x509-svid',
      x5c: [der.toString('base64')],
    },
    async server(...uris) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: serial(),
        subject: 'O=SPIRE',
        issuer: made.subjectName,
        ...VALID,
        publicKey: await x509.PublicKey.create(own.publicKey.export({ type: 'spki', format: 'der' })),
        signingKey: keys.privateKey,
        signingAlgorithm: P256,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
          new x509.SubjectAlternativeNameExtension(uris.map((value) => ({ type: 'url', value }))),
        ],
      })
      return {
        cert: leaf.toString('pem'),
        key: own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      }
    },
  }
}

const serial = (): string => `01${randomBytes(8).toString('hex')}`
