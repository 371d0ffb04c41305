/**
 * audit/ owns what happened: one record per exchange, opened first, closed in every outcome, with hashes and never
 * tokens (I1, I8), and the ledger that makes it durable. Where the ledger keeps it is storage/; who may read it is admin/.
 */
import type { Mark } from '../credentials/contract.ts'
import type { Reason } from '../refusal.ts'

export type Outcome = 'granted' | 'refused' | 'failed'

/** A row of the record (interfaces.md, "The record"). Times are milliseconds since the epoch, `lifetime` is seconds. */
export interface ExchangeRecord {
  /** = `Cambist-Request-Id`. */
  readonly id: string
  readonly at: number
  readonly decidedAt: number
  readonly outcome: Outcome
  readonly reason: Reason | 'granted'
  /** What was wrong, for the administrator; '' when granted. */
  readonly detail: string
  readonly grant: string
  readonly client: string
  readonly authentication: string
  readonly subject: {
    readonly issuer: string
    readonly id: string
    readonly kind: string
    readonly instance: string
  } | null
  readonly actors: readonly { readonly sub: string; readonly iss?: string }[]
  readonly requested: {
    readonly scopes: readonly string[]
    readonly audiences: readonly string[]
    readonly resources: readonly string[]
    readonly tokenType: string
  }
  readonly granted: {
    readonly scopes: readonly string[]
    readonly targets: readonly string[]
    readonly tokenType: string
    readonly lifetime: number
    readonly binding: string
    /** The issued `sub`, where it is not the id of the subject. */
    readonly subject?: string
    /** Where the status of a revocable token stands (tokens/status-indexes.ts). */
    readonly status?: { readonly list: number; readonly index: number }
  } | null
  readonly rules: readonly string[]
  readonly shadow: readonly { readonly rule: string; readonly outcome: string }[]
  readonly changes: readonly string[]
  readonly errors: readonly string[]
  /** What of the credentials only an explicit leniency of a document has let pass, as `POSITION: LENIENCY`. */
  readonly leniencies: readonly string[]
  readonly snapshotVersion: number
  /** What the evaluator saw (policy Facts), or null where the road did not get so far. */
  readonly facts: unknown
  readonly jti: string
  readonly txn: string
  /** base64url SHA-256 of the compact tokens, '' where there was none. */
  readonly tokenHash: string
  readonly subjectTokenHash: string
  readonly actorTokenHash: string
  readonly clientTokenHash: string
  /** The credentials that were presented and verified: their trusted issuers, and `jti` or what stands for it. */
  readonly credentials: readonly { readonly position: string; readonly issuer: string; readonly id: string }[]
  /** Thumbprints of the keys that the request proved, or that a grant had the token bound to: RFC 7638 of a key, `x5t#S256` of a certificate. */
  readonly keys: readonly string[]
  readonly parents: readonly string[]
  /** The id of the first record of the chain; its own id for a first exchange. */
  readonly lineage: string
  readonly traceId: string
  readonly remote: string
  readonly durationMs: number
}

export type { Mark }

export interface Entry {
  readonly record: ExchangeRecord
  readonly marks: readonly Mark[]
  /** What the opaque token stands for that the record says was issued: kept in the same commit. */
  readonly standsFor?: StandsFor | undefined
}

/** The claims of an opaque token, and when it has expired (seconds since the epoch). */
export interface StandsFor {
  readonly claims: Readonly<Record<string, unknown>>
  readonly until: number
}

/** Marks that are claimed without a record, and the version of the documents under which that was decided. */
export interface Spending {
  readonly marks: readonly Mark[]
  readonly snapshotVersion: number
}

export type Committed =
  /** The row is durable; the answer may leave. */
  | { readonly outcome: 'committed' }
  /** A mark was taken already: the row stands as a refusal `replayed`, without jti, hash and grant; the token must be dropped. */
  | { readonly outcome: 'replayed'; readonly mark: Mark }
  /** Decided under an older snapshot: nothing was written or marked; decide again under `version` or newer. */
  | { readonly outcome: 'stale'; readonly version: number }

export interface Ledger {
  /** Resolves when the entry is durable. Rejects with Refusal `record_unavailable` where it cannot be written in time. */
  commit(entry: Entry): Promise<Committed>
  /** The same without a row, for what is answered from memory to whoever authenticated by something of one use. */
  spend(spending: Spending): Promise<Committed>
}
