import type pg from 'pg'
import type { LineageSearch, LiveLineage, LivingToken } from '../audit/reading.ts'
import { MAX_TOKEN_LIFETIME } from '../targets/contract.ts'
import { COLUMNS, type RecordRow, recordOf } from './record-row.ts'
import { timed } from './timed-query.ts'
import { inTransaction } from './transaction.ts'

/** A search reads as much as was granted while the longest-lived token could live: it may take its time, off the road. */
export const SEARCH_LIMIT = `SET LOCAL statement_timeout = '10min'; SET LOCAL idle_in_transaction_session_timeout = '1min'`
const PAGE = 500
const LINEAGES = 5000
/** Seconds by which a token may end later than its row says: what the clocks of our nodes may differ by, and more. */
const SLACK = 60
const COLUMN_OF = {
  subject: 'subject_id',
  client: 'client',
  issuer: 'subject_issuer',
  jti: 'jti',
  tokenHash: 'token_hash',
} as const

type Hit = RecordRow & { readonly direct: boolean }

/**
 * Reads the granted records of the time from which tokens still live, once, in the order in which they lie: no index on the
 * road is made for this. The database looks for a text in each; what it finds is read and judged here, page by page.
 */
export function liveLineages(pool: pg.Pool, search: LineageSearch, now: number): Promise<readonly LiveLineage[]> {
  return inTransaction(pool, 'ISOLATION LEVEL READ COMMITTED READ ONLY', async (client) => {
    await client.query(SEARCH_LIMIT)
    const lineages = await lineagesMeant(client, search, await reach(client, now))
    const living: LiveLineage[] = []
    for (let from = 0; from < lineages.length; from += LINEAGES)
      living.push(...(await livingOf(client, lineages.slice(from, from + LINEAGES), now)))
    return living
  })
}

/** Whoever revokes waits for it. */
const LIVING_LIMIT_MS = 11_000

/** The living tokens of one lineage, in the order in which they were written. */
export async function livingIn(pool: pg.Pool, lineage: string, now: number): Promise<readonly LivingToken[]> {
  const query = {
    text: `SELECT r.jti AS id, r.body::json -> 'parents' AS parents, ceil(extract(epoch FROM r.ends))::bigint + $3 AS until
     FROM (
       SELECT seq, jti, body, decided_at + make_interval(secs => (granted::json ->> 'lifetime')::int) AS ends FROM (
         SELECT seq, jti, body, decided_at, granted FROM cambist.records WHERE lineage = $1 AND outcome = 'granted'
         UNION ALL
         SELECT seq, jti, body, decided_at, granted FROM cambist.records
         WHERE id = CASE WHEN $1 ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN $1::uuid END AND outcome = 'granted'
       ) t
     ) r
     WHERE r.ends + make_interval(secs => $3) > $2 AND r.jti IS NOT NULL
     ORDER BY r.seq`,
    values: [lineage, new Date(now), SLACK],
  }
  const { rows } = await pool.query<{ id: string; parents: string[] | null; until: string }>(
    timed(query, LIVING_LIMIT_MS),
  )
  return rows.map(({ id, parents, until }) => ({ id, parents: parents ?? [], until: Number(until) }))
}

export interface Reach {
  /** Times are milliseconds since the epoch. Nothing lives that is older than this. */
  readonly oldest: number
  /** Nor that is older than this, of the records up to the place; how long those after it live has not been looked at. */
  readonly since: number
  readonly place: string
}

/**
 * The first exchange of a lineage has the token that lives longest, since no later one can make a longer one (I4). So a living
 * lineage began in an hour whose longest-lived token lives.
 */
export async function reach(client: pg.ClientBase, now: number): Promise<Reach> {
  const { rows } = await client.query<{ since: Date | null; place: string }>(
    `SELECT p.seq AS place, (
       SELECT min(l.hour) FROM cambist.longest_lives l
       WHERE l.hour + interval '1 hour' + make_interval(secs => l.seconds + $2) > $1
     ) AS since
     FROM cambist.projections p WHERE p.name = 'entities'`,
    [new Date(now), SLACK],
  )
  const [row] = rows
  const oldest = now - (MAX_TOKEN_LIFETIME + SLACK) * 1000
  if (row === undefined) throw new Error('The register of entities has no place in the record.')
  return { oldest, since: Math.max(oldest, row.since?.getTime() ?? now), place: row.place }
}

async function lineagesMeant(
  client: pg.ClientBase,
  { texts, direct, meant }: LineageSearch,
  { oldest, since, place }: Reach,
): Promise<string[]> {
  const values: unknown[] = []
  const bound = (value: unknown): string => `$${values.push(value)}`
  const column = direct === undefined ? 'false' : `${COLUMN_OF[direct.column]} = ${bound(direct.value)}`
  // As JSON has them, which is what a record is written in.
  const found = texts.map((text) => `strpos(body, ${bound(JSON.stringify(text))}) > 0`)
  await client.query(
    `DECLARE hits NO SCROLL CURSOR FOR
     SELECT ${COLUMNS.join(', ')}, ${column} AS direct FROM cambist.records
     WHERE (at >= ${bound(new Date(since))} OR (seq > ${bound(place)} AND at >= ${bound(new Date(oldest))}))
       AND outcome = 'granted' AND (${[column, ...found].join(' OR ')})`,
    values,
  )
  const lineages = new Set<string>()
  for (;;) {
    const { rows } = await client.query<Hit>(`FETCH ${PAGE} FROM hits`)
    for (const row of rows) {
      const lineage = row.lineage ?? row.id
      if (!lineages.has(lineage) && (row.direct || meant(recordOf(row)))) lineages.add(lineage)
    }
    if (rows.length < PAGE) return [...lineages]
  }
}

async function livingOf(
  client: pg.ClientBase,
  lineages: readonly string[],
  now: number,
): Promise<readonly LiveLineage[]> {
  const { rows } = await client.query<{ lineage: string; tokens: string; until: string }>(
    `SELECT l.lineage, count(*) AS tokens, max(ceil(extract(epoch FROM r.ends)))::bigint + $3 AS until
     FROM unnest($1::text[]) AS l (lineage)
     CROSS JOIN LATERAL (
       SELECT t.decided_at + make_interval(secs => (t.granted::json ->> 'lifetime')::int) AS ends FROM (
         SELECT decided_at, granted FROM cambist.records WHERE lineage = l.lineage AND outcome = 'granted'
         UNION ALL
         SELECT decided_at, granted FROM cambist.records
         WHERE id = CASE WHEN l.lineage ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN l.lineage::uuid END AND outcome = 'granted'
       ) t
     ) r
     WHERE r.ends > $2 AND NOT EXISTS (SELECT FROM cambist.revocations v WHERE v.what = 'lineage' AND v.value = l.lineage)
     GROUP BY l.lineage`,
    [[...lineages], new Date(now), SLACK],
  )
  return rows.map(({ lineage, tokens, until }) => ({ lineage, tokens: Number(tokens), until: Number(until) }))
}
