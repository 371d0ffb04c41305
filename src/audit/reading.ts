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
  /** Names of the clients that were granted something at this moment or later; milliseconds since the epoch. */
  clientsGrantedSince(since: number): Promise<ReadonlySet<string>>
}
