import { createHash } from 'node:crypto'
import { readJwk, type VerificationKey } from '../../../../src/lib/jwk.ts'
import { type Reason, Refusal } from '../../../../src/refusal.ts'
import { proofJwk } from '../../../harness/proofs.ts'
import type { SigningKey } from '../../../harness/tokens.ts'

export const NOW = 1_795_000_000
export const ISSUER = 'https://cambist.test.example'
export const ENDPOINT = 'https://cambist.test.example/token'
export const ALIAS = 'https://mtls.cambist.test.example/token'
export const BODY = 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&audience=orders'

/** The endpoint, as the verifiers see it. */
export const at = (body = BODY, now = NOW) => ({
  endpoints: [ENDPOINT, ALIAS],
  issuer: ISSUER,
  now,
  bodyDigest: (hash: 'sha256' | 'sha512') => createHash(hash).update(body).digest('base64url'),
})

/** The refusal that the call throws: its reason and its detail. Anything else that is thrown or answered fails the test. */
export function refused(call: () => unknown): { reason: Reason; detail: string } {
  try {
    call()
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.reason, detail: error.detail }
    throw error
  }
  throw new Error('was accepted')
}

export function verificationKey(key: SigningKey): VerificationKey {
  const reading = readJwk(proofJwk(key))
  if ('fault' in reading) throw new Error(reading.fault)
  return reading.key
}

/** A text with one character replaced by another. */
export function mutated(text: string, place: number, character: string): string {
  const index = place % text.length
  return text.slice(0, index) + character + text.slice(index + 1)
}
