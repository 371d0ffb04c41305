import type pg from 'pg'
import type { IndexBlocks } from '../tokens/status-indexes.ts'
import { timed } from './timed-query.ts'

/** Blocks of indexes from a sequence, which gives each of its numbers once whatever becomes of the transaction. */
export class PostgresStatusBlocks implements IndexBlocks {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  next(): Promise<number> {
    return this.#ask(`SELECT nextval('cambist.status_blocks') AS number`)
  }

  taken(): Promise<number> {
    return this.#ask(
      'SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END AS number FROM cambist.status_blocks',
    )
  }

  async #ask(text: string): Promise<number> {
    const { rows } = await this.#pool.query<{ number: string }>(timed({ text }))
    const number = Number(rows[0]?.number)
    if (!Number.isSafeInteger(number)) throw new Error('The sequence of status blocks answers no number.')
    return number
  }
}
