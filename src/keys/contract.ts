/**
 * keys/ owns what we sign with: signers, the keyring with its published and active keys, their rotation, and the
 * backends that hold private keys. What is signed and for how long is tokens/.
 */
import type { KeyEncryption } from './wrapping.ts'

/** A key that signs. Local ones answer at once; a remote backend answers with a promise. */
export interface Signer {
  readonly kid: string
  /** A name of lib/algorithms.ts. */
  readonly algorithm: string
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** Where private keys live and sign. A new backend is one file in backends/ and one line in backends/index.ts. */
export interface KeyBackend {
  readonly name: string
  readonly summary: string
  /** Makes a key; `nameOf` gives the kid for its public JWK. */
  create(
    algorithm: string,
    encryption: KeyEncryption,
    nameOf: (publicJwk: Readonly<Record<string, unknown>>) => string,
  ): Pick<StoredKey, 'kid' | 'publicJwk' | 'wrapped'>
  /** Throws where the stored key cannot be opened. */
  open(key: StoredKey, encryption: KeyEncryption): Signer
}

/** A signing key as it is stored. Times are seconds since the epoch; `privateKey` is wrapped, never plain. */
export interface StoredKey {
  readonly kid: string
  readonly algorithm: string
  /** Public JWK with `kid`, `alg`, `use: sig`. */
  readonly publicJwk: Readonly<Record<string, unknown>>
  /** What the backend needs to sign: for `local`, the wrapped PKCS#8 (compact text of keys/backends/local.ts). */
  readonly backend: string
  readonly wrapped: string
  readonly createdAt: number
  /** From when it signs; it is published from its creation. */
  readonly activeAt: number
  /** When its successor took over; undefined while it has none. */
  readonly retiredAt: number | undefined
  /** When it leaves `/jwks`: the last token it signed has expired by then. */
  readonly removeAt: number | undefined
}

/** The signing keys of one snapshot. */
export interface Keyring {
  /** The signer for an algorithm at a time (seconds), or undefined where no key of that algorithm is active. */
  signer(algorithm: string, now: number): Signer | undefined
  /** The JWK Set that `/jwks` answers with. */
  readonly published: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  readonly stored: readonly StoredKey[]
}
