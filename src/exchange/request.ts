import type { Grant } from '../clients/contract.ts'
import { CARRIED_TYPE, type Carried } from '../credentials/contract.ts'
import { MAX_TOKEN_LENGTH } from '../credentials/identify.ts'
import { certificateToken, MTLS_TYPE } from '../credentials/presented-certificate.ts'
import { Refusal } from '../refusal.ts'
import type { Parameters } from './contract.ts'

/** A token with its declared type. */
export interface DeclaredToken {
  readonly token: string
  readonly tokenType: string
}

/** What a request asks: parsed once, here; nobody inside looks at parameters again. */
export interface ExchangeRequest {
  readonly grant: Grant
  readonly subject: DeclaredToken
  readonly actor: DeclaredToken | undefined
  /** What authenticates the client: an assertion, or a credential that the request carries beside its form. */
  readonly authentication: DeclaredToken | undefined
  /** The certificate of the connection. It authenticates the client where nothing else does and somebody here trusts it (parties.ts); else it is a key and nothing more (CB-03). */
  readonly certificate: DeclaredToken | undefined
  readonly clientId: string | undefined
  readonly audiences: readonly string[]
  readonly resources: readonly string[]
  readonly scopes: readonly string[]
  readonly requestedTokenType: string | undefined
}

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** Parameters of the token endpoint that a token exchange takes (TE-01 to TE-10, AF-06). */
const TAKEN: ReadonlySet<string> = new Set([
  'grant_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'audience',
  'resource',
  'scope',
  'requested_token_type',
  'client_id',
  'client_assertion',
  'client_assertion_type',
])

/**
 * Parameters that Cambist knows and a token exchange does not take: refused, never dropped, since what is dropped
 * silently turns one request into another (T24). `client_secret` is known and never taken: no client here has one (UC-04).
 */
const KNOWN_ELSEWHERE: ReadonlySet<string> = new Set([
  'assertion',
  'auth_req_id',
  'authorization_details',
  'client_secret',
  'code',
  'code_verifier',
  'device_code',
  'password',
  'redirect_uri',
  'refresh_token',
  'request_context',
  'request_details',
  'requested_token_use',
  'username',
])

export const isKnownParameter = (name: string): boolean => TAKEN.has(name) || KNOWN_ELSEWHERE.has(name)

const LIMITS = { name: 2048, scope: 8192, scopes: 100, targets: 10 } as const
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/ // RFC 6749 §3.3 scope-token
const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s"<>\\^`{|}]+$/

/** Reads parameters, and what comes beside them, as a token exchange. Throws Refusal. `onUnknown` hears of every parameter that nobody knows. */
export function readRequest(parameters: Parameters, carried: Carried, onUnknown: () => void): ExchangeRequest {
  const grantType = required(parameters, 'grant_type')
  if (grantType !== TOKEN_EXCHANGE)
    throw new Refusal('grant_unsupported', `grant_type ${JSON.stringify(grantType.slice(0, 120))} is not offered`)
  for (const name of parameters.keys()) {
    if (TAKEN.has(name)) continue
    if (KNOWN_ELSEWHERE.has(name))
      throw new Refusal('parameter_unexpected', `${name} has no meaning in a token exchange`)
    onUnknown()
  }
  return {
    grant: 'token-exchange',
    subject: subjectOf(parameters, carried),
    actor: declared(parameters, 'actor_token', 'actor_token_type'),
    authentication: authenticationOf(parameters, carried),
    certificate: certificateOf(carried),
    clientId: single(parameters, 'client_id', LIMITS.name),
    audiences: several(parameters, 'audience'),
    resources: several(parameters, 'resource').map(checkedResource),
    scopes: scopesOf(single(parameters, 'scope', LIMITS.scope)),
    requestedTokenType: typeUri(parameters, 'requested_token_type'),
  }
}

/** The subject token; one that is a certificate may be left out, since the connection carries it (TE-86). */
function subjectOf(parameters: Parameters, carried: Carried): DeclaredToken {
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

function missing(name: string): never {
  throw new Refusal('parameter_missing', `${name} is missing`)
}

function required(parameters: Parameters, name: string, limit: number = LIMITS.name): string {
  return single(parameters, name, limit) ?? missing(name)
}

function single(parameters: Parameters, name: string, limit: number): string | undefined {
  const value = parameters.get(name)?.[0]
  if (value !== undefined && value.length > limit) {
    throw new Refusal('parameter_too_long', `${name} has ${value.length} characters, at most ${limit} are read`)
  }
  return value
}

/** A token and its type: both or neither (TE-05, both directions). */
function declared(parameters: Parameters, name: string, typeName: string): DeclaredToken | undefined {
  const token = single(parameters, name, MAX_TOKEN_LENGTH)
  const tokenType = typeUri(parameters, typeName)
  if (token === undefined) {
    if (tokenType !== undefined) throw new Refusal('parameter_missing', `${typeName} came without ${name}`)
    return undefined
  }
  return { token, tokenType: tokenType ?? missing(typeName) }
}

function typeUri(parameters: Parameters, name: string): string | undefined {
  const value = single(parameters, name, LIMITS.name)
  if (value !== undefined && !ABSOLUTE_URI.test(value))
    throw new Refusal('parameter_malformed', `${name} is not a token type URI`)
  return value
}

function several(parameters: Parameters, name: string): readonly string[] {
  const values = parameters.get(name)
  if (values === undefined) return []
  if (values.length > LIMITS.targets)
    throw new Refusal('parameter_malformed', `${values.length} values of ${name}, at most ${LIMITS.targets} are read`)
  for (const value of values) {
    if (value.length > LIMITS.name)
      throw new Refusal('parameter_too_long', `${name} has ${value.length} characters, at most ${LIMITS.name} are read`)
    checkNoToken(value, name)
  }
  return [...new Set(values)]
}

/** What a request names is kept on the record as it is, and a token that strayed in there must not be (I8). */
function checkNoToken(value: string, name: string): void {
  if (value.startsWith('eyJ') && value.includes('.'))
    throw new Refusal('parameter_malformed', `${name} is a token, and not the name of anything`)
}

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
  if (scopes.length > LIMITS.scopes)
    throw new Refusal('parameter_malformed', `${scopes.length} scopes, at most ${LIMITS.scopes} are read`)
  for (const scope of scopes) {
    checkNoToken(scope, 'scope')
    if (!SCOPE.test(scope))
      throw new Refusal('scope_unknown', `${JSON.stringify(scope.slice(0, 120))} is not a scope token`)
  }
  return [...new Set(scopes)]
}
