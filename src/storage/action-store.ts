import knex from 'knex'
import type pg from 'pg'
import type { ActionFilter, ActionLog, ActionPage, AdministratorAction } from '../audit/actions.ts'
import { readCursor, writeCursor } from './cursor.ts'

/** Writes SQL and runs none: statements go through the pool. Values are bound, names are constants (T29). */
const sql = knex({ client: 'pg' })
const actions = () => sql.withSchema('cambist').from<ActionRow>('administrator_actions')

interface ActionRow {
  readonly seq: string
  readonly id: string
  readonly at: Date
  readonly administrator: string
  readonly action: string
  readonly about: Readonly<Record<string, unknown>>
}

/** What administrators did that changes no document, in PostgreSQL. */
export class ActionStore implements ActionLog {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async write({ id, at, administrator, action, about }: AdministratorAction): Promise<void> {
    await this.#pool.query(
      'INSERT INTO cambist.administrator_actions (id, at, administrator, action, about) VALUES ($1, $2, $3, $4, $5)',
      [id, new Date(at), administrator, action, JSON.stringify(about)],
    )
  }

  async list({ action, administrator }: ActionFilter, limit: number, cursor?: string): Promise<ActionPage> {
    const query = actions()
      .select('seq', 'id', 'at', 'administrator', 'action', 'about')
      .orderBy('seq', 'desc')
      .limit(limit + 1)
    if (cursor !== undefined) query.where('seq', '<', readCursor(cursor))
    if (action !== undefined) query.where('action', action)
    if (administrator !== undefined) query.where('administrator', administrator)
    const { sql: text, bindings } = query.toSQL().toNative()
    const { rows } = await this.#pool.query<ActionRow>(text, [...bindings])
    const items = rows.slice(0, limit)
    const last = items.at(-1)
    return {
      items: items.map(({ seq: _, at, ...row }) => ({ ...row, at: at.getTime() })),
      next: rows.length > limit && last !== undefined ? writeCursor(last.seq) : null,
    }
  }
}
