import type pg from 'pg'
import type { Revision, StateStore, StoredState } from '../documents/contract.ts'
import type { DatabaseAddress } from './address.ts'
import { DocumentReader } from './document-rows.ts'
import { LOCKS } from './locks.ts'
import { PostgresPendingChanges } from './pending-changes.ts'
import { readPast, readRevisions, readState, writeChange } from './state-rows.ts'
import { timed } from './timed-query.ts'
import { inTransaction } from './transaction.ts'
import { followVersion } from './version-watch.ts'

export interface StateStoreOptions {
  readonly pool: pg.Pool
  readonly address: DatabaseAddress
  /** Milliseconds between two looks at the version, beneath LISTEN/NOTIFY. */
  readonly pollMs: number
}

/** Of a change, from the wait for other writers to the commit: a writer that is stopped must not stop all others. */
const CHANGE_LIMITS = `SET LOCAL statement_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '30s'`

/**
 * While the lock is held no batch of the ledger runs: those before it decided under the older version and have committed,
 * those after it see the new one (T41). One message, so that a writer that is stopped in the middle holds up nobody.
 */
const BUMP_AND_COMMIT = `SELECT pg_advisory_xact_lock(${LOCKS.commits.join(', ')});
UPDATE cambist.state SET version = version + 1;
COMMIT`

const CHANNEL = 'cambist_state'

type Planner = Parameters<StateStore['change']>[0]

/** Documents and signing keys in PostgreSQL. */
export class PostgresStateStore implements StateStore {
  readonly pending: PostgresPendingChanges
  readonly #options: StateStoreOptions
  readonly #documents = new DocumentReader()
  /** Changes of this process go one after the other: those that wait for the writers' lock would hold the connections of all others. */
  #changes: Promise<unknown> = Promise.resolve()

  constructor(options: StateStoreOptions) {
    this.#options = options
    this.pending = new PostgresPendingChanges(options.pool)
  }

  load(): Promise<StoredState> {
    return inTransaction(this.#options.pool, 'ISOLATION LEVEL REPEATABLE READ READ ONLY', (client) =>
      readState(client, this.#documents),
    )
  }

  at(version: number): Promise<StoredState | undefined> {
    return readPast(this.#options.pool, version)
  }

  change(plan: Planner): Promise<{ readonly version: number }> {
    const done = this.#changes.then(() => this.#change(plan))
    this.#changes = done.catch(() => undefined)
    return done
  }

  async #change(plan: Planner): Promise<{ readonly version: number }> {
    const { pool } = this.#options
    const work = async (client: pg.PoolClient) => {
      await client.query(CHANGE_LIMITS)
      await client.query('SELECT pg_advisory_xact_lock($1, $2)', [...LOCKS.writers])
      const current = await readState(client, this.#documents)
      const change = await plan(current)
      if (change === undefined) return { version: current.version, changed: false }
      const version = current.version + 1
      await writeChange(client, change, version)
      await client.query('SELECT pg_notify($1, $2)', [CHANNEL, String(version)])
      return { version, changed: true }
    }
    // READ COMMITTED: what is read after the lock was waited for is what the writer before us left. All writers meet at
    // the lock, so several statements still see one state.
    const done = await inTransaction(pool, 'ISOLATION LEVEL READ COMMITTED', work, ({ changed }) =>
      changed ? BUMP_AND_COMMIT : 'COMMIT',
    )
    return { version: done.version }
  }

  history(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<readonly Revision[]> {
    return readRevisions(this.#options.pool, limit, before)
  }

  async currentVersion(): Promise<number> {
    const text = 'SELECT version FROM cambist.state'
    const { rows } = await this.#options.pool.query<{ version: string }>(timed({ text }))
    return Number(rows[0]?.version)
  }

  watch(...[onVersion, onLook = () => {}]: Parameters<StateStore['watch']>): Promise<{ close(): Promise<void> }> {
    const { address, pollMs } = this.#options
    return followVersion({ address, pollMs, channel: CHANNEL, onVersion, onLook })
  }
}
