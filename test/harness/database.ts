import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { Secret } from '../../src/lib/secret.ts'
import type { DatabaseAddress } from '../../src/storage/address.ts'
import { administer, databaseUrl } from './global-postgres.ts'

export interface TestDatabase {
  readonly address: DatabaseAddress
  /** The same as text, for programs that take DATABASE_URL. */
  readonly url: string
  /** One statement on a connection of its own, as an onlooker. */
  query<Row extends pg.QueryResultRow = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
}

/**
 * A database of its own for the test or file that calls this, migrated unless `empty`. It goes when the run is over: to
 * drop one costs several times what it costs to make one.
 */
export async function testDatabase(kind: 'migrated' | 'empty' = 'migrated'): Promise<TestDatabase> {
  const server = inject('postgres')
  const name = `${server.prefix}_${randomBytes(5).toString('hex')}`
  const template = kind === 'migrated' ? server.template : 'template1'
  await administer(server.url, `CREATE DATABASE ${name} TEMPLATE ${template}`)
  const url = databaseUrl(server.url, name)
  return {
    address: new Secret(url),
    url,
    async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      try {
        return (await client.query<Row>(text, values)).rows
      } finally {
        await client.end()
      }
    },
  }
}
