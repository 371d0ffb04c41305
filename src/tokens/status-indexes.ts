import { recordUnavailable } from '../refusal.ts'

/** Statuses in one list: what a relying party reads is at most 128 KiB, and a token is one of a million (§12.1). */
export const LIST_SIZE = 2 ** 20
/** Indexes that a process takes at once; lists are made of whole blocks. */
export const BLOCK_SIZE = 2 ** 12

/** Where the status of a token stands, as the token says in its claim `status` (draft-ietf-oauth-status-list-20 §6.2). */
export interface StatusIndex {
  readonly list: number
  readonly index: number
}

/** The URI that names a list, in tokens and as the `sub` of the list itself. */
export const statusListUri = (issuer: string, list: number): string => `${issuer}/status-lists/${list}`

/** Where the indexes of all processes come from. Implemented by storage/. */
export interface IndexBlocks {
  /** The number of a block that nobody has had, counted from 0. */
  next(): Promise<number>
  /** How many there are that somebody has had. */
  taken(): Promise<number>
}

/**
 * Indexes for the tokens of this process, without a round trip for each: whole blocks are taken ahead of need, and what a
 * process leaves of one is lost. They are handed out in random order, so that neighbours in a list are not neighbours in
 * time (§12.4, §12.5.1). No index is ever handed out twice (§13.3), and that of a token that is dropped is not given back.
 */
export class StatusIndexes {
  readonly #blocks: Pick<IndexBlocks, 'next'>
  /** Places counted over all lists; the last is the next. */
  #free: number[] = []
  #filling: Promise<void> | undefined

  constructor(blocks: Pick<IndexBlocks, 'next'>) {
    this.#blocks = blocks
  }

  /** At once, but where none is left. Rejects with Refusal `record_unavailable` where none can be had. */
  take(): StatusIndex | Promise<StatusIndex> {
    const place = this.#free.pop()
    if (place === undefined) return this.#fill().then(() => this.take())
    // One that fails now is tried again by the next token.
    if (this.#free.length < BLOCK_SIZE / 2) this.#fill().catch(() => {})
    return { list: Math.floor(place / LIST_SIZE), index: place % LIST_SIZE }
  }

  #fill(): Promise<void> {
    this.#filling ??= this.#blocks
      .next()
      .then((block) => {
        for (let at = 0; at < BLOCK_SIZE; at++) this.#free.push(block * BLOCK_SIZE + at)
        shuffle(this.#free)
      })
      .catch((cause: unknown) => {
        throw recordUnavailable('no index of a status list can be had from the database', cause)
      })
      .finally(() => {
        this.#filling = undefined
      })
    return this.#filling
  }
}

/** Fisher and Yates, by the generator of keys: nobody can tell the order from what he was given of it. */
function shuffle(places: number[]): void {
  const random = crypto.getRandomValues(new Uint32Array(places.length))
  for (let last = places.length - 1; last > 0; last--) {
    const other = (random[last] ?? 0) % (last + 1)
    const place = places[last] ?? 0
    places[last] = places[other] ?? 0
    places[other] = place
  }
}
