/**
 * tokens/ owns what goes out: how a token of each kind is written, mint(), the only road to a signature, and what says later
 * that a token counts no longer: revocations, and the status lists that tell of them. Whether a token may be had is policy/;
 * with which key it is signed is keys/; what is kept of it is audit/; who asks about one is issued/.
 */
import type { z } from 'zod'
import type { ConfirmationClaim } from '../credentials/contract.ts'
import type { Identified } from '../credentials/identify.ts'
import type { SigningUse } from '../keys/contract.ts'
import type { JsonObject } from '../lib/json.ts'
import type { Facts, Permission } from '../policy/contract.ts'
import type { TokenKindForm } from '../targets/contract.ts'

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
export interface TokenKind<Settings = unknown> extends TokenKindForm {
  readonly summary: string
  readonly format: string
  /** `token_type` of the answer: `Bearer`, or `N_A` where it is no access token (TE-23, TE-27). */
  readonly usage: 'Bearer' | 'N_A'
  /** Which keys sign it; `sig` where it says nothing. Every other use is for tokens of one format, and for nothing else (T39). */
  readonly keyUse?: SigningUse
  /** Its tokens are grants for the authorization server of another domain: metadata lists their type (IC-11, IJ-37). */
  readonly chains?: true
  readonly settings: z.ZodType<Settings>
  readonly ownClaims: readonly string[]
  /** What its tokens say, for whoever reads them: published as JSON Schema in docs/schemas/tokens. Other members are the target's own `claims`. */
  readonly claims: z.ZodType
  /** Throws Refusal `token_unfit` where no token of this kind can be made of what there is: explained, too, before anything is signed. */
  write(mintable: Mintable, settings: Settings): Written
}
