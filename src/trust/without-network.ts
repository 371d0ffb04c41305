import { Refusal } from '../refusal.ts'
import type { CredentialSource, KeyFinder, StatusChecks, TrustedIssuer } from './contract.ts'
import type { KeySet } from './key-set.ts'
import { isWritten } from './key-sets.ts'
import { named } from './trust-index.ts'

/** What would have been asked on the road, and was not. */
export interface Unasked {
  readonly issuer: string
  /** Its keys; its word on a credential (`onlineCheck`); its word on who has signed. */
  readonly what: 'keys' | 'status' | 'signer'
}

interface WithoutNetwork {
  readonly keys: KeyFinder
  readonly status: StatusChecks
  readonly source: CredentialSource
}

/**
 * Trust by what is here already, for judging by documents that are not in force: whoever writes a draft must not be able
 * to send this server anywhere (T26). `onUnasked` hears of everything that a fetch would have had to answer.
 */
export function withoutNetwork(
  known: { inMemory(issuer: TrustedIssuer): KeySet | undefined },
  onUnasked: (unasked: Unasked) => void,
): WithoutNetwork {
  const answer = <T>(issuer: TrustedIssuer, pick: (set: KeySet) => T | undefined, what: string): T => {
    const set = known.inMemory(issuer)
    const found = set === undefined ? undefined : pick(set)
    if (found !== undefined) return found
    if (isWritten(issuer.keys)) throw new Refusal('key_unknown', `${named(issuer)} does not have ${what}`)
    onUnasked({ issuer: issuer.name, what: 'keys' })
    throw new Refusal(
      'keys_unavailable',
      `${named(issuer)} would have to be asked for ${what}, and a draft causes no fetch; explain without the draft, or write the key into it`,
    )
  }
  return {
    keys: {
      find: (issuer, kid, algorithm) =>
        answer(
          issuer,
          (set) => set.pick(kid, algorithm),
          kid === undefined ? `one key for ${algorithm}` : `key ${JSON.stringify(kid)} for ${algorithm}`,
        ),
      anchors: (issuer) =>
        answer(
          issuer,
          ({ anchors }) => (anchors.certificates.length > 0 ? anchors : undefined),
          'a certificate that a path could end at',
        ),
    },
    status: {
      check({ name, onlineCheck }) {
        if (onlineCheck !== undefined) onUnasked({ issuer: name, what: 'status' })
      },
    },
    source: {
      present(issuer) {
        onUnasked({ issuer: issuer.name, what: 'signer' })
        const detail = `${named(issuer)} would have to be asked who signed, and a draft causes no fetch`
        return Promise.reject(new Refusal('status_unavailable', detail))
      },
    },
  }
}
