import { hashOf } from '../../lib/ids.ts'
import { isJsonObject, type JsonObject } from '../../lib/json.ts'
import { checkHeader, numericDate, shown } from '../jwt-checks.ts'
import type { AtEndpoint, ProofOf, Proven } from './contract.ts'
import {
  checkSignature,
  isOneOf,
  judged,
  MAX_LIFETIME,
  markId,
  readProof,
  refuse,
  soleAudience,
} from './signed-proof.ts'

/** A WPT alone leaves the parameters of a request unprotected; this claim of ours binds it to the body (wimse.md §4). */
export const BODY_HASH_CLAIM = 'cambist_bh'

/** The endpoint, and what else came with the request that the proof must cover. */
export interface WptAt extends AtEndpoint {
  readonly transactionToken?: string | undefined
  /** It says to whose key the answer is bound, so that whoever changed it on the way would have the token bound to theirs (T45). */
  readonly dpop?: string | undefined
}

/**
 * Verifies a WIMSE Workload Proof Token in its newest form, `Authorization: WPT …` (draft-ietf-wimse-wpt-02, W-40 to
 * W-46). Throws Refusal `proof_invalid`.
 */
export const verifyWpt = (proof: string, of: ProofOf, at: WptAt): Proven =>
  judged('proof_invalid', 'WPT', () => {
    const { header, claims, signingInput, signature } = readProof(proof, 'wpt+jwt', at.now)
    if (header['alg'] !== of.algorithm) refuse(`alg ${shown(header['alg'])} is not the ${of.algorithm} of cnf.jwk`)
    checkHeader(header)
    checkSignature(of.key, of.algorithm, signingInput, signature)
    const audience = soleAudience(claims)
    if (!isOneOf(audience, [...at.endpoints, at.issuer])) refuse(`audience ${shown(audience)} is not this endpoint`)
    const exp = numericDate(claims, 'exp')
    if (exp === undefined) refuse('exp is missing')
    if (exp > at.now + MAX_LIFETIME)
      refuse(`lives another ${Math.ceil(exp - at.now)} s, at most ${MAX_LIFETIME} s are taken`)
    checkHash(claims, 'wth', hashOf(of.token), 'the workload identity token')
    if (at.transactionToken !== undefined)
      checkHash(claims, 'tth', hashOf(at.transactionToken), 'the transaction token')
    else if (claims['tth'] !== undefined) refuse('tth speaks of a transaction token, and none came')
    checkOtherTokens(claims, at.dpop)
    checkHash(claims, BODY_HASH_CLAIM, at.bodyDigest('sha256'), 'the body')
    const mark = { purpose: 'wpt', issuer: of.key.thumbprint, id: markId(claims), until: Math.ceil(exp) } as const
    return { mark }
  })

function checkHash(claims: JsonObject, name: string, digest: string, what: string): void {
  if (claims[name] === undefined) refuse(`${name}, the hash of ${what}, is missing`)
  if (claims[name] !== digest) refuse(`${name} is not the hash of ${what}`)
}

/** The DPoP proof, and nothing that is not read here, since it could not be vouched for (W-45); `ath` was dropped with the older form. */
function checkOtherTokens(claims: JsonObject, dpop: string | undefined): void {
  if (claims['ath'] !== undefined) refuse('ath belongs to an older form of the proof')
  const others = claims['oth'] ?? {}
  if (!isJsonObject(others)) refuse('oth is not an object')
  const unread = Object.keys(others).find((name) => name !== 'dpop' || dpop === undefined)
  if (unread !== undefined) refuse(`oth speaks of ${shown(unread)}, which is not read here, or did not come`)
  if (dpop !== undefined) checkHash(others, 'dpop', hashOf(dpop), 'the DPoP proof, in oth')
}
