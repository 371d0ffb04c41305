import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Entry, Mark } from '../../src/audit/contract.ts'
import { hashOf, newId } from '../../src/lib/ids.ts'
import { Secret } from '../../src/lib/secret.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { openLedger, type PostgresLedger } from '../../src/storage/ledger.ts'
import { sweepReferences } from '../../src/storage/sweep.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { databaseProxy } from '../harness/database-proxy.ts'
import { sampleRecord } from '../harness/records.ts'

let shared: TestDatabase
let database: Database
let ledger: PostgresLedger

beforeAll(async () => {
  shared = await testDatabase()
  database = await openDatabase({ address: shared.address })
  ledger = await openLedger({ address: shared.address })
  return async () => {
    await ledger.close()
    await database.close()
  }
})

const UNTIL = 4_000_000_000
const entry = (claims: object = { sub: 'x' }, marks: Mark[] = [], until = UNTIL, different = {}): Entry => ({
  record: sampleRecord(different),
  marks,
  standsFor: { claims: { ...claims }, until },
})
const claimsOf = (one: Entry) => database.references.claimsOf(one.record.tokenHash)

describe('what an opaque token stands for', () => {
  it('is there once its record is, as it was given, beside records of other tokens in one commit', async () => {
    const entries = [
      entry({ sub: 'ünï "quoted" \\ 😀', cnf: { jkt: 'x' } }),
      { record: sampleRecord(), marks: [] },
      entry(),
    ]
    const done = await Promise.all(entries.map((one) => ledger.commit(one)))
    expect(done.map(({ outcome }) => outcome)).toEqual(['committed', 'committed', 'committed'])
    expect(await claimsOf(entries[0]!)).toEqual({ sub: 'ünï "quoted" \\ 😀', cnf: { jkt: 'x' } })
    expect(await claimsOf(entries[1]!)).toBeUndefined()
    expect(await claimsOf(entries[2]!)).toEqual({ sub: 'x' })
  })

  it('is kept in memory once it was read, and not that there is none', async () => {
    const one = entry()
    expect(await claimsOf(one)).toBeUndefined()
    await ledger.commit(one)
    const first = claimsOf(one)
    expect(first).toBeInstanceOf(Promise)
    expect(await first).toEqual({ sub: 'x' })
    expect(claimsOf(one)).toEqual({ sub: 'x' })
  })

  it('is nothing where the mark of its request was taken, and its token dropped', async () => {
    const mark = { purpose: 'client-assertion', issuer: 'web', id: newId(), until: UNTIL }
    const entries = [entry({}, [mark]), entry({}, [mark]), entry()]
    const done = await Promise.all(entries.map((one) => ledger.commit(one)))
    expect(done.map(({ outcome }) => outcome)).toEqual(['committed', 'replayed', 'committed'])
    expect(await claimsOf(entries[1]!)).toBeUndefined()
    const rows = await shared.query('SELECT FROM cambist.reference_tokens WHERE token_hash = ANY ($1)', [
      entries.map(({ record }) => record.tokenHash),
    ])
    expect(rows).toHaveLength(2)
  })

  it('is nothing where it was decided under documents that have changed', async () => {
    await shared.query('UPDATE cambist.state SET version = version + 1')
    const [{ version } = { version: '0' }] = await shared.query<{ version: string }>(
      'SELECT version FROM cambist.state',
    )
    const [stale, fresh] = [entry(), entry({}, [], UNTIL, { snapshotVersion: Number(version) })]
    expect((await ledger.commit(stale)).outcome).toBe('stale')
    expect((await ledger.commit(fresh)).outcome).toBe('committed')
    expect([await claimsOf(stale), await claimsOf(fresh)]).toEqual([undefined, {}])
    await shared.query('UPDATE cambist.state SET version = 0')
  })

  it('is found by an index', async () => {
    const plan = await shared.query(
      `EXPLAIN SELECT claims FROM cambist.reference_tokens WHERE token_hash = '${hashOf('x')}'`,
    )
    expect(JSON.stringify(plan)).toContain('reference_tokens_pkey')
  })

  it('goes when the token has been over for a while, and its record stays', async () => {
    const now = Math.floor(Date.now() / 1000)
    const [old, young] = [entry({}, [], now - 400), entry({}, [], now + 400)]
    for (const one of [old, young]) await ledger.commit(one)
    expect(await sweepReferences(database.pool)).toBe(1)
    expect([await claimsOf(old), await claimsOf(young)]).toEqual([undefined, {}])
    expect(await database.records.get(old.record.id)).toEqual(old.record)
  })

  it('cannot be told while nobody answers, which is no word on the token', async () => {
    const proxy = await databaseProxy(shared.url)
    onTestFinished(() => proxy.close())
    const behind = await openDatabase({ address: new Secret(proxy.url) })
    onTestFinished(() => behind.close())
    proxy.mode = 'closed'
    proxy.cut()
    const asked = Promise.resolve(behind.references.claimsOf(hashOf('x')))
    await expect(asked).rejects.toMatchObject({ reason: 'record_unavailable', retryAfter: 1 })
  })
})

describe('the living tokens of a lineage', () => {
  const NOW = 1_800_000_000_000
  const record = (lineage: string, parents: string[], different = {}) => {
    const id = newId()
    return sampleRecord({ id, jti: id, lineage, parents, at: NOW, decidedAt: NOW, ...different })
  }

  it('are listed with what they were made from, each after that', async () => {
    const first = record('', [])
    const lineage = first.id
    const second = record(lineage, [first.id])
    const third = record(lineage, [second.id])
    const others = [
      record(newId(), [first.id]),
      record(lineage, [first.id], { decidedAt: NOW - 400_000 }),
      record(lineage, [first.id], { outcome: 'refused', reason: 'denied', granted: null, jti: '', tokenHash: '' }),
    ]
    for (const one of [{ ...first, lineage }, second, third, ...others]) await ledger.commit({ record: one, marks: [] })
    const until = NOW / 1000 + 300 + 60
    expect(await database.records.livingIn(lineage, NOW)).toEqual([
      { id: first.id, parents: [], until },
      { id: second.id, parents: [first.id], until },
      { id: third.id, parents: [second.id], until },
    ])
    expect(await database.records.livingIn("x' OR true --", NOW)).toEqual([])
  })
})
