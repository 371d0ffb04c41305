import type { KeyRole, StoredKey } from '../keys/contract.ts'
import type { Keys } from '../keys/keyring.ts'
import { isOf, planRotation } from '../keys/rotation.ts'
import type { TargetIndex } from '../targets/contract.ts'
import type { TokenKind } from '../tokens/contract.ts'
import { STATUS_ALGORITHM } from '../tokens/status-lists.ts'
import type { StateStore } from './contract.ts'

const STATUS_ROLE: KeyRole = { use: 'sig', algorithm: STATUS_ALGORITHM }

/** What tokens for the targets, and the lists of their statuses, are signed with, each once: for each there must be a key. */
export function keyRolesOf(targets: TargetIndex, tokenKinds: readonly TokenKind[]): readonly KeyRole[] {
  const uses = new Map(tokenKinds.map(({ name, keyUse = 'sig' }) => [name, keyUse]))
  const roles: KeyRole[] = []
  const add = (role: KeyRole) => {
    if (!roles.some((known) => isOf(known, role))) roles.push(role)
  }
  for (const target of targets.all()) {
    for (const { kind, algorithm, revocable } of target.tokens) {
      add({ use: uses.get(kind) ?? 'sig', algorithm })
      if (revocable) add(STATUS_ROLE)
    }
  }
  return roles
}

/** Keys to make so that every role has one from the moment that the documents are in force. `now` in seconds. */
export function firstKeys(
  keys: Keys,
  stored: readonly StoredKey[],
  roles: readonly KeyRole[],
  now: number,
): readonly StoredKey[] {
  const missing = roles.filter((role) => !stored.some((key) => isOf(key, role) && key.retiredAt === undefined))
  return missing.map((role) => keys.create(role, now, now))
}

/**
 * Lets the signing keys follow one another: what the schedule asks for now, and for the roles that are `early` a successor
 * at once, which is published before it signs all the same (I5). A change like any other: versioned and in the history.
 * Answers the keys that were made and the version that has them; changes nothing where nothing is due.
 */
export async function rotateKeys(
  store: StateStore,
  keys: Keys,
  options: {
    readonly wanted: readonly KeyRole[]
    readonly now: number
    readonly author: string
    readonly early?: (role: KeyRole) => boolean
  },
): Promise<{ readonly version: number; readonly made: readonly StoredKey[] }> {
  const { wanted, now, author, early } = options
  let made: readonly StoredKey[] = []
  const { version } = await store.change((state) => {
    const plan = planRotation(state.keys, wanted, now, undefined, early)
    made = plan.create.map(({ activeAt, ...role }) => keys.create(role, now, activeAt))
    if (made.length + plan.change.length + plan.remove.length === 0) return undefined
    return {
      author,
      message: describe(made, plan.change, plan.remove),
      put: [],
      delete: [],
      putKeys: [...made, ...plan.change],
      removeKeys: plan.remove,
      changes: [],
    }
  })
  return { version, made }
}

function describe(made: readonly StoredKey[], changed: readonly StoredKey[], removed: readonly string[]): string {
  const parts = [
    ...made.map((key) => `new ${key.algorithm} key ${key.kid}${forUse(key)}`),
    ...changed.map((key) => `${key.algorithm} key ${key.kid}${forUse(key)} has signed its last`),
    ...removed.map((kid) => `key ${kid} leaves the published set`),
  ]
  return `signing keys: ${parts.join('; ')}`
}

/** What a key is for, where that is not what most are for. */
const forUse = ({ use }: KeyRole): string => (use === 'sig' ? '' : ` for ${use}`)
