import type { StoredKey } from './contract.ts'

/** How signing keys follow one another. All in seconds. */
export interface RotationRules {
  /** How long a key signs before its successor takes over. */
  readonly period: number
  /** How long a key stands in `/jwks` before it signs, so that whoever caches the set has it (I5: at least 10 minutes). */
  readonly publishedBefore: number
  /** How long a key stands in `/jwks` after it last signed: the longest life of a token, and the caches. */
  readonly publishedAfter: number
}

export const ROTATION: RotationRules = { period: 7 * 86_400, publishedBefore: 3600, publishedAfter: 86_400 + 3600 }

export interface RotationPlan {
  /** Keys to make: the algorithm, and from when each signs. */
  readonly create: readonly { readonly algorithm: string; readonly activeAt: number }[]
  /** Stored keys with changed dates. */
  readonly change: readonly StoredKey[]
  /** Names of keys whose time is over. */
  readonly remove: readonly string[]
}

/**
 * What has to happen to the keys now, given the algorithms that targets sign with. Pure. A first key of an algorithm signs
 * at once, for nobody can have cached a set without it that mattered; every later one is published first.
 */
export function planRotation(
  stored: readonly StoredKey[],
  wanted: ReadonlySet<string>,
  now: number,
  rules: RotationRules = ROTATION,
  early: ReadonlySet<string> = new Set(),
): RotationPlan {
  const create: { algorithm: string; activeAt: number }[] = []
  for (const algorithm of wanted) {
    const keys = living(stored, algorithm, now)
    const newest = keys.at(-1)
    if (newest === undefined) create.push({ algorithm, activeAt: now })
    else if (early.has(algorithm) || newest.activeAt + rules.period - rules.publishedBefore <= now) {
      if (newest.activeAt <= now) create.push({ algorithm, activeAt: now + rules.publishedBefore })
    }
  }
  const change: StoredKey[] = []
  for (const key of stored) {
    if (key.retiredAt !== undefined) continue
    const successor = stored.find(
      (other) => other.algorithm === key.algorithm && other.activeAt > key.activeAt && other.activeAt <= now,
    )
    // A key of an algorithm that no target asks for any more has signed its last as well: the published set says no more than it must.
    const retiredAt = wanted.has(key.algorithm) ? successor?.activeAt : now
    if (retiredAt !== undefined) change.push({ ...key, retiredAt, removeAt: retiredAt + rules.publishedAfter })
  }
  const remove = stored.filter((key) => key.removeAt !== undefined && key.removeAt <= now).map((key) => key.kid)
  return { create, change, remove }
}

/** Keys of the algorithm that sign now or will, oldest first. */
function living(stored: readonly StoredKey[], algorithm: string, now: number): readonly StoredKey[] {
  return stored
    .filter(
      (key) =>
        key.algorithm === algorithm &&
        (key.removeAt === undefined || key.removeAt > now) &&
        key.retiredAt === undefined,
    )
    .sort((one, other) => one.activeAt - other.activeAt)
}
