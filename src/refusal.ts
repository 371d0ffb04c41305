/**
 * Every reason an exchange can be refused: one closed list. The core knows reasons, the doors know how to say them
 * (oauth/refusals.ts is exhaustive over this list). A reason names a class of fault; `detail` tells the administrator
 * what exactly, goes to the record and never to the caller (T25, TE-63, TE-64).
 */
export const reasons = [
  // the request
  'body_too_large',
  'body_malformed',
  'media_type',
  'parameter_in_query',
  'parameter_repeated',
  'parameter_missing',
  'parameter_malformed',
  'parameter_too_long',
  'parameter_unexpected',
  'grant_unsupported',
  'token_type_unsupported',
  'requested_type_unsupported',
  'certificate_header',
  'proof_invalid',
  'dpop_invalid',
  'dpop_nonce',
  // the client
  'authentication_scheme',
  'authentication_several',
  'client_unknown',
  'client_mismatch',
  'client_required',
  'client_disabled',
  'grant_not_allowed',
  // a credential
  'token_malformed',
  'token_type_mismatch',
  'algorithm_refused',
  'issuer_unknown',
  'issuer_ambiguous',
  'issuer_disabled',
  'position_refused',
  'key_unknown',
  'keys_unavailable',
  'signature_invalid',
  'token_unknown',
  'claim_missing',
  'claim_malformed',
  'expired',
  'not_yet_valid',
  'too_old',
  'too_long_lived',
  'audience_mismatch',
  'audience_several',
  'condition_refused',
  'tenant_refused',
  'subject_unmapped',
  'certificate_refused',
  'confirmation_unproven',
  'actor_claim_refused',
  'status_refused',
  'status_unavailable',
  'revoked',
  'blocked',
  'replayed',
  'grant_mismatch',
  // the target
  'target_required',
  'target_unknown',
  'target_closed',
  'target_combination',
  // the decision
  'denied',
  'forbidden',
  'scope_unknown',
  'scope_denied',
  'details_unknown',
  'details_denied',
  'delegation_denied',
  'may_act_mismatch',
  'change_denied',
  'binding_required',
  'authentication_insufficient',
  // the token
  'token_unfit',
  'no_lifetime_left',
  // ourselves
  'overloaded',
  'record_unavailable',
  'snapshot_unavailable',
  'internal',
] as const

export type Reason = (typeof reasons)[number]

/**
 * What of the request a refusal can be about, a credential or a proof of a key, with the word for it; the same fault is
 * `invalid_client` in one and `invalid_request` in another. `caller` is the client itself, however it was found.
 */
export const whatIsMeant = {
  client: 'client assertion',
  caller: 'client',
  subject: 'subject token',
  actor: 'actor token',
  assertion: 'assertion',
  administrator: 'token',
  proof: 'proof of possession',
  dpop: 'DPoP proof',
} as const
export type About = keyof typeof whatIsMeant

/** Thrown anywhere on the road to say no. Anything else that is thrown is our own fault. */
export class Refusal extends Error {
  readonly reason: Reason
  /** For the record only: what was wrong, in a sentence for the administrator. Never a token or a secret (I8). */
  readonly detail: string
  /** Seconds after which trying again makes sense, where it does. */
  readonly retryAfter: number | undefined
  /** Set by credentials/identify.ts for everything that is wrong with one credential. */
  about: About | undefined

  constructor(reason: Reason, detail: string, options: { retryAfter?: number; cause?: unknown } = {}) {
    super(`${reason}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Refusal'
    this.reason = reason
    this.detail = detail
    this.retryAfter = options.retryAfter
  }
}

/** What our own fault is to the caller. */
export const ownFailure = (cause: unknown): Refusal =>
  new Refusal('internal', 'an error of our own; the log has it under this id', { cause })

/** What is said while the database is away, to whoever may come back in a second. */
export const recordUnavailable = (detail: string, cause?: unknown): Refusal =>
  new Refusal('record_unavailable', detail, { retryAfter: 1, cause })
