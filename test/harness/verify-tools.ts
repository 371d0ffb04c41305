import type { Carried, VerifyTools } from '../../src/credentials/contract.ts'
import { dpopNonces } from '../../src/credentials/dpop-nonces.ts'
import { possessionOf } from '../../src/credentials/possession.ts'
import type { VerificationKey } from '../../src/lib/jwk.ts'
import { Refusal } from '../../src/refusal.ts'
import { keySet } from '../../src/trust/key-set.ts'

const US = 'https://cambist.example'
/** Nonces that may come and need not. */
export const NONCES = dpopNonces([Buffer.alloc(32, 7)], { required: false })

/** What a kind is handed to verify with: keys of one set, and what the request carries, which is nothing where it is not said. */
export function verifyTools(options: {
  readonly now: number
  readonly token?: string
  readonly audiences?: readonly string[]
  readonly keys: readonly VerificationKey[]
  readonly anchors?: () => ReturnType<VerifyTools['keys']['anchors']>
  readonly carried?: Partial<Carried>
  readonly source?: VerifyTools['source']
  readonly references?: VerifyTools['references']
}): VerifyTools {
  const { now, token = '', audiences = [US], carried = {} } = options
  const set = keySet(options.keys)
  return {
    token,
    now,
    accepted: { audiences, several: false },
    keys: {
      find(_, kid, algorithm) {
        const key = set.pick(kid, algorithm)
        if (key === undefined) throw new Refusal('key_unknown', 'no such key')
        return key
      },
      anchors: options.anchors ?? (() => set.anchors),
    },
    references: options.references ?? { claimsOf: () => undefined },
    source: options.source ?? {
      async present() {
        throw new Refusal('status_unavailable', 'nobody is asked here')
      },
    },
    possession: possessionOf(
      { bodyDigest: () => '', ...carried },
      { endpoints: [`${US}/token`], nonces: NONCES, ourIssuer: US, now },
      () => {},
    ),
    ourIssuer: US,
  }
}
