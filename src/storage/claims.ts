import type { Committed, Entry, Mark } from '../audit/contract.ts'
import type { Refusal } from '../refusal.ts'
import type { BinaryRows } from './binary-rows.ts'
import type { RecordTexts } from './record-row.ts'

/** An entry that waits for its commit, and who waits for it. */
export interface Item {
  readonly entry: Entry
  readonly texts: RecordTexts
  readonly marks: readonly KeyedMark[]
  resolve(committed: Committed): void
  reject(refusal: Refusal): void
}

/** A mark with the text that stands for it in comparisons. */
export interface KeyedMark {
  readonly key: string
  readonly mark: Mark
}

/** A mark of a batch; its number is its place in the list. */
export interface Claim extends KeyedMark {
  readonly item: Item
}

/** All marks of the batch in one order for all processes, so that no two transactions wait for each other. */
export function claimsOf(batch: readonly Item[]): readonly Claim[] {
  const claims: Claim[] = []
  for (const item of batch) {
    for (const { key, mark } of item.marks) claims.push({ key, mark, item })
  }
  return claims.sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** Writes each claim as one cambist.record_mark_2. */
export function writeClaims(rows: BinaryRows, claims: readonly Claim[]): Buffer {
  for (const [number, { item, mark }] of claims.entries()) {
    const { record } = item.entry
    rows.row(8)
    rows.int4(number)
    rows.uuid(record.id)
    rows.int8(record.snapshotVersion)
    rows.text(mark.purpose)
    rows.text(mark.issuer)
    rows.text(mark.id)
    rows.int8(mark.until)
    rows.text(mark.holder)
  }
  return rows.end()
}

const NO_MARKS: readonly KeyedMark[] = Object.freeze([])

/** The marks of one entry; one that is named twice is claimed once. */
export function keyed(marks: readonly Mark[]): readonly KeyedMark[] {
  if (marks.length === 0) return NO_MARKS
  const byKey = new Map<string, KeyedMark>()
  for (const mark of marks) {
    const key = JSON.stringify([mark.purpose, mark.issuer, mark.id])
    byKey.set(key, { key, mark })
  }
  return [...byKey.values()]
}
