import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { Secret } from '../../src/lib/secret.ts'
import { startEmbedded } from '../../src/storage/embedded.ts'
import { migrate } from '../../src/storage/migrate.ts'

/** Where test files make their databases: a URL whose role may create databases and roles, and the migrated one they copy. */
export interface TestServer {
  readonly url: string
  readonly template: string
  /** What the names of the databases of this run begin with. */
  readonly prefix: string
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: TestServer
  }
}

/** One cluster for the whole run, or the server of TEST_DATABASE_URL; in it one migrated database to copy from. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['TEST_DATABASE_URL']
  const cluster = given === undefined ? await startCluster() : { url: given, stop: async () => {} }
  const prefix = `cambist_test_${randomBytes(4).toString('hex')}`
  const template = `${prefix}_template`
  try {
    await administer(cluster.url, `CREATE DATABASE ${template}`)
    await migrate(new Secret(databaseUrl(cluster.url, template)))
  } catch (error) {
    await cluster.stop()
    throw error
  }
  project.provide('postgres', { url: cluster.url, template, prefix })
  return async () => {
    if (given !== undefined) await dropAll(given, prefix)
    await cluster.stop()
  }
}

async function dropAll(url: string, prefix: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const found = await client.query<{ name: string }>(
      'SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)',
      [prefix],
    )
    for (const { name } of found.rows) await client.query(`DROP DATABASE ${client.escapeIdentifier(name)} WITH (FORCE)`)
  } finally {
    await client.end()
  }
}

async function startCluster() {
  const directory = await mkdtemp(join(tmpdir(), 'cambist-test-'))
  const embedded = await startEmbedded({
    directory: join(directory, 'postgres'),
    durable: false,
    settings: { max_connections: '200', shared_buffers: '64MB' },
  })
  const superuser = `postgresql://postgres@${encodeURIComponent(embedded.superuser.host)}/postgres`
  await administer(superuser, 'ALTER ROLE cambist CREATEDB CREATEROLE')
  return {
    url: `postgresql://cambist@${encodeURIComponent(embedded.connection.host)}/cambist`,
    stop: async () => {
      await embedded.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The URL of another database of the same server. */
export function databaseUrl(url: string, database: string): string {
  const [base = '', query] = url.split('?')
  const at = base.lastIndexOf('/')
  return `${base.slice(0, at)}/${database}${query === undefined ? '' : `?${query}`}`
}

/** Runs one statement on its own connection. */
export async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
