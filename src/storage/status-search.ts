import type pg from 'pg'
import type { Revocable, Revocation } from '../tokens/revocations.ts'
import type { RevokedStatus, StatusSearch } from '../tokens/revoked-statuses.ts'
import { type Reach, reach, SEARCH_LIMIT } from './lineages.ts'
import { inTransaction } from './transaction.ts'

/** Revocations that one statement is asked about: a block makes one for each of the lineages that it takes back. */
const TOGETHER = 5000
/** Statuses that are read at once. */
const PAGE = 2000

/**
 * A token has the time at which its request was read, to the second, and that is in the facts; it was decided a little later.
 * What was decided within the second or before was read before: the others alone are worth reading their facts.
 */
const ISSUED_BEFORE = `(r.decided_at < to_timestamp(v.at + 1)
    OR (r.decided_at < to_timestamp(v.at + 300) AND (r.body::json #>> '{facts,time}')::numeric <= v.at))`

/**
 * The records `r` of the tokens that a revocation `v` means, as tokens/revocations.ts judges them. What has no index is looked
 * for among the `recent`, which is everything that can still live.
 */
const MEANT: Readonly<Record<Revocable, string>> = {
  jti: 'v JOIN cambist.records r ON r.jti = v.value',
  tokenHash: 'v JOIN recent r ON r.token_hash = v.value',
  // The first record of a lineage has it in its id alone.
  lineage: `v CROSS JOIN LATERAL (
      SELECT outcome, decided_at, granted FROM cambist.records WHERE lineage = v.value
      UNION ALL
      SELECT outcome, decided_at, granted FROM cambist.records
      WHERE id = CASE WHEN v.value ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN v.value::uuid END
    ) r`,
  client: `v JOIN recent r ON r.client = v.value AND ${ISSUED_BEFORE}`,
  subject: `v JOIN recent r ON coalesce(r.granted::json ->> 'subject', r.subject_id) = v.value AND ${ISSUED_BEFORE}`,
}

/** `$1` values, `$2` the moments they were revoked at; `$3` to `$5` the reach; `$6` now. */
const statement = (what: Revocable): string => `
  WITH v AS (
    SELECT * FROM unnest($1::text[], $2::bigint[]) AS v (value, at)
  ), recent AS (
    SELECT * FROM cambist.records
    WHERE (at >= $3::timestamptz OR (seq > $4::bigint AND at >= $5::timestamptz))
      AND outcome = 'granted' AND strpos(granted, '"status":') > 0
  ), meant AS (
    SELECT g.granted -> 'status' AS status, r.decided_at + make_interval(secs => (g.granted ->> 'lifetime')::int) AS ends
    FROM ${MEANT[what]} CROSS JOIN LATERAL (SELECT r.granted::json) g (granted)
    WHERE r.outcome = 'granted' AND strpos(r.granted, '"status":') > 0
  )
  SELECT (status ->> 'list')::int AS list, (status ->> 'index')::int AS index, ceil(extract(epoch FROM ends))::float8 AS until
  FROM meant WHERE ends > $6::timestamptz`

/** Statuses in the record: of the tokens that were granted, and have not expired, those that name one. */
export class PostgresStatusSearch implements StatusSearch {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  revokedStatuses(...[revocations, now, found]: Parameters<StatusSearch['revokedStatuses']>): Promise<void> {
    const byName = Map.groupBy(revocations, ({ what }) => what)
    return inTransaction(this.#pool, 'ISOLATION LEVEL READ COMMITTED READ ONLY', async (client) => {
      await client.query(SEARCH_LIMIT)
      const searched = await reach(client, now)
      for (const [what, all] of byName) {
        for (let from = 0; from < all.length; from += TOGETHER) {
          await openCursor(client, what, all.slice(from, from + TOGETHER), searched, now)
          await readCursor(client, found)
        }
      }
    })
  }
}

async function openCursor(
  client: pg.ClientBase,
  what: Revocable,
  revocations: readonly Revocation[],
  { since, place, oldest }: Reach,
  now: number,
): Promise<void> {
  await client.query(`DECLARE statuses NO SCROLL CURSOR FOR ${statement(what)}`, [
    revocations.map(({ value }) => value),
    revocations.map(({ at }) => at),
    new Date(since),
    place,
    new Date(oldest),
    new Date(now),
  ])
}

async function readCursor(client: pg.ClientBase, found: (statuses: readonly RevokedStatus[]) => void): Promise<void> {
  for (;;) {
    const { rows } = await client.query<RevokedStatus & pg.QueryResultRow>(`FETCH ${PAGE} FROM statuses`)
    if (rows.length > 0) found(rows)
    if (rows.length < PAGE) break
  }
  await client.query('CLOSE statuses')
}
