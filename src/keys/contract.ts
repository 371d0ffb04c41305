/**
 * keys/ owns what we sign with: signers, the keyring with its published and active keys, their rotation, and the backends
 * that hold private keys; and keys for other purposes that are derived from the key-encryption keys. What is signed and for
 * how long is tokens/.
 */
import type { KeyEncryption } from './wrapping.ts'

/**
 * What a key signs, and what its JWK says of that (`use`): a key of one use signs nothing of another, so that no token passes
 * for one of another kind, and a key that is lost costs no more than its own (T39, JB-08). Those whose JWK says `sig` are in
 * `/jwks`; the others are in our SPIFFE bundle alone.
 */
export const signingUses = {
  /** Whatever has no use of its own: access tokens, grants, statements about tokens. */
  sig: 'sig',
  /** Transaction tokens (TX-70). */
  txn: 'sig',
  'jwt-svid': 'jwt-svid',
  'wit-svid': 'wit-svid',
} as const satisfies Readonly<Record<string, 'sig' | SvidUse>>
export type SigningUse = keyof typeof signingUses
type SvidUse = 'jwt-svid' | 'wit-svid'

/** A key that is needed: what for, and of which algorithm. Keys of one role follow one another. */
export interface KeyRole {
  readonly use: SigningUse
  readonly algorithm: string
}

/** Keys of a use and of an algorithm, where they are said; of all where not. */
export type KeyChoice = { readonly [part in keyof KeyRole]?: KeyRole[part] | undefined }

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
  /** Makes a key; `nameOf` gives the kid for its public JWK, which has `alg` and no `use`. */
  create(
    algorithm: string,
    encryption: KeyEncryption,
    nameOf: (publicJwk: Readonly<Record<string, unknown>>) => string,
  ): Pick<StoredKey, 'kid' | 'publicJwk' | 'wrapped'>
  /** Throws where the stored key cannot be opened. */
  open(key: StoredKey, encryption: KeyEncryption): Signer
}

/** A signing key as it is stored. Times are seconds since the epoch; `privateKey` is wrapped, never plain. */
export interface StoredKey extends KeyRole {
  readonly kid: string
  /** Public JWK with `kid`, `alg` and the `use` that signingUses has for it. */
  readonly publicJwk: Readonly<Record<string, unknown>>
  /** What the backend needs to sign: for `local`, the wrapped PKCS#8 (compact text of keys/backends/local.ts). */
  readonly backend: string
  readonly wrapped: string
  readonly createdAt: number
  /** From when it signs; it is published from its creation. */
  readonly activeAt: number
  /** When its successor took over; undefined while it has none. */
  readonly retiredAt: number | undefined
  /** When it is published no longer: the last token it signed has expired by then. */
  readonly removeAt: number | undefined
}

/** The signing keys of one snapshot. */
export interface Keyring {
  /** The signer for a use and an algorithm at a time (seconds), or undefined where there is no such key. */
  signer(use: SigningUse, algorithm: string, now: number): Signer | undefined
  /** The keys of one use: no others verify what is signed for it. */
  publicKeysOf(use: SigningUse): PublicKeys
  /** The JWK Set that `/jwks` answers with. */
  readonly published: PublicKeys
  /** The keys of our SPIFFE bundle. */
  readonly bundled: PublicKeys
  readonly stored: readonly StoredKey[]
}

export interface PublicKeys {
  readonly keys: readonly Readonly<Record<string, unknown>>[]
}
