/**
 * tokens/ owns what goes out: how a token of each kind is written, and mint(), the only road to a signature. Whether a
 * token may be had is policy/; with which key it is signed is keys/; what is kept of it is audit/.
 */
import type { z } from 'zod'
import type { Principal } from '../identity/principal.ts'
import type { Permission } from '../policy/contract.ts'

/** Everything a token kind may write of. Times are seconds since the epoch, set by mint(); a kind changes none of them. */
export interface Mintable {
  readonly issuer: string
  readonly permission: Permission
  readonly subject: Principal
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
  write(mintable: Mintable): Written
}
