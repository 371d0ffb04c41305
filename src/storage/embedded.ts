import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import pg from 'pg'
import { type DirectoryLock, isRunning, lockDirectory } from './directory-lock.ts'
import { locatePostgres, type PostgresBinaries } from './postgres-binaries.ts'
import { type PostgresCommand, postgresCommand } from './postgres-command.ts'

export interface EmbeddedOptions {
  /** The directory of the database; made where it is missing. Nothing else lives in it. */
  readonly directory: string
  /** False gives up safety against power loss for speed; for tests only. */
  readonly durable?: boolean
  /** Further server settings, by name. */
  readonly settings?: Readonly<Record<string, string>>
  /** Takes each line that the server logs. */
  readonly onLog?: (line: string) => void
  /** `shell` guards the server by a watchdog process also where the kernel could do it. */
  readonly guard?: 'shell'
}

/** What `pg` needs to connect: over a unix socket in a directory that is ours alone, hence without a password. */
export interface SocketConnection {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

export interface Embedded {
  /** As the application's role, which owns its database and nothing else. */
  readonly connection: SocketConnection
  /** As the superuser, for tests and maintenance. The application never uses it: a superuser can read files (T29). */
  readonly superuser: SocketConnection
  /** Whether the database was made by this start. */
  readonly created: boolean
  readonly pid: number
  /** Waits for open transactions to be cut off and writes everything to disk. Safe to call twice. */
  stop(): Promise<void>
  /** Settles when the server is gone; `expected` after `stop()`, otherwise `message` says in a sentence what happened. */
  readonly exited: Promise<{ readonly expected: boolean; readonly message: string }>
}

const PORT = 5432
/** Of a unix socket's path, in bytes; the smallest among the systems we run on (macOS: 104 with the final NUL). */
const SOCKET_PATH_LIMIT = 103
const READY = 'database system is ready to accept connections'
const START_LIMIT_MS = 120_000
const STOP_LIMIT_MS = 20_000
const ENVIRONMENT = { PATH: '/usr/bin:/bin', TZ: 'UTC', LC_ALL: 'C' }
const FAST = { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }

/**
 * Starts the PostgreSQL that came with the installation on a data directory: no TCP, no install script, no user made,
 * dies with this process (dependencies.md §2). The first start makes the database.
 * @throws Error in one sentence, naming DATABASE_URL where that is the way out.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  if (!isMainThread) {
    // The kernel signals the death of the thread that forked, so the server would die with a worker.
    throw new Error('The embedded database can be started by the main thread only.')
  }
  const directory = resolve(options.directory)
  const binaries = await locatePostgres()
  await mkdir(directory, { recursive: true })
  const cluster = join(directory, 'cluster')
  const command = postgresCommand({
    reach: [binaries.postgres, cluster],
    ...(options.guard === undefined ? {} : { guard: options.guard }),
  })
  chmodSync(directory, command.uid === process.getuid?.() ? 0o700 : 0o711)

  const lock = await lockDirectory(directory)
  try {
    const created = !existsSync(join(cluster, 'PG_VERSION'))
    if (created) await initialise(directory, cluster, binaries, command)
    else await waitForPredecessor(cluster)
    return await serve(options, { directory, cluster, binaries, command, lock, created })
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Made aside and moved into place, so that an interrupted first start leaves nothing half done. */
async function initialise(directory: string, cluster: string, binaries: PostgresBinaries, command: PostgresCommand) {
  const aside = join(directory, 'cluster.new')
  await rm(aside, { recursive: true, force: true })
  makePrivate(aside, command)
  const arguments_ = ['-D', aside, '-U', 'postgres', '-N', '--no-locale', '-E', 'UTF8', '--no-instructions']
  const argv = command.run([binaries.initdb, ...arguments_, '--auth-local=trust', '--auth-host=reject'])
  const child = start(argv, 'ignore')
  const log = collect(child, undefined)
  const { code } = await ended(child)
  if (code !== 0) {
    throw new Error(`The embedded database could not be made; DATABASE_URL names another instead. ${log.last()}`)
  }
  await rename(aside, cluster)
}

interface Place {
  readonly directory: string
  readonly cluster: string
  readonly binaries: PostgresBinaries
  readonly command: PostgresCommand
  readonly lock: DirectoryLock
  readonly created: boolean
}

async function serve(options: EmbeddedOptions, place: Place): Promise<Embedded> {
  const { command, cluster } = place
  const sockets = await socketDirectory(place.directory, command)
  const settings: Record<string, string> = {
    listen_addresses: '',
    unix_socket_directories: sockets.path,
    port: String(PORT),
    ...(options.durable === false ? FAST : {}),
    ...options.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const argv = command.serve([place.binaries.postgres, '-D', cluster, ...flags])
  const child = start(argv, command.stopsAtEndOfInput ? 'pipe' : 'ignore')
  const log = collect(child, options.onLog)

  let pid = child.pid ?? 0
  let stopping = false
  const exited = ended(child).then(async ({ code, signal }) => {
    await sockets.remove()
    await place.lock.release()
    const how = signal !== null ? `by ${signal}` : `with exit code ${code ?? 'unknown'}`
    return {
      expected: stopping,
      message: stopping ? 'stopped' : `The embedded database ended ${how}: ${log.last()}`,
    }
  })
  const stop = async () => {
    stopping = true
    if (command.stopsAtEndOfInput) child.stdin?.end()
    else child.kill('SIGINT')
    const patience = new AbortController()
    const impatient = delay(STOP_LIMIT_MS, undefined, { signal: patience.signal }).then(
      () => quit(pid),
      () => undefined,
    )
    await exited
    patience.abort()
    await impatient
  }

  await Promise.race([
    log.ready,
    exited.then(({ message }) => Promise.reject(new Error(message))),
    delay(START_LIMIT_MS, undefined, { ref: false }).then(() =>
      Promise.reject(new Error(`The embedded database did not start in time: ${log.last()}`)),
    ),
  ]).catch(async (error) => {
    await stop()
    throw error
  })
  pid = readPostmasterPid(cluster) ?? pid

  const connectionAs = (user: string, database: string) =>
    Object.freeze({ host: sockets.path, port: PORT, user, database })
  try {
    await ensureDatabase(connectionAs('postgres', 'postgres'))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    connection: connectionAs('cambist', 'cambist'),
    superuser: connectionAs('postgres', 'postgres'),
    created: place.created,
    pid,
    stop,
    exited,
  }
}

/** Ends a server that does not end when asked; one that has ended meanwhile is no fault. */
function quit(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The application's role and database, where they are missing. */
async function ensureDatabase(connection: SocketConnection): Promise<void> {
  const client = new pg.Client({ ...connection })
  await client.connect()
  try {
    const found = await client.query<{ role: boolean; database: boolean }>(
      `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cambist') AS role,
              EXISTS (SELECT FROM pg_database WHERE datname = 'cambist') AS database`,
    )
    if (found.rows[0]?.role !== true) await client.query('CREATE ROLE cambist LOGIN')
    if (found.rows[0]?.database !== true) await client.query('CREATE DATABASE cambist OWNER cambist')
  } finally {
    await client.end()
  }
}

/**
 * After kill -9 of our predecessor its server may still be writing to disk: it is waited for. A postmaster.pid whose
 * number belongs to another program by now is taken away. We hold the directory's lock, so no server of another
 * process of ours can be meant.
 */
async function waitForPredecessor(cluster: string): Promise<void> {
  const pid = readPostmasterPid(cluster)
  if (pid === undefined || process.platform !== 'linux') return
  if (!runsOn(pid, cluster)) return rm(join(cluster, 'postmaster.pid'), { force: true })
  process.kill(pid, 'SIGINT')
  for (let waited = 0; runsOn(pid, cluster); waited += 10) {
    if (waited >= STOP_LIMIT_MS) {
      throw new Error(`A PostgreSQL of an earlier start (process ${pid}) still holds ${cluster} and does not stop.`)
    }
    await delay(10)
  }
}

function runsOn(pid: number, cluster: string): boolean {
  if (!isRunning(pid)) return false
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(cluster)
  } catch {
    return false
  }
}

function readPostmasterPid(cluster: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(cluster, 'postmaster.pid'), 'utf8'), 10)
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

async function socketDirectory(directory: string, command: PostgresCommand) {
  const near = join(directory, 'run')
  await rm(near, { recursive: true, force: true })
  const tooLong = Buffer.byteLength(join(near, `.s.PGSQL.${PORT}`)) > SOCKET_PATH_LIMIT
  const path = tooLong ? await mkdtemp(join(tmpdir(), 'cambist-')) : near
  makePrivate(path, command)
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

function makePrivate(path: string, command: PostgresCommand): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  chmodSync(path, 0o700)
  if (process.getuid?.() !== command.uid) chownSync(path, command.uid, command.gid)
}

function start(argv: readonly string[], input: 'pipe' | 'ignore'): ChildProcess {
  const [program = '', ...rest] = argv
  // Its own group, so that Ctrl-C at a terminal reaches us alone and we stop the server after our last row.
  return spawn(program, rest, { stdio: [input, 'pipe', 'pipe'], env: ENVIRONMENT, cwd: '/', detached: true })
}

/** Settles once, also where the program could not be started at all. */
function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((settle) => {
    child.once('close', (code, signal) => settle({ code, signal }))
    child.once('error', () => settle({ code: null, signal: null }))
  })
}

function collect(child: ChildProcess, onLog: ((line: string) => void) | undefined) {
  const recent: string[] = []
  let markReady = () => {}
  const ready = new Promise<void>((resolve_) => {
    markReady = resolve_
  })
  child.on('error', (error) => recent.push(error.message))
  child.stdout?.resume()
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      recent.push(line)
      if (recent.length > 20) recent.shift()
      onLog?.(line)
      if (line.includes(READY)) markReady()
    })
  }
  return { ready, last: () => recent.slice(-5).join(' | ') || 'it said nothing' }
}
