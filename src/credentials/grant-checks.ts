/**
 * What every authorization grant of another server must pass (IC-21, JG-01 to JG-10), and what it says: for whom, at whose
 * request, and for how much. It never says who brings it.
 */
import { isJsonObject, type Json, type JsonObject } from '../lib/json.ts'
import type { UnverifiedJws } from '../lib/jws.ts'
import { Refusal } from '../refusal.ts'
import { type AuthorizationDetails, readDetails } from '../targets/authorization-details.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { ConfirmationClaim, GrantTerms, VerifiedFacts, VerifyTools } from './contract.ts'
import { isName, requiredText } from './jwt-checks.ts'
import { readConfirmation } from './proofs/confirmation.ts'
import { type AcceptedJwt, verifiedJwt } from './verified-jwt.ts'

/** Seconds that a grant lives, where its issuer's document says no other `maxLifetime` (IC-25, TC-05). */
export const GRANT_LIFETIME = 300

/** Verifies a grant of one of the types, for one of the audiences and nobody beside it. Rejects with a Refusal. */
export async function verifyGrant(
  token: UnverifiedJws,
  issuer: TrustedIssuer<{ readonly algorithms: ReadonlySet<string> }>,
  accepted: Omit<AcceptedJwt, 'several'>,
  tools: VerifyTools,
): Promise<VerifiedFacts> {
  const facts = await verifiedJwt(token, issuer, { ...accepted, several: false }, tools)
  requiredText(facts.claims, 'sub')
  return { ...facts, grant: termsOf(facts.claims) }
}

function termsOf(claims: JsonObject): GrantTerms {
  const scopes = scopesOf(claims)
  const authorizationDetails = detailsOf(claims)
  const resources = resourcesOf(claims['resource'])
  const confirmation = requestedConfirmation(claims['requested_cnf'])
  return {
    ...(claims['client_id'] === undefined ? {} : { client: requiredText(claims, 'client_id') }),
    ...(scopes === undefined ? {} : { scopes }),
    ...(authorizationDetails === undefined ? {} : { authorizationDetails }),
    ...(resources === undefined ? {} : { resources }),
    ...(confirmation === undefined ? {} : { confirmation }),
  }
}

/** One that says in `authorization_details` alone what it is good for conveys no scope: others would be more than it says. */
function scopesOf(claims: JsonObject): readonly string[] | undefined {
  const { scope } = claims
  if (scope === undefined) return claims['authorization_details'] === undefined ? undefined : []
  if (typeof scope !== 'string') throw new Refusal('claim_malformed', 'scope is not a text')
  return [...new Set(scope.split(' ').filter((one) => one !== ''))]
}

/** Those that we can read, of each of which a target may know the type; others could not be granted. By scopes alone it conveys none. */
function detailsOf({ scope, authorization_details: details }: JsonObject): AuthorizationDetails | undefined {
  if (details === undefined) return scope === undefined ? undefined : []
  if (!Array.isArray(details) || !details.every(isTyped))
    throw new Refusal('claim_malformed', 'authorization_details is not a list of objects, each with its type')
  return details.flatMap((detail) => {
    const read = readDetails([detail])
    return typeof read === 'string' ? [] : read
  })
}

const isTyped = (detail: Json): boolean => isJsonObject(detail) && isName(detail['type'])

const MAX_RESOURCES = 64

function resourcesOf(resource: Json | undefined): readonly string[] | undefined {
  if (resource === undefined) return undefined
  const named: readonly Json[] = Array.isArray(resource) ? resource : [resource]
  if (named.length === 0 || named.length > MAX_RESOURCES || !named.every(isName))
    throw new Refusal('claim_malformed', 'resource is neither a URI nor a list of URIs')
  return [...new Set(named)]
}

/** The key that its issuer has had proven and asks to have the token bound to (IC-32). */
function requestedConfirmation(requested: Json | undefined): ConfirmationClaim | undefined {
  if (requested === undefined) return undefined
  if (!isJsonObject(requested)) throw new Refusal('claim_malformed', 'requested_cnf is not an object')
  const { jwk, jkt = jwk?.key.thumbprint, certificate } = readConfirmation({ cnf: requested }) ?? {}
  if (jkt !== undefined && certificate === undefined) return { jkt }
  if (certificate !== undefined && jkt === undefined) return { 'x5t#S256': certificate }
  throw new Refusal('claim_malformed', 'requested_cnf names two keys')
}
