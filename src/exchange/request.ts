import type { Grant } from '../clients/contract.ts'
import { CARRIED_TYPE, type Carried, JWT_BEARER_GRANT } from '../credentials/contract.ts'
import { MAX_TOKEN_LENGTH } from '../credentials/identify.ts'
import { certificateToken } from '../credentials/presented-certificate.ts'
import { parseJson } from '../lib/json.ts'
import { ACCESS_TOKEN_TYPE, MTLS_TYPE } from '../lib/token-types.ts'
import { Refusal } from '../refusal.ts'
import { type AuthorizationDetails, NO_DETAILS, readDetails } from '../targets/authorization-details.ts'
import type { Parameters } from './contract.ts'
import { grantOfType, isKnownParameter } from './grants.ts'
import {
  ABSOLUTE_URI,
  type DeclaredToken,
  declared,
  LIMITS,
  missing,
  required,
  several,
  single,
  typeUri,
} from './parameters.ts'
import { type TransactionRequest, transactionOf } from './transaction.ts'

/** Who asks, whatever is asked. */
export interface CallerRequest {
  /** What authenticates the client: an assertion, or a credential that the request carries beside its form. */
  readonly authentication: DeclaredToken | undefined
  /**
   * The certificate of the connection. It authenticates the client where nothing else does and somebody here trusts it
   * (client.ts); else it is a key and nothing more (CB-03).
   */
  readonly certificate: DeclaredToken | undefined
  readonly clientId: string | undefined
}

/** What a request asks: parsed once, here; nobody inside looks at parameters again. */
export interface ExchangeRequest extends CallerRequest {
  readonly grant: Grant
  /** The subject token or the assertion; undefined in client credentials, where the client is the subject itself. */
  readonly subject: (DeclaredToken & { readonly position: 'subject' | 'assertion' }) | undefined
  readonly actor: DeclaredToken | undefined
  readonly audiences: readonly string[]
  readonly resources: readonly string[]
  readonly scopes: readonly string[]
  /** [] when the request has none. */
  readonly authorizationDetails: AuthorizationDetails
  readonly requestedTokenType: string | undefined
  /** `request_details` and `request_context` of a transaction token (TX-12), as they came. */
  readonly transaction: TransactionRequest | undefined
}

const MAX_SCOPES = 100
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/ // RFC 6749 §3.3 scope-token

/**
 * Reads parameters, and what comes beside them, as a request of one of the grants. Throws Refusal. `onUnknown` hears of
 * every parameter that nobody knows.
 */
export function readRequest(parameters: Parameters, carried: Carried, onUnknown: () => void): ExchangeRequest {
  const type = required(parameters, 'grant_type')
  const grant = grantOfType(type)
  if (grant === undefined)
    throw new Refusal('grant_unsupported', `grant_type ${JSON.stringify(type.slice(0, 120))} is not offered`)
  for (const name of parameters.keys()) {
    if (grant.taken.has(name)) continue
    if (isKnownParameter(name)) throw new Refusal('parameter_unexpected', `${name} has no meaning in ${grant.name}`)
    onUnknown()
  }
  const requestedTokenType = typeUri(parameters, 'requested_token_type')
  const subject = subjectOf(grant.name, parameters, carried)
  const actor = declared(parameters, 'actor_token', 'actor_token_type')
  const caller = readCaller(parameters, carried)
  const audiences = several(parameters, 'audience')
  const resources = several(parameters, 'resource').map(checkedResource)
  checkNamed(requestedTokenType, audiences.length + resources.length)
  return {
    grant: grant.name,
    subject,
    actor,
    ...caller,
    audiences,
    resources,
    scopes: scopesOf(single(parameters, 'scope', LIMITS.scope)),
    authorizationDetails: detailsOf(single(parameters, 'authorization_details', LIMITS.json)),
    requestedTokenType,
    transaction: transactionOf(parameters, requestedTokenType, [subject, actor, caller.authentication]),
  }
}

/** Access tokens alone are for a default target: who asks for a grant, or for anything else, says for whom (IC-01, IJ-10). */
function checkNamed(requestedTokenType: string | undefined, named: number): void {
  if (named === 0 && requestedTokenType !== undefined && requestedTokenType !== ACCESS_TOKEN_TYPE) missing('audience')
}

