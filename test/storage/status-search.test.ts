import { describe, expect, it, onTestFinished } from 'vitest'
import type { ExchangeRecord } from '../../src/audit/contract.ts'
import { newId } from '../../src/lib/ids.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { projectEntities } from '../../src/storage/entity-projection.ts'
import { openLedger } from '../../src/storage/ledger.ts'
import type { Revocable, Revocation } from '../../src/tokens/revocations.ts'
import type { RevokedStatus } from '../../src/tokens/revoked-statuses.ts'
import { testDatabase } from '../harness/database.ts'
import { sampleRecord } from '../harness/records.ts'

const NOW = 1_750_000_000_000
const SECOND = NOW / 1000

async function open() {
  const { address, query } = await testDatabase()
  const [database, ledger] = await Promise.all([openDatabase({ address }), openLedger({ address })])
  onTestFinished(async () => {
    await ledger.close()
    await database.close()
  })
  let index = 0
  /** An exchange that was granted so many seconds ago, with a place of its own. */
  async function issued(ago: number, different: Partial<ExchangeRecord> = {}, granted: object = {}) {
    const at = NOW - ago * 1000
    const status = { list: 0, index: index++ }
    const plain = sampleRecord()
    const record = sampleRecord({
      ...{ at, decidedAt: at, facts: { time: Math.floor(at / 1000) } },
      granted: { ...plain.granted!, status, ...granted },
      ...different,
    })
    await ledger.commit({ record, marks: [] })
    return { ...record, status }
  }
  const find = async (what: Revocable, values: string | readonly string[], at = SECOND) => {
    const revocations = [values].flat().map(
      (value): Revocation => ({
        ...{ what, value, at, until: at + 86_400, reason: '', author: '' },
      }),
    )
    return (await search(revocations)).map((one) => one.index).toSorted((one, other) => one - other)
  }
  const search = async (revocations: readonly Revocation[]) => {
    const all: RevokedStatus[] = []
    await database.statusSearch.revokedStatuses(revocations, NOW, (statuses) => all.push(...statuses))
    return all
  }
  return { query, search, database, issued, find }
}

const CASES = [
  ['jti', (record: ExchangeRecord) => record.jti],
  ['tokenHash', (record: ExchangeRecord) => record.tokenHash],
  ['lineage', (record: ExchangeRecord) => record.lineage],
  ['client', (record: ExchangeRecord) => record.client],
  ['subject', (record: ExchangeRecord) => record.subject?.id ?? ''],
] as const

describe('the search for revoked statuses', () => {
  it.each(CASES)('by %s finds what is named so, before and after the register has read it', async (what, value) => {
    const { database, issued, find } = await open()
    const other = { client: 'other', subject: { issuer: 'x', id: 'other', kind: 'jwt', instance: '' } }
    const [one, two] = [await issued(10), await issued(20, other)]
    for (let round = 0; round < 2; round++) {
      expect(await find(what, value(one))).toEqual([0])
      expect(await find(what, value(two))).toEqual([1])
      expect(await find(what, [value(one), value(two), 'nobody'])).toEqual([0, 1])
      expect(await find(what, 'nobody')).toEqual([])
      await projectEntities(database.pool)
    }
  })

  it('finds what lives, and says until when', async () => {
    const { database, issued, search } = await open()
    const long = { lifetime: 86_400 }
    await issued(301)
    await issued(299)
    await issued(80_000, {}, long)
    await issued(80_000, {}, { lifetime: 3600 })
    await projectEntities(database.pool)
    await issued(70_000, {}, long)
    const revocation = { what: 'client', value: 'checkout', at: SECOND, until: SECOND, reason: '', author: '' } as const
    const found = await search([revocation])
    expect(
      found.map(({ index, until }) => [index, until - SECOND]).toSorted(([one = 0], [other = 0]) => one - other),
    ).toEqual([
      [1, 1],
      [2, 6400],
      [4, 16_400],
    ])
  })

  it('leaves what was refused, and what names no place', async () => {
    const { issued, find } = await open()
    await issued(1, { outcome: 'refused' })
    await issued(1, { granted: null })
    await issued(1, { granted: sampleRecord().granted })
    expect(await find('client', 'checkout')).toEqual([])
  })

  it.each(['client', 'subject'] as const)('by %s leaves what was issued later, to the second', async (what) => {
    const { issued, find } = await open()
    await issued(11)
    const { client, subject } = await issued(10)
    await issued(9)
    // Read within the second, and decided after it.
    const slow = { facts: { time: SECOND - 10 } }
    await issued(9, { decidedAt: NOW - 8000, ...slow })
    await issued(9, { decidedAt: NOW - 8000 })
    expect(await find(what, what === 'client' ? client : (subject?.id ?? ''), SECOND - 10)).toEqual([0, 1, 3])
  })

  it('by subject means the sub that was issued, where it is another than the id of the subject', async () => {
    const { issued, find } = await open()
    const { subject } = await issued(1, {}, { subject: 'the shop' })
    await issued(1)
    expect(await find('subject', 'the shop')).toEqual([0])
    expect(await find('subject', subject?.id ?? '')).toEqual([1])
  })

  it('by lineage finds what came of it, and takes no name for an id that is none', async () => {
    const { issued, find } = await open()
    const first = await issued(3)
    await issued(2, { lineage: first.id })
    await issued(1, { lineage: 'a lineage' })
    await issued(1)
    expect(await find('lineage', first.id)).toEqual([0, 1])
    expect(await find('lineage', ['a lineage', 'f'.repeat(36)])).toEqual([2])
  })

  it('finds many at once, as a block takes them back', async () => {
    const { issued, find } = await open()
    const lineages = [(await issued(1)).lineage, ...Array.from({ length: 11_000 }, newId), (await issued(1)).lineage]
    expect(await find('lineage', lineages)).toEqual([0, 1])
  })

  it('tells many some at a time', async () => {
    const { query, issued, database } = await open()
    await issued(1)
    await query(`INSERT INTO cambist.records (at, decided_at, snapshot_version, id, outcome, reason, client, targets, detail, granted, body)
      SELECT at, decided_at, snapshot_version, gen_random_uuid(), outcome, reason, client, targets, detail,
        replace(granted, '"index":0', '"index":' || n), body
      FROM cambist.records CROSS JOIN generate_series(1, 4999) n`)
    const revocation = { what: 'client', value: 'checkout', at: SECOND, until: SECOND, reason: '', author: '' } as const
    const pages: (readonly RevokedStatus[])[] = []
    await database.statusSearch.revokedStatuses([revocation], NOW, (statuses) => pages.push(statuses))
    expect(pages.map((page) => page.length)).toEqual([2000, 2000, 1000])
    expect(new Set(pages.flat().map(({ index }) => index)).size).toBe(5000)
  })
})
