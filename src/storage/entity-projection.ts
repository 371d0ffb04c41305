import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { type Placed, sightingsIn } from '../entities/sightings.ts'
import { MAX_TOKEN_LIFETIME } from '../targets/contract.ts'
import { LOCKS } from './locks.ts'
import { COLUMNS, type RecordRow, recordOf } from './record-row.ts'
import { asLeader } from './sweep.ts'
import { inTransaction } from './transaction.ts'

/** Records read at once: few enough that the process, which may be answering workloads, hardly pauses. */
const BATCH = 200
/** How often it is asked whether the batches of the ledger that were under way have ended, and how long. */
const POLL_MS = 20
const POLLS = 100
const INTERVAL_MS = 2000

/** Follows the record, in one process of all; takes what went wrong, and tries again in the next round. */
export function startProjecting(
  { pool }: { readonly pool: pg.Pool },
  {
    intervalMs = INTERVAL_MS,
    onTrouble,
  }: { readonly intervalMs?: number; readonly onTrouble: (error: unknown) => void },
): { stop(): Promise<void> } {
  let round: Promise<unknown> = Promise.resolve()
  let busy = false
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    round = asLeader(pool, 'entities', async () => void (await projectEntities(pool)))
      .catch(onTrouble)
      .finally(() => {
        busy = false
      })
  }, intervalMs).unref()
  return {
    async stop() {
      clearInterval(timer)
      await round
    },
  }
}

/**
 * Brings the register of entities up to what the record says now, beside the road. Answers how many records it has read.
 * Whoever calls this sees to it that no other process does.
 */
export async function projectEntities(pool: pg.Pool): Promise<number> {
  const settled = await settledPlace(pool)
  if (settled === undefined) return 0
  for (let read = 0; ; ) {
    const count = await inTransaction(pool, 'ISOLATION LEVEL READ COMMITTED', (client) => projectBatch(client, settled))
    read += count
    if (count < BATCH) return read
  }
}

/**
 * The last place up to which all records have been written that ever will be; undefined where there is nothing new, or where
 * one cannot be had soon. Places are given before they are committed, so a row may still come below one that is there. But a
 * batch of the ledger takes the commits lock before it asks for places and holds it until it ends. So the newest row is looked
 * at first, and then who holds that lock: when those have ended, nothing comes any more below that row. Nobody waits for us.
 */
async function settledPlace(pool: pg.Pool): Promise<string | undefined> {
  const { rows } = await pool.query<{ newest: string | null; done: string }>(
    `SELECT (SELECT max(seq) FROM cambist.records) AS newest, p.seq AS done
     FROM cambist.projections p WHERE p.name = 'entities'`,
  )
  const { newest, done } = rows[0] ?? { newest: null, done: '0' }
  if (newest === null || newest === done) return undefined
  let holders = await holdersOfCommits(pool)
  for (let polls = 0; holders.size > 0; polls++) {
    if (polls === POLLS) return undefined
    await delay(POLL_MS)
    holders = holders.intersection(await holdersOfCommits(pool))
  }
  return newest
}

/** Transactions that hold the lock of batches, by names that no later transaction gets again. */
async function holdersOfCommits(pool: pg.Pool): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ holder: string }>(
    `SELECT l.virtualtransaction AS holder FROM pg_locks l
     WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::bigint::oid AND l.objid = $2::bigint::oid AND l.objsubid = 2
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())`,
    [...LOCKS.commits],
  )
  return new Set(rows.map(({ holder }) => holder))
}

/** One batch, in one transaction with the place that it ends at: it is in the register once, or not at all. */
async function projectBatch(client: pg.ClientBase, settled: string): Promise<number> {
  const { rows: places } = await client.query<{ seq: string }>(
    `SELECT seq FROM cambist.projections WHERE name = 'entities' FOR UPDATE`,
  )
  const { rows } = await client.query<RecordRow>(
    `SELECT ${COLUMNS.join(', ')} FROM cambist.records WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT ${BATCH}`,
    [places[0]?.seq ?? '0', settled],
  )
  const last = rows.at(-1)
  if (last === undefined) return 0
  const placed = rows.map((row) => ({ place: row.seq, record: recordOf(row) }))
  await writeSightings(client, placed)
  await writeLives(client, placed)
  await client.query(`UPDATE cambist.projections SET seq = $1 WHERE name = 'entities'`, [last.seq])
  return rows.length
}

async function writeSightings(client: pg.ClientBase, placed: readonly Placed[]): Promise<void> {
  const rows = sightingsIn(placed).map((seen) => ({
    ...seen,
    first: new Date(seen.first).toISOString(),
    last: new Date(seen.last).toISOString(),
  }))
  if (rows.length === 0) return
  await client.query(
    `WITH seen AS (
       SELECT sha256(convert_to(s.id, 'UTF8')) AS key, s.* FROM json_to_recordset($1) AS s (id text, issuer text, kind text,
         first timestamptz, last timestamptz, granted bigint, refused bigint, rules text[], instances text[], places bigint[])
     ), known AS (
       INSERT INTO cambist.entities AS e
         (key, id, issuer, kind, first_seen, last_seen, granted, refused, rules, instances)
       SELECT s.key, s.id, s.issuer, s.kind, s.first, s.last, s.granted, s.refused, s.rules[1:100], s.instances[1:10]
       FROM seen s
       ON CONFLICT (key) DO UPDATE SET
         issuer = CASE excluded.issuer WHEN 'self' THEN e.issuer ELSE excluded.issuer END,
         kind = CASE excluded.issuer WHEN 'self' THEN e.kind ELSE excluded.kind END,
         first_seen = least(e.first_seen, excluded.first_seen),
         last_seen = greatest(e.last_seen, excluded.last_seen),
         granted = e.granted + excluded.granted,
         refused = e.refused + excluded.refused,
         rules = CASE WHEN e.rules @> excluded.rules THEN e.rules ELSE
           (ARRAY(SELECT DISTINCT r FROM unnest(e.rules || excluded.rules) r ORDER BY r))[1:100] END,
         instances = (ARRAY(SELECT i FROM unnest(excluded.instances || e.instances) WITH ORDINALITY u (i, n)
           GROUP BY i ORDER BY min(n)))[1:10]
       RETURNING number, key
     )
     INSERT INTO cambist.entity_records (entity, seq)
     SELECT k.number, unnest(s.places) FROM known k JOIN seen s USING (key)`,
    [JSON.stringify(rows)],
  )
}

/** How long the tokens of an hour live at most; hours of which none lives any more are forgotten. */
async function writeLives(client: pg.ClientBase, placed: readonly Placed[]): Promise<void> {
  const lives = new Map<number, number>()
  for (const { record } of placed) {
    const hour = record.at - (record.at % 3_600_000)
    if (record.granted !== null) lives.set(hour, Math.max(lives.get(hour) ?? 0, record.granted.lifetime))
  }
  if (lives.size === 0) return
  await client.query(
    `INSERT INTO cambist.longest_lives AS l (hour, seconds)
     SELECT * FROM unnest($1::timestamptz[], $2::integer[])
     ON CONFLICT (hour) DO UPDATE SET seconds = greatest(l.seconds, excluded.seconds)`,
    [[...lives.keys()].map((hour) => new Date(hour)), [...lives.values()]],
  )
  const newest = Math.max(...lives.keys())
  await client.query('DELETE FROM cambist.longest_lives WHERE hour < $1', [
    new Date(newest - 2 * MAX_TOKEN_LIFETIME * 1000),
  ])
}
