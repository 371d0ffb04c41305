/**
 * issued/ owns what is asked of tokens of ours that are out, and done to them: whether they still count (introspection),
 * and that they count no longer, with everything that was made from them (revocation). How a request comes and an answer
 * leaves is oauth/ and admin/; by what a token is revoked is tokens/; where all this is kept is storage/.
 */
import type { Ledger } from '../audit/contract.ts'
import type { RecordReader } from '../audit/reading.ts'
import type { Snapshot, StateStore } from '../documents/contract.ts'
import type { Asked, ExchangeEvents, Snapshots } from '../exchange/contract.ts'
import type { RoadToDecision } from '../exchange/identified.ts'

/** A request of somebody who asks about a token, as a door hands it over. */
export type Inquiry = Omit<Asked, 'traceId'>

/** What answers about tokens are made with. `endpoints` are our own URLs of the one place that is asked: what proofs of possession are made for. */
export interface InquiryRoad extends RoadToDecision {
  readonly snapshots: Snapshots & {
    /** A snapshot that was in force no longer ago than so many milliseconds. Rejects with Refusal `snapshot_unavailable`. */
    freshWithin(ms: number): Promise<Snapshot>
  }
  readonly ledger: Pick<Ledger, 'spend'>
  readonly events: Pick<ExchangeEvents, 'unknownParameter' | 'lenient'>
}

/** What a token is taken back with. */
export interface Revoking {
  readonly store: StateStore
  readonly snapshots: { atLeast(version: number): Promise<unknown> }
  readonly records: Pick<RecordReader, 'livingIn'>
}

export interface RevocationRoad extends InquiryRoad, Revoking {
  readonly snapshots: InquiryRoad['snapshots']
  /** Whether a client may have one more token taken back now: each is a change that every node reads (T38). */
  readonly admitsRevocation: (client: string) => boolean
  readonly events: InquiryRoad['events'] & { changed(version: number, author: string, what: string): void }
}
