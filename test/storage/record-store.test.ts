import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ExchangeRecord } from '../../src/audit/contract.ts'
import type { RecordFilter } from '../../src/audit/reading.ts'
import { newId } from '../../src/lib/ids.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { openLedger, type PostgresLedger } from '../../src/storage/ledger.ts'
import { testDatabase } from '../harness/database.ts'
import { sampleRecord } from '../harness/records.ts'

let database: Database
let ledger: PostgresLedger

beforeAll(async () => {
  const { address } = await testDatabase()
  database = await openDatabase({ address })
  ledger = await openLedger({ address })
  return async () => {
    await ledger.close()
    await database.close()
  }
})

async function write(...records: ExchangeRecord[]): Promise<void> {
  for (const record of records) await ledger.commit({ record, marks: [] })
}

describe('records read back', () => {
  it('are what was written, whatever is in them', async () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 200 }).map((value) => value.replaceAll('\0', ''))
    const texts = fc.array(text, { maxLength: 4 })
    const record = fc.record({
      at: fc.integer({ min: 0, max: 4_102_444_800_000 }),
      decidedAt: fc.integer({ min: 946_684_799_999, max: 946_684_800_001 }),
      snapshotVersion: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      client: text,
      detail: text,
      lineage: text.filter((value) => value !== ''),
      jti: text,
      tokenHash: text,
      traceId: text,
      rules: texts,
      facts: fc.jsonValue({ maxDepth: 3 }),
      subject: fc.option(fc.record({ issuer: text, id: text, kind: text, instance: text })),
      granted: fc.option(
        fc.record({ scopes: texts, targets: texts, tokenType: text, lifetime: fc.nat(), binding: text }),
      ),
      requested: fc.record({ scopes: texts, audiences: texts, resources: texts, tokenType: text }),
      durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }).map((value) => value + 0),
    })
    await fc.assert(
      fc.asyncProperty(record, async (different) => {
        const given = sampleRecord(JSON.parse(JSON.stringify(different)))
        await write(given)
        expect(await database.records.get(given.id)).toEqual(given)
      }),
      { numRuns: 200 },
    )
  })

  it('are undefined where there is none of that id', async () => {
    expect(await database.records.get(newId())).toBeUndefined()
    expect(await database.records.get("x' OR true --")).toBeUndefined()
  })
})

describe('a list of records', () => {
  const client = `client-${newId()}`
  const lineage = newId()
  const records = [
    sampleRecord({ client, at: 1000 }),
    sampleRecord({
      client,
      at: 2000,
      outcome: 'refused',
      reason: 'denied',
      granted: null,
      jti: '',
      tokenHash: '',
      shadow: [{ rule: 'tight"er', outcome: 'forbid' }],
      // An attribute may hold the same text, and says nothing.
      facts: { subject: { attributes: { shadow: [{ rule: 'said', outcome: 'forbid' }] } } },
      requested: {
        scopes: [],
        audiences: ['https://elsewhere.example'],
        resources: ['https://r.example/a'],
        tokenType: '',
      },
    }),
    sampleRecord({ client, at: 3000, id: lineage, lineage, subject: null }),
    sampleRecord({ client, at: 4000, lineage }),
    sampleRecord({ client, at: 5000, subject: { issuer: 'prod', id: "o'neil\\", kind: 'jwt', instance: '' } }),
  ] as const
  beforeAll(() => write(...records))

  const find = async (filter: RecordFilter) => {
    const { items, next } = await database.records.list({ client, ...filter }, 10)
    expect(next).toBeNull()
    return items.map(({ at }) => at)
  }

  it('is newest first', async () => {
    const { items } = await database.records.list({ client }, 10)
    expect(items).toEqual([...records].reverse())
  })

  it.each<[RecordFilter, number[]]>([
    [{ outcome: 'refused' }, [2000]],
    [{ outcome: 'failed' }, []],
    [{ reason: 'denied' }, [2000]],
    [{ reason: 'granted', until: 3000 }, [1000]],
    [{ client: 'another' }, []],
    [{ subject: "o'neil\\" }, [5000]],
    [{ target: 'orders' }, [5000, 4000, 3000, 1000]],
    [{ target: 'https://orders.example' }, [5000, 4000, 3000, 1000]],
    [{ target: 'https://elsewhere.example' }, [2000]],
    [{ target: 'https://r.example/a' }, [2000]],
    [{ target: "{orders}'; --" }, []],
    [{ jti: records[3].jti }, [4000]],
    [{ lineage }, [4000, 3000]],
    [{ lineage: records[0].id }, [1000]],
    [{ lineage: 'no uuid' }, []],
    [{ shadow: 'next' }, [5000, 4000, 3000, 1000]],
    [{ shadow: 'tight"er' }, [2000]],
    [{ shadow: 'nex' }, []],
    [{ shadow: 'said' }, []],
    [{ shadow: "'; --" }, []],
    [{ since: 4000 }, [5000, 4000]],
    [{ until: 2000 }, [1000]],
    [{ since: 2000, until: 4000, outcome: 'granted' }, [3000]],
  ])('filters by %j', async (filter, expected) => {
    expect(await find(filter)).toEqual(expected)
  })

  it('goes on where the page before ended, whatever was written in between', async () => {
    const mine = `client-${newId()}`
    const written = Array.from({ length: 7 }, (_, at) => sampleRecord({ client: mine, at }))
    await write(...written)
    const seen: number[] = []
    let cursor: string | undefined
    for (let page = 0; page < 4; page++) {
      const { items, next } = await database.records.list({ client: mine }, 2, cursor)
      seen.push(...items.map(({ at }) => at))
      await write(sampleRecord({ client: mine, at: 100 + page }))
      expect(next === null).toBe(page === 3)
      cursor = next ?? undefined
    }
    expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0])
  })

  it.each(['', 'x', 'c2VxOg', Buffer.from('seq:1; DROP').toString('base64url'), 'A'.repeat(10_000)])(
    'refuses the cursor %j',
    async (cursor) => {
      await expect(database.records.list({}, 1, cursor)).rejects.toMatchObject({
        name: 'Faults',
        faults: [
          { path: 'cursor', message: 'This is no cursor of ours: take it unchanged from `next` of the page before.' },
        ],
      })
    },
  )
})

