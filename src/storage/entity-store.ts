import type pg from 'pg'
import type { ExchangeRecord } from '../audit/contract.ts'
import type { Entity, EntityChange, EntityFilter, EntityPage, EntityStore, Place } from '../entities/contract.ts'
import { COLUMNS, type RecordRow, recordOf } from './record-row.ts'
import { inTransaction } from './transaction.ts'

interface EntityRow {
  number: string
  id: string
  issuer: string
  kind: string
  first_seen: Date
  last_seen: Date
  granted: string
  refused: string
  rules: string[]
  instances: string[]
  labels: Record<string, string>
  revision: number
  blocked_by: string | null
}

/** An entity with the block that is in force on it; $1 is now, in seconds. */
const ENTITIES = `SELECT e.*, b.id AS blocked_by FROM cambist.entities e
  LEFT JOIN LATERAL (
    SELECT b.id FROM cambist.blocks b
    WHERE ((b.what = 'subject' AND b.value = e.id) OR (b.what = 'issuer' AND b.value = e.issuer))
      AND (b.until IS NULL OR b.until > $1)
    ORDER BY b.what DESC, b.id LIMIT 1
  ) b ON true`
/** The entity of an id: an id may be longer than an index holds. */
const KEY = (value: string) => `sha256(convert_to(${value}, 'UTF8'))`

/** The register of entities in PostgreSQL. Values are bound, names are constants (T29). */
export class PostgresEntityStore implements EntityStore {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async list(filter: EntityFilter, now: number, limit: number, from: Place): Promise<EntityPage<Entity>> {
    const { issuer, status, label, since, prefix } = filter
    const values: unknown[] = [now / 1000]
    const bound = (value: unknown): string => `$${values.push(value)}`
    const clauses = [
      ...(from === undefined ? [] : [`e.number < ${bound(from)}`]),
      ...(issuer === undefined ? [] : [`e.issuer = ${bound(issuer)}`]),
      ...(status === undefined ? [] : [`b.id IS ${status === 'blocked' ? 'NOT NULL' : 'NULL'}`]),
      ...(since === undefined ? [] : [`e.last_seen >= ${bound(new Date(since))}`]),
      ...(prefix === undefined ? [] : [`starts_with(e.id, ${bound(prefix)})`]),
      ...(label === undefined ? [] : [labelled(label, bound)]),
    ]
    const where = clauses.length === 0 ? '' : `WHERE ${clauses.join(' AND ')}`
    const { rows } = await this.#pool.query<EntityRow>(
      `${ENTITIES} ${where} ORDER BY e.number DESC LIMIT ${bound(limit + 1)}`,
      values,
    )
    return pageOf(rows, limit, entityOf, ({ number }) => number)
  }

  async get(id: string, now: number): Promise<Entity | undefined> {
    if (isNobodys(id)) return undefined
    const { rows } = await this.#pool.query<EntityRow>(`${ENTITIES} WHERE e.key = ${KEY('$2')}`, [now / 1000, id])
    return rows[0] === undefined ? undefined : entityOf(rows[0])
  }

  async records(id: string, limit: number, from: Place): Promise<EntityPage<ExchangeRecord>> {
    const { rows } = await this.#pool.query<RecordRow>(
      `SELECT ${COLUMNS.map((column) => `r.${column}`).join(', ')}
       FROM cambist.entities e JOIN cambist.entity_records p ON p.entity = e.number JOIN cambist.records r ON r.seq = p.seq
       WHERE e.key = ${KEY('$1')} AND ($2::bigint IS NULL OR p.seq < $2) ORDER BY p.seq DESC LIMIT $3`,
      [id, from ?? null, limit + 1],
    )
    return pageOf(rows, limit, recordOf, ({ seq }) => seq)
  }

  async changes(id: string, limit: number): Promise<readonly EntityChange[]> {
    const { rows } = await this.#pool.query<Omit<EntityChange, 'at'> & { at: Date }>(
      `SELECT c.at, c.author, c.labels, c.notes FROM cambist.entity_changes c JOIN cambist.entities e ON e.number = c.entity
       WHERE e.key = ${KEY('$1')} ORDER BY c.revision DESC LIMIT $2`,
      [id, limit],
    )
    return rows.map((row) => ({ ...row, at: row.at.getTime() }))
  }

  async change(id: string, change: EntityChange, revision?: number): Promise<'changed' | 'unknown' | 'stale'> {
    if (isNobodys(id)) return 'unknown'
    return inTransaction(this.#pool, 'ISOLATION LEVEL READ COMMITTED', async (client) => {
      const { rows } = await client.query<Pick<EntityRow, 'number' | 'labels' | 'revision'>>(
        `SELECT number, labels, revision FROM cambist.entities WHERE key = ${KEY('$1')} FOR UPDATE`,
        [id],
      )
      const [known] = rows
      if (known === undefined) return 'unknown'
      if (revision !== undefined && revision !== known.revision) return 'stale'
      const labels = Object.fromEntries(
        Object.entries({ ...known.labels, ...change.labels }).filter(([, value]) => value !== null),
      )
      await client.query('UPDATE cambist.entities SET labels = $2, revision = $3 WHERE number = $1', [
        known.number,
        JSON.stringify(labels),
        known.revision + 1,
      ])
      await client.query(
        `INSERT INTO cambist.entity_changes (entity, revision, at, author, labels, notes) VALUES ($1, $2, $3, $4, $5, $6)`,
        [
          known.number,
          known.revision + 1,
          new Date(change.at),
          change.author,
          JSON.stringify(change.labels),
          [...change.notes],
        ],
      )
      return 'changed'
    })
  }
}

/** No text of PostgreSQL holds it, and it would refuse the question. */
const isNobodys = (id: string): boolean => id.includes('\0')

function labelled({ name, value }: NonNullable<EntityFilter['label']>, bound: (value: unknown) => string): string {
  const named = `e.labels ->> ${bound(name)}`
  return value === undefined ? `${named} IS NOT NULL` : `${named} = ${bound(value)}`
}

function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => Item,
  place: (row: Row) => string,
): EntityPage<Item> {
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? page.at(-1) : undefined
  return { items: page.map(item), next: last === undefined ? null : place(last) }
}

const entityOf = (row: EntityRow): Entity => ({
  id: row.id,
  issuer: row.issuer,
  kind: row.kind,
  firstSeen: row.first_seen.getTime(),
  lastSeen: row.last_seen.getTime(),
  granted: Number(row.granted),
  refused: Number(row.refused),
  rules: row.rules,
  instances: row.instances,
  labels: row.labels,
  blockedBy: row.blocked_by ?? undefined,
  revision: row.revision,
})
