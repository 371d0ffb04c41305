import knex from 'knex'
import type pg from 'pg'
import type { ExchangeRecord } from '../audit/contract.ts'
import type {
  LineageSearch,
  LiveLineage,
  LivingToken,
  Period,
  RecordFilter,
  RecordPage,
  RecordReader,
  RecordWalk,
} from '../audit/reading.ts'
import { Faults } from '../lib/fault.ts'
import { isId } from '../lib/ids.ts'
import { MAX_TOKEN_LIFETIME } from '../targets/contract.ts'
import type { Revocable } from '../tokens/revocations.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { liveLineages, livingIn } from './lineages.ts'
import { COLUMNS, type RecordRow, recordOf } from './record-row.ts'
import { walk } from './record-walk.ts'

/** Writes SQL and runs none: statements go through the pool. Values are bound, names are constants (T29). */
const sql = knex({ client: 'pg' })
const records = () => sql.withSchema('cambist').from<RecordRow>('records').select(COLUMNS)

/** The records of the ledger, for those who may read them. */
export class RecordStore implements RecordReader {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async list(filter: RecordFilter, limit: number, cursor?: string): Promise<RecordPage> {
    const query = records()
      .orderBy('seq', 'desc')
      .limit(limit + 1)
    if (cursor !== undefined) query.where('seq', '<', readCursor(cursor))
    if (filter.outcome !== undefined) query.where('outcome', filter.outcome)
    if (filter.reason !== undefined) query.where('reason', filter.reason)
    if (filter.client !== undefined) query.where('client', filter.client)
    if (filter.subject !== undefined) query.where('subject_id', filter.subject)
    if (filter.target !== undefined) query.whereRaw('targets @> array[?::text]', [filter.target])
    if (filter.jti !== undefined) query.where('jti', filter.jti)
    if (filter.tokenHash !== undefined) query.where('token_hash', filter.tokenHash)
    if (filter.lineage !== undefined) named(query, filter.lineage)
    if (filter.shadow !== undefined) shadowedBy(query, filter.shadow)
    if (filter.since !== undefined) query.where('at', '>=', new Date(filter.since))
    if (filter.until !== undefined) query.where('at', '<', new Date(filter.until))

    const rows = await this.#run(query)
    const items = rows.slice(0, limit)
    const last = items.at(-1)
    return {
      items: items.map(recordOf),
      next: rows.length > limit && last !== undefined ? writeCursor(last.seq) : null,
    }
  }

  async get(id: string): Promise<ExchangeRecord | undefined> {
    if (!isId(id)) return undefined
    const [row] = await this.#run(records().where('id', id))
    return row === undefined ? undefined : recordOf(row)
  }

  walk(period: Period): Promise<RecordWalk> {
    return walk(this.#pool, period)
  }

  async unexpired(what: Revocable, value: string, now: number): Promise<number> {
    const query = sql
      .withSchema('cambist')
      .from('records')
      .where({ outcome: 'granted' })
      // Older ones have expired: an index finds what is left.
      .where('at', '>', new Date(now - MAX_TOKEN_LIFETIME * 1000))
      .whereRaw(`decided_at + make_interval(secs => (granted::json ->> 'lifetime')::int) > ?`, [new Date(now)])
      .count('* as count')
    if (what === 'lineage') named(query, value)
    else query.where(COLUMN_OF[what], value)
    const { sql: text, bindings } = query.toSQL().toNative()
    const { rows } = await this.#pool.query<{ count: string }>(text, [...bindings])
    return Number(rows[0]?.count)
  }

  liveLineages(search: LineageSearch, now: number): Promise<readonly LiveLineage[]> {
    return liveLineages(this.#pool, search, now)
  }

  livingIn(lineage: string, now: number): Promise<readonly LivingToken[]> {
    return livingIn(this.#pool, lineage, now)
  }

  /** One pass over the blocks of that time: an index by client would be paid for on the road of every exchange. */
  async clientsGrantedSince(since: number): Promise<ReadonlySet<string>> {
    const query = sql
      .withSchema('cambist')
      .from('records')
      .where({ outcome: 'granted' })
      .where('at', '>=', new Date(since))
      .distinct('client')
    const { sql: text, bindings } = query.toSQL().toNative()
    const { rows } = await this.#pool.query<{ client: string }>(text, [...bindings])
    return new Set(rows.map(({ client }) => client))
  }

  async #run(query: ReturnType<typeof records>): Promise<readonly RecordRow[]> {
    const { sql: text, bindings } = query.toSQL().toNative()
    try {
      return (await this.#pool.query<RecordRow>(text, [...bindings])).rows
    } catch (error) {
      throw isTimeout(error) ? new Faults([TOO_MUCH]) : error
    }
  }
}

const COLUMN_OF = { jti: 'jti', tokenHash: 'token_hash', client: 'client', subject: 'subject_id' } as const

/** Records of the lineage. One that begins it has it in its id alone. */
function named(query: knex.Knex.QueryBuilder, lineage: string): void {
  query.where((either) => {
    either.where('lineage', lineage)
    if (isId(lineage)) either.orWhere('id', lineage)
  })
}

/**
 * Rules in shadow have no column, since few records note one. The text of the body finds those that may; what is found is
 * then read as JSON, because an attribute may hold the same text.
 */
function shadowedBy(query: knex.Knex.QueryBuilder, rule: string): void {
  query.whereRaw(`CASE WHEN strpos(body, ?) > 0 THEN (body::json -> 'shadow')::jsonb @> ?::jsonb ELSE false END`, [
    JSON.stringify(rule),
    JSON.stringify([{ rule }]),
  ])
}

const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === QUERY_CANCELED

const QUERY_CANCELED = '57014'

/** Few filters have an index, because each would be paid for by every exchange. */
const TOO_MUCH = {
  path: 'since',
  message: 'To look through the records of this time takes too long: say a shorter one with since and until.',
}