describe('tokens that have not expired', () => {
  it('are counted by each of their names, while they live', async () => {
    const now = 1_760_000_000_000
    const root = newId()
    const issued = (different: Partial<ExchangeRecord>) =>
      sampleRecord({ at: now - 60_000, decidedAt: now - 59_990, client: 'counted', lineage: root, ...different })
    const first = issued({ id: root, jti: root, tokenHash: 'a'.repeat(43) })
    const subject = { issuer: 'prod', id: 'spiffe://prod.example/counted', kind: 'jwt', instance: '' }
    const granted = { scopes: [], targets: [], tokenType: 'x', lifetime: 60, binding: 'none' }
    await write(
      first,
      issued({ subject, granted }),
      issued({ granted: { ...granted, lifetime: 59 } }),
      issued({ outcome: 'refused', reason: 'denied', granted: null, jti: '', tokenHash: '' }),
      issued({ at: now - 86_400_001, decidedAt: now - 86_400_001, granted: { ...granted, lifetime: 90_000 } }),
    )
    const count = (what: Parameters<typeof database.records.unexpired>[0], value: string, at = now) =>
      database.records.unexpired(what, value, at)
    expect(await count('client', 'counted')).toBe(2)
    expect(await count('lineage', root)).toBe(2)
    expect(await count('subject', subject.id)).toBe(1)
    expect(await count('jti', root)).toBe(1)
    expect(await count('tokenHash', 'a'.repeat(43))).toBe(1)
    expect(await count('client', 'counted', now + 1000)).toBe(1)
    expect(await count('client', 'counted', now + 300_000)).toBe(0)
    expect(await count('lineage', "' OR true --")).toBe(0)
  })

  it('say which clients were granted something since a moment', async () => {
    const granted = { scopes: [], targets: [], tokenType: 'x', lifetime: 60, binding: 'none' }
    const moment = Date.UTC(2031, 0, 1)
    await write(
      sampleRecord({ client: 'at-that-moment', at: moment, granted }),
      sampleRecord({ client: 'before', at: moment - 1, granted }),
      sampleRecord({
        client: 'refused',
        at: moment,
        outcome: 'refused',
        reason: 'denied',
        granted: null,
        jti: '',
        tokenHash: '',
      }),
    )
    const since = await database.records.clientsGrantedSince(moment)
    expect(since.has('at-that-moment')).toBe(true)
    expect(since.has('before')).toBe(false)
    expect(since.has('refused')).toBe(false)
  })
})
