import type { LivingToken } from '../audit/reading.ts'
import type { StateChange } from '../documents/contract.ts'
import { Refusal, recordUnavailable } from '../refusal.ts'
import { nameOf, type Revocation } from '../tokens/revocations.ts'
import type { Revoking } from './contract.ts'

/** A token of ours as its record knows it. */
export interface IssuedToken {
  readonly id: string
  readonly lineage: string
}

/** On whose word, and why. `at` is seconds since the epoch. */
export interface RevokedBy {
  readonly author: string
  readonly reason: string
  readonly message: string
  readonly at: number
}

export interface RevokedTokens {
  readonly version: number
  /** Whether anything had to be written. */
  readonly changed: boolean
  /** Tokens that were made from the named one and lived, over however many hops. */
  readonly under: number
}

/** Whether a token begins its lineage, so that everything in the lineage was made from it. */
export const isFirst = ({ id, lineage }: IssuedToken): boolean => id === lineage

/**
 * Takes back what is named and everything that was made from the token, over hops. The first change puts what is named in
 * force. When it is committed nothing more can be made from that (documents/contract.ts, StateStore), so that the record
 * then has all of its children; they are revoked by the next change, before which children of theirs may still be made; and
 * so on, until nothing new is found. A token that begins its lineage needs one change, since its lineage is all of that.
 * Writes nothing that stands already, unless `again`. Throws Refusal `record_unavailable` where the database is away.
 */
export async function revokeWithAll(
  named: readonly Revocation[],
  token: IssuedToken | undefined,
  by: RevokedBy,
  revoking: Revoking,
  { again = false } = {},
): Promise<RevokedTokens> {
  let { version, changed } = await put(named, by, revoking, again)
  if (token === undefined || isFirst(token)) return { version, changed, under: 0 }
  const dead = new Set([token.id])
  for (;;) {
    const found = madeFrom(dead, await livingIn(token.lineage, by.at, revoking))
    if (found.length === 0) return { version, changed, under: dead.size - 1 }
    const further = await put(
      found.map((each) => revocationOf(each, by)),
      by,
      revoking,
      false,
    )
    version = further.version
    changed ||= further.changed
    for (const { id } of found) dead.add(id)
  }
}

/** Those of a lineage that were made from one of these, or from one that was. The record has a token before what is made from it. */
function madeFrom(dead: ReadonlySet<string>, lineage: readonly LivingToken[]): readonly LivingToken[] {
  const all = new Set(dead)
  const found: LivingToken[] = []
  for (const token of lineage) {
    if (all.has(token.id) || !token.parents.some((parent) => all.has(parent))) continue
    all.add(token.id)
    found.push(token)
  }
  return found
}

const revocationOf = ({ id, until }: LivingToken, { at, reason, author }: RevokedBy): Revocation => ({
  what: 'jti',
  value: id,
  at,
  until,
  reason,
  author,
})

async function put(
  revocations: readonly Revocation[],
  { author, message }: RevokedBy,
  { store, snapshots }: Revoking,
  again: boolean,
): Promise<{ readonly version: number; readonly changed: boolean }> {
  let changed = false
  const { version } = await store
    .change(({ revocations: standing }) => {
      const names = new Set(again ? [] : standing.map(({ what, value }) => nameOf(what, value)))
      const putRevocations = revocations.filter(({ what, value }) => !names.has(nameOf(what, value)))
      changed = putRevocations.length > 0
      return changed ? { ...NOTHING_ELSE, author, message, putRevocations } : undefined
    })
    .catch(unavailable('the revocation cannot be written now'))
  // So that whoever revokes and then asks here meets the revocation; it stands either way.
  await snapshots.atLeast(version).catch(() => undefined)
  return { version, changed }
}

const NOTHING_ELSE: Pick<StateChange, 'put' | 'delete' | 'putKeys' | 'changes'> = {
  put: [],
  delete: [],
  putKeys: [],
  changes: [],
}

const livingIn = (lineage: string, at: number, { records }: Revoking): Promise<readonly LivingToken[]> =>
  records
    .livingIn(lineage, at * 1000)
    .catch(unavailable('the token is revoked, but what was made from it cannot be looked for now; ask again'))

const unavailable =
  (detail: string) =>
  (cause: unknown): never => {
    throw cause instanceof Refusal ? cause : recordUnavailable(detail, cause)
  }
