import { readJwk } from '../lib/jwk.ts'
import type { KeyBackend, Keyring, Signer, StoredKey } from './contract.ts'
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

  /** A new key of the algorithm, to be stored. Times in seconds since the epoch. */
  create(algorithm: string, now: number, activeAt: number, backend = 'local'): StoredKey {
    const made = this.#backend(backend).create(algorithm, this.#encryption, thumbprintOf)
    return { ...made, algorithm, backend, createdAt: now, activeAt, retiredAt: undefined, removeAt: undefined }
  }

  /** The keyring over stored keys. Throws where one cannot be opened: better no new snapshot than one that cannot sign. */
  open(stored: readonly StoredKey[]): Keyring {
    const signers = new Map<string, { readonly activeAt: number; readonly signer: Signer }[]>()
    for (const key of stored) {
      const entry = { activeAt: key.activeAt, signer: this.#open(key) }
      const list = signers.get(key.algorithm)
      if (list === undefined) signers.set(key.algorithm, [entry])
      else list.push(entry)
    }
    for (const list of signers.values()) list.sort((one, other) => other.activeAt - one.activeAt)
    return Object.freeze({
      stored,
      published: Object.freeze({ keys: stored.map((key) => key.publicJwk) }),
      signer(algorithm: string, now: number) {
        const entries = signers.get(algorithm)
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

/** RFC 7638 thumbprint: a kid that says which key it is wherever it is met. */
function thumbprintOf(publicJwk: Readonly<Record<string, unknown>>): string {
  const reading = readJwk(publicJwk)
  if ('fault' in reading) throw new Error(`a key that was just made ${reading.fault}`)
  return reading.key.thumbprint
}
