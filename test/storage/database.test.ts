import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Secret } from '../../src/lib/secret.ts'
import { type Database, type DatabaseOptions, openDatabase } from '../../src/storage/database.ts'
import { asLeader, startSweeping, sweepBlocks, sweepMarks } from '../../src/storage/sweep.ts'
import { testDatabase } from '../harness/database.ts'
import { databaseProxy } from '../harness/database-proxy.ts'

async function open(options: DatabaseOptions): Promise<Database> {
  const database = await openDatabase(options)
  onTestFinished(() => database.close())
  return database
}

const nothing = { author: 'test', message: '', put: [], delete: [], putKeys: [], changes: [] }

describe('the database', () => {
  it('does not open without its schema', async () => {
    const { address } = await testDatabase('empty')
    await expect(openDatabase({ address })).rejects.toThrow('relation "cambist.state" does not exist')
  })

  it('answers a ping, or says within its limit that it does not', async () => {
    const { url } = await testDatabase()
    const proxy = await databaseProxy(url)
    onTestFinished(() => proxy.close())
    const database = await open({ address: new Secret(proxy.url) })
    expect(await database.ping()).toBe(true)
    proxy.mode = 'mute'
    expect(await database.ping()).toBe(false)
    proxy.mode = 'closed'
    proxy.cut()
    expect(await database.ping()).toBe(false)
    proxy.mode = 'open'
    expect(await database.ping()).toBe(true)
  })
})

describe('a watch', () => {
  it('finds by polling what nobody told', async () => {
    const { address, query } = await testDatabase()
    const database = await open({ address, pollMs: 10 })
    const seen: number[] = []
    const watch = await database.states.watch((version) => seen.push(version))
    onTestFinished(() => watch.close())
    await query('UPDATE cambist.state SET version = 7')
    await vi.waitFor(() => expect(seen).toEqual([0, 7]), 5000)
  })

  it('tells of every look that was answered, and of none while nobody answers', async () => {
    const { url } = await testDatabase()
    const proxy = await databaseProxy(url)
    onTestFinished(() => proxy.close())
    const database = await open({ address: new Secret(proxy.url), pollMs: 10 })
    const looks: [version: number, ageMs: number][] = []
    const watch = await database.states.watch(
      () => {},
      (...look) => looks.push(look),
    )
    onTestFinished(() => watch.close())
    await vi.waitFor(() => expect(looks.length).toBeGreaterThan(3), 5000)
    expect(looks.every(([version, ageMs]) => version === 0 && ageMs > 0 && ageMs < 2000)).toBe(true)
    proxy.mode = 'mute'
    await proxy.swallowed()
    const before = looks.length
    await expect(database.states.currentVersion()).rejects.toThrow('timeout')
    expect(looks.length).toBe(before)
  })

  it('finds what happened while its connection was lost', async () => {
    const { url } = await testDatabase()
    const proxy = await databaseProxy(url)
    onTestFinished(() => proxy.close())
    const watched = await open({ address: new Secret(proxy.url), pollMs: 3_600_000 })
    const writer = await open({ address: new Secret(url) })
    const seen: number[] = []
    const watch = await watched.states.watch((version) => seen.push(version))
    onTestFinished(() => watch.close())
    proxy.mode = 'closed'
    proxy.cut()
    await writer.states.change(() => nothing)
    proxy.mode = 'open'
    await vi.waitFor(() => expect(seen).toEqual([0, 1]), 10_000)
    await writer.states.change(() => nothing)
    await vi.waitFor(() => expect(seen).toEqual([0, 1, 2]), 5000)
  })

  it('notices a connection that is half open', async () => {
    const { url, query } = await testDatabase()
    const proxy = await databaseProxy(url)
    onTestFinished(() => proxy.close())
    const database = await open({ address: new Secret(proxy.url), pollMs: 10 })
    const seen: number[] = []
    const watch = await database.states.watch((version) => seen.push(version))
    onTestFinished(() => watch.close())
    proxy.mode = 'mute'
    await proxy.swallowed()
    await query('UPDATE cambist.state SET version = 3')
    proxy.mode = 'open'
    await vi.waitFor(() => expect(seen).toEqual([0, 3]), 10_000)
  })
})

