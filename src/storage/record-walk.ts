import type pg from 'pg'
import type { ExchangeRecord } from '../audit/contract.ts'
import type { Period, RecordWalk } from '../audit/reading.ts'
import { COLUMNS, type RecordRow, recordOf } from './record-row.ts'

/** Rows that one statement reads: a bound of its time and of our memory, whatever the period. What lives longer costs pauses to collect. */
const PAGE = 500
/** Records that are made of rows at once: some milliseconds, in which nothing else can be done. */
const BATCH = 50
/**
 * Records are written about when they came, in an order that clocks of several replicas and the length of exchanges blur.
 * By this much, in milliseconds, a record may be out of it and is found.
 */
const BLUR = 3_600_000

const SHADOWED = `AND body LIKE '%"shadow":[%'`

/**
 * Reads a period oldest first, page by page along the primary key, so that no statement is long, no transaction stays
 * open, and no index beside the few that the road pays for is needed. What is written meanwhile comes after its end.
 */
export async function walk(pool: pg.Pool, period: Period): Promise<RecordWalk> {
  const { rows } = await pool.query<{ least: string | null; most: string | null }>(
    'SELECT min(seq) AS least, max(seq) AS most FROM cambist.records',
  )
  const [least, most] = [Number(rows[0]?.least ?? 1), Number(rows[0]?.most ?? 0)]
  const end = (await firstFrom(pool, period.until + BLUR, least, most)) - 1
  const begin = await firstFrom(pool, period.since - BLUR, least, end)
  const newest = period.newest === undefined ? 0 : end - period.newest
  const after = Math.max(begin - 1, newest)
  return {
    atMost: Math.max(0, end - after),
    whole: newest < begin,
    batches: batches(pool, period, after, end),
  }
}

/** The number of the first row that came at the moment or later; one past `most` where there is none. */
async function firstFrom(pool: pg.Pool, moment: number, least: number, most: number): Promise<number> {
  let [low, high] = [least, most + 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const { rows } = await pool.query<{ seq: string; at: Date }>(
      'SELECT seq, at FROM cambist.records WHERE seq >= $1 ORDER BY seq LIMIT 1',
      [middle],
    )
    const [row] = rows
    // Numbers have gaps: the row that answers for one may be a later one.
    if (row === undefined || Number(row.seq) > most || row.at.getTime() >= moment) high = middle
    else low = Number(row.seq) + 1
  }
  return low
}

async function* batches(
  pool: pg.Pool,
  period: Period,
  after: number,
  end: number,
): AsyncGenerator<readonly ExchangeRecord[]> {
  let page = pageAfter(pool, period, after, end)
  for (;;) {
    const { rows, edge } = await page
    // The database reads the next page while this one is being worked at.
    if (edge !== undefined) {
      page = pageAfter(pool, period, edge, end)
      page.catch(() => undefined)
    }
    for (let at = 0; at < rows.length; at += BATCH) yield rows.slice(at, at + BATCH).map(recordOf)
    if (edge === undefined) return
  }
}

interface Page {
  readonly rows: readonly RecordRow[]
  /** The number of the last row that was looked at; undefined where there are no more. */
  readonly edge: number | undefined
}

async function pageAfter(pool: pg.Pool, period: Period, after: number, end: number): Promise<Page> {
  const edges = await pool.query<{ edge: string | null }>(
    `SELECT max(seq) AS edge FROM (
       SELECT seq FROM cambist.records WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT ${PAGE}
     ) page`,
    [after, end],
  )
  const edge = edges.rows[0]?.edge ?? undefined
  if (edge === undefined) return { rows: [], edge: undefined }
  const { rows } = await pool.query<RecordRow>(
    `SELECT ${COLUMNS.join(', ')} FROM cambist.records
     WHERE seq > $1 AND seq <= $2 AND at >= $3 AND at < $4 ${period.shadowed === true ? SHADOWED : ''} ORDER BY seq`,
    [after, edge, new Date(period.since), new Date(period.until)],
  )
  return { rows, edge: Number(edge) }
}
