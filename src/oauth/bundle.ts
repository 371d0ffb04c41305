import type { Snapshot } from '../documents/contract.ts'

/** Seconds after which whoever validates our SVIDs asks again (S-87); new keys are published for longer than that before they sign (S-88). */
export const REFRESH_HINT = 300

/**
 * Our SPIFFE bundle (Trust Domain and Bundle §4): the keys of our JWT-SVIDs and WIT-SVIDs, which sign nothing else (S-49,
 * S-62), without `alg`, as bundles have them. The version of the documents numbers it: whatever changes the keys makes a
 * higher one, in every process the same.
 */
export function bundle({ keyring, version }: Pick<Snapshot, 'keyring' | 'version'>) {
  const keys = keyring.bundled.keys.map(({ alg: _, ...key }) => key)
  return { keys, spiffe_sequence: version, spiffe_refresh_hint: REFRESH_HINT }
}
