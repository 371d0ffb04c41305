/**
 * tokens/ owns what goes out: how a token of each kind is written, and mint(), the only road to a signature. Whether a
 * token may be had is policy/; with which key it is signed is keys/; what is kept of it is audit/.
 */
import type { z } from 'zod'
import type { ConfirmationClaim } from '../credentials/contract.ts'
import type { Identified } from '../credentials/identify.ts'
import type { SigningUse } from '../keys/contract.ts'
import type { JsonObject } from '../lib/json.ts'
import type { Facts, Permission } from '../policy/contract.ts'
import type { Binding } from '../targets/contract.ts'

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
  readonly confirmation: ConfirmationClaim | undefined
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
  /** `reference`: it is not signed and says nothing; what it stands for is kept with the record of its exchange. */
  readonly form?: 'reference'
  /** Which keys sign it; `sig` where it says nothing. Every other use is for tokens of one format, and for nothing else (T39). */
  readonly keyUse?: SigningUse
  /** Algorithms that it may be signed with; all where it says nothing. */
  readonly algorithms?: ReadonlySet<string>
  /** How it can be bound to a key, and so what a target and its rules can demand, by default the first; in every way where it says nothing. */
  readonly bindings?: readonly Binding[]
  /** It says no scopes, so that none can be granted with it. */
  readonly withoutScopes?: true
  /** Its tokens are grants for the authorization server of another domain: metadata lists their type (IC-11, IJ-37). */
  readonly chains?: true
  /** Seconds that its tokens live where a target says nothing, and at most; 5m and a day where the kind says nothing. */
  readonly lifetime?: { readonly standard: number; readonly most: number }
  /** What a target's entry of this kind may say beside what all say. */
  readonly settings: z.ZodType
  /** Claim names that this kind writes itself, and a target's `claims` cannot. */
  readonly ownClaims: readonly string[]
  /** What its tokens say, for whoever reads them: published as JSON Schema in docs/schemas/tokens. Other members are the target's own `claims`. */
  readonly claims: z.ZodType
  /** Throws Refusal `token_unfit` where no token of this kind can be made of what there is: explained, too, before anything is signed. */
  write(mintable: Mintable): Written
}
