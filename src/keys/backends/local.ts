import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { algorithms } from '../../lib/algorithms.ts'
import type { KeyBackend } from '../contract.ts'

/** Private keys in the database, wrapped; signatures made in this process, at once. */
export const local: KeyBackend = {
  name: 'local',
  summary: 'Keys are made here, rest in the database wrapped by the key-encryption key, and sign in the process.',

  create(algorithm, encryption, nameOf) {
    const { publicKey, privateKey } = keyPair(algorithm)
    const publicJwk = publicKey.export({ format: 'jwk' }) as Record<string, unknown>
    const kid = nameOf(publicJwk)
    return {
      kid,
      publicJwk: { ...publicJwk, kid, alg: algorithm },
      wrapped: encryption.wrap(kid, privateKey.export({ format: 'der', type: 'pkcs8' })),
    }
  },

  open({ kid, algorithm, wrapped }, encryption) {
    const entry = algorithms.get(algorithm)
    if (entry === undefined) throw new Error(`signing key ${kid} has the unknown algorithm ${algorithm}`)
    const key = createPrivateKey({ key: encryption.unwrap(kid, wrapped), format: 'der', type: 'pkcs8' })
    return { kid, algorithm, sign: (data) => entry.sign(key, data) }
  },
}

function keyPair(algorithm: string): { publicKey: KeyObject; privateKey: KeyObject } {
  const entry = algorithms.get(algorithm)
  switch (entry?.kty) {
    case 'RSA':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'EC':
      return generateKeyPairSync('ec', { namedCurve: entry.crv ?? '' })
    case 'OKP':
      return generateKeyPairSync('ed25519')
    default:
      throw new Error(`no key can be made for the unknown algorithm ${algorithm}`)
  }
}
