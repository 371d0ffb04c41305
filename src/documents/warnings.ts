import type { Client } from '../clients/contract.ts'
import { formatDuration } from '../lib/duration.ts'
import { nearestName } from '../lib/nearest.ts'
import { atOnce, type Steps } from '../lib/slices.ts'
import type { Policy } from '../policy/policy.ts'
import type { Target, TargetIndex } from '../targets/contract.ts'
import type { Compiled } from './compile.ts'
import type { NounKind, Warning } from './contract.ts'
import { client } from './kinds/client.ts'
import { policy } from './kinds/policy.ts'
import { target } from './kinds/target.ts'
import { trustedIssuer } from './kinds/trusted-issuer.ts'
import { rulesByName } from './rules-by-name.ts'

type Nouns = Compiled['nouns']

/** Kinds whose subject is an id of the trust domain of its document, where that does not map another. */
const OF_TRUST_DOMAINS: ReadonlyMap<string, string> = new Map([
  ['spiffe-jwt-svid', 'assertion.sub'],
  ['spiffe-x509-svid', 'certificate.uris[0]'],
  ['wit', 'assertion.sub'],
])

export const warningsOf = (compiled: Compiled): readonly Warning[] => atOnce(findWarnings(compiled))

/** Everything that is allowed but doubtful: in each document alone, and in what documents come to together. */
export function* findWarnings({ nouns, targets }: Compiled): Steps<readonly Warning[]> {
  const found: Warning[] = []
  for (const doubts of [
    alone(trustedIssuer, nouns.issuers, targets),
    alone(client, nouns.clients, targets),
    alone(target, nouns.targets, targets),
    alone(policy, nouns.policies, targets),
    idleIssuers(nouns),
    clientsInVain(nouns),
    unreachableTargets(nouns),
    permitsInVain(nouns),
    rulesByName(nouns),
  ]) {
    for (const warning of doubts) {
      if (warning !== undefined) found.push(warning)
      yield
    }
  }
  return found
}

/** Warnings, and undefined where it has gone through much and found nothing: others may be waiting. */
export type Doubts = Iterable<Warning | undefined>

function* alone<Noun>({ kind, lint }: NounKind<Noun>, nouns: ReadonlyMap<string, Noun>, targets: TargetIndex): Doubts {
  for (const [name, noun] of nouns) {
    for (const { path, message } of lint(noun, targets)) yield { kind, name, path, message }
    yield undefined
  }
}

const inForce = ({ disabled, mode }: Policy): boolean => !disabled && mode === 'enforce'

function* enforced({ policies }: Nouns, effect: Policy['effect']): Iterable<Policy> {
  for (const each of policies.values()) if (each.effect === effect && inForce(each)) yield each
}

/** Issuers whose credentials can get nothing. */
function* idleIssuers(nouns: Nouns): Iterable<Warning> {
  const used = new Set<string>()
  for (const { workloads } of nouns.clients.values()) for (const { issuer } of workloads) used.add(issuer)
  for (const { subject, actor } of enforced(nouns, 'permit')) {
    // A permit that names no issuer takes the subjects of all.
    if (subject?.issuers === undefined) return
    for (const name of [...subject.issuers, ...(actor?.issuers ?? [])]) used.add(name)
  }
  for (const { name, disabled } of nouns.issuers.values()) {
    if (!used.has(name) && !disabled) {
      yield {
        kind: 'TrustedIssuer',
        name,
        path: '',
        message: 'nobody uses this issuer: no client is selected by it, and no policy names it',
      }
    }
  }
}

/** Clients that nobody can be, or that may do nothing. */
function* clientsInVain(nouns: Nouns): Doubts {
  const permitted = new Set<string>()
  let everyClient = false
  for (const { clients } of enforced(nouns, 'permit')) {
    if (clients === undefined) everyClient = true
    else for (const name of clients) permitted.add(name)
  }
  for (const each of nouns.clients.values()) {
    if (each.disabled) continue
    const { name } = each
    if (!everyClient && !permitted.has(name))
      yield { kind: 'Client', name, path: '', message: 'this client may do nothing: no policy permits it anything' }
    yield* selectorsInVain(each, nouns)
    yield undefined
  }
}

function* selectorsInVain({ name, workloads }: Client, { issuers }: Nouns): Iterable<Warning> {
  for (const [index, { issuer: issuerName, ids, match }] of workloads.entries()) {
    const path = `spec.workloads[${index}]`
    const issuer = issuers.get(issuerName)
    if (issuer === undefined) continue
    if (issuer.disabled)
      yield {
        kind: 'Client',
        name,
        path: `${path}.issuer`,
        message: `trusted issuer ${issuerName} is disabled, so that no workload of it is this client`,
      }
    if (
      !issuer.uses.has('client') &&
      !issuer.uses.has('subject') &&
      !issuer.uses.has('actor') &&
      !issuer.uses.has('assertion')
    ) {
      yield {
        kind: 'Client',
        name,
        path: `${path}.issuer`,
        message: `trusted issuer ${issuerName} may not be used for workloads; see its \`uses\``,
      }
    }
    if (OF_TRUST_DOMAINS.get(issuer.credential) === issuer.subject.source) {
      for (const [at, { source }] of (ids ?? []).entries()) {
        const [certain = ''] = source.split('*')
        const domain = `${issuer.authority}/`
        if (certain.startsWith(domain) || domain.startsWith(certain)) continue
        yield {
          kind: 'Client',
          name,
          path: `${path}.ids[${at}]`,
          message: `${source} can never match: credentials of trusted issuer ${issuerName} are of ${issuer.authority}`,
        }
      }
    }
    const mapped = issuer.attributes.map(([attribute]) => attribute)
    for (const [attribute] of match)
      yield* unmapped('Client', name, `${path}.match.${attribute}`, attribute, mapped, issuerName)
  }
}

