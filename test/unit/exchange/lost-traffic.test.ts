import { describe, expect, it } from 'vitest'
import type { ExchangeRecord } from '../../../src/audit/contract.ts'
import type { RecordReader } from '../../../src/audit/reading.ts'
import { lostTraffic } from '../../../src/exchange/lost-traffic.ts'
import type { Replayable } from '../../../src/exchange/replay.ts'
import { TestClock } from '../../harness/cambist.ts'
import { base, changed, judging, recorded, refused, without } from './world.ts'

const NOW = 1_800_000_000_000
const DAY = 24 * 3600 * 1000
const write = { scopes: ['orders:write'] }
const both = judging(changed(base.policy, { scopes: ['orders:read', 'orders:write'] }))

/** A reader over records, newest first; `onPage` is told of each page. */
const reader = (records: readonly Replayable[], onPage: (limit: number) => void = () => undefined) => {
  const list: RecordReader['list'] = async (filter, limit, cursor = '0') => {
    expect(filter).toEqual({})
    onPage(limit)
    const from = Number(cursor)
    const items = records.slice(from, from + limit) as unknown as readonly ExchangeRecord[]
    return { items, next: from + limit < records.length ? String(from + limit) : null }
  }
  return { list }
}

const judge = (records: readonly Replayable[], clock = new TestClock(NOW)) =>
  lostTraffic({ records: reader(records), clock })

describe('lost traffic', () => {
  it('is what was granted, still is, and would not be: by client and targets, with examples', async () => {
    const records = [
      ...Array.from({ length: 3 }, () => recorded(write, { at: NOW - 1 })),
      recorded({}, { at: NOW - 2 }),
      // Neither was granted.
      refused(write, { at: NOW - 3 }),
      refused({ scopes: ['orders:none'] }, { at: NOW - 4 }),
    ]
    expect(await judge(records)(both, judging())).toEqual({
      looked: 4,
      denied: 3,
      groups: [
        { client: 'checkout', targets: ['orders'], count: 3, examples: records.slice(0, 3).map(({ id }) => id) },
      ],
    })
    expect(await judge(records)(judging(), both)).toMatchObject({ denied: 0, groups: [] })
    // What the documents in force deny already is no loss of this change.
    expect(await judge(records)(without(base.policy), without(base.policy))).toMatchObject({ looked: 4, denied: 0 })
  })

  it('is of the last 7 days, and the reading ends there', async () => {
    const pages: number[] = []
    const records = [
      recorded(write, { at: NOW - 7 * DAY }),
      ...Array.from({ length: 500 }, (_, at) => recorded(write, { at: NOW - 7 * DAY - 1 - at })),
    ]
    const judged = lostTraffic({
      records: reader(records, (limit) => pages.push(limit)),
      clock: new TestClock(NOW),
    })
    expect(await judged(both, judging())).toMatchObject({ looked: 1, denied: 1 })
    expect(pages).toHaveLength(1)
  })

  it('is looked for in so many records, and so long, and no more', async () => {
    const one = recorded(write, { at: NOW - 1 })
    const many = Array.from({ length: 20_500 }, () => one)
    expect(await judge(many)(both, judging())).toMatchObject({ looked: 20_000, denied: 20_000 })
    const clock = new TestClock(NOW)
    const slow = lostTraffic({ records: reader(many, () => clock.advance(1)), clock })
    expect(await slow(both, judging())).toMatchObject({ looked: 300 })
  })

  it('is nothing where nothing is on record', async () => {
    expect(await judge([])(both, judging())).toEqual({ looked: 0, denied: 0, groups: [] })
  })
})
