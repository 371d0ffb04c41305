import type { ExchangeRecord } from './contract.ts'
import type { RecordReader } from './reading.ts'

/** A chain of exchanges as the record has it, beside what a token of ours says of it. */
export interface Lineage {
  /** The id of the first record of the chain. */
  readonly id: string
  /** What was granted in it, the oldest first. `at` is milliseconds since the epoch. */
  readonly exchanges: readonly Pick<ExchangeRecord, 'id' | 'client' | 'at'>[]
  /** Whether there are more exchanges than are listed here. */
  readonly more: boolean
  /** `cambist_path`: the clients that the request has passed, as the token says. */
  readonly path: readonly string[]
  /** Whether the record says the same of every exchange from the first to the one that made the token. */
  readonly agrees: boolean
}

const MOST = 1000

/**
 * Looks up where a token of ours comes from. `maker` is the id of the record that made it; a chain may fork, so that its
 * way is followed from parent to parent.
 */
export async function lineageOf(
  records: RecordReader,
  token: { readonly lineage: string; readonly maker: string; readonly path: readonly string[] },
): Promise<Lineage> {
  const { lineage, maker, path } = token
  const { items, next } = await records.list({ lineage, outcome: 'granted' }, MOST)
  const known = new Map(items.map((each) => [each.id, each]))
  const passed: string[] = []
  let id: string | undefined = maker
  // A path that is longer than the token's agrees with it no more, however long it is.
  while (id !== undefined && passed.length <= path.length) {
    const made: ExchangeRecord | undefined = known.get(id) ?? (await records.get(id))
    if (made === undefined) break
    passed.unshift(made.client)
    id = made.parents[0]
  }
  return {
    id: lineage,
    exchanges: items.toReversed().map(({ id: each, client, at }) => ({ id: each, client, at })),
    more: next !== null,
    path,
    agrees: id === undefined && passed.length === path.length && passed.every((client, at) => client === path[at]),
  }
}
