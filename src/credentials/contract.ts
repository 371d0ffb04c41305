/**
 * credentials/ owns what comes in: how a credential of each kind is read, found a trusted issuer, and verified, what a
 * request proves of keys, and the one pipeline, identify(), through which every credential goes in whatever position it
 * stands. Whom we believe is trust/; what the verified party may do is policy/; how a request carries all this is
 * exchange/.
 */
import type { z } from 'zod'
import type { ActorChain, MayAct } from '../identity/actor.ts'
import type { JsonObject } from '../lib/json.ts'
import type { VerificationKey } from '../lib/jwk.ts'
import type { SignedMessage } from '../lib/message-signature.ts'
import type { Certificate } from '../lib/x509/contract.ts'
import type { About, Reason } from '../refusal.ts'
import type { AuthorizationDetails } from '../targets/authorization-details.ts'
import type {
  CredentialSource,
  KeyFinder,
  KeyMember,
  KeySource,
  KeyUse,
  Position,
  TrustedIssuer,
} from '../trust/contract.ts'

/**
 * What comes with a request beside its form: credentials and proofs of possession in header fields, and the certificate
 * of the connection. All of it is unverified, but for the certificate, whose key was proven where TLS ended.
 */
export interface Carried {
  /** DER, leaf first; by TLS, or by a trusted proxy's header (HC-05). */
  readonly certificate?: readonly Buffer[] | undefined
  /** `Workload-Identity-Token` (W-30), with `Authorization: WPT …` (W-40) or a message signature (W-61) to prove its key. */
  readonly workloadIdentityToken?: string | undefined
  readonly workloadProof?: string | undefined
  readonly message?: SignedMessage | undefined
  /** `OAuth-Client-Attestation` and its `-PoP` (AB-02, AB-03). */
  readonly clientAttestation?: string | undefined
  readonly clientAttestationProof?: string | undefined
  readonly dpop?: string | undefined
  readonly transactionToken?: string | undefined
  /** base64url digest of the body's bytes: what proofs that cover the body are compared with. */
  bodyDigest(hash: 'sha256' | 'sha512'): string
}

/** What an unverified credential says of where to look for trust. A look-up key, nothing more (habit 7). */
export interface TrustKey {
  /** Exact `iss`, the origin of a trust domain, …: the first that a document answers to. */
  readonly authorities: readonly string[]
  /** What the administrator is told that it names, where the look-up keys are digests. */
  readonly named?: string
  /** [] for a credential that names none, and so must be bound to a key that the request proves. */
  readonly audiences: readonly string[]
}

/** Why a credential that could be read is none that a kind could look up: as cheap as an answer, since most are another kind's. */
export interface Unlocated {
  readonly unlocated: Reason
  readonly detail: string
}

/** What a kind hands back once, and only once, the credential is verified. Times are seconds since the epoch. */
export interface VerifiedFacts {
  /** The verified authority; identify() compares it with the trusted issuer that was found. */
  readonly authority: string
  /** What CEL sees as `assertion` and `header`; empty where the credential is no JWT. */
  readonly claims: JsonObject
  readonly header: JsonObject
  /** The certificate itself, where the credential is one: what CEL sees as `certificate`. */
  readonly certificate?: Certificate
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
  /** Scopes that a token of ours holds; absent for foreign credentials, whose scopes neither grant nor cap. */
  readonly scopes?: readonly string[]
  /** Where the token is ours: what ties the next one to it. */
  readonly ours?: OwnToken
  /** Evidence that enrols somebody once, whatever its document says of `singleUse` (UC-76): what is enrolled, and how long that stands. */
  readonly enrols?: { readonly id: string; readonly until: number }
  /** How a client authenticated, where the proof and not the declared type tells (AB-10). */
  readonly authentication?: string
  /** The one client that may bring it, by the name that it has here: `client_id` of an authorization grant (IJ-32). */
  readonly madeFor?: string
  /** Scopes that it conveys, and no more than these may come of it, whatever policy says (AF-03, IC-52); absent: it says nothing of scopes. */
  readonly conveys?: readonly string[]
  /** It is taken once, whatever its document says of `singleUse` (TC-07). */
  readonly takenOnce?: true
  /** The same of authorization details (IJ-33). */
  readonly conveysDetails?: AuthorizationDetails
  /** The only resources that a token may be had for by it (IJ-33); absent: it says nothing of resources. */
  readonly onlyResources?: readonly string[]
  /** The key that what is issued of it is bound to, by the word of its issuer who has had it proven (IC-32). */
  readonly binds?: ConfirmationClaim
}

