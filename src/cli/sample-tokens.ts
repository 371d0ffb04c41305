import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import type { AnyCredentialKind } from '../credentials/contract.ts'
import { CLIENTS_ISSUER, SELF_ISSUER } from '../identity/principal.ts'
import { type Algorithm, algorithms } from '../lib/algorithms.ts'
import { readJwk, type VerificationKey } from '../lib/jwk.ts'
import { Refusal } from '../refusal.ts'
import type { KeyFinder, Position, TrustedIssuer } from '../trust/contract.ts'

type Members = Readonly<Record<string, unknown>>

/** A token as a policy test writes it: what it says, without the signature that nobody can keep in git. */
export interface SampleToken {
  readonly issuer: TrustedIssuer
  readonly kind: AnyCredentialKind
  readonly position: Position
  readonly claims: Members
  readonly header: Members
  /** Seconds since the epoch: where it does not say when, it is issued now. */
  readonly now: number
  readonly ourIssuer: string
}

interface Pair {
  readonly privateKey: KeyObject
  readonly verification: VerificationKey
}

/** Seconds that a sample lives where it does not say. */
const LIFETIME = 300

/**
 * Throw-away keys that stand for those of issuers while tests run: samples are signed with them, and verified by them as
 * on the road. They are made when they are needed, one for an issuer and an algorithm, and nobody else trusts them.
 */
export class SampleKeys implements KeyFinder {
  readonly #pairs = new Map<string, Pair>()

  find(issuer: TrustedIssuer, _kid: string | undefined, algorithm: string): VerificationKey {
    const pair = this.#pairs.get(nameOf(issuer, algorithm))
    if (pair !== undefined) return pair.verification
    throw new Refusal('key_unknown', `no sample is signed by ${issuer.name} with ${algorithm}`)
  }

  anchors(issuer: TrustedIssuer): never {
    throw new Refusal('key_unknown', `certificates of ${issuer.name} are no samples; write facts instead`)
  }

  /** A compact JWS; where the header names an algorithm that is none here, with a signature that is none. */
  signed(issuer: TrustedIssuer, header: Members, claims: Members): string {
    const input = `${encode(header)}.${encode(claims)}`
    const algorithm = algorithms.get(String(header['alg']))
    if (algorithm === undefined) return `${input}.AA`
    const { privateKey } = this.#pair(issuer, algorithm)
    return `${input}.${algorithm.sign(privateKey, Buffer.from(input)).toString('base64url')}`
  }

  #pair(issuer: TrustedIssuer, algorithm: Algorithm): Pair {
    const name = nameOf(issuer, algorithm.name)
    const known = this.#pairs.get(name)
    if (known !== undefined) return known
    const { privateKey, publicKey } = newPair(algorithm)
    const reading = readJwk({ ...publicKey.export({ format: 'jwk' }), kid: KEY_ID, alg: algorithm.name })
    if ('fault' in reading) throw new Error(`a key for samples ${reading.fault}`)
    const pair = { privateKey, verification: reading.key }
    this.#pairs.set(name, pair)
    return pair
  }
}

const KEY_ID = 'sample'
const nameOf = ({ name, authority }: TrustedIssuer, algorithm: string): string =>
  JSON.stringify([name, authority, algorithm])

function newPair({ kty, crv }: Algorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  if (kty === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2048 })
  return kty === 'OKP' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: crv ?? 'P-256' })
}

/** Why nobody can write such a credential down: it is no JWT, or it comes with a proof of its key. */
export function unsampled({ name, header, audience }: AnyCredentialKind): string | undefined {
  if (header === undefined) return `a credential ${name} is no JWT, and has no sample; write facts instead`
  if (audience === 'none')
    return `a credential ${name} comes with a proof of its key, which a sample does not have; write facts instead`
  return undefined
}

/** What the kind of credential takes in a header, where the sample does not say. */
export function headerOf({ issuer, kind, header }: SampleToken): Members {
  const takes = kind.header?.(issuer.settings)
  const allowed = [...(takes?.algorithms ?? [])]
  // A key of a curve is made at once; one of RSA takes a while.
  const alg = allowed.includes('ES256') ? 'ES256' : (allowed[0] ?? 'ES256')
  const [typ] = takes?.typ.has('') === false ? takes.typ : []
  return given({ alg, kid: KEY_ID, ...(typ === undefined ? {} : { typ }), ...header })
}

/** What its issuer would say as well, where the sample does not. */
export function claimsOf({ issuer, position, claims, now, ourIssuer }: SampleToken): Members {
  const { authority, audiences, keyUse, maxLifetime, name } = issuer
  const issuedAt = typeof claims['iat'] === 'number' ? claims['iat'] : now
  return given({
    // Credentials of trust domains name the domain in `sub` alone.
    ...(keyUse === 'sig' ? { iss: authority } : {}),
    ...(name === SELF_ISSUER ? {} : { aud: position === 'client' ? ourIssuer : audiences[0] }),
    ...(name === CLIENTS_ISSUER ? { sub: authority, jti: randomUUID() } : {}),
    ...(name === SELF_ISSUER
      ? { jti: randomUUID(), cambist_lineage: randomUUID(), cambist_path: [claims['client_id']] }
      : {}),
    iat: issuedAt,
    exp: issuedAt + Math.min(LIFETIME, maxLifetime),
    ...claims,
  })
}

/** A member that is written as null is one that is not there. */
const given = (members: Members): Members =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined))

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