describe('the sweep', () => {
  const put = `INSERT INTO cambist.one_use_marks (until, purpose, issuer, id)
               SELECT extract(epoch FROM clock_timestamp())::bigint + $1, 'p', 'i', $2 || n FROM generate_series(1, $3) n`
  const left = `SELECT DISTINCT left(id, 4) AS id FROM cambist.one_use_marks ORDER BY 1`

  it('takes what is past its time and slack on the clock of the database, and nothing else', async () => {
    const { address, query } = await testDatabase()
    const { pool } = await open({ address })
    await query(put, [-3600, 'old-', 2500])
    await query(put, [-5, 'just', 10])
    await query(put, [60, 'next', 10])
    expect(await sweepMarks(pool)).toBe(2500)
    expect(await query(left)).toEqual([{ id: 'just' }, { id: 'next' }])
    expect(await sweepMarks(pool)).toBe(0)
  })

  it('takes the blocks that have ended, and none that has not or never will', async () => {
    const { address, query } = await testDatabase()
    const { pool } = await open({ address })
    await query(
      `INSERT INTO cambist.blocks (id, what, value, issuer, reason, author, at, until)
       SELECT gen_random_uuid(), 'subject', v, '', 'r', 'ada', 0, extract(epoch FROM clock_timestamp())::bigint + u
       FROM (VALUES ('ended', -3600), ('just', -5), ('next', 60), ('never', NULL)) AS b (v, u)`,
    )
    await sweepBlocks(pool)
    const left = await query('SELECT value FROM cambist.blocks ORDER BY value')
    expect(left).toEqual([{ value: 'just' }, { value: 'never' }, { value: 'next' }])
  })

  it('goes on in rounds until it is stopped, and tells its troubles', async () => {
    const { address, query } = await testDatabase()
    const database = await open({ address })
    await query(put, [-3600, 'old-', 5])
    const troubles: unknown[] = []
    const sweeping = startSweeping(database, { intervalMs: 5, onTrouble: (error) => troubles.push(error) })
    await vi.waitFor(async () => expect(await query(left)).toEqual([]), 5000)
    await query('ALTER TABLE cambist.one_use_marks RENAME TO away')
    await vi.waitFor(() => expect(troubles.length).toBeGreaterThan(0), 5000)
    expect(String(troubles[0])).toContain('relation "cambist.one_use_marks" does not exist')
    await sweeping.stop()
  })
})

describe('leadership', () => {
  it('belongs to one process at a time for each task, and is free when the work is done', async () => {
    const { address } = await testDatabase()
    const [one, two] = [await open({ address }), await open({ address })]
    const sweeping = startSweeping(two, { onTrouble: () => {} })
    onTestFinished(() => sweeping.stop())
    const begun = Promise.withResolvers<void>()
    const finish = Promise.withResolvers<string>()
    const first = asLeader(one.pool, 'schedule', () => {
      begun.resolve()
      return finish.promise
    })
    await begun.promise
    const ran: string[] = []
    const work = async () => {
      ran.push('ran')
    }
    expect(await sweeping.asLeader(work)).toBe(false)
    expect(await sweeping.asLeader(work, 'another task')).toBe(true)
    finish.resolve('done')
    expect(await first).toEqual({ result: 'done' })
    expect(await sweeping.asLeader(work)).toBe(true)
    expect(ran).toHaveLength(2)
    await expect(sweeping.asLeader(() => Promise.reject(new RangeError('broken')))).rejects.toThrow('broken')
    expect(await sweeping.asLeader(work)).toBe(true)
  })
})
