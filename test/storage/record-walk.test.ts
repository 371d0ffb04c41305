import { beforeAll, describe, expect, it } from 'vitest'
import type { ExchangeRecord } from '../../src/audit/contract.ts'
import type { Period, RecordWalk } from '../../src/audit/reading.ts'
import type { DatabaseAddress } from '../../src/storage/address.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { openLedger, type PostgresLedger } from '../../src/storage/ledger.ts'
import { testDatabase } from '../harness/database.ts'
import { sampleRecord } from '../harness/records.ts'

const HOUR = 3_600_000
const START = Date.UTC(2026, 10, 1)
const COUNT = 5000

let address: DatabaseAddress
let database: Database
let ledger: PostgresLedger

async function write(records: readonly ExchangeRecord[]): Promise<void> {
  await Promise.all(records.map((record) => ledger.commit({ record, marks: [] })))
}

const atOf = (index: number): number => START + index * 60_000

/** One record a minute. Written in some disorder, as several replicas write. */
beforeAll(async () => {
  address = (await testDatabase()).address
  database = await openDatabase({ address })
  ledger = await openLedger({ address })
  for (let first = 0; first < COUNT; first += 50) {
    const records = Array.from({ length: 50 }, (_, at) => sampleRecord({ at: atOf(first + at), shadow: [] }))
    await write(records.filter((_, at) => at % 3 === 1))
    await write(records.filter((_, at) => at % 3 !== 1))
  }
  // Numbers of rows have gaps.
  await database.pool.query("SELECT nextval('cambist.records_seq_seq') FROM generate_series(1, 10000)")
  return async () => {
    await ledger.close()
    await database.close()
  }
})

async function all({ batches }: RecordWalk): Promise<readonly ExchangeRecord[]> {
  const found: ExchangeRecord[] = []
  for await (const batch of batches) found.push(...batch)
  return found
}

const timesOf = async (period: Period): Promise<readonly number[]> =>
  (await all(await database.records.walk(period))).map(({ at }) => at).sort((one, other) => one - other)

const ofAll = { since: 0, until: START + 1000 * HOUR }

describe('a walk through a period', () => {
  it('meets every record of it once, across pages', async () => {
    expect(await timesOf(ofAll)).toEqual(Array.from({ length: COUNT }, (_, index) => atOf(index)))
  })

  it.each([
    [0, 1],
    [1700, 1701],
    [1234, 3456],
    [0, COUNT],
    [COUNT - 1, COUNT],
  ])('begins and ends where it says, from minute %i to %i', async (first, end) => {
    const expected = Array.from({ length: end - first }, (_, index) => atOf(first + index))
    expect(await timesOf({ since: atOf(first), until: atOf(end) })).toEqual(expected)
  })

  it.each([
    { since: atOf(COUNT + 1000), until: atOf(COUNT + 2000) },
    { since: 0, until: START - 24 * HOUR },
    { since: atOf(10), until: atOf(10) },
  ])('is empty where there is nothing: %j', async (period) => {
    expect(await timesOf(period)).toEqual([])
  })

  it('reads the newest where only so many are asked for', async () => {
    const times = await timesOf({ ...ofAll, newest: 100 })
    expect(times.length).toBeLessThanOrEqual(100)
    expect(times.every((at) => at >= atOf(COUNT - 500))).toBe(true)
  })

  it('says how many there can be', async () => {
    expect((await database.records.walk(ofAll)).atMost).toBe(COUNT)
    const { atMost } = await database.records.walk({ since: atOf(2000), until: atOf(2060) })
    expect(atMost).toBeGreaterThanOrEqual(60)
    expect(atMost).toBeLessThan(1000)
  })

  it('ends at what was written when it began, though more is written all the while', async () => {
    const walk = await database.records.walk(ofAll)
    let met = 0
    for await (const batch of walk.batches) {
      met += batch.length
      await write([sampleRecord({ at: atOf(COUNT + met), shadow: [{ rule: 'later', outcome: 'permit' }] })])
    }
    expect(met).toBe(COUNT)
    const later = await all(await database.records.walk({ ...ofAll, shadowed: true }))
    expect(later.length).toBeGreaterThan(10)
    expect(later.every(({ shadow }) => shadow[0]?.rule === 'later')).toBe(true)
  })

  it('holds no connection when it is left before its end', async () => {
    const { pool } = database
    for await (const batch of (await database.records.walk(ofAll)).batches) {
      expect(batch.length).toBeGreaterThan(0)
      break
    }
    await pool.query('SELECT 1')
    await expect.poll(() => pool.totalCount - pool.idleCount).toBe(0)
  })

  it('rejects where the database goes away in the middle', async () => {
    const other = await openDatabase({ address })
    const walking = async () => {
      for await (const _ of (await other.records.walk(ofAll)).batches) if (!other.pool.ended) await other.close()
    }
    await expect(walking()).rejects.toThrow()
  })

  it('is empty where nothing was ever written', async () => {
    const empty = await openDatabase({ address: (await testDatabase()).address })
    const walk = await empty.records.walk(ofAll)
    expect([walk.atMost, await all(walk)]).toEqual([0, []])
    await empty.close()
  })
})
