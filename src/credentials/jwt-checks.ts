/**
 * The checks that every JWT from outside must pass, as pure functions: plain values and `now` in, nothing or a Refusal
 * out (assertions.md §7 JV-01 to JV-08, RFC 8725). The order in which a kind calls them is by cost.
 */
import { createHash } from 'node:crypto'
import { type Actor, type ActorChain, MAX_ACTOR_NAME, MAX_ACTORS, type MayAct } from '../identity/actor.ts'
import { algorithms } from '../lib/algorithms.ts'
import { isJsonObject, type Json, type JsonObject } from '../lib/json.ts'
import { readJws, type UnverifiedJws } from '../lib/jws.ts'
import { Refusal } from '../refusal.ts'
import type { KeyFinder, TrustedIssuer, VerificationKey } from '../trust/contract.ts'

/** Reads a compact JWS. All kinds that are JWTs share it, so that a token that several could take is read once. */
export function readToken(token: string): UnverifiedJws {
  const jws = readJws(token)
  if (jws === undefined)
    throw new Refusal('token_malformed', 'not a compact JWS with a JSON header and payload in canonical base64url')
  return jws
}

/** The key that the header asks for, of the issuer and of no other (JV-04), has signed what is signed. Answers at once where the key is in memory. */
export function checkSignature(
  { header, signingInput, signature }: UnverifiedJws,
  issuer: TrustedIssuer,
  name: string,
  keys: KeyFinder,
): void | Promise<void> {
  const algorithm = algorithms.get(name)
  const check = (key: VerificationKey): void => {
    if (
      algorithm === undefined ||
      (algorithm.signatureBytes !== undefined && signature.length !== algorithm.signatureBytes) ||
      !algorithm.verify(key.key, Buffer.from(signingInput), signature)
    )
      throw new Refusal('signature_invalid', `the signature does not verify with key ${key.kid ?? key.thumbprint}`)
  }
  const pending = keys.find(issuer, checkedKeyId(header), name)
  return pending instanceof Promise ? pending.then(check) : check(pending)
}

/** What a one-use mark is named by: `jti`, or a digest of the signed part, since an ECDSA signature has two spellings and what it signs has one. */
export function useIdOf({ claims, signingInput }: UnverifiedJws): string {
  return claims['jti'] === undefined
    ? `sha256:${createHash('sha256').update(signingInput).digest('base64url')}`
    : checkedTokenId(claims)
}

/** A text as our stores and our readers can hold it: printable or beyond ASCII, no control characters. */
const CONTROL = /\p{Cc}/u
export const MAX_NAME = 1024

/** Header parameters by which a token would choose its own key: never followed, so never sent in good faith (T5, JV-03). */
const SELF_NAMED_KEYS = ['jwk', 'jku', 'x5u'] as const

/** The header's algorithm, which must be in the issuer's list, case-sensitively (JV-02, T2, T3). */
export function checkedAlgorithm(header: JsonObject, allowed: ReadonlySet<string>): string {
  const algorithm = header['alg']
  if (typeof algorithm !== 'string' || !allowed.has(algorithm)) {
    throw new Refusal('algorithm_refused', `algorithm ${shown(algorithm)} is not one of ${[...allowed].join(', ')}`)
  }
  return algorithm
}

/** Extensions that must be understood are not (RFC 7515 §4.1.11); a token does not bring its own key. */
export function checkHeader(header: JsonObject): void {
  if (header['crit'] !== undefined) throw new Refusal('token_malformed', 'the header demands extensions by crit')
  if (header['b64'] !== undefined) throw new Refusal('token_malformed', 'the header carries b64')
  for (const name of SELF_NAMED_KEYS) {
    if (header[name] !== undefined) throw new Refusal('token_malformed', `the header names its own key by ${name}`)
  }
}

/** A key id is a key of a map and nothing else: a short printable text, or absent (T4). */
export function checkedKeyId(header: JsonObject): string | undefined {
  const kid = header['kid']
  if (kid === undefined) return undefined
  if (typeof kid !== 'string' || kid.length === 0 || kid.length > 256 || !/^[\x20-\x7e]+$/.test(kid)) {
    throw new Refusal('token_malformed', 'kid is not a printable text of at most 256 characters')
  }
  return kid
}

/** Media type comparison of `typ` (JV-07): without regard to case, `application/` is understood. `''` stands for absent. */
export function checkType(header: JsonObject, accepted: ReadonlySet<string>): void {
  const typ = header['typ']
  if (typ !== undefined && typeof typ !== 'string') throw new Refusal('token_malformed', 'typ is not a text')
  const name = normalType(typ ?? '')
  if (!accepted.has(name)) {
    throw new Refusal(
      'token_type_mismatch',
      `typ ${shown(typ)} is not one of ${[...accepted].map((one) => one || 'absent').join(', ')}`,
    )
  }
}

export function normalType(typ: string): string {
  const lower = typ.toLowerCase()
  return lower.startsWith('application/') && !lower.slice(12).includes('/') ? lower.slice(12) : lower
}

export interface TimeRules {
  /** Seconds. */
  readonly clockSkew: number
  readonly maxLifetime: number
  /** Infinity: `iat` may be absent. */
  readonly maxAge: number
}

