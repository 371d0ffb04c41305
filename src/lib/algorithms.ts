import { constants, type KeyObject, sign, verify } from 'node:crypto'

/**
 * All that is known of each JWS algorithm, in one table: a name is resolved to its entry once, and below that point
 * nobody looks at the name again. Asymmetric only, so that no public key can ever be taken for a secret (T2, T3, JB-01).
 * node:crypto, synchronous: a P-256 operation costs less than the way to the thread pool and back (architecture.md).
 */
export interface Algorithm {
  readonly name: string
  /** JWK key type and curve that the algorithm takes, RFC 7518 §6 and RFC 8037. */
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly crv?: string
  /** Bytes of a signature, where the algorithm fixes them. */
  readonly signatureBytes?: number
  verify(key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean
  sign(key: KeyObject, data: Uint8Array): Buffer
}

function rsa(name: string, hash: string): Algorithm {
  return {
    name,
    kty: 'RSA',
    verify: (key, data, signature) => verify(hash, data, key, signature),
    sign: (key, data) => sign(hash, data, key),
  }
}

function pss(name: string, hash: string): Algorithm {
  const options = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return {
    name,
    kty: 'RSA',
    verify: (key, data, signature) => verify(hash, data, { key, ...options }, signature),
    sign: (key, data) => sign(hash, data, { key, ...options }),
  }
}

function ecdsa(name: string, hash: string, crv: string, signatureBytes: number): Algorithm {
  return {
    name,
    kty: 'EC',
    crv,
    signatureBytes,
    verify: (key, data, signature) => verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature),
    sign: (key, data) => sign(hash, data, { key, dsaEncoding: 'ieee-p1363' }),
  }
}

function eddsa(name: string): Algorithm {
  return {
    name,
    kty: 'OKP',
    crv: 'Ed25519',
    signatureBytes: 64,
    verify: (key, data, signature) => verify(null, data, key, signature),
    sign: (key, data) => sign(null, data, key),
  }
}

export const algorithms: ReadonlyMap<string, Algorithm> = new Map(
  [
    rsa('RS256', 'sha256'),
    rsa('RS384', 'sha384'),
    rsa('RS512', 'sha512'),
    pss('PS256', 'sha256'),
    pss('PS384', 'sha384'),
    pss('PS512', 'sha512'),
    ecdsa('ES256', 'sha256', 'P-256', 64),
    ecdsa('ES384', 'sha384', 'P-384', 96),
    ecdsa('ES512', 'sha512', 'P-521', 132),
    eddsa('EdDSA'),
    eddsa('Ed25519'),
  ].map((algorithm) => [algorithm.name, Object.freeze(algorithm)]),
)