/** `cnf` as our tokens have it: the key whose holder alone may use one (CB-01, DP-04). */
export type ConfirmationClaim = { readonly jkt: string } | { readonly 'x5t#S256': string }

/** What a document lets pass that is refused elsewhere: an explicit leniency, and counted (UC-85, P-10, JC-11). */
export type Leniency = 'multiple_audiences' | 'token_endpoint_audience'

/** A one-use mark to claim: an identifier that may be accepted once (I2, RP-02, RP-04). */
export interface Mark {
  /** What kind of thing is used: `client-assertion`, `token`, `dpop`, … Purposes never share a name space. */
  readonly purpose: string
  readonly issuer: string
  readonly id: string
  /** Seconds since the epoch until which the mark must be kept: expiry and skew. */
  readonly until: number
  /** With it the mark is no longer one of one use: whoever claims it again as the same holder may, and nobody else (UC-03). */
  readonly holder?: string
  /** Which credential of the request it is of, for the answer: no part of its name, since a use in one position is a use in all. */
  readonly about?: About
}

/** What a token of ours says of the exchange that made it. */
export interface OwnToken {
  readonly id: string
  readonly client: string
  readonly issuedAt: number
  readonly lineage: string
  /** Clients that the request has passed, in order. */
  readonly path: readonly string[]
  /** The transaction that it belongs to: of transaction tokens alone. */
  readonly transaction?: {
    /** `txn` (RFC 8417 §2.2). */
    readonly id: string
    readonly tctx: JsonObject | undefined
    readonly rctx: JsonObject | undefined
  }
  /** What it holds of authorization details; absent: none. */
  readonly authorizationDetails?: AuthorizationDetails
}

/** A public key that a credential is bound to (`cnf.jwk`), with the one algorithm its proof may use; undefined: any that fits the key. */
export interface BoundKey {
  readonly key: VerificationKey
  readonly algorithm: string | undefined
}

export type ProofMethod = 'wpt' | 'http-signature' | 'attestation-pop' | 'dpop'

/** What a request proves of keys (possession.ts). */
export interface Possession {
  /** The certificate whose key the connection proved: DER, leaf first, and its `x5t#S256`. */
  readonly certificate: { readonly chain: readonly Buffer[]; readonly thumbprint: string } | undefined
  /** RFC 7638 thumbprint of the key of a DPoP proof. */
  readonly jkt: string | undefined
  /** Thumbprints of all keys that the request has proven so far: RFC 7638 of a key, `x5t#S256` of a certificate. */
  readonly keys: readonly string[]
  /** The key of a DPoP proof itself, with the algorithm that the proof was signed with: what a token that holds its key can be bound to. */
  readonly provenKey: { readonly jwk: JsonObject; readonly algorithm: string } | undefined
  /** How a token that is issued on this request is bound: a proof that is presented binds (interfaces.md, "Binding"). */
  readonly binding: 'none' | 'dpop' | 'mtls'
  /** `cnf` of that token (CB-01, DP-04). */
  readonly confirmation: ConfirmationClaim | undefined
  /** Demands that the request proves all that the `cnf` of these claims names (P-16, TE-74). Throws Refusal `confirmation_unproven` or `claim_malformed`. */
  confirm(claims: JsonObject): void
  /** Judges the proof that came with a credential of its own key. Throws Refusal `confirmation_unproven` where there is none, `proof_invalid` where it does not hold. */
  prove(token: string, bound: BoundKey, subject: string): ProofMethod
  /** Throws Refusal `proof_invalid` where the request has a proof of a credential that it does not have: ignored, it would be a silent fall-back (T24, T45). */
  checkAllUsed(): void
}

/** What opaque tokens of ours begin with: `cambist_at_`, 256 random bits, and a checksum (lib/opaque-text.ts). */
export const REFERENCE_PREFIX = 'cambist_at_'

/** What tokens of ours stand for that say nothing by themselves. Implemented by storage/. */
export interface References {
  /**
   * The claims of the token with this hash (base64url SHA-256); undefined where none was issued, or it has long expired. At
   * once where they are in memory. Rejects with Refusal `record_unavailable` where they cannot be read.
   */
  claimsOf(tokenHash: string): JsonObject | undefined | Promise<JsonObject | undefined>
}

