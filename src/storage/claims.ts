import type { Committed, ExchangeRecord, Mark } from '../audit/contract.ts'
import type { Refusal } from '../refusal.ts'
import type { BinaryRows } from './binary-rows.ts'
import type { RecordTexts } from './record-row.ts'

/** What waits for its commit, and who waits for it. */
export interface Item {
  readonly id: string
  readonly snapshotVersion: number
  /** Undefined where marks are spent without a record. */
  readonly row: Row | undefined
  readonly marks: readonly KeyedMark[]
  resolve(committed: Committed): void
  reject(refusal: Refusal): void
}

export interface Row {
  readonly record: ExchangeRecord
  readonly texts: RecordTexts
  /** Of an opaque token: its claims as JSON, and when it has expired. */
  readonly standsFor: { readonly claims: string; readonly until: number } | undefined
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
    rows.row(8)
    rows.int4(number)
    rows.uuid(item.id)
    rows.int8(item.snapshotVersion)
    rows.text(mark.purpose)
    rows.text(mark.issuer)
    rows.text(mark.id)
    rows.int8(mark.until)
    rows.text(mark.holder)
  }
  return rows.end()
}

/** Writes what each opaque token stands for as one cambist.reference_token_1; undefined where there is none. */
export function writeReferences(rows: BinaryRows, batch: readonly Item[], type: number): Buffer | undefined {
  let begun = false
  for (const { row } of batch) {
    if (row?.standsFor === undefined) continue
    if (!begun) rows.begin(type)
    begun = true
    rows.row(4)
    rows.text(row.record.tokenHash)
    rows.uuid(row.record.id)
    rows.int8(row.standsFor.until)
    rows.text(row.standsFor.claims)
  }
  return begun ? rows.end() : undefined
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
