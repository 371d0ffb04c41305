import type { Snapshot } from '../documents/contract.ts'

/** Seconds after which whoever validates our JWT-SVIDs asks again (S-87); new keys are published for longer than that before they sign (S-88). */
export const REFRESH_HINT = 300

/** What JWT-SVIDs are signed with: EdDSA is not among it (S-41). */
const ALGORITHMS: ReadonlySet<unknown> = new Set(['ES256', 'RS256'])

/**
 * Our SPIFFE bundle (Trust Domain and Bundle §4): the signing keys as others validate our JWT-SVIDs by them (S-49). The
 * version of the documents numbers it: whatever changes the keys makes a higher one, in every process the same.
 */
export function bundle({ keyring, version }: Pick<Snapshot, 'keyring' | 'version'>) {
  const keys = keyring.published.keys
    .filter(({ alg }) => ALGORITHMS.has(alg))
    .map(({ alg: _, ...key }) => ({ ...key, use: 'jwt-svid' }))
  return { keys, spiffe_sequence: version, spiffe_refresh_hint: REFRESH_HINT }
}