export interface VerifyTools {
  /** The credential as presented. */
  readonly token: string
  /** Seconds since the epoch. */
  readonly now: number
  /** The audiences that mean us in this position, and whether others may stand beside one of them. */
  readonly accepted: { readonly audiences: readonly string[]; readonly several: boolean }
  readonly keys: KeyFinder
  readonly source: CredentialSource
  readonly possession: Possession
  readonly references: References
  /** Who we are: what credentials without an audience are made for. */
  readonly ourIssuer: string
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
  /** `subject_token_type` and `actor_token_type` values it answers to. */
  readonly tokenTypes: readonly string[]
  /** Declared types in the position `client`, each with the name of the authentication method: `client_assertion_type` values, and where else a request carries a credential (CARRIED_TYPE). */
  readonly clientTypes?: ReadonlyMap<string, string>
  /** Declared types in the position `assertion`: the `grant_type` of the request declares it, as JWT_BEARER_GRANT. */
  readonly assertionTypes?: readonly string[]
  /** Its credentials are authorization grants of another server: they say for whom a token may be had, and never who asks (IC-25). */
  readonly grant?: true
  /** The profile of authorization grants that it is, by the name that metadata has for it (IJ-37). */
  readonly grantProfile?: string
  /** What a TrustedIssuer of this kind must say beside what all say. */
  readonly settings: z.ZodType<Settings>
  /** What credentials of a document's issuer name it by, and so the look-up key. */
  authority(settings: Settings): string
  /** The look-up keys instead, where credentials name no issuer and are found by the keys of one. */
  lookUp?(keys: KeySource): readonly string[]
  /** `none`: its credentials name no audience, and a document of it says no `audiences`. */
  readonly audience?: 'none'
  /** Strangers share every issuer of it, so that a document must say `tenant` and `tenants` (P-4). */
  readonly sharedIssuer?: true
  /** Fields of all documents that say nothing of its credentials: refused, since what is ignored looks like a check. */
  readonly without?: readonly ('maxAge' | 'onlineCheck' | 'act' | 'multipleAudiences')[]
  /** What conditions and mappings of its documents see: `assertion` and `header` where it does not say. */
  readonly variables?: readonly string[]
  /** The default of a document's `subject`; `assertion.sub` where it does not say. */
  readonly subject?: string
  /** The default of a document's `maxAge`, seconds; an hour where it does not say. Infinity: its credentials need not say when they were issued. */
  readonly maxAge?: number
  /** What the header of its JWTs must say where a document has these settings; undefined where its credentials are none. The table in docs/credentials.md is made from it. */
  header?(settings: Settings): JwtHeader
  /** The default of a document's `maxLifetime`, seconds; a day where it does not say. */
  readonly maxLifetime?: number
  /** The default of a document's `singleUse`; false where it does not say. */
  readonly singleUse?: true
  /** Which keys of a SPIFFE bundle are its own. */
  readonly keyUse?: KeyUse
  /** Members of a document's `keys` that it takes. */
  readonly sources?: readonly KeyMember[]
  /** Its credentials are taken with a proven key alone, and are dear to read: they are not read for whoever proves none, nor where no issuer has them (T38). */
  readonly dear?: true
  /** What its credentials begin with, and those of no other kind do: it reads no others, and nobody else reads these. */
  readonly prefix?: string
  /** Other kinds know more of credentials that both could take, and go before it. */
  readonly general?: true
  /** No document can say it: its one issuer is ours. */
  readonly builtIn?: true
  /** Reads the spelling. Throws Refusal `token_malformed`. Verifies nothing. Kinds that read alike share the function. */
  read(token: string): Reading
  locate(reading: Reading): TrustKey | Unlocated
  /** Throws Refusal, or rejects with one. */
  verify(reading: Reading, issuer: TrustedIssuer<Settings>, tools: VerifyTools): VerifiedFacts | Promise<VerifiedFacts>
}

/** What a kind of JWT takes in a header; what does not meet it is another kind's, or nobody's (T2, T9). */
export interface JwtHeader {
  /** Names of lib/algorithms.ts. */
  readonly algorithms: ReadonlySet<string>
  /** Media types in their normal form; '' stands for absent. */
  readonly typ: ReadonlySet<string>
}

/** The grant by which a JWT is presented as an assertion (JG-01): what declares its type. */
export const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** Declared types of credentials that a request carries beside its form: the place declares them. URIs, like all declared types. */
export const CARRIED_TYPE = {
  certificate: 'tls:client-certificate',
  workloadIdentityToken: 'header:workload-identity-token',
  clientAttestation: 'header:oauth-client-attestation',
} as const

/** A credential kind as a register hands it in: its settings and readings are its own affair. */
export type AnyCredentialKind = CredentialKind<unknown, unknown>

/** A credential as a request brings it. */
export interface Presented {
  readonly position: Position
  /** The declared type: `subject_token_type`, `actor_token_type`, `client_assertion_type`, or the place that declares it (CARRIED_TYPE). */
  readonly tokenType: string
  readonly token: string
}
