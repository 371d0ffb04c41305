/** What all proofs have in common: strict reading, the one road to a signature check, and names of marks. */
import { algorithms } from '../../lib/algorithms.ts'
import { hashOf } from '../../lib/ids.ts'
import type { JsonObject } from '../../lib/json.ts'
import type { VerificationKey } from '../../lib/jwk.ts'
import { readJws, type UnverifiedJws } from '../../lib/jws.ts'
import { Refusal } from '../../refusal.ts'
import { audiencesOf, checkType, numericDate, requiredText, shown } from '../jwt-checks.ts'

/** Seconds by which the clock of a client may differ from ours. */
export const CLOCK_SKEW = 30
/** Longest life of a proof that says itself when it ends, seconds (W-43, W-54: "minutes"). */
export const MAX_LIFETIME = 300

const MAX_LENGTH = 8192
const MAX_MARK_ID = 256

/** Judges a proof. Whatever is refused is refused for the one reason, since a caller can tell no more than which proof it is. */
export function judged<T>(reason: 'proof_invalid' | 'dpop_invalid', name: string, judge: () => T): T {
  try {
    return judge()
  } catch (error) {
    if (error instanceof Refusal) throw new Refusal(reason, `${name}: ${error.detail}`, { cause: error })
    throw error
  }
}

export function refuse(detail: string): never {
  throw new Refusal('proof_invalid', detail)
}

/** A proof JWT of the type, in its validity where it states one. Its signature is not verified, and its header not judged. */
export function readProof(proof: string, typ: string, now: number): UnverifiedJws {
  if (proof.length > MAX_LENGTH) refuse(`${proof.length} characters, at most ${MAX_LENGTH} are read`)
  const jws = readJws(proof)
  if (jws === undefined) refuse('not a compact JWS with a JSON header and payload in canonical base64url')
  checkType(jws.header, new Set([typ]))
  const exp = numericDate(jws.claims, 'exp')
  if (exp !== undefined && exp <= now) refuse(`expired ${Math.ceil(now - exp)} s ago`)
  const nbf = numericDate(jws.claims, 'nbf')
  if (nbf !== undefined && nbf > now + CLOCK_SKEW) refuse(`not valid for another ${Math.ceil(nbf - now)} s`)
  return jws
}

/** Seconds that a proof without `exp` may be old, and in the future (DP-06). */
const MAX_AGE = 60
const MAX_FUTURE = 10

/** The last second at which a proof that says only when it was made can be accepted. */
export function checkedAge(claims: JsonObject, now: number): number {
  const iat = numericDate(claims, 'iat')
  if (iat === undefined) refuse('iat is missing')
  if (iat > now + MAX_FUTURE)
    refuse(`issued ${Math.ceil(iat - now)} s in the future, at most ${MAX_FUTURE} s are taken`)
  if (iat < now - MAX_AGE) refuse(`issued ${Math.floor(now - iat)} s ago, at most ${MAX_AGE} s are taken`)
  return Math.ceil(iat) + MAX_AGE
}

/** The audience, which must be the only one: any other could have brought the proof here (T8). */
export function soleAudience(claims: JsonObject): string {
  const [audience, ...others] = audiencesOf(claims)
  if (audience === undefined || others.length > 0) refuse(`meant for ${others.length + 1} audiences`)
  return audience
}

/** Whether the text is one of our URLs, but for query and fragment (W-42, W-58). */
export function isOneOf(text: string, ours: readonly string[]): boolean {
  const bare = withoutQuery(text)
  return ours.some((one) => withoutQuery(one) === bare)
}

const withoutQuery = (url: string): string => url.replace(/[?#].*$/s, '')

/** Checks a signature by an algorithm that the key is fit for (T2). */
export function checkSignature(key: VerificationKey, name: string, signed: string, signature: Buffer): void {
  const algorithm = key.algorithms.has(name) ? algorithms.get(name) : undefined
  if (algorithm === undefined) refuse(`algorithm ${shown(name)} is not one for key ${key.thumbprint}`)
  if (
    (algorithm.signatureBytes !== undefined && signature.length !== algorithm.signatureBytes) ||
    !algorithm.verify(key.key, Buffer.from(signed), signature)
  )
    refuse(`the signature does not verify with key ${key.thumbprint}`)
}

/** The id of a proof as a mark has it: as it is, or its digest where an index should not hold it (T10). */
export function markId(claims: JsonObject): string {
  return shortId(requiredText(claims, 'jti'))
}

export const shortId = (id: string): string => (id.length > MAX_MARK_ID ? `sha256:${hashOf(id)}` : id)
