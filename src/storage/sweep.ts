import type pg from 'pg'
import { LEADERSHIP } from './locks.ts'
import { inTransaction } from './transaction.ts'

export interface SweepOptions {
  readonly intervalMs?: number
  /** Takes what went wrong; the next round tries again. */
  readonly onTrouble: (error: unknown) => void
}

export interface Sweeping {
  /** Runs the work if no other process is at such work now; answers whether it ran. */
  asLeader(work: () => Promise<void>, task?: string): Promise<boolean>
  /** Waits for a round that is under way. */
  stop(): Promise<void>
}

const INTERVAL_MS = 30_000
/** How much longer than they must a mark is kept, in seconds, measured by the database's clock (F9). */
const SLACK = 300
const BATCH = 1000

/** Takes expired one-use marks, revocations, blocks and what opaque tokens stood for away from time to time, in one process of all. */
export function startSweeping(database: { readonly pool: pg.Pool }, options: SweepOptions): Sweeping {
  const { pool } = database
  let round: Promise<unknown> = Promise.resolve()
  let busy = false
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    round = asLeader(pool, 'sweep', async () => {
      await sweepMarks(pool)
      await sweepRevocations(pool)
      await sweepBlocks(pool)
      await sweepReferences(pool)
    })
      .catch(options.onTrouble)
      .finally(() => {
        busy = false
      })
  }, options.intervalMs ?? INTERVAL_MS).unref()
  return {
    asLeader: async (work, task = 'schedule') => (await asLeader(pool, task, work)) !== undefined,
    async stop() {
      clearInterval(timer)
      await round
    },
  }
}

/**
 * Runs the work unless another process is at the same task now; answers undefined then. The lock is that of a
 * transaction: it goes when its holder does.
 */
export function asLeader<T>(
  pool: pg.Pool,
  task: string,
  work: () => Promise<T>,
): Promise<{ readonly result: T } | undefined> {
  return inTransaction(pool, 'READ ONLY', async (client) => {
    const { rows } = await client.query<{ leads: boolean }>(
      'SELECT pg_try_advisory_xact_lock($1, hashtext($2)) AS leads',
      [LEADERSHIP, task],
    )
    return rows[0]?.leads === true ? { result: await work() } : undefined
  })
}

/** Deletes the marks that nobody needs any more, a thousand at a time. Answers how many. */
export const sweepMarks = (pool: pg.Pool): Promise<number> => sweepBatches(pool, 'one_use_marks')

/** Deletes what expired opaque tokens stood for, a thousand at a time. Answers for how many. */
export const sweepReferences = (pool: pg.Pool): Promise<number> => sweepBatches(pool, 'reference_tokens')

async function sweepBatches(pool: pg.Pool, table: 'one_use_marks' | 'reference_tokens'): Promise<number> {
  for (let swept = 0; ; ) {
    const { rowCount } = await pool.query(
      `DELETE FROM cambist.${table} WHERE ctid = ANY (ARRAY (
         SELECT ctid FROM cambist.${table}
         WHERE until < extract(epoch FROM clock_timestamp())::bigint - $1
         ORDER BY until LIMIT $2
       ))`,
      [SLACK, BATCH],
    )
    swept += rowCount ?? 0
    if ((rowCount ?? 0) < BATCH) return swept
  }
}

/** Deletes the revocations of tokens that have all expired: no decision can tell. */
export async function sweepRevocations(pool: pg.Pool): Promise<void> {
  await pool.query('DELETE FROM cambist.revocations WHERE until < extract(epoch FROM clock_timestamp())::bigint - $1', [
    SLACK,
  ])
}

/** Deletes the blocks whose end has come: no decision can tell. */
export async function sweepBlocks(pool: pg.Pool): Promise<void> {
  await pool.query('DELETE FROM cambist.blocks WHERE until < extract(epoch FROM clock_timestamp())::bigint - $1', [
    SLACK,
  ])
}
