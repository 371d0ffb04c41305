/**
 * keys/ owns what we sign with: signers, the keyring with its published and active keys, their rotation, and the
 * backends that hold private keys. What is signed and for how long is tokens/.
 */

/** A key that signs. Local ones answer at once; a remote backend answers with a promise. */
export interface Signer {
  readonly kid: string
  /** A name of lib/algorithms.ts. */
  readonly algorithm: string
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>
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
