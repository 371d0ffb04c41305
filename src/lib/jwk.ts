import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { algorithms } from './algorithms.ts'
import { canonicalJson } from './json.ts'
import { isCanonicalBase64url } from './jws.ts'
import { rsaFault } from './rsa-modulus.ts'

/** A public key that may verify, with the algorithms it is fit for (JB-01: usually exactly one). */
export interface VerificationKey {
  readonly kid: string | undefined
  /** Names of lib/algorithms.ts. One when the JWK says `alg`; else all that fit its type and curve. */
  readonly algorithms: ReadonlySet<string>
  readonly key: KeyObject
  /** RFC 7638 SHA-256, base64url. */
  readonly thumbprint: string
}

/** One JWK, read: a key, or why it is none. The fault is a phrase that completes "the key …". */
export type JwkReading = { readonly key: VerificationKey } | { readonly fault: string }

/**
 * A JWK Set, read: the usable keys, and what is wrong with the others. `at` is a path such as `keys[2]`, `''` for the set
 * as a whole; `message` is a phrase that completes "the key …" or "the set …". A set with a fault as a whole has no keys.
 */
export interface JwksReading {
  readonly keys: readonly VerificationKey[]
  readonly faults: readonly { readonly at: string; readonly message: string }[]
}

/** Most keys that a set may have (P-12). */
export const MAX_KEYS = 100
const MAX_KID = 256

/** Members that only a private or a secret key has (RFC 7518 §6). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'] as const

/** Bytes of a coordinate, RFC 7518 §6.2.1.2 and RFC 8037 §2. */
const COORDINATES: ReadonlyMap<string, number> = new Map([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
  ['Ed25519', 32],
])

/**
 * Reads a public signature key (RFC 7517). Everything that can be judged from the text is judged before OpenSSL sees the
 * key, so that a 65,536 bit modulus costs nothing (F8). Never throws.
 */
export function readJwk(value: unknown): JwkReading {
  if (!isObject(value)) return { fault: 'is not a JSON object' }
  for (const member of PRIVATE) {
    if (Object.hasOwn(value, member))
      return { fault: `shows its private or secret part (${member}), so everyone can sign with it` }
  }
  const { kid } = value
  if (kid !== undefined && !isKeyId(kid))
    return { fault: `has a kid that is not a printable text of 1 to ${MAX_KID} characters` }
  if (value['use'] !== undefined && value['use'] !== 'sig') return { fault: 'has a use other than sig' }
  const operations = value['key_ops']
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return { fault: 'has key_ops without verify' }
  }
  const material = readMaterial(value)
  if ('fault' in material) return material
  const fit = fitAlgorithms(material.jwk.kty, material.jwk.crv, value['alg'])
  if (fit.size === 0)
    return { fault: `has an alg that does not fit its type${material.jwk.crv === undefined ? '' : ' and curve'}` }
  let key: KeyObject
  try {
    key = createPublicKey({ key: { ...material.jwk }, format: 'jwk' })
  } catch {
    return { fault: 'is not a point of its curve or otherwise no key' }
  }
  const thumbprint = createHash('sha256').update(canonicalJson(material.jwk)).digest('base64url')
  return { key: Object.freeze({ kid: kid as string | undefined, algorithms: fit, key, thumbprint }) }
}

/**
 * Reads a JWK Set. Unfit keys are left out and reported; of keys that share a kid none is used, unless they are one key
 * written twice, because which one a signature was meant for could not be told (T6). Never throws.
 */
