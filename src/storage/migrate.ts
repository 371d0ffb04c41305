import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import pg from 'pg'
import { clientConfig, type DatabaseAddress } from './address.ts'
import { LOCKS } from './locks.ts'

export interface MigrateOptions {
  /** A role other than the owner of the schema that the servers run as: it is given what a server needs and no more. */
  readonly applicationRole?: string
  /** Takes a sentence for each step. */
  readonly onProgress?: (sentence: string) => void
  /** Where the migrations lie; those of this program when absent. */
  readonly directory?: URL
}

interface Migration {
  readonly name: string
  readonly sql: string
  readonly checksum: string
  /** Whether a program that does not know this migration must not run on the schema it leaves. */
  readonly breaking: boolean
}

interface Applied {
  readonly name: string
  readonly checksum: string
  readonly breaking: boolean
}

const OLDEST_SERVER = 150_000
const FILE = /^[0-9]{6}_[a-z0-9_]+\.sql$/
const BREAKING = /^-- cambist: breaking$/m
const DIRECTORY = new URL('../../migrations/', import.meta.url)

/**
 * Brings the schema forward, one file and one transaction at a time, under an advisory lock: any number of processes
 * may call this at once, and one that is killed leaves nothing locked. Older and newer programs run side by side on
 * one schema (F17), unless a migration says that it breaks the older ones.
 * @returns the names of the files applied now
 * @throws Error in one sentence where the server is too old, a file was changed after it was applied, or the schema is
 *   of a newer program that this one would break.
 */
export async function migrate(address: DatabaseAddress, options: MigrateOptions = {}): Promise<readonly string[]> {
  const migrations = await readMigrations(options.directory ?? DIRECTORY)
  return withClient(address, async (client) => {
    await demandServer(client)
    const found = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS got', [
      ...LOCKS.migrations,
    ])
    if (found.rows[0]?.got !== true) {
      options.onProgress?.('Waiting for another process that is migrating the same database.')
      await client.query('SELECT pg_advisory_lock($1, $2)', [...LOCKS.migrations])
    }
    await ensureRegister(client)
    const pending = pendingOf(migrations, await readApplied(client))
    for (const migration of pending) {
      await apply(client, migration)
      options.onProgress?.(`Applied ${migration.name}.`)
    }
    if (options.applicationRole !== undefined) await grant(client, options.applicationRole)
    return pending.map(({ name }) => name)
  })
}

async function withClient<T>(address: DatabaseAddress, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...clientConfig(address, 'migrate'), connectionTimeoutMillis: 10_000 })
  // A connection that breaks fails the query under way; the event must only not go unheard.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function demandServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: number; version: string }>(
    `SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version`,
  )
  const server = rows[0]
  if (server !== undefined && server.number < OLDEST_SERVER) {
    throw new Error(`The database is PostgreSQL ${server.version}; Cambist needs 15 or newer.`)
  }
}

async function ensureRegister(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ schema: boolean; register: boolean }>(
    `SELECT to_regnamespace('cambist') IS NOT NULL AS schema, to_regclass('cambist.migrations') IS NOT NULL AS register`,
  )
  // Asked first: CREATE … IF NOT EXISTS demands the right to create where nothing is to be created, and a server may
  // run as a role that has no such right.
  if (rows[0]?.schema !== true) await client.query('CREATE SCHEMA cambist')
  if (rows[0]?.register === true) return
  await client.query(`CREATE TABLE IF NOT EXISTS cambist.migrations (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    breaking boolean NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
  )`)
}

async function readApplied(client: pg.Client): Promise<readonly Applied[]> {
  const { rows } = await client.query<Applied>('SELECT name, checksum, breaking FROM cambist.migrations ORDER BY name')
  return rows
}

function pendingOf(migrations: readonly Migration[], applied: readonly Applied[]): readonly Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  for (const { name, checksum, breaking } of applied) {
    const migration = known.get(name)
    if (migration === undefined) {
      if (!breaking) continue
      throw new Error(
        `The database was migrated by a newer Cambist (${name}) in a way that this one cannot work with: run the newer version.`,
      )
    }
    if (migration.checksum !== checksum) {
      throw new Error(
        `The migration ${name} was changed after it had been applied to this database: restore the file, and put the change into a new migration.`,
      )
    }
  }
  const done = new Set(applied.map(({ name }) => name))
  return migrations.filter(({ name }) => !done.has(name))
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query(migration.sql)
    await client.query('INSERT INTO cambist.migrations (name, checksum, breaking) VALUES ($1, $2, $3)', [
      migration.name,
      migration.checksum,
      migration.breaking,
    ])
    await client.query('COMMIT')
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => {})
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`The migration ${migration.name} failed and was rolled back: ${why}`, { cause })
  }
}

/** What a server does, and nothing more: the record is read and appended to, never changed (T29). */
async function grant(client: pg.Client, role: string): Promise<void> {
  const rights = [
    'USAGE ON SCHEMA cambist',
    'SELECT ON ALL TABLES IN SCHEMA cambist',
    'INSERT ON cambist.records, cambist.one_use_marks, cambist.documents, cambist.document_history, cambist.revisions, cambist.signing_keys, cambist.revocations, cambist.blocks, cambist.pending_changes, cambist.administrator_actions',
    'UPDATE ON cambist.state, cambist.documents, cambist.signing_keys, cambist.revocations, cambist.pending_changes',
    'DELETE ON cambist.one_use_marks, cambist.documents, cambist.signing_keys, cambist.revocations, cambist.blocks',
    'INSERT ON cambist.entities, cambist.entity_records, cambist.entity_changes, cambist.longest_lives',
    'UPDATE ON cambist.projections, cambist.entities, cambist.longest_lives',
    'DELETE ON cambist.longest_lives',
    'USAGE, SELECT ON SEQUENCE cambist.status_blocks',
    'EXECUTE ON ALL FUNCTIONS IN SCHEMA cambist',
  ]
  const quoted = client.escapeIdentifier(role)
  for (const right of rights) await client.query(`GRANT ${right} TO ${quoted}`)
}

async function readMigrations(directory: URL): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name) => {
      if (!FILE.test(name)) throw new Error(`The migration ${name} is not named as 000001_what_it_does.sql.`)
      const sql = await readFile(new URL(name, directory), 'utf8')
      const checksum = createHash('sha256').update(sql).digest('hex')
      return { name, sql, checksum, breaking: BREAKING.test(sql) }
    }),
  )
}
