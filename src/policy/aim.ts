import type { Client } from '../clients/contract.ts'
import { canonicalJson } from '../lib/json.ts'
import { ACCESS_TOKEN_TYPE } from '../lib/token-types.ts'
import { Refusal } from '../refusal.ts'
import { detailFault, NO_DETAILS } from '../targets/authorization-details.ts'
import type { Binding, Target, TargetIndex, TokenProfile } from '../targets/contract.ts'
import { resourceKey } from '../targets/resource.ts'
import type { Facts } from './contract.ts'
import type { PolicyIndex } from './index-policies.ts'
import type { Policy } from './policy.ts'

/** What a request is aimed at: the targets, each once, and the one profile that a token for all of them has. */
export interface Aim {
  readonly targets: readonly Target[]
  readonly profile: TokenProfile
}

/**
 * Scopes that the request is about: those it asks for, else what its grant conveys (IJ-33), else those that every target
 * grants by default (TE-14). A request with authorization details has named what it wants.
 */
export function wantedScopes(facts: Facts, targets: readonly Target[]): readonly string[] {
  const { scopes, authorizationDetails, conveys } = facts
  if (scopes.length > 0) return [...new Set(scopes)]
  if (authorizationDetails !== undefined) return NO_SCOPES
  if (conveys !== undefined) return conveys.filter((scope) => targets.every((target) => target.scopes.has(scope)))
  const [first, ...others] = targets
  const defaults = first?.defaultScopes ?? []
  return others.length === 0
    ? defaults
    : defaults.filter((scope) => others.every(({ defaultScopes }) => defaultScopes.includes(scope)))
}

const NO_SCOPES: readonly string[] = Object.freeze([])

/**
 * Settles targets and profile for one client. Throws Refusal `target_required`, `target_unknown`, `target_closed`, `denied`,
 * `target_combination`, `requested_type_unsupported`, `scope_unknown` or `details_unknown`. What is said of a target's scopes and tokens is
 * said to clients that some rule permits something there: to others it would tell which targets there are (T25).
 */
export function aimOf(facts: Facts, client: Client, index: TargetIndex, policies: PolicyIndex): Aim {
  const targets = targetsOf(facts, client, index)
  for (const target of targets) refuseClosed(target, client)
  try {
    return { targets, profile: offeredBy(targets, facts, client) }
  } catch (error) {
    const closed = targets.find(({ name }) => !policies.about(client.name, name).some((rules) => rules.some(permits)))
    if (closed === undefined || !(error instanceof Refusal)) throw error
    throw new Refusal('denied', `no rule permits client ${client.name} anything at ${closed.name}; and ${error.detail}`)
  }
}

/** Throws Refusal `target_closed` where the target's owner lets nobody ask, or not this client. */
export function refuseClosed(target: Target, client: Client): void {
  if (target.disabled) throw new Refusal('target_closed', `target ${target.name} is disabled`)
  if (target.clients !== undefined && !target.clients.has(client.name)) {
    throw new Refusal(
      'target_closed',
      `target ${target.name} is closed to client ${client.name}; its \`clients\` name who may ask`,
    )
  }
}

const permits = ({ effect, mode }: Policy): boolean => effect === 'permit' && mode === 'enforce'

/** The profile of a token that the targets offer, with the scopes that are asked. Throws as aimOf() does. */
export function offeredBy(targets: readonly Target[], facts: Facts, client: Client): TokenProfile {
  for (const target of targets) {
    for (const scope of facts.scopes) {
      if (!target.scopes.has(scope))
        throw new Refusal('scope_unknown', `target ${target.name} offers no scope ${scope}`)
    }
    for (const detail of facts.authorizationDetails ?? NO_DETAILS) {
      const fault = detailFault(detail, target.authorizationDetails)
      if (fault !== undefined) throw new Refusal('details_unknown', `target ${target.name} ${fault}`)
    }
  }
  const profile = profileOf(facts, targets)
  const named = facts.audiences.length + facts.resources.length > 0
  if (!named && profile.tokenType !== ACCESS_TOKEN_TYPE) {
    throw new Refusal(
      'target_required',
      `the default target of client ${client.name} is for access tokens; for a ${profile.kind} the request names its audience`,
    )
  }
  return profile
}

/**
 * Several values may mean one target (RI-03). A grant that is good for some resources alone means these where the request
 * names nothing, and keeps it from all others (IJ-33). Throws Refusal `target_required` or `target_unknown`.
 */
