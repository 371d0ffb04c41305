import type { VerificationKey } from '../lib/jwk.ts'
import type { Anchors } from './contract.ts'

/** Keys of one issuer, ready to be asked. Immutable. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** Of an issuer whose credentials are certificates; else there are none. */
  readonly anchors: Anchors
  /** What the set holds, whatever its order: sets of one content are one set. */
  readonly names: ReadonlySet<string>
  /** The key for a header's `kid` and algorithm. Without `kid`, only where exactly one key fits (T4). */
  pick(kid: string | undefined, algorithm: string): VerificationKey | undefined
}

export const NO_ANCHORS: Anchors = Object.freeze({ certificates: Object.freeze([]), intermediates: Object.freeze([]) })

export function keySet(keys: readonly VerificationKey[], anchors: Anchors = NO_ANCHORS): KeySet {
  const byKid = new Map<string, VerificationKey>()
  const byAlgorithm = new Map<string, VerificationKey | undefined>()
  for (const key of keys) {
    if (key.kid !== undefined) byKid.set(key.kid, key)
    for (const name of key.algorithms) byAlgorithm.set(name, byAlgorithm.has(name) ? undefined : key)
  }
  return Object.freeze({
    keys,
    anchors,
    names: new Set([
      ...keys.map(({ kid, thumbprint, algorithms }) => JSON.stringify([thumbprint, kid ?? null, ...algorithms])),
      ...anchors.certificates.map(({ fingerprint }) => fingerprint),
    ]),
    pick(kid: string | undefined, algorithm: string) {
      if (kid === undefined) return byAlgorithm.get(algorithm)
      const key = byKid.get(kid)
      return key?.algorithms.has(algorithm) === true ? key : undefined
    },
  })
}

/** Whether two sets hold the same. */
export const isSame = (one: KeySet, other: KeySet): boolean => one.names.symmetricDifference(other.names).size === 0

/** Whether two sets have nothing in common: a rotation keeps some, a hijack keeps none (T6). */
export function replacesAll(before: KeySet, after: KeySet): boolean {
  const known = new Set(materialOf(before))
  return !materialOf(after).some((name) => known.has(name))
}

const materialOf = ({ keys, anchors }: KeySet): string[] => [
  ...keys.map((key) => key.thumbprint),
  ...anchors.certificates.map((certificate) => certificate.fingerprint),
]
