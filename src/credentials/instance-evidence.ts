/**
 * Signed documents of instances as evidence (UC-76, UC-91; platform-tokens.md §6.2, §8). Whoever can read one can send it:
 * it names no audience, and every process of the machine reads the same. So it is taken with a key that the request
 * proves, once for each machine, and what it enrols is that key.
 */
import { pbkdf2Sync } from 'node:crypto'
import { CmsFault, type CmsFaultCode, readSignedData, type UnverifiedSignedData, verifySignedData } from '../lib/cms.ts'
import { type JsonObject, parseJsonObject } from '../lib/json.ts'
import { type Reason, Refusal } from '../refusal.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { Possession, VerifiedFacts } from './contract.ts'
import { checkedTimes, shown } from './jwt-checks.ts'

/** A document as it was presented: base64 of a SignedData with JSON inside. */
export interface SignedDocument extends UnverifiedSignedData {
  readonly der: Buffer
  readonly claims: JsonObject
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** Throws Refusal `token_malformed`. Verifies nothing. Line ends are left out: EC2 writes its documents in lines. */
export function readSignedDocument(token: string): SignedDocument {
  const text = token.replace(/\r?\n/g, '')
  const der = BASE64.test(text) ? Buffer.from(text, 'base64') : undefined
  if (der === undefined || der.toString('base64') !== text) throw malformed('it is not canonical base64')
  const read = faultsAsRefusals(() => readSignedData(der), 'token_malformed')
  const claims = read.content === undefined ? undefined : parseJsonObject(read.content)
  if (claims === undefined) throw malformed('its content is not one sound JSON object')
  return { ...read, der, claims }
}

const malformed = (detail: string): Refusal =>
  new Refusal('token_malformed', `no signed document of an instance: ${detail}`)

/** The certificate (DER) that has signed: one of `signers`, or where that is left out one inside, whose path is yet to be validated. */
export function checkSigned({ der }: SignedDocument, signers?: readonly Buffer[]): Buffer {
  return faultsAsRefusals(() => verifySignedData(der, signers === undefined ? {} : { signers }).signer)
}

const REASONS: Readonly<Record<CmsFaultCode, Reason>> = {
  too_large: 'token_malformed',
  malformed: 'token_malformed',
  content: 'token_malformed',
  signer: 'key_unknown',
  certificate: 'certificate_refused',
  algorithm: 'algorithm_refused',
  attributes: 'token_malformed',
  digest: 'signature_invalid',
  signature: 'signature_invalid',
}

function faultsAsRefusals<T>(work: () => T, reason?: Reason): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof CmsFault)) throw error
    throw new Refusal(reason ?? REASONS[error.code], `the signed document ${error.message}`, { cause: error })
  }
}

/** The thumbprint of the key that is enrolled: the one that what is issued is bound to. Throws Refusal `confirmation_unproven`. */
export function enrolledKey({ confirmation }: Possession): string {
  const [thumbprint] = Object.values(confirmation ?? {})
  if (typeof thumbprint !== 'string')
    throw new Refusal(
      'confirmation_unproven',
      'the document of an instance enrols a key, and the request proves none, by DPoP or by a certificate',
    )
  return thumbprint
}

/** Ten digits are few: what makes them costs so much that nobody finds a second key for them while a document is fresh. */
const ITERATIONS = 20_000

/**
 * The nonce that binds a document to us and to the workload's key: PBKDF2 with HMAC-SHA-256 of the key's thumbprint
 * (base64url), salted with our issuer; the first 15 hexadecimal digits, as a number, modulo 10^10, in ten digits. It
 * stands in for a nonce that we would choose and keep: no state, no further request, and nothing that another server or
 * another key could use.
 */
export function nonceFor(issuer: string, thumbprint: string): string {
  const digits = pbkdf2Sync(thumbprint, issuer, ITERATIONS, 32, 'sha256').toString('hex').slice(0, 15)
  return (BigInt(`0x${digits}`) % 10_000_000_000n).toString().padStart(10, '0')
}

/** What is true of all evidence, once it is verified. `from` and `until` are seconds since the epoch. */
export function factsOfEvidence(
  claims: JsonObject,
  issuer: TrustedIssuer,
  { id, from, until, now }: { id: string; from: number; until: number; now: number },
): VerifiedFacts {
  // A token from evidence is as good as the moment it speaks of, whoever holds it later: it ends maxLifetime after that.
  const dated = { iat: from, exp: Math.min(until, from + issuer.maxLifetime) }
  return {
    authority: issuer.authority,
    claims,
    header: NOTHING,
    uri: undefined,
    audiences: [],
    expiresAt: checkedTimes(dated, issuer, now),
    useId: id,
    keyProven: true,
    actors: [],
    mayAct: undefined,
    enrols: { id, until: FOR_EVER },
  }
}

const NOTHING = Object.freeze({})
/** The end of the year 9999. Platforms give no id twice, so no second use is ever in order. */
const FOR_EVER = 253_402_300_799

/** Evidence is of minutes ago, or it is somebody's copy. Seconds. */
export const EVIDENCE_MAX_AGE = 600

/** A claim that must be a text of the form. Throws Refusal `claim_missing` or `claim_malformed`. */
export function textOf(claims: JsonObject, name: string, form: RegExp): string {
  const value = claims[name]
  if (value === undefined || value === null) throw new Refusal('claim_missing', `${name} is missing`)
  if (typeof value !== 'string' || !form.test(value))
    throw new Refusal('claim_malformed', `${name} is ${shown(value)}, which is none`)
  return value
}
