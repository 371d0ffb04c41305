import type { About, Reason, Refusal } from '../refusal.ts'

/**
 * How a refusal is said on the wire: an OAuth error code, a status, and a fixed sentence that tells the workload what to
 * do (RFC 6749 §5.2, TE-60 to TE-63). Exhaustive: a new reason does not compile until it stands here. Reasons that differ
 * for the administrator share a sentence where the difference would tell a stranger about policy (T25).
 */
export interface Wire {
  readonly status: 400 | 401 | 413 | 415 | 503 | 500
  readonly error: string
  readonly description: string
}

const invalidRequest = (description: string, status: 400 | 413 | 415 = 400): Wire => ({
  status,
  error: 'invalid_request',
  description,
})
const invalidClient = (description: string): Wire => ({ status: 401, error: 'invalid_client', description })
const later = (description: string): Wire => ({ status: 503, error: 'temporarily_unavailable', description })

/** `#` stands for the credential that it is about. */
const NO_TARGET: Wire = {
  status: 400,
  error: 'invalid_target',
  description:
    'No token is issued to this client for this audience or resource. Check its spelling, or ask the administrator with this request id.',
}
const UNTRUSTED = invalidRequest(
  'The # is not accepted here. Check that it comes from the right issuer and names this server as its audience, or ask the administrator with this request id.',
)
const UNREADABLE = invalidRequest(
  'The # cannot be read. Send the compact token exactly as it was issued, without white space, and declare its right type.',
)
const UNVERIFIED = invalidRequest('The # does not verify. Get a fresh one from its issuer and send it unchanged.')
const NOT_ALLOWED = invalidRequest('Policy does not allow this exchange. Ask the administrator with this request id.')

const table: Readonly<Record<Reason, Wire>> = {
  body_too_large: invalidRequest('The request body is larger than 64 KiB.', 413),
  body_malformed: invalidRequest(
    'The request body is not a well-formed form. Send application/x-www-form-urlencoded in UTF-8.',
  ),
  media_type: invalidRequest('The Content-Type must be application/x-www-form-urlencoded.', 415),
  parameter_in_query: invalidRequest('OAuth parameters belong in the request body, not in the query of the URL.'),
  parameter_repeated: invalidRequest('A parameter is repeated. Only audience and resource may come more than once.'),
  parameter_missing: invalidRequest(
    'A required parameter is missing. A token exchange needs grant_type, subject_token and subject_token_type, actor_token needs actor_token_type, a transaction token needs audience and scope, and every other token that is no access token needs audience or resource; introspection and revocation need token.',
  ),
  parameter_malformed: invalidRequest('A parameter has a value that cannot be read.'),
  parameter_too_long: invalidRequest('A parameter is too long.'),
  parameter_unexpected: invalidRequest('A parameter is present that this grant, or this endpoint, does not take.'),
  grant_unsupported: {
    status: 400,
    error: 'unsupported_grant_type',
    description: 'This grant_type is not offered. The metadata lists those that are, in grant_types_supported.',
  },
  token_type_unsupported: invalidRequest(
    'The declared type of the # is not supported. For a JWT of another issuer use urn:ietf:params:oauth:token-type:jwt.',
  ),
  requested_type_unsupported: invalidRequest('The requested_token_type is not offered for this target.'),

  certificate_header: invalidRequest(
    'The request carries a client certificate in a header, which is taken from the proxies of this server alone, and once. Present the certificate by TLS.',
  ),
  proof_invalid: invalidClient(
    'The proof of possession does not hold. Make a fresh one for each request: for this URL, over the credential and the body as they are sent, with the key in the credential.',
  ),
  dpop_invalid: {
    status: 400,
    error: 'invalid_dpop_proof',
    description:
      'The DPoP proof does not hold. Make a fresh one for each request: htm POST, htu this URL, iat now, a new jti, and one DPoP header.',
  },
  dpop_nonce: {
    status: 400,
    error: 'use_dpop_nonce',
    description:
      'The DPoP proof needs a nonce of this server that is still good. Make a new proof with nonce as the header DPoP-Nonce of this answer says.',
  },

  authentication_scheme: invalidClient(
    'This way of client authentication is not offered. Leave the Authorization header out; authenticate with client_assertion.',
  ),
  authentication_several: invalidRequest(
    'The request authenticates the client in more than one way. Send one of client_assertion, Workload-Identity-Token and OAuth-Client-Attestation.',
  ),
  client_unknown: invalidClient('The client is not known here. Ask the administrator with this request id.'),
  client_mismatch: invalidClient('The client_id does not belong to the credential that was presented.'),
  client_required: invalidClient(
    'The request does not prove which client sends it. Add a client_assertion or an actor_token.',
  ),
  client_disabled: invalidClient('The client is not known here. Ask the administrator with this request id.'),
  grant_not_allowed: { status: 400, error: 'unauthorized_client', description: 'This client may not use this grant.' },

  token_malformed: UNREADABLE,
  token_type_mismatch: UNREADABLE,
  algorithm_refused: UNVERIFIED,
  issuer_unknown: UNTRUSTED,
  issuer_ambiguous: UNTRUSTED,
  issuer_disabled: UNTRUSTED,
  position_refused: UNTRUSTED,
  key_unknown: UNVERIFIED,
  keys_unavailable: later(
    'The keys of the issuer of the # cannot be had now. Try again after the time in Retry-After.',
  ),
  signature_invalid: UNVERIFIED,
  token_unknown: UNVERIFIED,
  claim_missing: invalidRequest('The # lacks a claim that is required here: iss, sub, aud, exp and iat.'),
  claim_malformed: invalidRequest('The # holds a claim that cannot be read.'),
  expired: invalidRequest('The # has expired. Get a fresh one.'),
  not_yet_valid: invalidRequest('The # is not valid yet. Check the clocks, or wait.'),
  too_old: invalidRequest('The # was issued too long ago. Get a fresh one.'),
  too_long_lived: invalidRequest(
    'The # is valid for longer than is accepted here. Ask its issuer for one with a shorter life.',
  ),
  audience_mismatch: UNTRUSTED,
  audience_several: invalidRequest(
    'The # names several audiences. Ask its issuer for one that names this server alone.',
  ),
  condition_refused: UNTRUSTED,
  tenant_refused: UNTRUSTED,
  subject_unmapped: UNTRUSTED,
  certificate_refused: invalidRequest(
    'The certificate of the # is not accepted here. Check its chain, its dates, its names and its purpose (client authentication), or ask the administrator with this request id.',
  ),
  confirmation_unproven: invalidRequest('The # is bound to a key. Prove possession of that key with this request.'),
  actor_claim_refused: UNTRUSTED,
  status_refused: invalidRequest('The # is no longer good, says its issuer. Get a fresh one.'),
  status_unavailable: later(
    'The issuer of the # cannot be asked about it now. Try again after the time in Retry-After.',
  ),
  revoked: invalidRequest('The # has been revoked. Begin again with the credential of the platform.'),
  blocked: UNTRUSTED,
  replayed: invalidRequest('The # was used before and can be used once. Get a fresh one.'),

  grant_mismatch: {
    status: 400,
    error: 'invalid_grant',
    description: 'The assertion is made out to another client. Get one that names this client in client_id.',
  },

  target_required: {
    status: 400,
    error: 'invalid_target',
    description: 'The request names no audience and no resource, and this client has no default target.',
  },
  target_unknown: NO_TARGET,
  target_closed: NO_TARGET,
  target_combination: {
    status: 400,
    error: 'invalid_target',
    description: 'These audiences and resources cannot share one token. Ask for one at a time.',
  },
  denied: NO_TARGET,
  forbidden: NO_TARGET,
  scope_unknown: {
    status: 400,
    error: 'invalid_scope',
    description: 'A requested scope is malformed or is not offered for this target.',
  },
  scope_denied: {
    status: 400,
    error: 'invalid_scope',
    description:
      'A requested scope is not granted to this client for this target. Ask for less, or ask the administrator with this request id.',
  },
  details_unknown: {
    status: 400,
    error: 'invalid_authorization_details',
    description: 'The authorization_details are malformed, or are not offered for this target.',
  },
  details_denied: {
    status: 400,
    error: 'invalid_authorization_details',
    description:
      'The authorization_details are not granted to this client for this target. Ask for less, or ask the administrator with this request id.',
  },
  delegation_denied: NOT_ALLOWED,
  may_act_mismatch: NOT_ALLOWED,
  change_denied: NOT_ALLOWED,
  binding_required: invalidRequest(
    'This target demands a token bound to a key. Send a proof of possession with the request.',
  ),
  authentication_insufficient: NOT_ALLOWED,
  token_unfit: invalidRequest(
    'No token of the requested type can be made of this request. Check its subject token and parameters, or ask the administrator with this request id.',
  ),
  no_lifetime_left: invalidRequest(
    'The subject token or actor token ends now, and a token cannot outlive it. Get a fresh one.',
  ),

  overloaded: later('The server is busy. Try again after the time in Retry-After.'),
  record_unavailable: later(
    'This cannot be recorded now, and what is not recorded is not done. Try again after the time in Retry-After.',
  ),
  snapshot_unavailable: later('The server is not ready. Try again after the time in Retry-After.'),
  internal: {
    status: 500,
    error: 'server_error',
    description: 'An error of the server. Ask the administrator with this request id.',
  },
}

