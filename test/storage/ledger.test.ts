import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Mark } from '../../src/audit/contract.ts'
import { newId } from '../../src/lib/ids.ts'
import { Secret } from '../../src/lib/secret.ts'
import { Refusal } from '../../src/refusal.ts'
import { type Database, openDatabase } from '../../src/storage/database.ts'
import { type LedgerOptions, openLedger, type PostgresLedger } from '../../src/storage/ledger.ts'
import { LOCKS } from '../../src/storage/locks.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { databaseProxy } from '../harness/database-proxy.ts'
import { sampleRecord } from '../harness/records.ts'

let shared: TestDatabase
beforeAll(async () => {
  shared = await testDatabase()
})

async function open(options: Partial<LedgerOptions> = {}): Promise<PostgresLedger> {
  const ledger = await openLedger({ address: shared.address, ...options })
  onTestFinished(() => ledger.close())
  return ledger
}

async function openProxied(options: Partial<LedgerOptions> = {}) {
  const proxy = await databaseProxy(shared.url)
  onTestFinished(() => proxy.close())
  return { proxy, ledger: await open({ address: new Secret(proxy.url), ...options }) }
}

/** Keeps every batch waiting inside PostgreSQL, as a change that is being committed does, until it is released. */
async function holdCommits(): Promise<{ release(): Promise<void>; waiting(): Promise<number[]> }> {
  const client = new pg.Client({ connectionString: shared.url })
  await client.connect()
  await client.query('SELECT pg_advisory_lock($1, $2)', [...LOCKS.commits])
  let held = true
  const release = async () => {
    if (held) await client.end()
    held = false
  }
  onTestFinished(release)
  const waiting = async () => {
    const { rows } = await client.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'cambist ledger' AND wait_event_type = 'Lock'`,
    )
    return rows.map(({ pid }) => pid)
  }
  return { release, waiting }
}

const untilOneWaits = (held: { waiting(): Promise<number[]> }) =>
  vi.waitFor(
    async () => {
      const [pid] = await held.waiting()
      if (pid === undefined) throw new Error('no batch waits yet')
      return pid
    },
    { timeout: 10_000, interval: 5 },
  )

const entry = (different = {}, marks: Mark[] = []) => ({ record: sampleRecord(different), marks })
const mark = (): Mark => ({ purpose: 'subject-token', issuer: 'prod', id: newId(), until: 4_000_000_000 })
const unavailable = (detail: string) =>
  expect.objectContaining({ reason: 'record_unavailable', detail, retryAfter: 1, name: 'Refusal' })
const stored = (id: string) => shared.query('SELECT outcome, reason FROM cambist.records WHERE id = $1', [id])

describe('group commit', () => {
  it('makes one transaction of what arrives while another is under way', async () => {
    const ledger = await open()
    const held = await holdCommits()
    const first = ledger.commit(entry())
    await untilOneWaits(held)
    const entries = Array.from({ length: 30 }, () => entry())
    const others = entries.map((one) => ledger.commit(one))
    expect(ledger.waiting).toBe(30)
    await held.release()
    expect(await first).toEqual({ outcome: 'committed' })
    expect(new Set((await Promise.all(others)).map(({ outcome }) => outcome))).toEqual(new Set(['committed']))
    const rows = await shared.query<{ transactions: number }>(
      'SELECT count(DISTINCT xmin::text)::int AS transactions FROM cambist.records WHERE id = ANY ($1::uuid[])',
      [entries.map(({ record }) => record.id)],
    )
    expect(rows).toEqual([{ transactions: 1 }])
  })

  it('judges the second claim of a mark in the same batch after the first', async () => {
    const ledger = await open()
    const claimed = mark()
    const results = await Promise.all(
      [entry({}, [claimed]), entry(), entry({}, [claimed])].map((e) => ledger.commit(e)),
    )
    expect(results).toEqual([
      { outcome: 'committed' },
      { outcome: 'committed' },
      { outcome: 'replayed', mark: claimed },
    ])
  })

  it('takes more entries at once than fit into one batch', async () => {
    const ledger = await open()
    const results = await Promise.all(Array.from({ length: 1200 }, () => ledger.commit(entry())))
    expect(results.filter(({ outcome }) => outcome === 'committed')).toHaveLength(1200)
    expect(ledger.waiting).toBe(0)
  })

  it('lets a bad entry hurt nobody but itself', async () => {
    const ledger = await open()
    const duplicate = entry()
    await ledger.commit(duplicate)
    const cyclic: Record<string, unknown> = {}
    cyclic['self'] = cyclic
    const bad = [
      { given: entry({ client: 'nul\u0000' }), detail: 'The record could not be written (SQLSTATE 22021).' },
      { given: duplicate, detail: 'The record could not be written (SQLSTATE 23505).' },
      {
        // Random, because what repeats is compressed and would fit.
        given: entry({}, [{ ...mark(), id: Array.from({ length: 200 }, newId).join('') }]),
        detail: 'The record could not be written (SQLSTATE 54000).',
      },
      { given: entry({ facts: cyclic }), detail: 'The record holds a value that cannot be written.' },
      { given: entry({ id: 'no-uuid' }), detail: 'The record holds a value that cannot be written.' },
      { given: entry({ at: Number.NaN }), detail: 'The record holds a value that cannot be written.' },
    ]
    const good = Array.from({ length: 10 }, () => entry({}, [mark()]))
    const results = await Promise.allSettled(
      [...good.slice(0, 5), ...bad.map(({ given }) => given), ...good.slice(5)].map((e) => ledger.commit(e)),
    )
    const fulfilled = results.filter((result) => result.status === 'fulfilled').map(({ value }) => value.outcome)
    expect(fulfilled).toEqual(Array(10).fill('committed'))
    const refused = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason)
    expect(refused).toEqual(bad.map(({ detail }) => unavailable(detail)))
    for (const { record } of good) expect(await stored(record.id)).toHaveLength(1)
  })

  it('refuses what waits beyond its bound as overloaded', async () => {
    const ledger = await open({ maximumWaiting: 3 })
    const held = await holdCommits()
    const first = ledger.commit(entry())
    await untilOneWaits(held)
    const waiting = [1, 2, 3].map(() => ledger.commit(entry()))
    expect(ledger.available).toBe(false)
    await expect(ledger.commit(entry())).rejects.toEqual(
      expect.objectContaining({ reason: 'overloaded', retryAfter: 1, name: 'Refusal' }),
    )
    await held.release()
    await Promise.all([first, ...waiting])
    expect(ledger.available).toBe(true)
  })

  it('writes what waits before it closes, and refuses everything after', async () => {
    const ledger = await openLedger({ address: shared.address })
    const entries = Array.from({ length: 5 }, () => entry())
    const results = entries.map((one) => ledger.commit(one))
    await ledger.close()
    expect(await Promise.all(results)).toEqual(Array(5).fill({ outcome: 'committed' }))
    await expect(ledger.commit(entry())).rejects.toBeInstanceOf(Refusal)
  })
})

describe('a ledger whose database fails', () => {
  it('refuses an entry that takes longer than the limit, and writes nothing of it', async () => {
    const ledger = await open({ statementLimitMs: 50 })
    const held = await holdCommits()
    const late = entry()
    await expect(ledger.commit(late)).rejects.toEqual(unavailable('The record could not be written (SQLSTATE 57014).'))
    await held.release()
    expect(await stored(late.record.id)).toEqual([])
    await vi.waitFor(async () => expect(await ledger.commit(entry())).toEqual({ outcome: 'committed' }), 10_000)
  })

  it('refuses what was under way when its connection was killed, and connects anew', async () => {
    const ledger = await open()
    const held = await holdCommits()
    const lost = entry()
    const result = expect(ledger.commit(lost)).rejects.toMatchObject({ reason: 'record_unavailable', retryAfter: 1 })
    const pid = await untilOneWaits(held)
    const waits = ledger.commit(entry())
    await shared.query('SELECT pg_terminate_backend($1)', [pid])
    await result
    await held.release()
    expect(await waits).toEqual({ outcome: 'committed' })
    expect(await stored(lost.record.id)).toEqual([])
  })

  it('never grants where the answer to a commit is lost: the row and the mark stand, the token is dropped (F6)', async () => {
    const { proxy, ledger } = await openProxied()
    const claimed = mark()
    await ledger.commit(entry())
    const first = entry({}, [claimed])
    proxy.mode = 'mute'
    const result = expect(ledger.commit(first)).rejects.toMatchObject({ reason: 'record_unavailable', retryAfter: 1 })
    await proxy.swallowed()
    proxy.mode = 'open'
    proxy.cut()
    await result
    expect(await stored(first.record.id)).toEqual([{ outcome: 'granted', reason: 'granted' }])
    const again = entry({}, [claimed])
    await vi.waitFor(
      async () => expect(await ledger.commit(again)).toEqual({ outcome: 'replayed', mark: claimed }),
      10_000,
    )
  })

  it('does not wait for a server that says nothing (F2, F3)', async () => {
    const { proxy, ledger } = await openProxied({ statementLimitMs: 50 })
    proxy.mode = 'mute'
    const first = expect(ledger.commit(entry())).rejects.toEqual(
      unavailable('The connection to the database was lost while the record was written.'),
    )
    await proxy.swallowed()
    await expect(ledger.commit(entry())).rejects.toEqual(unavailable('The database cannot be reached.'))
    await first
    proxy.mode = 'open'
    await vi.waitFor(async () => expect(await ledger.commit(entry())).toEqual({ outcome: 'committed' }), 15_000)
  })

  it('refuses at once while there is no connection to be had, and comes back by itself', async () => {
    const { proxy, ledger } = await openProxied()
    proxy.mode = 'closed'
    proxy.cut()
    await vi.waitFor(() =>
      expect(ledger.commit(entry())).rejects.toEqual(unavailable('The database cannot be reached.')),
    )
    expect(ledger.available).toBe(false)
    proxy.mode = 'open'
    await vi.waitFor(async () => expect(await ledger.commit(entry())).toEqual({ outcome: 'committed' }), 10_000)
  })

  it('opens only where a record could be written', async () => {
    const readOnly = new URL(shared.url)
    readOnly.searchParams.set('options', '-c default_transaction_read_only=on')
    await expect(openLedger({ address: new Secret(readOnly.href) })).rejects.toThrow('The database is read-only.')
    const nowhere = new URL(shared.url)
    nowhere.pathname = '/no_such_database'
    await expect(openLedger({ address: new Secret(nowhere.href) })).rejects.toThrow('does not exist')
  })
})

describe('commits beside changes of the state (T41)', () => {
  it('are waited for by a change, where they have read the older version', async () => {
    const { address, url, query } = await testDatabase()
    const database = await openDatabase({ address })
    const ledger = await openLedger({ address, statementLimitMs: 10_000 })
    const other = new pg.Client({ connectionString: url })
    await other.connect()
    onTestFinished(async () => {
      await other.end()
      await ledger.close()
      await database.close()
    })
    // A mark that is being written elsewhere keeps the batch waiting when it has read the version already.
    const claimed = mark()
    await other.query('BEGIN')
    await other.query('INSERT INTO cambist.one_use_marks (until, purpose, issuer, id) VALUES (1, $1, $2, $3)', [
      claimed.purpose,
      claimed.issuer,
      claimed.id,
    ])
    const waits = (role: string) =>
      vi.waitFor(
        async () => {
          const rows = await query(
            `SELECT FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'`,
            [role],
          )
          if (rows.length === 0) throw new Error(`${role} does not wait yet`)
          return 'waits'
        },
        { timeout: 10_000, interval: 5 },
      )
    const committed = ledger.commit(entry({}, [claimed]))
    await waits('cambist ledger')
    const nothing = { author: 'test', message: '', put: [], delete: [], putKeys: [], changes: [] }
    const changed = database.states.change(() => nothing)
    expect(await Promise.race([changed.then(() => 'acknowledged'), waits('cambist pool')])).toBe('waits')
    await other.query('ROLLBACK')
    expect(await committed).toEqual({ outcome: 'committed' })
    expect(await changed).toEqual({ version: 1 })
    expect(await ledger.commit(entry())).toEqual({ outcome: 'stale', version: 1 })
  })

  it('see the version of a change that they waited for', async () => {
    const { address, url } = await testDatabase()
    const ledger = await openLedger({ address, statementLimitMs: 10_000 })
    const change = new pg.Client({ connectionString: url })
    await change.connect()
    onTestFinished(async () => {
      await change.end()
      await ledger.close()
    })
    await change.query('BEGIN')
    await change.query('SELECT pg_advisory_xact_lock($1, $2)', [...LOCKS.commits])
    await change.query('UPDATE cambist.state SET version = 5')
    const committed = ledger.commit(entry({ snapshotVersion: 4 }))
    await vi.waitFor(
      async () => {
        const { rowCount } = await change.query(
          `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        )
        expect(rowCount).toBe(1)
      },
      { timeout: 10_000, interval: 5 },
    )
    await change.query('COMMIT')
    expect(await committed).toEqual({ outcome: 'stale', version: 5 })
  })

  it('never writes under an older version once the change was acknowledged', async () => {
    const { address, query } = await testDatabase()
    const databases: Database[] = await Promise.all([openDatabase({ address }), openDatabase({ address })])
    const ledgers = await Promise.all([openLedger({ address }), openLedger({ address })])
    onTestFinished(async () => {
      await Promise.all([...ledgers, ...databases].map((one) => one.close()))
    })
    const count = async (version: number) => {
      const rows = await query<{ older: number }>(
        'SELECT count(*)::int AS older FROM cambist.records WHERE snapshot_version < $1',
        [version],
      )
      return rows[0]!.older
    }
    let done = false
    let stale = 0
    // Each lags behind on purpose: it learns of a change only by being told that it is stale.
    const worker = async (ledger: PostgresLedger) => {
      for (let version = 0; !done; ) {
        const result = await ledger.commit(entry({ snapshotVersion: version }, [mark()]))
        if (result.outcome === 'stale') {
          stale++
          version = result.version
        }
      }
    }
    const workers = ledgers.flatMap((ledger) => [1, 2, 3, 4].map(() => worker(ledger)))
    const acknowledged: { version: number; older: number }[] = []
    const nothing = { author: 'test', message: '', put: [], delete: [], putKeys: [], changes: [] }
    for (let round = 0; round < 25; round++) {
      await delay(5)
      const { version } = await databases[round % 2]!.states.change(() => nothing)
      acknowledged.push({ version, older: await count(version) })
    }
    done = true
    await Promise.all(workers)
    for (const { version, older } of acknowledged) expect(await count(version), `version ${version}`).toBe(older)
    expect(stale).toBeGreaterThanOrEqual(25)
    expect(acknowledged.at(-1)!.older).toBeGreaterThan(25)
  })
})
