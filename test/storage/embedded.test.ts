import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { isRunning, lockDirectory } from '../../src/storage/directory-lock.ts'
import {
  type Embedded,
  type EmbeddedOptions,
  type SocketConnection,
  startEmbedded,
} from '../../src/storage/embedded.ts'
import { locatePostgres } from '../../src/storage/postgres-binaries.ts'

const PARENT = fileURLToPath(new URL('embedded-parent.ts', import.meta.url))
const isRoot = process.getuid?.() === 0
/** A user who has no rights: `daemon`, who exists everywhere, as initdb demands. */
const SOMEBODY = 1

async function temporary(mode = 0o700, owner?: number): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cambist-embedded-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  await chmod(directory, mode)
  if (owner !== undefined) await chown(directory, owner, owner)
  return directory
}

let made: string
beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cambist-embedded-'))
  made = join(directory, 'data')
  await (await startEmbedded({ directory: made, durable: false })).stop()
  return () => rm(directory, { recursive: true })
})

/** A database that has been made already: to make one takes a second. */
async function ready(...below: readonly string[]): Promise<string> {
  const directory = join(await temporary(), ...below, 'data')
  await mkdir(dirname(directory), { recursive: true })
  execFileSync('cp', ['-a', made, directory])
  return directory
}

async function start(options: EmbeddedOptions): Promise<Embedded> {
  const embedded = await startEmbedded({ durable: false, ...options })
  onTestFinished(() => embedded.stop())
  return embedded
}

async function query(connection: SocketConnection, text: string): Promise<pg.QueryResultRow[]> {
  const client = new pg.Client({ ...connection })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

interface Said {
  readonly pid: number
  readonly connection: SocketConnection
  readonly refused?: string
}

/** A process that runs the embedded database, as somebody else where a user is given. */
async function startParent(directory: string, options: { uid?: number; guard?: 'shell' } = {}) {
  const arguments_ = [PARENT, directory, ...(options.guard === undefined ? [] : [options.guard])]
  const identity = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }
  const parent = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/', ...identity })
  onTestFinished(() => end(parent))
  const [line] = await once(createInterface({ input: parent.stdout }), 'line')
  return { parent, said: JSON.parse(line) as Said }
}

async function end(parent: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (parent.exitCode !== null || parent.signalCode !== null) return
  parent.kill(signal)
  await once(parent, 'exit')
}

const untilGone = (pid: number) =>
  vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 10_000, interval: 10 })