/** Who asks. Throws Refusal. */
export const readCaller = (parameters: Parameters, carried: Carried): CallerRequest => ({
  authentication: authenticationOf(parameters, carried),
  certificate: certificateOf(carried),
  clientId: single(parameters, 'client_id', LIMITS.name),
})

/** A token that somebody asks about. Throws Refusal. */
export const readToken = (parameters: Parameters): string => required(parameters, 'token', MAX_TOKEN_LENGTH)

/** For whom the token is to be: what the grant brings for that, with the position in which it stands. */
function subjectOf(grant: Grant, parameters: Parameters, carried: Carried): ExchangeRequest['subject'] {
  switch (grant) {
    case 'token-exchange':
      return { position: 'subject', ...subjectTokenOf(parameters, carried) }
    case 'jwt-bearer': {
      const token = required(parameters, 'assertion', MAX_TOKEN_LENGTH)
      return { position: 'assertion', token, tokenType: JWT_BEARER_GRANT }
    }
    case 'client-credentials':
      return undefined
  }
}

/** The subject token; one that is a certificate may be left out, since the connection carries it (TE-86). */
function subjectTokenOf(parameters: Parameters, carried: Carried): DeclaredToken {
  const tokenType = typeUri(parameters, 'subject_token_type')
  const token = single(parameters, 'subject_token', MAX_TOKEN_LENGTH)
  if (token === undefined && tokenType === MTLS_TYPE && carried.certificate !== undefined)
    return { token: certificateToken(carried.certificate), tokenType }
  return { token: token ?? missing('subject_token'), tokenType: tokenType ?? missing('subject_token_type') }
}

/** One way of client authentication, or none (AF-07). */
function authenticationOf(parameters: Parameters, carried: Carried): DeclaredToken | undefined {
  const { workloadIdentityToken, clientAttestation } = carried
  const ways = [
    declared(parameters, 'client_assertion', 'client_assertion_type'),
    within(workloadIdentityToken, 'Workload-Identity-Token', CARRIED_TYPE.workloadIdentityToken),
    within(clientAttestation, 'OAuth-Client-Attestation', CARRIED_TYPE.clientAttestation),
  ].filter((way) => way !== undefined)
  if (ways.length > 1)
    throw new Refusal('authentication_several', `the client authenticates by ${ways.length} credentials at once`)
  return ways[0]
}

function within(token: string | undefined, name: string, tokenType: string): DeclaredToken | undefined {
  if (token === undefined) return undefined
  if (token.length > MAX_TOKEN_LENGTH)
    throw new Refusal(
      'parameter_too_long',
      `${name} has ${token.length} characters, at most ${MAX_TOKEN_LENGTH} are read`,
    )
  return { token, tokenType }
}

const certificateOf = ({ certificate }: Carried): DeclaredToken | undefined =>
  certificate === undefined ? undefined : { token: certificateToken(certificate), tokenType: CARRIED_TYPE.certificate }

/** An absolute URI without fragment (TE-06, RI-01); anything else names no target. */
function checkedResource(value: string): string {
  if (!ABSOLUTE_URI.test(value) || value.includes('#') || !URL.canParse(value)) {
    throw new Refusal(
      'target_unknown',
      `resource ${JSON.stringify(value.slice(0, 120))} is not an absolute URI without fragment`,
    )
  }
  return value
}

function scopesOf(text: string | undefined): readonly string[] {
  if (text === undefined) return []
  const scopes = text.split(' ')
  if (scopes.length > MAX_SCOPES)
    throw new Refusal('parameter_malformed', `${scopes.length} scopes, at most ${MAX_SCOPES} are read`)
  for (const scope of scopes) {
    if (!SCOPE.test(scope))
      throw new Refusal('scope_unknown', `${JSON.stringify(scope.slice(0, 120))} is not a scope token`)
  }
  return [...new Set(scopes)]
}

/** A JSON array of objects, each with its type (RA-01, RA-02). */
function detailsOf(text: string | undefined): AuthorizationDetails {
  if (text === undefined) return NO_DETAILS
  const details = readDetails(parseJson(text))
  if (typeof details === 'string')
    throw new Refusal('details_unknown', `authorization_details cannot be read: ${details}`)
  return details
}
