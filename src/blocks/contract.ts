/**
 * blocks/ owns who and what may not take part in exchanges, although its credentials are good: what a block names, and the
 * look-up that the road asks (UC-46, T22). Where credentials are read and who takes part is credentials/ and exchange/; where
 * blocks are kept is storage/; that a new one takes back what was issued is entities/.
 */
import type { ActorChain } from '../identity/actor.ts'

/** By what a block names. `jti` and `tokenHash` name one credential, beside the `issuer` that vouches for it. */
export const blockable = ['subject', 'instance', 'client', 'lineage', 'key', 'issuer', 'jti', 'tokenHash'] as const
export type Blockable = (typeof blockable)[number]

/** Times are seconds since the epoch. */
export interface Block {
  readonly id: string
  readonly what: Blockable
  readonly value: string
  /** The TrustedIssuer of a credential that `jti` or `tokenHash` names; '' for all else. */
  readonly issuer: string
  readonly reason: string
  readonly author: string
  readonly at: number
  /** From this moment it does not bite any more; undefined: until somebody removes it. */
  readonly until: number | undefined
}

/** Everything about a party, or about a whole recorded exchange, that a block can name. */
export interface Named {
  /** Canonical ids. */
  readonly subjects: readonly string[]
  /** Actors that a credential names, whoever they are. */
  readonly actors: ActorChain
  readonly instances: readonly string[]
  /** Names of TrustedIssuer documents. */
  readonly issuers: readonly string[]
  /** Names of Client documents. */
  readonly clients: readonly string[]
  /** Thumbprints of keys that were proven, or that tokens are bound to: RFC 7638 of a key, `x5t#S256` of a certificate. */
  readonly keys: readonly string[]
  readonly lineages: readonly string[]
  readonly credentials: readonly NamedCredential[]
}

export interface NamedCredential {
  readonly issuer: string
  /** `jti`, or what stands for it where the credential has none (credentials/contract.ts, `useId`). */
  readonly id: string
  /** base64url SHA-256 of the token, in each of its spellings (T11). Asked only where a block names a hash. */
  hashes(): readonly string[]
}
