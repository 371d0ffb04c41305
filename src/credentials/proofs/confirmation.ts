/** The `cnf` claim (RFC 7800): which key a credential is bound to, so that it must be proven with it (P-16, TE-74). */
import { isJsonObject, type Json, type JsonObject } from '../../lib/json.ts'
import type { VerificationKey } from '../../lib/jwk.ts'
import { isCanonicalBase64url } from '../../lib/jws.ts'
import { Refusal } from '../../refusal.ts'
import type { ConfirmationClaim } from '../contract.ts'
import { shown } from '../jwt-checks.ts'
import { readProvenKey } from './proven-key.ts'

/** A key that a credential holds in `cnf.jwk`. */
export interface ConfirmedKey {
  /** With its RFC 7638 thumbprint. */
  readonly key: VerificationKey
  /** What `cnf.jwk.alg` says. */
  readonly algorithm: string | undefined
}

/** What a credential is bound to: one at least, and all of it must be proven. */
export interface Confirmation {
  readonly jwk?: ConfirmedKey
  /** RFC 7638 SHA-256 thumbprint of a DPoP key, base64url (DP-04). */
  readonly jkt?: string
  /** SHA-256 of a certificate's DER, base64url: `x5t#S256` (CB-01). */
  readonly certificate?: string
}

/**
 * What the claims bind the credential to; undefined without `cnf`. A member that is not known here cannot be proven, so it
 * is refused and not ignored. Throws Refusal `claim_malformed` or `confirmation_unproven`.
 */
export function readConfirmation(claims: JsonObject): Confirmation | undefined {
  const cnf = claims['cnf']
  if (cnf === undefined) return undefined
  if (!isJsonObject(cnf)) throw new Refusal('claim_malformed', 'cnf is not an object')
  const { jwk, jkt, 'x5t#S256': certificate, ...others } = cnf
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new Refusal('confirmation_unproven', `cnf has ${shown(unknown)}, of which no proof can be brought here`)
  if (jwk === undefined && jkt === undefined && certificate === undefined)
    throw new Refusal('claim_malformed', 'cnf is empty')
  return {
    ...(jwk === undefined ? {} : { jwk: confirmed(jwk) }),
    ...(jkt === undefined ? {} : { jkt: thumbprint(jkt, 'jkt') }),
    ...(certificate === undefined ? {} : { certificate: thumbprint(certificate, 'x5t#S256') }),
  }
}

/** The key of a credential that must hold one, and nothing beside it, in `cnf` (AB-01). Throws Refusal. */
export function confirmedKey(claims: JsonObject): ConfirmedKey {
  const confirmation = readConfirmation(claims)
  if (confirmation === undefined) throw new Refusal('claim_missing', 'cnf is missing')
  const { jwk, ...others } = confirmation
  if (jwk === undefined) throw new Refusal('claim_missing', 'cnf.jwk is missing')
  if (Object.keys(others).length > 0) throw new Refusal('claim_malformed', 'cnf has more members than jwk')
  return jwk
}

/**
 * The key of a WIT with the only algorithm that its proof may use (wimse.md §3, SC-31): `cnf.jwk.alg` must be there and
 * be one of `allowed`. Throws Refusal.
 */
export function keyOfWit(
  claims: JsonObject,
  allowed: ReadonlySet<string>,
): { key: VerificationKey; algorithm: string } {
  const { key, algorithm } = confirmedKey(claims)
  if (algorithm === undefined) throw new Refusal('claim_missing', 'cnf.jwk.alg is missing')
  if (!allowed.has(algorithm))
    throw new Refusal('algorithm_refused', `cnf.jwk.alg ${shown(algorithm)} is not one of ${[...allowed].join(', ')}`)
  return { key, algorithm }
}

function confirmed(jwk: Json): ConfirmedKey {
  const reading = readProvenKey(jwk)
  if ('fault' in reading) throw new Refusal('claim_malformed', `the key in cnf.jwk ${reading.fault}`)
  const algorithm = isJsonObject(jwk) ? jwk['alg'] : undefined
  // readProvenKey has judged it: a text that fits the key, or absent.
  return { key: reading.key, algorithm: typeof algorithm === 'string' ? algorithm : undefined }
}

function thumbprint(value: Json, name: string): string {
  if (typeof value !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(value) || !isCanonicalBase64url(value))
    throw new Refusal('claim_malformed', `cnf.${name} is not a SHA-256 digest in base64url`)
  return value
}

/** Thumbprint of the key that what comes of a credential is bound to by its own word; undefined where it says none. */
export const boundKey = (binds: ConfirmationClaim | undefined): string | undefined =>
  binds === undefined ? undefined : 'jkt' in binds ? binds.jkt : binds['x5t#S256']
