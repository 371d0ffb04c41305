import type { KeyRole, StoredKey } from './contract.ts'

/** How signing keys follow one another. All in seconds. */
export interface RotationRules {
  /** How long a key signs before its successor takes over. */
  readonly period: number
  /** How long a key is published before it signs, so that whoever caches the set has it (I5: at least 10 minutes). */
  readonly publishedBefore: number
  /** How long a key is published after it last signed: the longest life of a token, and the caches. */
  readonly publishedAfter: number
}

export const ROTATION: RotationRules = { period: 7 * 86_400, publishedBefore: 3600, publishedAfter: 86_400 + 3600 }

export interface RotationPlan {
  /** Keys to make: what for, and from when each signs. */
  readonly create: readonly (KeyRole & { readonly activeAt: number })[]
  /** Stored keys with changed dates. */
  readonly change: readonly StoredKey[]
  /** Names of keys whose time is over. */
  readonly remove: readonly string[]
}

/**
 * What has to happen to the keys now, given what targets sign with, each role once. Pure. A first key of a role signs at
 * once, for nobody can have cached a set without it that mattered; every later one is published first. Roles that are
 * `early` have a successor whatever the schedule says.
 */
export function planRotation(
  stored: readonly StoredKey[],
  wanted: readonly KeyRole[],
  now: number,
  rules: RotationRules = ROTATION,
  early: (role: KeyRole) => boolean = () => false,
): RotationPlan {
  const create: (KeyRole & { activeAt: number })[] = []
  for (const role of wanted) {
    const { use, algorithm } = role
    const newest = living(stored, role, now).at(-1)
    if (newest === undefined) create.push({ use, algorithm, activeAt: now })
    else if (early(role) || newest.activeAt + rules.period - rules.publishedBefore <= now) {
      if (newest.activeAt <= now) create.push({ use, algorithm, activeAt: now + rules.publishedBefore })
    }
  }
  const change: StoredKey[] = []
  for (const key of stored) {
    if (key.retiredAt !== undefined) continue
    const successor = stored.find((other) => isOf(other, key) && other.activeAt > key.activeAt && other.activeAt <= now)
    // A key that no target asks for any more has signed its last as well: the published sets say no more than they must.
    const retiredAt = wanted.some((role) => isOf(key, role)) ? successor?.activeAt : now
    if (retiredAt !== undefined) change.push({ ...key, retiredAt, removeAt: retiredAt + rules.publishedAfter })
  }
  const remove = stored.filter((key) => key.removeAt !== undefined && key.removeAt <= now).map((key) => key.kid)
  return { create, change, remove }
}

/** Whether a key is of a role. */
export const isOf = (key: KeyRole, role: KeyRole): boolean => key.use === role.use && key.algorithm === role.algorithm

/** Keys of the role that sign now or will, oldest first. */
function living(stored: readonly StoredKey[], role: KeyRole, now: number): readonly StoredKey[] {
  return stored
    .filter(
      (key) => isOf(key, role) && (key.removeAt === undefined || key.removeAt > now) && key.retiredAt === undefined,
    )
    .sort((one, other) => one.activeAt - other.activeAt)
}
