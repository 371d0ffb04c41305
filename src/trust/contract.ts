/**
 * trust/ owns whom we believe and with which keys: TrustedIssuer documents and their presets, key sources, the cache of
 * fetched key sets, and the one guarded way out to the network. How a credential of an issuer is read and checked is
 * credentials/; what its subject may do is policy/.
 */
import type { Condition, Mapping } from '../lib/cel.ts'
import type { JsonObject } from '../lib/json.ts'
import type { VerificationKey } from '../lib/jwk.ts'

export type { VerificationKey } from '../lib/jwk.ts'

/** Where in a request a credential may stand. `administrator` is the administrators' door. */
export const positions = ['client', 'subject', 'actor', 'assertion', 'administrator'] as const
export type Position = (typeof positions)[number]

/** Where the keys of an issuer come from: exactly one. */
export type KeySource =
  | { readonly from: 'inline'; readonly keys: readonly VerificationKey[] }
  | { readonly from: 'jwksUri'; readonly url: string; readonly ca?: string; readonly bearerToken?: string }
  | { readonly from: 'discovery'; readonly issuer: string; readonly ca?: string; readonly bearerToken?: string }

/** A TrustedIssuer document, compiled. Times are seconds. `Settings` are what its credential kind adds. */
export interface TrustedIssuer<Settings = unknown> {
  readonly name: string
  readonly disabled: boolean
  /** The credential kind that verifies; never chosen by the credential (TE-32). */
  readonly credential: string
  readonly settings: Settings
  /** What credentials name as their issuer: exact `iss`, or the trust domain. The look-up key, with type and audience. */
  readonly authority: string
  /** Declared token types and assertion types under which the credential may be presented. */
  readonly tokenTypes: readonly string[]
  readonly keys: KeySource
  readonly maxStale: number
  readonly audiences: readonly string[]
  /** Members of `audiences` that are accepted only until then, seconds since the epoch (JC-11). */
  readonly audienceUntil?: ReadonlyMap<string, number>
  readonly multipleAudiences: boolean
  readonly uses: ReadonlySet<Position>
  readonly act: 'refuse' | 'keep'
  readonly maxLifetime: number
  readonly maxAge: number
  readonly clockSkew: number
  readonly singleUse: boolean
  readonly tenant: { readonly mapping: Mapping; readonly allowed: ReadonlySet<string> } | undefined
  /** All must hold, else the credential is refused: the preset's and the document's own. */
  readonly conditions: readonly Condition[]
  readonly subject: Mapping
  readonly instance: Mapping | undefined
  readonly attributes: readonly (readonly [name: string, mapping: Mapping])[]
  /** As in Preset; {} where nothing is known. */
  readonly renameable?: Preset['renameable']
}

/** What a platform's issuers have in common, as data. A new one is one file in presets/ and one line in presets/index.ts. */
export interface Preset {
  readonly name: string
  /** One sentence, for documentation and the console. */
  readonly summary: string
  /** Strangers share the issuer, so a document must say `tenant` and `tenants` (P-4). */
  readonly sharedIssuer: boolean
  /** Names that pass to others when their owner lets go of them, each with what stays: for warnings (P-5, G-5). */
  readonly renameable?: Readonly<Record<string, string>>
  /** Fields of a document's spec; what the document says itself wins, but its `condition` stands beside this one. */
  readonly fills: Readonly<Record<string, unknown>>
  /** A credential as the platform makes it, for documentation and tests. */
  readonly sample: { readonly header: JsonObject; readonly claims: JsonObject }
}

/** Finds keys of issuers. Synchronous when the set is in memory, which is the rule on the road. */
export interface KeyFinder {
  /**
   * The key that an unverified header asks for. `kid` undefined is answered only where exactly one key of the set fits
   * the algorithm. Throws (or rejects with) Refusal `key_unknown` or `keys_unavailable`.
   */
  find(issuer: TrustedIssuer, kid: string | undefined, algorithm: string): VerificationKey | Promise<VerificationKey>
}
