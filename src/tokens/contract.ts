/**
 * tokens/ owns what goes out: how a token of each kind is written, and mint(), the only road to a signature. Whether a
 * token may be had is policy/; with which key it is signed is keys/; what is kept of it is audit/.
 */
import type { z } from 'zod'
import type { Identified } from '../credentials/identify.ts'
import type { JsonObject } from '../lib/json.ts'
import type { Facts, Permission } from '../policy/contract.ts'

/** Everything a token kind may write of. Times are seconds since the epoch, set by mint(); a kind changes none of them. */
export interface Mintable {
  readonly issuer: string
  /** Ours. */
  readonly trustDomain: string
  readonly permission: Permission
  /** What the decision was made of. */
  readonly facts: Facts
  /** The subject's credential; what it says, as conditions about it see it, is in `seen`. */
  readonly subject: Pick<Identified, 'principal' | 'tokenType' | 'audiences' | 'ours' | 'seen'>
  /** `aud`: one name as a text, several as a list. */
  readonly audience: string | readonly string[]
  readonly issuedAt: number
  readonly expiresAt: number
  readonly id: string
  readonly lineage: string
  /** Clients that the request has passed, in order, this one last. */
  readonly path: readonly string[]
  /** `cnf`: the key whose holder alone may use the token; undefined for a bearer token. */
  readonly confirmation: { readonly jkt: string } | { readonly 'x5t#S256': string } | undefined
  /** That key itself, where a DPoP proof brought it. */
  readonly provenKey: { readonly jwk: JsonObject; readonly algorithm: string } | undefined
  /** What the request says of a transaction (TX-12): the caller's word, unjudged. */
  readonly transaction:
    | { readonly details: JsonObject | undefined; readonly context: JsonObject | undefined }
    | undefined
  /** The caller's address. */
  readonly remote: string
  /** The target's own claims, already evaluated. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** `token_type` of an answer (TE-23, DP-10). */
export type TokenUsage = 'Bearer' | 'DPoP' | 'N_A'

export interface Written {
  /** Beside `alg` and `kid`, which mint() sets. */
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

/** A kind of token. Pure: it writes, and can neither sign nor lengthen. A new kind is one file in kinds/ and one line in kinds/index.ts. */
export interface TokenKind {
  /** The word in documents, records and documentation. */
  readonly name: string
  readonly summary: string
  /** What the change class `format` compares. */
  readonly format: string
  /** The token type URI: `issued_token_type`, and what `requested_token_type` selects (RFC 8693 §3). */
  readonly tokenType: string
  /** `token_type` of the answer: `Bearer`, or `N_A` where it is no access token (TE-23, TE-27). */
  readonly usage: 'Bearer' | 'N_A'
  /** What a target's entry of this kind may say beside what all say. */
  readonly settings: z.ZodType
  /** Claim names that this kind writes itself, and a target's `claims` cannot. */
  readonly ownClaims: readonly string[]
  /** Throws Refusal `token_unfit` where no token of this kind can be made of what there is: explained, too, before anything is signed. */
  write(mintable: Mintable): Written
}
