import type { ExchangeRecord } from '../audit/contract.ts'
import { namedIn } from '../audit/named.ts'
import type { LineageSearch, LiveLineage, RecordReader } from '../audit/reading.ts'
import { type Blocks, blockIndex } from '../blocks/block-index.ts'
import type { Block } from '../blocks/contract.ts'
import { blockedThing } from '../blocks/sentence.ts'
import type { Snapshot, StateChange, StateStore } from '../documents/contract.ts'
import { SELF_ISSUER } from '../identity/principal.ts'
import { MAX_TOKEN_LIFETIME } from '../targets/contract.ts'
import type { Revocation } from '../tokens/revocations.ts'

/** What a block is put in force with. */
export interface Blocking {
  readonly store: StateStore
  readonly snapshots: { atLeast(version: number): Promise<Pick<Snapshot, 'blocked'>> }
  readonly records: Pick<RecordReader, 'liveLineages' | 'unexpired'>
}

export interface Blocked {
  readonly version: number
  /** What living tokens were taken back, and of how many chains of exchanges. */
  readonly tokens: number
  readonly lineages: number
}

/** A block is in force, but what was issued before it could not be looked for. */
export class LineagesNotRevoked extends Error {
  readonly block: Block

  constructor(block: Block, cause: unknown) {
    super(`block ${block.id} is in force, but the tokens that were issued before it could not be taken back`, { cause })
    this.name = 'LineagesNotRevoked'
    this.block = block
  }
}

/**
 * Two changes, one after the other. The first puts the block in force, which takes no longer than any other change. When it
 * is committed, nothing that was decided without it can be committed any more (documents/contract.ts, StateStore), so the
 * record then holds everything that what is blocked will ever have had a part in; what is found there is revoked by the
 * second. Only then is the block acknowledged: no token escapes, however many are being issued, and no exchange ever waits
 * for the search. Others may go on with a lineage until the second change; what they get is of the lineage, and goes with it.
 */
export async function block(block: Block, now: number, blocking: Blocking): Promise<Blocked> {
  const { store, snapshots } = blocking
  const thing = blockedThing(block)
  const { version } = await store.change(() =>
    changeOf(block.author, `${thing} blocked: ${block.reason}`, { putBlocks: [block] }),
  )
  try {
    const { blocked } = await snapshots.atLeast(version)
    const found = await lineagesOf(block, blocked.only(block.id), now, blocking)
    const tokens = found.reduce((sum, lineage) => sum + lineage.tokens, 0)
    if (found.length === 0) return { version, tokens: 0, lineages: 0 }
    const putRevocations = found.map((lineage) => revocationOf(lineage, block))
    const message = `${found.length} lineages with ${thing} revoked: ${block.reason}`
    const done = await store.change(() => changeOf(block.author, message, { putRevocations }))
    await snapshots.atLeast(done.version)
    return { version: done.version, tokens, lineages: found.length }
  } catch (error) {
    throw new LineagesNotRevoked(block, error)
  }
}

/** Lifts a block; undefined where there is none of the id. What it has taken back stays taken back. */
export async function unblock(
  id: string,
  author: string,
  { store, snapshots }: Omit<Blocking, 'records'>,
): Promise<{ readonly version: number; readonly block: Block } | undefined> {
  let lifted: Block | undefined
  const { version } = await store.change(({ blocks }) => {
    lifted = blocks.find((one) => one.id === id)
    return lifted === undefined
      ? undefined
      : changeOf(author, `${blockedThing(lifted)} no longer blocked`, { removeBlocks: [id] })
  })
  if (lifted === undefined) return undefined
  await snapshots.atLeast(version).catch(() => undefined)
  return { version, block: lifted }
}

const changeOf = (author: string, message: string, what: Partial<StateChange>): StateChange => ({
  author,
  message,
  put: [],
  delete: [],
  putKeys: [],
  changes: [],
  ...what,
})

const revocationOf = ({ lineage, until }: LiveLineage, { id, reason, author, at }: Block): Revocation => ({
  what: 'lineage',
  value: lineage,
  at,
  until,
  reason: `block ${id}: ${reason}`,
  author,
})

/** The chains of exchanges that have living tokens and what is blocked in them. */
async function lineagesOf(
  block: Block,
  only: Blocks,
  now: number,
  { records }: Blocking,
): Promise<readonly LiveLineage[]> {
  const { what, value, at } = block
  if (what === 'lineage') {
    const tokens = await records.unexpired('lineage', value, now)
    return [{ lineage: value, tokens, until: at + MAX_TOKEN_LIFETIME }]
  }
  // Judged at the moment of the block: it may be over before its search is.
  const spelt = new Set<string>()
  const meant = (record: ExchangeRecord): boolean => {
    const named = namedIn(record)
    if (what === 'tokenHash')
      for (const { id, hashes } of named.credentials) if (hashes().includes(value)) spelt.add(id)
    return only.meeting(named, at) !== undefined
  }
  const found = await records.liveLineages({ texts: only.texts(), meant, ...directOf(block) }, now)
  if (spelt.size === 0) return found
  // The same credential may have come in another spelling, which has another hash and the same id (T11).
  const ids = blockIndex([...spelt].map((id) => ({ ...block, what: 'jti' as const, value: id })))
  const others = await records.liveLineages(
    { texts: ids.texts(), meant: (record) => ids.meeting(namedIn(record), at) !== undefined },
    now,
  )
  return [...new Map([...found, ...others].map((lineage) => [lineage.lineage, lineage])).values()]
}

/** Where a column of the record says by itself that the block meets it. Of the token that was issued, there is nothing but columns. */
function directOf({ what, value, issuer }: Block): Pick<LineageSearch, 'direct'> {
  const issued = (what === 'jti' || what === 'tokenHash') && issuer === SELF_ISSUER
  return issued || what === 'subject' || what === 'client' || what === 'issuer'
    ? { direct: { column: what, value } }
    : {}
}
