import { twinSignature } from '../ecdsa.ts'
import { CertificateFault } from './contract.ts'
import { decode, encode } from './decoder.ts'

/** The same certificate under the other signature that its ECDSA signer could have made; undefined where there is none. */
export function respelt(der: Buffer): Buffer | undefined {
  try {
    const certificate = decode(der, (types) => types.Certificate, 'the certificate')
    const twin = twinSignature(Buffer.from(certificate.signatureValue))
    if (twin === undefined) return undefined
    certificate.signatureValue = new Uint8Array(twin).buffer
    return encode(certificate)
  } catch (error) {
    if (error instanceof CertificateFault) return undefined
    throw error
  }
}
