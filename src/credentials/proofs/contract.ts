/**
 * proofs/ owns the proofs of possession that a request brings beside a credential: a WIMSE proof token, an HTTP message
 * signature, a DPoP proof, a proof for a client attestation; and the `cnf` claim that says which key must be proven. Each
 * is a pure function: plain values and `now` in, what was proven out, or a Refusal `proof_invalid` (`dpop_invalid` for
 * DPoP). Whose the credential is, its kind has verified before (kinds/); which proofs a request must bring is
 * possession's affair; that a mark is used once is the record's.
 */
import type { VerificationKey } from '../../lib/jwk.ts'

/** The credential whose key is proven, verified before anything of its proof is read (W-41, W-61). */
export interface ProofOf {
  /** The credential as presented. */
  readonly token: string
  readonly key: VerificationKey
  /** The `alg` of its `cnf.jwk`: the only algorithm that the proof may use. */
  readonly algorithm: string
}

/** Where the proof was brought. All of it is configuration, never what the request says of itself (W-42, DP-03, T16). */
export interface AtEndpoint {
  /** Our own URLs of this endpoint: the public one, and its mTLS alias where there is one (CB-08). */
  readonly endpoints: readonly string[]
  readonly issuer: string
  /** Seconds since the epoch. */
  readonly now: number
  /** base64url digest of the body's bytes. */
  bodyDigest(hash: 'sha256' | 'sha512'): string
}

/** Nonces that we hand out for DPoP proofs: who puts one in shows that the proof was made for us, and not before (RFC 9449 §8, DP-13). */
export interface DpopNonces {
  /** Whether a proof without one is refused. */
  readonly required: boolean
  /** The one for a client's next proof. Times are seconds since the epoch. */
  fresh(now: number): string
  /** Until when a proof with it may be taken; undefined where it is none of ours, or its time is over. */
  lastSecond(nonce: string, now: number): number | undefined
}

/** A proof that holds, and the mark by which it is taken once. */
export interface Proven {
  readonly mark: ProofMark
}

export interface ProofMark {
  /** One name space for each kind of proof, so that none can spend the mark of another (RP-04, T10). */
  readonly purpose: 'wpt' | 'http-signature' | 'dpop' | 'attestation-pop'
  /** RFC 7638 thumbprint of the key: a stranger cannot spend a mark before its owner. */
  readonly issuer: string
  readonly id: string
  /** The last second at which the proof could be accepted. */
  readonly until: number
}