/** Dates (JV-05, TE-71, K-3): `exp` always, `iat` where age is bounded; answers `exp`. */
export function checkedTimes(claims: JsonObject, rules: TimeRules, now: number): number {
  const exp = numericDate(claims, 'exp')
  if (exp === undefined) throw new Refusal('claim_missing', 'exp is missing: a credential without end is not taken')
  if (exp + rules.clockSkew <= now) throw new Refusal('expired', `expired ${Math.ceil(now - exp)} s ago`)
  const nbf = numericDate(claims, 'nbf')
  if (nbf !== undefined && nbf - rules.clockSkew > now) {
    throw new Refusal('not_yet_valid', `not valid for another ${Math.ceil(nbf - now)} s`)
  }
  const iat = numericDate(claims, 'iat')
  if (iat === undefined) {
    if (rules.maxAge !== Number.POSITIVE_INFINITY)
      throw new Refusal('claim_missing', 'iat is missing, so its age cannot be judged')
  } else {
    if (iat - rules.clockSkew > now)
      throw new Refusal('not_yet_valid', `issued ${Math.ceil(iat - now)} s in the future`)
    if (now - iat > rules.maxAge + rules.clockSkew) {
      throw new Refusal('too_old', `issued ${Math.floor(now - iat)} s ago, at most ${rules.maxAge} s are allowed`)
    }
  }
  const lifetime = exp - (iat ?? now)
  if (lifetime > rules.maxLifetime + (iat === undefined ? rules.clockSkew : 0)) {
    throw new Refusal('too_long_lived', `lives ${Math.ceil(lifetime)} s, at most ${rules.maxLifetime} s are allowed`)
  }
  return exp
}

const LAST_DATE = 253_402_300_799 // the end of the year 9999: beyond it a date is a mistake or an attack

/** A date, or undefined where the claim is absent. */
export function numericDate(claims: JsonObject, name: string): number | undefined {
  const value = claims[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || value < 0 || value > LAST_DATE) {
    throw new Refusal('claim_malformed', `${name} is not a number of seconds since 1970`)
  }
  return value
}

/** The audiences that a token names, distinct (JV-06, P-10). Used before verification as look-up key, and after it. */
export function audiencesOf(claims: JsonObject): readonly string[] {
  const aud = claims['aud']
  if (typeof aud === 'string') return isName(aud) ? [aud] : malformedAudience()
  if (aud === undefined) throw new Refusal('claim_missing', 'aud is missing')
  if (!Array.isArray(aud) || aud.length === 0 || aud.length > 64) return malformedAudience()
  const names = new Set<string>()
  for (const one of aud as readonly Json[]) {
    if (!isName(one)) return malformedAudience()
    names.add(one)
  }
  return [...names]
}

function malformedAudience(): never {
  throw new Refusal('claim_malformed', 'aud is neither a text nor a list of texts')
}

/** One of the audiences must be accepted; others beside it only where the issuer's document says so (P-10, T8). */
export function checkAudience(audiences: readonly string[], accepted: readonly string[], several: boolean): void {
  let met = false
  for (const audience of audiences) if (accepted.includes(audience)) met = true
  if (!met) {
    throw new Refusal(
      'audience_mismatch',
      `audience ${audiences.map(shown).join(', ')} is not ${accepted.map(shown).join(' or ')}`,
    )
  }
  if (audiences.length > 1 && !several) {
    throw new Refusal(
      'audience_several',
      `meant for ${audiences.length} audiences, and any of them could have brought it here`,
    )
  }
}

/** A claim that must be a non-empty text. */
export function requiredText(claims: JsonObject, name: string): string {
  const value = claims[name]
  if (value === undefined) throw new Refusal('claim_missing', `${name} is missing`)
  if (!isName(value)) throw new Refusal('claim_malformed', `${name} is not a text of 1 to ${MAX_NAME} characters`)
  return value
}

/** `iss` of a token that is found by another name: it decides nothing, and is a text all the same where it is there (JV-06). */
export function checkIssuerText(claims: JsonObject): void {
  if (claims['iss'] !== undefined) requiredText(claims, 'iss')
}

const MAX_TOKEN_ID = 256

/** `jti`, where there is one: short, because it names a one-use mark, and an index holds no long names (T10). */
export function checkedTokenId(claims: JsonObject): string {
  const id = requiredText(claims, 'jti')
  if (id.length > MAX_TOKEN_ID)
    throw new Refusal('claim_malformed', `jti has ${id.length} characters, at most ${MAX_TOKEN_ID} are taken`)
  return id
}

export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME && !CONTROL.test(value)
}

/**
 * The actors that a verified token names (RFC 8693 §4.1): objects of identity claims, nested, bounded (T20, TE-48). One
 * without `iss` is the token's issuer's: left open, its name would read as one of ours in what we mint (TE-40). In a token
 * of ours it is one of ours, so there nothing is said (`issuer` undefined).
 */
export function actorsOf(claims: JsonObject, issuer: string | undefined): ActorChain {
  const actors: Actor[] = []
  for (let act = claims['act']; act !== undefined; act = act['act']) {
    if (!isJsonObject(act)) throw new Refusal('claim_malformed', 'act is not an object')
    if (actors.length === MAX_ACTORS) throw new Refusal('claim_malformed', `act nests more than ${MAX_ACTORS} actors`)
    const { sub, iss = issuer } = act
    if (!isName(sub) || sub.length > MAX_ACTOR_NAME) throw new Refusal('claim_malformed', 'an actor has no sub')
    if (iss !== undefined && !isName(iss)) throw new Refusal('claim_malformed', 'the iss of an actor is not a text')
    actors.push(iss === undefined ? { sub } : { sub, iss })
  }
  return actors
}

export function mayActOf(claims: JsonObject): MayAct | undefined {
  const value = claims['may_act']
  if (value === undefined) return undefined
  if (!isJsonObject(value)) throw new Refusal('claim_malformed', 'may_act is not an object')
  return value
}

/** A stranger's value as a record may show it: short, quoted, never whole. */
export function shown(value: Json | undefined): string {
  if (value === undefined) return 'absent'
  if (typeof value !== 'string')
    return `of type ${Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value}`
  return JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value)
}
