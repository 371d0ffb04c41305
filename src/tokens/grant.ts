/**
 * Authorization grants for the authorization server of another domain: what all of them say, and what stays here. The
 * claims are an allow-list (IC-50, IC-51): nothing of a credential, of its history or of us leaves but what stands here,
 * and what the target's own `claims` map.
 */
import { z } from 'zod'
import { Refusal } from '../refusal.ts'
import type { Target } from '../targets/contract.ts'
import { resourceKey } from '../targets/resource.ts'
import { actOf } from './act.ts'
import { actClaim, authorizationDetailsClaim, COMMON_CLAIMS, confirmationClaim, scopeClaim } from './claims.ts'
import type { Mintable } from './contract.ts'

const name = z.string().min(1)

export const actSetting = z
  .enum(['drop', 'keep'], 'is drop or keep')
  .default('drop')
  .describe('Whether the peer is told who acts for the subject; drop where nothing is said')

/** Seconds: whoever holds a grant has little time to bring it to where it is good (IC-25). */
export const MAX_GRANT_LIFETIME = 300

export const GRANT_CLAIMS = {
  ...COMMON_CLAIMS,
  aud: name.describe('The issuer identifier of the one authorization server that may take it'),
  client_id: name.describe('The client that may bring it, by its id at that server'),
  scope: scopeClaim.optional(),
  resource: z
    .union([name, z.array(name).min(2)])
    .optional()
    .describe('The APIs that it is for, where the request named some'),
  cnf: confirmationClaim.optional().describe('The key whose holder alone may bring it'),
  act: actClaim.optional(),
  authorization_details: authorizationDetailsClaim.optional(),
}

/** Names that these claims have, which a target's own `claims` cannot take. */
export const OWN_GRANT_CLAIMS = ['client_id', 'scope', 'resource', 'act', 'cnf', 'authorization_details'] as const

/** Throws Refusal `target_combination`, `parameter_missing` or `token_unfit`. */
export function grantClaims(
  { issuer, permission, facts, issuedAt, expiresAt, id, confirmation, claims }: Mintable,
  { act, confirmation: asked }: { readonly act: 'drop' | 'keep'; readonly confirmation: 'cnf' | 'requested_cnf' },
): Record<string, unknown> {
  const peer = peerOf(permission.targets)
  checkBounded(peer, permission)
  const grant: Record<string, unknown> = {
    ...claims,
    iss: issuer,
    sub: permission.subject,
    // Its issuer identifier, by whatever name it was asked for (IC-05, IJ-10).
    aud: peer.audiences[0],
    client_id: clientIdAt(peer, permission.client),
    iat: issuedAt,
    exp: expiresAt,
    jti: id,
  }
  if (permission.scopes.length > 0) grant['scope'] = permission.scopes.join(' ')
  if (permission.authorizationDetails.length > 0) grant['authorization_details'] = permission.authorizationDetails
  const [resource, ...others] = apisOf(peer, facts.resources)
  if (resource !== undefined) grant['resource'] = others.length === 0 ? resource : [resource, ...others]
  if (confirmation !== undefined) grant[asked] = confirmation
  const actors = act === 'keep' ? actOf(permission.actors) : undefined
  if (actors !== undefined) grant['act'] = actors
  return grant
}

/** One that several servers take could be brought by one of them to another (IC-05). */
function peerOf([peer, ...others]: readonly Target[]): Target {
  if (peer === undefined || others.length > 0)
    throw new Refusal('target_combination', 'a grant is for one authorization server; ask for one at a time')
  return peer
}

/**
 * A grant that names no scope leaves all of them to the peer, and so to whoever brings it: where the target says which scopes
 * there are, what the rules let the client have would be no ceiling for whom it is enough to ask for none (T19, T24).
 */
function checkBounded(
  { name: target, scopes: offered }: Target,
  { scopes, authorizationDetails }: Mintable['permission'],
): void {
  if (offered.size === 0 || scopes.length > 0 || authorizationDetails.length > 0) return
  throw new Refusal(
    'parameter_missing',
    `scope is missing: a grant without it leaves to the peer which scopes it is good for, and target ${target} lists some; ask for those that are wanted, or say defaultScopes there`,
  )
}

/** A target that maps no client shares its names with us (CM-10); one that maps some knows no others. */
function clientIdAt({ name: target, clientIds }: Target, client: string): string {
  const known = clientIds.size === 0 ? client : clientIds.get(client)
  if (known === undefined)
    throw new Refusal('token_unfit', `target ${target} does not say in clientIds what client ${client} is called there`)
  return known
}

/** Resources that are asked for, but for the server itself, which `resource` may name as well (IC-01). */
function apisOf({ audiences }: Target, resources: readonly string[]): readonly string[] {
  const itself = new Set(audiences.flatMap((audience) => resourceKey(audience) ?? []))
  return resources.filter((resource) => !itself.has(resourceKey(resource) ?? ''))
}

/** The profiles that end at another server demand its name as such, and not one of its APIs alone (IJ-10, TC-01). */
export function checkAudienceNamed({ facts }: Mintable): void {
  if (facts.audiences.length === 0)
    throw new Refusal('parameter_missing', 'audience is missing, which names the authorization server')
}