const NAMES: Readonly<Record<About, string>> = {
  client: 'client assertion',
  caller: 'client',
  subject: 'subject token',
  actor: 'actor token',
  assertion: 'assertion',
  administrator: 'token',
  proof: 'proof of possession',
  dpop: 'DPoP proof',
}

/**
 * What may be told of a client assertion apart, because it is true whoever the client is, or proven by its key. Any other
 * difference would tell one without a key which clients there are (T25, T34).
 */
const TOLD_OF_CLIENTS: ReadonlySet<Reason> = new Set<Reason>([
  'parameter_too_long',
  'token_malformed',
  'token_type_unsupported',
  'replayed',
])
const REFUSED_CLIENT =
  'What authenticates the client is not accepted. Check it (an assertion: iss and sub, aud this server alone, exp, jti; a certificate: its chain, dates and names) and its key, or ask the administrator with this request id.'

/**
 * The wire form. What is wrong with a client assertion is `invalid_client` (JC-10, AF-08); what is wrong with a subject or
 * actor token is `invalid_request` (TE-60); a proof that was used before is one that does not hold (W-47, DP-10).
 */
export function wireOf({ reason, about }: Refusal): Wire {
  const wire = table[reason]
  const description = wire.description.replace('#', NAMES[about ?? 'subject'])
  // A client that is blocked hears what one that is disabled hears, however it was found.
  if (reason === 'blocked' && (about === 'client' || about === 'caller')) return table.client_disabled
  if (about === 'client' && wire.error === 'invalid_request') {
    return {
      status: 401,
      error: 'invalid_client',
      description: TOLD_OF_CLIENTS.has(reason) ? description : REFUSED_CLIENT,
    }
  }
  // What is wrong with an assertion is invalid_grant (AF-08, JG-08).
  if (about === 'assertion' && wire.error === 'invalid_request') return { ...wire, error: 'invalid_grant', description }
  if (about === 'proof') return { ...table.proof_invalid, description }
  if (about === 'dpop') return { ...table.dpop_invalid, description }
  return { ...wire, description }
}