describe('the embedded database', () => {
  it('keeps its data over a restart', async () => {
    const directory = join(await temporary(), 'data')
    const first = await start({ directory, durable: true })
    expect(first.created).toBe(true)
    expect(await query(first.superuser, 'SHOW fsync')).toEqual([{ fsync: 'on' }])
    await query(first.connection, 'CREATE TABLE kept AS SELECT 42 AS answer')
    await first.stop()
    await first.stop()
    expect(await first.exited).toEqual({ expected: true, message: 'stopped' })
    expect(await readdir(directory)).toEqual(['cluster'])

    const second = await start({ directory })
    expect(second.created).toBe(false)
    expect(await query(second.connection, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
  })

  it('is reached over its socket alone, by a role without privileges', async () => {
    const embedded = await start({ directory: await ready() })
    expect(await query(embedded.connection, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '' }])
    expect(await query(embedded.connection, 'SHOW timezone')).toEqual([{ TimeZone: 'UTC' }])
    expect(
      await query(
        embedded.connection,
        `SELECT current_user::text AS name, rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user`,
      ),
    ).toEqual([{ name: 'cambist', rolsuper: false, rolcreaterole: false, rolcreatedb: false }])
    await expect(query(embedded.connection, `COPY (SELECT 1) TO '/tmp/never'`)).rejects.toThrow('permission denied')
  })

  it('refuses a second server on its directory, in a sentence', async () => {
    const directory = await ready()
    const embedded = await start({ directory })
    const { parent, said } = await startParent(directory)
    expect(said.refused).toBe(
      `The data directory ${directory} is in use by the process ${process.pid}: stop that server first, or choose another directory with CAMBIST_DATA_DIR.`,
    )
    if (parent.exitCode === null) await once(parent, 'exit')
    expect(await query(embedded.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('says when it ended without being told to', async () => {
    const embedded = await start({ directory: await ready() })
    process.kill(embedded.pid, 'SIGQUIT')
    const { expected, message } = await embedded.exited
    expect(expected).toBe(false)
    expect(message).toMatch(/^The embedded database ended with exit code \d: .*immediate shutdown/)
  })

  it('takes a short path for its socket where that of its directory is too long', async () => {
    const embedded = await start({ directory: await ready('d'.repeat(100)) })
    expect(embedded.connection.host.startsWith(join(tmpdir(), 'cambist-'))).toBe(true)
    expect(await query(embedded.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
    await embedded.stop()
    await expect(readdir(embedded.connection.host)).rejects.toThrow('ENOENT')
  })

  it('says what went wrong where the server does not start', async () => {
    const directory = await ready()
    await expect(startEmbedded({ directory, settings: { shared_buffers: 'nonsense' } })).rejects.toThrow(
      'invalid value for parameter "shared_buffers": "nonsense"',
    )
    const embedded = await start({ directory })
    expect(await query(embedded.connection, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  })

  it('names DATABASE_URL where there are no binaries', async () => {
    await expect(locatePostgres('sunos-sparc')).rejects.toThrow(
      'There is no embedded PostgreSQL for sunos-sparc: set DATABASE_URL to a PostgreSQL 15 or newer instead.',
    )
  })
})

describe('a parent that is killed leaves no server, and the next start works', () => {
  const cases: { name: string; only: boolean; owner?: number; mode?: number; guard?: 'shell' }[] = [
    { name: 'as the present user', only: true },
    { name: 'as root below a directory that everybody may enter', only: isRoot, mode: 0o755 },
    { name: 'as another user', only: isRoot, owner: SOMEBODY },
    { name: 'as another user, guarded by a watchdog', only: isRoot, owner: SOMEBODY, guard: 'shell' },
    { name: 'guarded by a watchdog', only: !isRoot, guard: 'shell' },
  ]
  it.runIf(process.platform === 'linux').each(cases.filter(({ only }) => only))('$name', async (options) => {
    const directory = join(await temporary(options.mode, options.owner), 'data')
    const run = {
      ...(options.owner === undefined ? {} : { uid: options.owner }),
      ...(options.guard === undefined ? {} : { guard: options.guard }),
    }
    const first = await startParent(directory, run)
    expect(first.said.refused).toBeUndefined()
    await query(first.said.connection, 'CREATE TABLE kept AS SELECT 1 AS one')
    await end(first.parent)
    // At once: the server of the killed parent may be stopping still.
    const second = await startParent(directory, run)
    expect(second.said.refused).toBeUndefined()
    expect(isRunning(first.said.pid)).toBe(false)
    expect(await query(second.said.connection, 'SELECT one FROM kept')).toEqual([{ one: 1 }])
    await end(second.parent)
    await untilGone(second.said.pid)
    const third = await startParent(directory, run)
    expect(await query(third.said.connection, 'SELECT one FROM kept')).toEqual([{ one: 1 }])
    await end(third.parent, 'SIGTERM')
    expect(third.parent.exitCode).toBe(0)
    expect(isRunning(third.said.pid)).toBe(false)
  })
})

describe('the lock of a data directory', () => {
  it('goes to one of many that ask at once', async () => {
    const directory = await temporary()
    const locks = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory)))
    const held = locks.filter((lock) => lock.status === 'fulfilled')
    expect(held).toHaveLength(1)
    await held[0]!.value.release()
    expect(await readdir(directory)).toEqual([])
    await (await lockDirectory(directory)).release()
  })

  it('is void when its holder is dead, or its number belongs to another process by now', async () => {
    const directory = await temporary()
    for (const holder of ['4194303 12345\n', `${process.pid} 1\n`, 'nonsense\n']) {
      await writeFile(join(directory, 'server.lock'), holder)
      const lock = await lockDirectory(directory)
      await lock.release()
      expect(await readdir(directory)).toEqual([])
    }
  })
})
