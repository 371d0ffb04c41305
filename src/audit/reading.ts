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
  /** The name of a rule in shadow that would have decided. */
  readonly shadow?: string
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

/** A stretch of time whose records are read one after the other. Times are milliseconds since the epoch. */
export interface Period {
  /** `at` is this or later. */
  readonly since: number
  /** `at` is before this. */
  readonly until: number
  /** About so many of them, the newest, are read at most. */
  readonly newest?: number
  /** Only records that note what a rule in shadow would have done. */
  readonly shadowed?: boolean
}

export interface RecordWalk {
  /** Records are no more than this, and about this many where `shadowed` is not asked for. */
  readonly atMost: number
  /** Whether these are all records of the period, and not the newest of more. */
  readonly whole: boolean
  /** In the order in which they were written, some at a time. To leave the loop is to end the reading. */
  readonly batches: AsyncIterable<readonly ExchangeRecord[]>
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

/** A token that was issued in a lineage and has not expired. */
export interface LivingToken {
  readonly id: string
  /** Ids of the tokens that it was made from. */
  readonly parents: readonly string[]
  /** When it ends, or a little later. Seconds since the epoch. */
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
  /** Every record of a period, oldest first, however many there are. Records that are written after this call are none of them. */
  walk(period: Period): Promise<RecordWalk>
  /** How many tokens that are named so have been issued and not expired. `now` is milliseconds since the epoch. */
  unexpired(what: Revocable, value: string, now: number): Promise<number>
  /** Every lineage with a living token in which a record is meant. `now` is milliseconds since the epoch. */
  liveLineages(search: LineageSearch, now: number): Promise<readonly LiveLineage[]>
  /** The living tokens of a lineage, each after those that it was made from. `now` is milliseconds since the epoch. */
  livingIn(lineage: string, now: number): Promise<readonly LivingToken[]>
  /** Names of the clients that were granted something at this moment or later; milliseconds since the epoch. */
  clientsGrantedSince(since: number): Promise<ReadonlySet<string>>
}
