import type { Client, Grant } from '../../clients/contract.ts'
import { nearestName } from '../../lib/nearest.ts'
import { strictest } from '../../policy/aim.ts'
import type { Party, Policy } from '../../policy/policy.ts'
import type { Target, TokenProfile } from '../../targets/contract.ts'
import type { Position } from '../../trust/contract.ts'
import { detailsInVain } from './details.ts'
import { clientsOf, type Doubts, enforced, listed, type Nouns, targetsOf } from './enforced.ts'
import { foreignIds } from './selectors.ts'

type Found = Iterable<readonly [path: string, message: string]>

/** Permits, or parts of them, that can never come to anything. */
export function* never(nouns: Nouns): Doubts {
  const everyScope = scopesOf(nouns.targets.values())
  for (const permit of enforced(nouns, 'permit')) {
    const { name } = permit
    for (const [path, message] of ofPermit(permit, nouns, everyScope)) yield { kind: 'Policy', name, path, message }
    yield undefined
  }
}

function* ofPermit(permit: Policy, nouns: Nouns, everyScope: ReadonlySet<string>): Found {
  const clients = clientsOf(permit, nouns)
  const targets = targetsOf(permit, nouns)
  if (clients !== undefined) {
    yield* grantsInVain(permit, clients)
    yield* methodsInVain(permit, clients)
  }
  if (targets === undefined) yield* scopesInVain(permit, everyScope, undefined)
  else {
    yield* scopesInVain(permit, scopesOf(targets), targets.length === 1 ? targets[0]?.name : undefined)
    yield* tokensInVain(permit, targets)
    yield* closedTargets(permit, targets)
  }
  yield* detailsInVain(permit, targets ?? [...nouns.targets.values()])
  yield* partyInVain(permit.subject, 'spec.subject', subjectPositions(permit, clients), nouns)
  yield* partyInVain(permit.actor, 'spec.actor', ACTING, nouns)
}

/** Grants that none of the named clients may use. */
function* grantsInVain({ grants }: Policy, clients: readonly Client[]): Found {
  const had = new Set(clients.flatMap((client) => [...client.grants]))
  for (const [index, grant] of [...(grants ?? [])].entries()) {
    if (!had.has(grant as Grant))
      yield [
        `spec.grants[${index}]`,
        `no client of this rule may use ${grant}: their \`grants\` are ${listed(had) || 'none'}; add it there, or leave it out here`,
      ]
  }
}

/** Ways of authentication that none of the named clients has. */
function* methodsInVain({ authentication }: Policy, clients: readonly Client[]): Found {
  const comes = new Set(clients.flatMap(methodsOf))
  const possible = [...authentication].filter((method) => comes.has(method))
  for (const [index, method] of [...authentication].entries()) {
    if (comes.has(method)) continue
    const whole = possible.length === 0 ? '; so the rule can never be met' : ''
    yield [
      `spec.authentication[${index}]`,
      `no client of this rule can come by ${method}${whole}; theirs are ${listed(comes)}`,
    ]
  }
}

/** A registered client comes as its document says; a selected workload with whatever its platform gives it. */
function methodsOf({ authentication }: Client): readonly string[] {
  if (authentication === undefined)
    return [
      'client_assertion',
      'workload_identity_token',
      'actor_token',
      'subject_token',
      'assertion',
      'spiffe_jwt',
      'spiffe_x509',
      'spiffe_wit',
      'tls_client_auth',
      ...ATTESTED,
    ]
  const { method } = authentication
  return method === 'attest_jwt_client_auth' ? ATTESTED : [method]
}

const ATTESTED = ['attest_jwt_client_auth', 'attest_jwt_client_auth_dpop'] as const

const scopesOf = (targets: Iterable<Target>): ReadonlySet<string> =>
  new Set([...targets].flatMap((each) => [...each.scopes]))