export function readJwks(value: unknown, { limit = MAX_KEYS }: { readonly limit?: number } = {}): JwksReading {
  if (!isObject(value) || !Array.isArray(value['keys'])) return whole('is not a JSON object with a list named keys')
  const written: readonly unknown[] = value['keys']
  if (written.length > limit) return whole(`has ${written.length} keys, at most ${limit} are taken`)
  const faults: { at: string; message: string }[] = []
  const readings = written.map((one, index) => {
    const reading = readJwk(one)
    if ('key' in reading) return reading.key
    faults.push({ at: `keys[${index}]`, message: reading.fault })
    return undefined
  })
  const unclear = new Set<string>()
  const kept = new Map<string, VerificationKey>()
  for (const [index, key] of readings.entries()) {
    if (key === undefined) continue
    const name = key.kid === undefined ? `thumbprint ${key.thumbprint}` : `kid ${key.kid}`
    const earlier = kept.get(name)
    if (earlier === undefined) kept.set(name, key)
    else if (!sameKey(earlier, key)) {
      unclear.add(name)
      faults.push({
        at: `keys[${index}]`,
        message: `shares its ${key.kid === undefined ? 'material' : 'kid'} with another, different key of the set`,
      })
    }
  }
  for (const name of unclear) kept.delete(name)
  return { keys: Object.freeze([...kept.values()]), faults }
}

/** A key id is a key of a map and nothing else (T4): printable ASCII, 1 to 256 characters. */
export function isKeyId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_KID && /^[\x20-\x7e]+$/.test(value)
}

const whole = (message: string): JwksReading => ({ keys: [], faults: [{ at: '', message }] })

function sameKey(one: VerificationKey, other: VerificationKey): boolean {
  return one.thumbprint === other.thumbprint && one.algorithms.symmetricDifference(other.algorithms).size === 0
}

/** The members that make the key, which are also those of its thumbprint (RFC 7638 §3.2). */
interface Material {
  readonly kty: string
  readonly crv?: string
  readonly e?: string
  readonly n?: string
  readonly x?: string
  readonly y?: string
}

function readMaterial(jwk: Readonly<Record<string, unknown>>): { readonly jwk: Material } | { readonly fault: string } {
  const { kty, crv, n, e, x, y } = jwk
  switch (kty) {
    case 'RSA': {
      if (typeof n !== 'string' || e !== 'AQAB')
        return { fault: 'is of type RSA without n, or with a public exponent e other than 65537' }
      const fault = rsaFault(n)
      return fault === undefined ? { jwk: { e, kty, n } } : { fault }
    }
    case 'EC': {
      const bytes = typeof crv === 'string' && crv !== 'Ed25519' ? COORDINATES.get(crv) : undefined
      if (typeof crv !== 'string' || bytes === undefined)
        return { fault: 'is of a curve other than P-256, P-384 and P-521' }
      if (!isOctets(x, bytes) || !isOctets(y, bytes))
        return { fault: `has coordinates that are not ${bytes} bytes in canonical base64url` }
      return { jwk: { crv, kty, x, y } }
    }
    case 'OKP':
      if (crv !== 'Ed25519') return { fault: 'is of a curve other than Ed25519' }
      if (!isOctets(x, 32)) return { fault: 'has an x that is not 32 bytes in canonical base64url' }
      return { jwk: { crv, kty, x } }
    case 'oct':
      return { fault: 'is a shared secret (kty oct), and a secret that is published is none' }
    default:
      return { fault: 'has a kty other than RSA, EC and OKP' }
  }
}

/** What the key may verify. `EdDSA` and `Ed25519` are two names of one algorithm here (RFC 9864 §2.2). */
function fitAlgorithms(kty: string, crv: string | undefined, alg: unknown): ReadonlySet<string> {
  const fit = new Set<string>()
  for (const { name, kty: type, crv: curve } of algorithms.values()) if (type === kty && curve === crv) fit.add(name)
  if (alg === undefined || (typeof alg === 'string' && kty === 'OKP' && fit.has(alg))) return fit
  return typeof alg === 'string' && fit.has(alg) ? new Set([alg]) : new Set()
}

function isOctets(value: unknown, bytes: number): value is string {
  return (
    typeof value === 'string' &&
    value.length === Math.ceil((bytes * 4) / 3) &&
    /^[A-Za-z0-9_-]+$/.test(value) &&
    isCanonicalBase64url(value)
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
