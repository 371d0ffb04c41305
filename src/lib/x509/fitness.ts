import type { KeyObject, X509Certificate } from 'node:crypto'
import { rsaFault } from '../rsa-modulus.ts'
import { CertificateFault } from './contract.ts'

/** OpenSSL's names of the curves that are taken. */
const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const OBJECT_IDENTIFIER = 0x06
const MAX_EXPONENT = 0xffff_ffffn

/**
 * The key of the certificate; `parameters` is the DER of those of its algorithm. Throws CertificateFault `malformed` where
 * it is none, and `weak_key` where it is unfit (T17).
 */
export function publicKeyOf(x509: X509Certificate, parameters: Uint8Array): KeyObject {
  let key: KeyObject
  try {
    key = x509.publicKey
  } catch {
    throw new CertificateFault('malformed', 'the public key of the certificate is no key that can be read')
  }
  const fault = keyFault(key, parameters)
  if (fault !== undefined) throw new CertificateFault('weak_key', `the key of the certificate ${fault}`)
  return key
}

/** What makes the key unfit, as a phrase that completes "the key …". */
function keyFault(key: KeyObject, parameters: Uint8Array): string | undefined {
  const { namedCurve, modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return undefined
    case 'ec':
      // A curve that is written out and not named may be nearly the one that it looks like (CVE-2020-0601).
      return CURVES.has(namedCurve) && parameters[0] === OBJECT_IDENTIFIER
        ? undefined
        : 'is not of the named curve P-256, P-384 or P-521'
    case 'rsa':
      if (publicExponent % 2n === 0n || publicExponent < 3n || publicExponent > MAX_EXPONENT)
        return 'is an RSA key with a public exponent that is even, below 3 or of more than 32 bits'
      // Before the modulus is written out: a verification with a huge one costs its square (T12).
      return modulusLength > 8192
        ? `is an RSA key of ${modulusLength} bits; 2048 to 8192 are taken`
        : rsaFault(key.export({ format: 'jwk' }).n ?? '')
    default:
      return 'is of a type other than RSA, EC and Ed25519'
  }
}

const tlv = (tag: string, ...contents: readonly string[]): string => {
  const content = contents.join('')
  return tag + (content.length / 2).toString(16).padStart(2, '0') + content
}
const sequence = (...contents: readonly string[]) => tlv('30', ...contents)
const NULL = '0500'
const RSA = '06092a864886f70d0101'

/**
 * Signature algorithms that are taken, as the whole DER of their identifier, so that no parameter can make one weaker:
 * RSA PKCS #1, RSA-PSS with MGF1 of the same hash and a salt of its length, and ECDSA, each with SHA-2; Ed25519.
 */
const SIGNATURES: ReadonlySet<string> = new Set([
  sequence('06032b6570'),
  ...[
    { hash: '0609608648016503040201', rsa: '0b', ecdsa: '02', salt: '20' },
    { hash: '0609608648016503040202', rsa: '0c', ecdsa: '03', salt: '30' },
    { hash: '0609608648016503040203', rsa: '0d', ecdsa: '04', salt: '40' },
  ].flatMap(({ hash, rsa, ecdsa, salt }) => [
    sequence(`${RSA}${rsa}`, NULL),
    sequence(`06082a8648ce3d0403${ecdsa}`),
    // RFC 4055 §2.1 has both spellings of a hash: with NULL and without parameters.
    ...[sequence(hash, NULL), sequence(hash)].map((digest) =>
      sequence(
        `${RSA}0a`,
        sequence(tlv('a0', digest), tlv('a1', sequence(`${RSA}08`, digest)), tlv('a2', tlv('02', salt))),
      ),
    ),
  ]),
])

/** Whether signatures of the algorithm, DER of its AlgorithmIdentifier, are taken: not with MD5, SHA-1 or DSA. */
export const isFitSignature = (identifier: Buffer): boolean => SIGNATURES.has(identifier.toString('hex'))
