import type pg from 'pg'

/** How long somebody who is waiting for an answer waits for the database. */
const LIMIT_MS = 1000

/** A query that is given up after a time. The limit is ours and not the server's, because a server that is stopped keeps no time. */
export const timed = (
  query: pg.QueryConfig,
  limitMs = LIMIT_MS,
): pg.QueryConfig & { readonly query_timeout: number } => ({ ...query, query_timeout: limitMs })