function* scopesInVain({ scopes = NONE }: Policy, offered: ReadonlySet<string>, only: string | undefined): Found {
  for (const [index, scope] of [...scopes].entries()) {
    if (offered.has(scope)) continue
    const near = nearestName(scope, offered)
    const whose = only === undefined ? 'none of its targets offers such a scope' : `target ${only} offers no such scope`
    yield [
      `spec.scopes[${index}]`,
      `${scope} can never be granted: ${whose}${near === undefined ? '' : `; did you mean ${near}?`}`,
    ]
  }
}

const NONE: ReadonlySet<string> = new Set()

/** Kinds of token that no target has, and bindings that no token of the targets can have. */
function* tokensInVain({ tokenTypes, binding }: Policy, targets: readonly Target[]): Found {
  const profiles = targets.flatMap(({ tokens }) => tokens)
  const kinds = new Set(profiles.map(({ kind }) => kind))
  for (const [index, kind] of [...(tokenTypes ?? [])].entries()) {
    if (!kinds.has(kind))
      yield [
        `spec.tokenTypes[${index}]`,
        `no target of this rule has tokens of kind ${kind}: they have ${listed(kinds)}; add it to a target's \`tokens\`, or leave it out here`,
      ]
  }
  const meant = profiles.filter(({ kind }) => tokenTypes?.has(kind) !== false)
  const meets = (profile: TokenProfile) => strictest(profile.binding, binding) !== undefined
  if (meant.length > 0 && !meant.some(meets))
    yield [
      'spec.binding',
      `can never be met: this rule demands ${binding}, and its targets ${listed(new Set(meant.map((each) => each.binding)))}; one proof is not both`,
    ]
}

function* closedTargets({ clients }: Policy, targets: readonly Target[]): Found {
  if (clients === undefined) return
  for (const each of targets) {
    const shut = [...clients].filter((clientName) => each.clients !== undefined && !each.clients.has(clientName))
    if (shut.length > 0)
      yield ['spec.targets', `target ${each.name} is closed to ${listed(shut)}; its \`clients\` do not name them`]
  }
}

const ACTING: readonly Position[] = ['actor', 'client']
const SUBJECT_OF: Readonly<Record<Grant, Position>> = {
  'token-exchange': 'subject',
  'jwt-bearer': 'assertion',
  'client-credentials': 'client',
}

/** Where the subject's credential stands, by the grants that the rule and its clients have in common. */
function subjectPositions({ grants }: Policy, clients: readonly Client[] | undefined): readonly Position[] {
  const all = Object.keys(SUBJECT_OF) as Grant[]
  const had = clients === undefined ? all : all.filter((grant) => clients.some((client) => client.grants.has(grant)))
  const meant = had.filter((grant) => grants?.has(grant) !== false)
  return (meant.length === 0 ? all : meant).map((grant) => SUBJECT_OF[grant])
}

/** Issuers whose credentials cannot stand where the rule needs them, and ids that they never give. */
function* partyInVain(party: Party | undefined, at: string, positions: readonly Position[], nouns: Nouns): Found {
  if (party?.issuers === undefined) return
  const named = [...party.issuers]
  for (const [index, name] of named.entries()) {
    const issuer = nouns.issuers.get(name)
    if (issuer === undefined) continue
    const path = `${at}.issuers[${index}]`
    if (issuer.disabled) yield [path, `trusted issuer ${name} is disabled, so that nobody of it can be meant`]
    else if (!positions.some((position) => issuer.uses.has(position)))
      yield [
        path,
        `can never match: credentials of trusted issuer ${name} are taken as ${listed(issuer.uses)}, and not as ${positions.join(' or ')}; see its \`uses\``,
      ]
  }
  // Ids that one issuer of several can have are right.
  const [only] = named
  const issuer = named.length === 1 && only !== undefined ? nouns.issuers.get(only) : undefined
  if (issuer === undefined) return
  for (const [index, message] of foreignIds(party.ids ?? [], issuer)) yield [`${at}.ids[${index}]`, message]
}
