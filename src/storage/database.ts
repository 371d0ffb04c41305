import pg from 'pg'
import type { ActionLog } from '../audit/actions.ts'
import type { RecordReader } from '../audit/reading.ts'
import type { References } from '../credentials/contract.ts'
import type { StateStore } from '../documents/contract.ts'
import type { EntityStore } from '../entities/contract.ts'
import type { StatusSearch } from '../tokens/revoked-statuses.ts'
import type { IndexBlocks } from '../tokens/status-indexes.ts'
import { clientConfig, type DatabaseAddress } from './address.ts'
import { PostgresEntityStore } from './entity-store.ts'
import { ReferenceTokens } from './reference-tokens.ts'
import { PostgresStateStore } from './state-store.ts'
import { PostgresStatusBlocks } from './status-blocks.ts'
import { PostgresStatusSearch } from './status-search.ts'
import { timed } from './timed-query.ts'

export interface DatabaseOptions {
  readonly address: DatabaseAddress
  /** Milliseconds between two looks at the version of the documents, beneath LISTEN/NOTIFY. */
  readonly pollMs?: number
}

/** Everything that is asked of PostgreSQL beside the ledger, which has a connection of its own. */
export interface Database {
  readonly states: StateStore
  readonly records: RecordReader
  readonly entities: EntityStore
  readonly actions: ActionLog
  readonly statusBlocks: IndexBlocks
  readonly statusSearch: StatusSearch
  readonly references: References
  /** For storage/ alone. */
  readonly pool: pg.Pool
  /** Whether the database answers, within a second. */
  ping(): Promise<boolean>
  close(): Promise<void>
}

const POLL_MS = 3000
const CONNECTIONS = 5
/** Of any statement that sets no other limit, in milliseconds. */
const STATEMENT_LIMIT_MS = 10_000
const PING_LIMIT_MS = 1000

/** @throws what the first connection threw, or that the schema is missing. */
export async function openDatabase({ address, pollMs = POLL_MS }: DatabaseOptions): Promise<Database> {
  const pool = new pg.Pool({
    ...clientConfig(address, 'pool'),
    max: CONNECTIONS,
    idleTimeoutMillis: 30_000,
    statement_timeout: STATEMENT_LIMIT_MS,
  })
  // An idle connection that breaks leaves the pool; who needs one gets another.
  pool.on('error', () => {})
  try {
    await pool.query('SELECT version FROM cambist.state')
  } catch (error) {
    await pool.end()
    throw error
  }
  return {
    states: new PostgresStateStore({ pool, address, pollMs }),
    records: recordsWhenAsked(pool),
    entities: new PostgresEntityStore(pool),
    actions: actionsWhenAsked(pool),
    statusBlocks: new PostgresStatusBlocks(pool),
    statusSearch: new PostgresStatusSearch(pool),
    references: new ReferenceTokens(pool),
    pool,
    ping: () => answers(pool),
    close: () => pool.end(),
  }
}

/** The query builder is loaded by the first question, which workers do not ask before somebody revokes. */
function recordsWhenAsked(pool: pg.Pool): RecordReader {
  const store = async () => new (await import('./record-store.ts')).RecordStore(pool)
  return {
    list: async (filter, limit, cursor) => (await store()).list(filter, limit, cursor),
    get: async (id) => (await store()).get(id),
    walk: async (period) => (await store()).walk(period),
    unexpired: async (what, value, now) => (await store()).unexpired(what, value, now),
    liveLineages: async (search, now) => (await store()).liveLineages(search, now),
    livingIn: async (lineage, now) => (await store()).livingIn(lineage, now),
    clientsGrantedSince: async (since) => (await store()).clientsGrantedSince(since),
  }
}

function actionsWhenAsked(pool: pg.Pool): ActionLog {
  const store = async () => new (await import('./action-store.ts')).ActionStore(pool)
  return {
    write: async (action) => (await store()).write(action),
    list: async (filter, limit, cursor) => (await store()).list(filter, limit, cursor),
  }
}

async function answers(pool: pg.Pool): Promise<boolean> {
  return pool.query(timed({ text: 'SELECT version FROM cambist.state' }, PING_LIMIT_MS)).then(
    () => true,
    () => false,
  )
}
