import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { References } from '../credentials/contract.ts'
import { type JsonObject, parseJsonObjectText } from '../lib/json.ts'
import { recordUnavailable } from '../refusal.ts'
import { timed } from './timed-query.ts'

/** Characters of claims that are kept in memory, in which a token has some hundreds. */
const KEPT = 16 * 1024 * 1024

/**
 * The claims of opaque tokens, by the hash of the token. They never change, so that what was read once is kept; that a token
 * is not there is not kept, since another node may be about to issue it.
 */
export class ReferenceTokens implements References {
  readonly #pool: pg.Pool
  readonly #known = new LRUCache<string, { readonly claims: JsonObject; readonly length: number }>({
    maxSize: KEPT,
    sizeCalculation: ({ length }) => length,
  })

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  claimsOf(tokenHash: string): JsonObject | Promise<JsonObject | undefined> {
    return this.#known.get(tokenHash)?.claims ?? this.#read(tokenHash)
  }

  async #read(tokenHash: string): Promise<JsonObject | undefined> {
    const { rows } = await this.#pool
      .query<{ claims: string }>({ ...STATEMENT, values: [tokenHash] })
      .catch((cause: unknown) => {
        throw recordUnavailable('what opaque tokens stand for cannot be read now', cause)
      })
    const text = rows[0]?.claims
    const claims = text === undefined ? undefined : parseJsonObjectText(text)
    if (text !== undefined && claims !== undefined) this.#known.set(tokenHash, { claims, length: text.length })
    return claims
  }
}

const STATEMENT = timed({
  name: 'reference_token',
  text: 'SELECT claims FROM cambist.reference_tokens WHERE token_hash = $1',
})
