import type { VerificationKey } from '../lib/jwk.ts'

/** Keys of one issuer, ready to be asked. Immutable. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** The key for a header's `kid` and algorithm. Without `kid`, only where exactly one key fits (T4). */
  pick(kid: string | undefined, algorithm: string): VerificationKey | undefined
}

export function keySet(keys: readonly VerificationKey[]): KeySet {
  const byKid = new Map<string, VerificationKey>()
  const byAlgorithm = new Map<string, VerificationKey | undefined>()
  for (const key of keys) {
    if (key.kid !== undefined) byKid.set(key.kid, key)
    for (const name of key.algorithms) byAlgorithm.set(name, byAlgorithm.has(name) ? undefined : key)
  }
  return Object.freeze({
    keys,
    pick(kid: string | undefined, algorithm: string) {
      if (kid === undefined) return byAlgorithm.get(algorithm)
      const key = byKid.get(kid)
      return key?.algorithms.has(algorithm) === true ? key : undefined
    },
  })
}

/** Whether two sets have no key in common: a rotation keeps some, a hijack keeps none (T6). */
export function replacesAll(before: KeySet, after: KeySet): boolean {
  const known = new Set(before.keys.map((key) => key.thumbprint))
  return !after.keys.some((key) => known.has(key.thumbprint))
}
