/**
 * credentials/ owns what comes in: how a credential of each kind is read, found a trusted issuer, and verified, and the
 * one pipeline, identify(), through which every credential goes in whatever position it stands. Whom we believe is
 * trust/; what the verified party may do is policy/.
 */
import type { z } from 'zod'
import type { ActorChain, MayAct } from '../identity/actor.ts'
import type { JsonObject } from '../lib/json.ts'
import type { KeyFinder, TrustedIssuer } from '../trust/contract.ts'

/** What an unverified credential says of where to look for trust. A look-up key, nothing more (habit 7). */
export interface TrustKey {
  /** Exact `iss`, or a trust domain. */
  readonly authority: string
  readonly audiences: readonly string[]
}

/** What a kind hands back once, and only once, the credential is verified. Times are seconds since the epoch. */
export interface VerifiedFacts {
  /** The verified authority; identify() compares it with the trusted issuer that was found. */
  readonly authority: string
  /** What CEL sees as `assertion` and `header`. */
  readonly claims: JsonObject
  readonly header: JsonObject
  /** A URI that the kind itself guarantees to be unique (SPIFFE, WIMSE); undefined: made from issuer and subject. */
  readonly uri: string | undefined
  readonly audiences: readonly string[]
  readonly expiresAt: number
  /** What a one-use mark is named by: `jti`, or a digest of the signed part where the kind's tokens carry none. */
  readonly useId: string
  /** Whether the credential was bound to a key and the key was proven on this request. */
  readonly keyProven: boolean
  /** Actors that the credential names, current one first; [] for none. */
  readonly actors: ActorChain
  readonly mayAct: MayAct | undefined
}

export interface VerifyTools {
  /** Seconds since the epoch. */
  readonly now: number
  /** The audiences that mean us in this position, and whether others may stand beside one of them. */
  readonly accepted: { readonly audiences: readonly string[]; readonly several: boolean }
  readonly keys: KeyFinder
}

/**
 * A kind of credential. Kinds are constants: they reach no store, no policy, no signer and no record, so they can neither
 * skip a step nor add one. A new kind is one file in kinds/ and one line in kinds/index.ts.
 */
export interface CredentialKind<Settings = unknown, Reading = unknown> {
  /** The word in documents, records and documentation. */
  readonly name: string
  /** One sentence, for the README table and the console. */
  readonly summary: string
  /** What the format changes are judged by: `jwt`, `x509`, … */
  readonly format: string
  /** `subject_token_type` and `client_assertion_type` values it answers to. */
  readonly tokenTypes: readonly string[]
  /** What a TrustedIssuer of this kind must say beside what all say. */
  readonly settings: z.ZodType<Settings>
  /** The look-up key that documents of this kind answer to. */
  authority(settings: Settings): string
  /** Reads the spelling. Throws Refusal `token_malformed`. Verifies nothing. */
  read(token: string): Reading
  locate(reading: Reading): TrustKey
  /** Throws Refusal, or rejects with one. */
  verify(reading: Reading, issuer: TrustedIssuer<Settings>, tools: VerifyTools): VerifiedFacts | Promise<VerifiedFacts>
}

/** A credential kind as a register hands it in: its settings and readings are its own affair. */
export type AnyCredentialKind = CredentialKind<unknown, unknown>
