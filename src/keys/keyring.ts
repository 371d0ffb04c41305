import { readJwk } from '../lib/jwk.ts'
import {
  type KeyBackend,
  type KeyRole,
  type Keyring,
  type PublicKeys,
  type Signer,
  type SigningUse,
  type StoredKey,
  signingUses,
} from './contract.ts'
import type { KeyEncryption } from './wrapping.ts'

/** Makes and opens signing keys through the registered backends. Opened keys are kept by name, so that a new snapshot costs nothing. */
export class Keys {
  readonly #backends: ReadonlyMap<string, KeyBackend>
  readonly #encryption: KeyEncryption
  readonly #opened = new Map<string, Signer>()

  constructor(backends: readonly KeyBackend[], encryption: KeyEncryption) {
    this.#backends = new Map(backends.map((backend) => [backend.name, backend]))
    this.#encryption = encryption
  }

  /** A new key, to be stored. Times in seconds since the epoch. */
  create({ use, algorithm }: KeyRole, now: number, activeAt: number, backend = 'local'): StoredKey {
    const { kid, publicJwk, wrapped } = this.#backend(backend).create(algorithm, this.#encryption, thumbprintOf)
    return {
      kid,
      use,
      algorithm,
      publicJwk: { ...publicJwk, use: signingUses[use] },
      backend,
      wrapped,
      createdAt: now,
      activeAt,
      retiredAt: undefined,
      removeAt: undefined,
    }
  }

  /** The keyring over stored keys. Throws where one cannot be opened: better no new snapshot than one that cannot sign. */
  open(stored: readonly StoredKey[]): Keyring {
    const signers = new Map<string, { readonly activeAt: number; readonly signer: Signer }[]>()
    for (const key of stored) {
      const entry = { activeAt: key.activeAt, signer: this.#open(key) }
      const list = signers.get(roleName(key.use, key.algorithm))
      if (list === undefined) signers.set(roleName(key.use, key.algorithm), [entry])
      else list.push(entry)
    }
    for (const list of signers.values()) list.sort((one, other) => other.activeAt - one.activeAt)
    return Object.freeze({
      stored,
      publicKeysOf: (of: SigningUse) => publicKeys(stored, ({ use }) => use === of),
      published: publicKeys(stored, ({ use }) => signingUses[use] === 'sig'),
      bundled: publicKeys(stored, ({ use }) => signingUses[use] !== 'sig'),
      signer(use: SigningUse, algorithm: string, now: number) {
        const entries = signers.get(roleName(use, algorithm))
        // Where this clock is behind the one that made the first key, that key is as good as begun.
        return (entries?.find((entry) => entry.activeAt <= now) ?? entries?.at(-1))?.signer
      },
    })
  }

  #open(key: StoredKey): Signer {
    const opened = this.#opened.get(key.kid) ?? this.#backend(key.backend).open(key, this.#encryption)
    this.#opened.set(key.kid, opened)
    return opened
  }

  #backend(name: string): KeyBackend {
    const backend = this.#backends.get(name)
    if (backend === undefined)
      throw new Error(`a signing key lives in the backend ${name}, which this server does not have`)
    return backend
  }
}

const roleName = (use: SigningUse, algorithm: string): string => `${use} ${algorithm}`

/** The public parts of such keys. */
const publicKeys = (stored: readonly StoredKey[], isMeant: (key: StoredKey) => boolean): PublicKeys =>
  Object.freeze({ keys: stored.filter(isMeant).map(({ publicJwk }) => publicJwk) })

/** RFC 7638 thumbprint: a kid that says which key it is wherever it is met. */
function thumbprintOf(publicJwk: Readonly<Record<string, unknown>>): string {
  const reading = readJwk(publicJwk)
  if ('fault' in reading) throw new Error(`a key that was just made ${reading.fault}`)
  return reading.key.thumbprint
}
