import type { StoredKey } from '../keys/contract.ts'
import type { Keys } from '../keys/keyring.ts'
import { planRotation } from '../keys/rotation.ts'
import { STATUS_ALGORITHM } from '../tokens/status-lists.ts'
import type { Compiled } from './compile.ts'
import type { Snapshot, StateStore } from './contract.ts'

/** The algorithms that targets have something signed with, tokens or the lists of their statuses: for each there must be a key. */
export function algorithmsOf({ targets }: Pick<Compiled | Snapshot, 'targets'>): ReadonlySet<string> {
  const algorithms = new Set<string>()
  for (const target of targets.all()) {
    for (const { algorithm, revocable } of target.tokens) {
      algorithms.add(algorithm)
      if (revocable) algorithms.add(STATUS_ALGORITHM)
    }
  }
  return algorithms
}

/** Keys to make so that every algorithm has one from the moment that the documents are in force. `now` in seconds. */
export function firstKeys(
  keys: Keys,
  stored: readonly StoredKey[],
  algorithms: ReadonlySet<string>,
  now: number,
): readonly StoredKey[] {
  const missing = [...algorithms].filter(
    (algorithm) => !stored.some((key) => key.algorithm === algorithm && key.retiredAt === undefined),
  )
  return missing.map((algorithm) => keys.create(algorithm, now, now))
}

/**
 * Lets the signing keys follow one another: what the schedule asks for now, and for the algorithms in `early` a successor
 * at once, which is published before it signs all the same (I5). A change like any other: versioned and in the history.
 * Answers the keys that were made and the version that has them; changes nothing where nothing is due.
 */
export async function rotateKeys(
  store: StateStore,
  keys: Keys,
  options: {
    readonly wanted: ReadonlySet<string>
    readonly now: number
    readonly author: string
    readonly early?: ReadonlySet<string>
  },
): Promise<{ readonly version: number; readonly made: readonly StoredKey[] }> {
  const { wanted, now, author, early } = options
  let made: readonly StoredKey[] = []
  const { version } = await store.change((state) => {
    const plan = planRotation(state.keys, wanted, now, undefined, early)
    made = plan.create.map(({ algorithm, activeAt }) => keys.create(algorithm, now, activeAt))
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
    ...made.map((key) => `new ${key.algorithm} key ${key.kid}`),
    ...changed.map((key) => `${key.algorithm} key ${key.kid} has signed its last`),
    ...removed.map((kid) => `key ${kid} leaves the published set`),
  ]
  return `signing keys: ${parts.join('; ')}`
}
