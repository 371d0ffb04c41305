import type { Reason } from '../refusal.ts'
import type { Revocable } from '../tokens/revocations.ts'
import type { ExchangeRecord, Outcome } from './contract.ts'

/** What is looked for: a record matches when it matches every member that is given. */
export interface RecordFilter {
  readonly outcome?: Outcome
  readonly reason?: Reason | 'granted'
  readonly client?: string
  /** The subject's id. */
  readonly subject?: string
  /** The name of a target that was granted, or an audience or resource that was asked for. */
  readonly target?: string
  readonly jti?: string
  readonly tokenHash?: string
  readonly lineage?: string
  /** Milliseconds since the epoch: `at` is this or later. */
  readonly since?: number
  /** Milliseconds since the epoch: `at` is before this. */
  readonly until?: number
}

export interface RecordPage {
  /** Newest first, by the order in which they were written. */
  readonly items: readonly ExchangeRecord[]
  /** What to ask the next page with; null where there is none. */
  readonly next: string | null
}

/** What is looked for among the exchanges that were granted for as long as a token can live. */
export interface LineageSearch {
  /** One of these stands in every record that is meant: what the database looks for, since it reads no JSON. */
  readonly texts: readonly string[]
  /** A record that has the value here is meant, and not asked about. */
  readonly direct?: { readonly column: 'subject' | 'client' | 'issuer' | 'jti' | 'tokenHash'; readonly value: string }
  /** Whether a record that has one of the texts is meant. */
  meant(record: ExchangeRecord): boolean
}

/** A chain of exchanges of which tokens still live, and that has not been revoked. */
export interface LiveLineage {
  readonly lineage: string
  readonly tokens: number
  /** When the last of them ends, in seconds since the epoch; no exchange makes a longer one (I4). */
  readonly until: number
}

/** Reads what the ledger wrote. Implemented by storage/. */
export interface RecordReader {
  /**
   * At most `limit` records, from behind the cursor of an earlier page with the same filter.
   * @throws Faults where the cursor is none of ours.
   */
  list(filter: RecordFilter, limit: number, cursor?: string): Promise<RecordPage>
  get(id: string): Promise<ExchangeRecord | undefined>
  /** How many tokens that are named so have been issued and not expired. `now` is milliseconds since the epoch. */
  unexpired(what: Revocable, value: string, now: number): Promise<number>
  /** Every lineage with a living token in which a record is meant. `now` is milliseconds since the epoch. */
  liveLineages(search: LineageSearch, now: number): Promise<readonly LiveLineage[]>
}
