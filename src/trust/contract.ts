/**
 * trust/ owns whom we believe and with which keys: TrustedIssuer documents and their presets, key sources, the cache of
 * fetched key sets, and the one guarded way out to the network. How a credential of an issuer is read and checked is
 * credentials/; what its subject may do is policy/.
 */
import type { Condition, Mapping } from '../lib/cel.ts'
import type { JsonObject } from '../lib/json.ts'
import type { VerificationKey } from '../lib/jwk.ts'
import type { Certificate } from '../lib/x509/contract.ts'
import type { FetchRequest, SignedHeader } from './guarded-fetch.ts'

export type { VerificationKey } from '../lib/jwk.ts'

/** Where in a request a credential may stand. `administrator` is the administrators' door. */
export const positions = ['client', 'subject', 'actor', 'assertion', 'administrator'] as const
export type Position = (typeof positions)[number]

/** Which keys of a source are meant: those of an ordinary key set, or those that a SPIFFE bundle marks for one kind of SVID (S-49, S-62, SC-23). */
export type KeyUse = 'sig' | SvidUse
export type SvidUse = 'jwt-svid' | 'wit-svid' | 'x509-svid'

/** Members of a document's `keys`, of which it says exactly one. */
export const keyMembers = ['discovery', 'jwksUri', 'jwks', 'bundle', 'roots', 'sts'] as const
export type KeyMember = (typeof keyMembers)[number]

/** Certificates that a path may end at or go through. One frozen object for each version of a set, so that what is found under it can be kept in a WeakMap. */
export interface Anchors {
  readonly certificates: readonly Certificate[]
  readonly intermediates: readonly Certificate[]
}

/** Where the keys of an issuer come from: exactly one. */
export type KeySource =
  | { readonly from: 'inline'; readonly keys: readonly VerificationKey[]; readonly anchors?: Anchors }
  | { readonly from: 'certificates'; readonly anchors: Anchors }
  | { readonly from: 'jwksUri'; readonly url: string; readonly ca?: string; readonly bearerToken?: string }
  | { readonly from: 'discovery'; readonly issuer: string; readonly ca?: string; readonly bearerToken?: string }
  | { readonly from: 'bundleFile'; readonly name: string }
  /** No keys: the platform's own service at this origin judges what was signed for it. */
  | { readonly from: 'sts'; readonly url: string; readonly ca?: string }
  | { readonly from: 'bundle'; readonly url: string; readonly profile: 'https_web'; readonly ca?: string }
  | {
      readonly from: 'bundle'
      readonly url: string
      readonly profile: 'https_spiffe'
      /** The SPIFFE ID of the server, in every character (S-86). */
      readonly endpointSpiffeId: string
      /** What the server is known by; where it serves its own trust domain, only until it has given a bundle. No credential is verified by it. */
      readonly bootstrap: readonly Certificate[]
      /** The endpoint is of the trust domain that it serves. */
      readonly selfServing: boolean
    }

/**
 * How an issuer is asked whether a credential of its own still holds (UC-106): by a Kubernetes TokenReview, or by token
 * introspection (RFC 7662). `bearerToken` names a secret; `maxAge` is for how many seconds a yes is believed.
 */
export interface OnlineCheck {
  readonly protocol: 'tokenReview' | 'introspection'
  readonly url: string
  readonly ca?: string
  readonly bearerToken?: string
  readonly maxAge: number
}

/** A TrustedIssuer document, compiled. Times are seconds. `Settings` are what its credential kind adds. */
export interface TrustedIssuer<Settings = unknown> {
  readonly name: string
  readonly disabled: boolean
  /** The credential kind that verifies; never chosen by the credential (TE-32). */
  readonly credential: string
  readonly settings: Settings
  /** What credentials name as their issuer: exact `iss`, or the origin of the trust domain; '' where they name none. */
  readonly authority: string
  /** The look-up keys, with type and audience: the authority, unless the kind finds its issuers by their keys. */
  readonly lookUp: readonly string[]
  /** What conditions and mappings see. */
  readonly variables: readonly string[]
  /** Declared token types and assertion types under which the credential may be presented. */
  readonly tokenTypes: readonly string[]
  readonly keys: KeySource
  /** Keys of another use are not there, whatever the source holds. */
  readonly keyUse: KeyUse
  readonly maxStale: number
  readonly onlineCheck?: OnlineCheck | undefined
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
  /** `bind`: a credential is taken with the key that it was first used with, and with no other (UC-03). */
  readonly firstUse: 'any' | 'bind'
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

/** A verified credential as its issuer is asked about it. */
export interface AskedCredential {
  readonly token: string
  /** What records know the credential by (`useId`); not secret. */
  readonly id: string
  /** The verified `sub`; an answer about another subject is a no. */
  readonly subject?: string | undefined
  /** Seconds since the epoch. */
  readonly expiresAt: number
}

/** Whether credentials that verify still hold in the eyes of their issuers (P-19). */
export interface StatusChecks {
  /**
   * Returns where the issuer's document says no `onlineCheck`, or where the issuer says yes: at once where it said so a
   * moment ago. Throws (or rejects with) Refusal `status_refused` where it says no, and `status_unavailable` where it
   * cannot be asked, since nobody's yes is a no.
   */
  check(issuer: TrustedIssuer, credential: AskedCredential): void | Promise<void>
}

/** A request that a workload has signed for a service of its platform, as that service is to get it. */
export interface SignedRequest {
  /** What the signature is carried in; of other headers none goes out. */
  readonly headers: Readonly<Partial<Record<SignedHeader, string>>>
  readonly contentType: NonNullable<FetchRequest['contentType']>
  readonly body: string
}

/** Who it is that has signed a request, by the word of the service that it is signed for. */
export interface CredentialSource {
  /**
   * Sends the request to the service that the issuer's document names, and to no other address. Answers what the service
   * says of it, unread. Rejects with Refusal `status_refused` where it says no, and `status_unavailable` where it cannot
   * be asked now.
   */
  present(issuer: TrustedIssuer, request: SignedRequest): Promise<JsonObject>
}

/** Finds keys of issuers. Synchronous when the set is in memory, which is the rule on the road. */
export interface KeyFinder {
  /**
   * The key that an unverified header asks for. `kid` undefined is answered only where exactly one key of the set fits
   * the algorithm. Throws (or rejects with) Refusal `key_unknown` or `keys_unavailable`.
   */
  find(issuer: TrustedIssuer, kid: string | undefined, algorithm: string): VerificationKey | Promise<VerificationKey>
  /** Where certificate paths of the issuer end: one certificate or more. Throws (or rejects with) the same. */
  anchors(issuer: TrustedIssuer): Anchors | Promise<Anchors>
}