export function targetsOf(facts: Facts, client: Client, index: TargetIndex): readonly Target[] {
  const { audiences, resources, onlyResources } = facts
  if (onlyResources !== undefined) {
    if (audiences.length + resources.length === 0) return targetsMeant(onlyResources, index)
    checkWithin(facts, onlyResources, index)
  }
  const targets: Target[] = []
  const add = (target: Target | undefined, what: string, value: string) => {
    if (target === undefined)
      throw new Refusal('target_unknown', `no target has the ${what} ${JSON.stringify(value.slice(0, 120))}`)
    if (!targets.includes(target)) targets.push(target)
  }
  for (const audience of audiences) add(index.byAudience(audience), 'audience', audience)
  for (const resource of resources) add(index.byResource(resource), 'resource', resource)
  if (targets.length > 0) return targets
  if (client.defaultTarget === undefined) {
    throw new Refusal(
      'target_required',
      `the request names no audience and no resource, and client ${client.name} has no default target`,
    )
  }
  add(index.byName(client.defaultTarget), 'name', client.defaultTarget)
  return targets
}

/** Those of them that are known here: less may be granted than a grant says. */
function targetsMeant(resources: readonly string[], index: TargetIndex): readonly Target[] {
  const targets = new Set(resources.flatMap((resource) => index.byResource(resource) ?? []))
  if (targets.size > 0) return [...targets]
  throw new Refusal('target_unknown', `no target has a resource that the grant is for: ${quoted(resources)}`)
}

/** Every resource that is asked for is one of the grant's, and every audience is that of a target which has one. */
function checkWithin({ audiences, resources }: Facts, only: readonly string[], index: TargetIndex): void {
  const keys = new Set(only.flatMap((resource) => resourceKey(resource) ?? []))
  const isWithin = (resource: string): boolean => keys.has(resourceKey(resource) ?? '')
  const beyond = [
    ...resources.filter((resource) => !isWithin(resource)),
    ...audiences.filter((audience) => index.byAudience(audience)?.resources.some(isWithin) === false),
  ]
  if (beyond.length > 0)
    throw new Refusal('target_unknown', `the grant is for ${quoted(only)} alone, and not for ${quoted(beyond)}`)
}

const quoted = (values: readonly string[]): string =>
  values.map((value) => JSON.stringify(value.slice(0, 120))).join(', ')

/** `requested_token_type` selects the profile, else the first that all targets have. */
function profileOf({ grant, tokenType: requested }: Facts, targets: readonly Target[]): TokenProfile {
  const [first, ...others] = targets
  const offered = first?.tokens ?? []
  // Only an exchange can name a type; what the other grants give is an access token (RFC 6749 §5.1).
  const tokenType = grant === 'token-exchange' ? requested : ACCESS_TOKEN_TYPE
  const wanted = tokenType === undefined ? offered : offered.filter((profile) => profile.tokenType === tokenType)
  if (wanted.length === 0) {
    const kinds = offered.map(({ tokenType: each }) => each).join(', ')
    throw new Refusal(
      'requested_type_unsupported',
      `target ${first?.name} has no token of type ${JSON.stringify(tokenType?.slice(0, 120))}; it has ${kinds}`,
    )
  }
  for (const profile of wanted) {
    if (others.length === 0) return profile
    const shared = others.reduce<TokenProfile | undefined>((merged, { tokens }) => {
      const other = tokens.find((each) => each.tokenType === profile.tokenType)
      return merged === undefined || other === undefined ? undefined : merge(merged, other)
    }, profile)
    if (shared !== undefined) return shared
  }
  throw new Refusal(
    'target_combination',
    `targets ${targets.map(({ name }) => name).join(', ')} do not agree on how a token looks; ask for one at a time`,
  )
}

/** One token for two targets: what they say of it must agree, its lifetime is the lesser, and what one demands, both do. */
function merge(one: TokenProfile, other: TokenProfile): TokenProfile | undefined {
  const binding = strictest(one.binding, other.binding)
  const same = one.kind === other.kind && one.algorithm === other.algorithm && look(one) === look(other)
  if (!same || binding === undefined) return undefined
  return {
    ...one,
    binding,
    revocable: one.revocable || other.revocable,
    lifetime: Math.min(one.lifetime, other.lifetime),
  }
}

const look = ({ subject, claims, settings }: TokenProfile): string =>
  canonicalJson({
    subject: subject?.source ?? '',
    claims: claims.map(([name, { source }]) => [name, source]),
    settings,
  })

/** The binding that meets both demands; undefined where no proof can. */
export function strictest(one: Binding, other: Binding): Binding | undefined {
  if (one === other || other === 'none') return one
  if (one === 'none') return other
  if (one === 'any') return other
  return other === 'any' ? one : undefined
}