function* unmapped(
  kind: string,
  name: string,
  path: string,
  attribute: string,
  mapped: readonly string[],
  issuer: string,
): Iterable<Warning> {
  if (mapped.includes(attribute)) return
  const near = nearestName(attribute, mapped)
  const there = mapped.length === 0 ? 'it maps none' : `it maps ${mapped.join(', ')}`
  const message = `can never match: trusted issuer ${issuer} maps no attribute ${attribute}; ${near === undefined ? there : `did you mean ${near}?`}`
  yield { kind, name, path, message }
}

/** Targets for which nobody can have a token. */
function* unreachableTargets(nouns: Nouns): Iterable<Warning> {
  const permitted = new Set<string>()
  for (const { targets } of enforced(nouns, 'permit')) {
    if (targets === undefined) return
    for (const name of targets) permitted.add(name)
  }
  for (const { name, disabled } of nouns.targets.values()) {
    if (!disabled && !permitted.has(name))
      yield {
        kind: 'Target',
        name,
        path: '',
        message: 'nobody can have a token for this target: no policy permits it to anybody',
      }
  }
}

/** Permits that promise what cannot be had. */
function* permitsInVain(nouns: Nouns): Doubts {
  const forbids = [...enforced(nouns, 'forbid')].filter(isPlain)
  const everyScope = scopesOf(nouns.targets.values())
  for (const permit of enforced(nouns, 'permit')) {
    const { name } = permit
    const forbid = forbids.find((each) => covers(each, permit))
    if (forbid !== undefined) {
      yield {
        kind: 'Policy',
        name,
        path: '',
        message: `has no effect: policy ${forbid.name} forbids all that it permits, and a forbid wins`,
      }
    }
    if (permit.targets === undefined) yield* scopesInVain(permit, everyScope, undefined)
    else {
      const targets = [...permit.targets].flatMap((each) => nouns.targets.get(each) ?? [])
      yield* scopesInVain(permit, scopesOf(targets), targets.length === 1 ? targets[0]?.name : undefined)
      yield* lifetimeInVain(permit, targets)
      yield* closedTargets(permit, targets)
    }
    yield* partiesInVain(permit, nouns)
    yield undefined
  }
}

/** A forbid without conditions of its own: it holds for whomever it names. */
function isPlain({ subject, actor, grants, scopes, tokenTypes, condition }: Policy): boolean {
  return [subject, actor, grants, scopes, tokenTypes, condition].every((field) => field === undefined)
}

function covers(forbid: Policy, permit: Policy): boolean {
  return coversNames(forbid.clients, permit.clients) && coversNames(forbid.targets, permit.targets)
}

/** Whether the first names all that the second does; undefined stands for all. */
function coversNames(wide: ReadonlySet<string> | undefined, narrow: ReadonlySet<string> | undefined): boolean {
  return wide === undefined || narrow?.isSubsetOf(wide) === true
}

const scopesOf = (targets: Iterable<Target>): ReadonlySet<string> =>
  new Set([...targets].flatMap((each) => [...each.scopes]))

function* scopesInVain(
  { name, scopes = NONE }: Policy,
  offered: ReadonlySet<string>,
  only: string | undefined,
): Iterable<Warning> {
  for (const [index, scope] of [...scopes].entries()) {
    if (offered.has(scope)) continue
    const near = nearestName(scope, offered)
    const whose = only === undefined ? 'none of its targets offers such a scope' : `target ${only} offers no such scope`
    const message = `${scope} can never be granted: ${whose}${near === undefined ? '' : `; did you mean ${near}?`}`
    yield { kind: 'Policy', name, path: `spec.scopes[${index}]`, message }
  }
}

function* lifetimeInVain({ name, lifetime }: Policy, targets: readonly Target[]): Iterable<Warning> {
  if (lifetime === undefined || targets.length === 0) return
  const longest = Math.max(...targets.flatMap((each) => each.tokens.map((profile) => profile.lifetime)))
  if (lifetime > longest) {
    const message = `${formatDuration(lifetime)} has no effect: tokens of its targets live ${formatDuration(longest)} at most, and the least lifetime counts`
    yield { kind: 'Policy', name, path: 'spec.lifetime', message }
  }
}

function* closedTargets({ name, clients }: Policy, targets: readonly Target[]): Iterable<Warning> {
  if (clients === undefined) return
  for (const each of targets) {
    const shut = [...clients].filter((clientName) => each.clients !== undefined && !each.clients.has(clientName))
    if (shut.length > 0) {
      const message = `target ${each.name} is closed to ${shut.slice(0, 3).join(', ')}${shut.length > 3 ? ` and ${shut.length - 3} more` : ''}; its \`clients\` do not name them`
      yield { kind: 'Policy', name, path: 'spec.targets', message }
    }
  }
}

/** Attributes that a rule matches and none of the issuers it names maps. */
function* partiesInVain({ name, subject, actor }: Policy, { issuers }: Nouns): Iterable<Warning> {
  for (const [path, party] of [['spec.subject', subject] as const, ['spec.actor', actor] as const]) {
    if (party?.issuers === undefined) continue
    const named = [...party.issuers].map((each) => issuers.get(each))
    // What a token of ours or a registered client carries is not said by a document.
    if (named.some((each) => each === undefined)) continue
    const mapped = named.flatMap((each) => (each?.attributes ?? []).map(([attribute]) => attribute))
    for (const [attribute] of party.match)
      yield* unmapped('Policy', name, `${path}.match.${attribute}`, attribute, mapped, [...party.issuers].join(', '))
  }
}

const NONE: ReadonlySet<string> = new Set()
