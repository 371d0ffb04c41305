import type { Client } from '../../clients/contract.ts'
import type { Steps } from '../../lib/slices.ts'
import type { TargetIndex } from '../../targets/contract.ts'
import { type Doubts, enforced, listed, type Nouns } from './enforced.ts'

/** What stands there for nobody: issuers without use, clients that may do nothing, targets that nobody reaches. */
export function* idle(nouns: Nouns, targets: TargetIndex): Doubts {
  const reach = yield* reachOf(nouns)
  yield* idleIssuers(nouns)
  yield* idleClients(nouns, reach)
  yield* namesInVain(nouns, targets, reach)
  yield* unreachableTargets(nouns, reach)
}

/** Who is permitted what by some rule, names alone. */
interface Reach {
  /** Clients that are permitted something. */
  permits(client: string): boolean
  /** Clients that are permitted something at the target; undefined: every one is. */
  at(target: string): ReadonlySet<string> | undefined
}

function* reachOf(nouns: Nouns): Steps<Reach> {
  const clients = new Set<string>()
  const everywhere = new Set<string>()
  const byTarget = new Map<string, Set<string> | undefined>()
  let everyClient = false
  let everyClientEverywhere = false
  for (const permit of enforced(nouns, 'permit')) {
    yield
    if (permit.clients === undefined) everyClient = true
    for (const name of permit.clients ?? []) clients.add(name)
    if (permit.targets === undefined) {
      if (permit.clients === undefined) everyClientEverywhere = true
      for (const name of permit.clients ?? []) everywhere.add(name)
    }
    for (const target of permit.targets ?? []) {
      const before = byTarget.has(target) ? byTarget.get(target) : new Set<string>()
      if (permit.clients === undefined || before === undefined) byTarget.set(target, undefined)
      else byTarget.set(target, addAll(before, permit.clients))
    }
  }
  return {
    permits: (client) => everyClient || clients.has(client),
    at(target) {
      if (everyClientEverywhere) return undefined
      const here = byTarget.has(target) ? byTarget.get(target) : NOBODY
      return here === undefined ? undefined : here.union(everywhere)
    },
  }
}

function addAll(names: Set<string>, more: Iterable<string>): Set<string> {
  for (const name of more) names.add(name)
  return names
}

const NOBODY: ReadonlySet<string> = new Set()

/** Issuers whose credentials can get nothing. */
function* idleIssuers(nouns: Nouns): Doubts {
  const used = new Set<string>()
  for (const { workloads, authentication } of nouns.clients.values()) {
    yield undefined
    for (const { issuer } of workloads) used.add(issuer)
    if (authentication !== undefined && 'issuer' in authentication) used.add(authentication.issuer)
  }
  for (const { issuer } of nouns.administrators.values()) used.add(issuer)
  for (const { subject, actor } of enforced(nouns, 'permit')) {
    yield undefined
    // A permit that names no issuer takes the subjects of all.
    if (subject?.issuers === undefined) return
    for (const name of [...subject.issuers, ...(actor?.issuers ?? [])]) used.add(name)
  }
  for (const { name, disabled } of nouns.issuers.values()) {
    yield undefined
    if (!used.has(name) && !disabled)
      yield {
        kind: 'TrustedIssuer',
        name,
        path: '',
        message:
          'nobody uses this issuer: no client is selected by it, and no policy or administrator names it; delete it, or say disabled: true',
      }
  }
}

/** Clients that may do nothing. */
function* idleClients(nouns: Nouns, reach: Reach): Doubts {
  for (const { name, disabled } of nouns.clients.values()) {
    yield undefined
    if (!disabled && !reach.permits(name))
      yield {
        kind: 'Client',
        name,
        path: '',
        message:
          'this client may do nothing: no policy permits it anything; write a permit that names it, or delete it',
      }
  }
}

/** What a client says of targets and never comes to: audiences of none, and a default target that it may not have. */
function* namesInVain(nouns: Nouns, targets: TargetIndex, reach: Reach): Doubts {
  for (const client of nouns.clients.values()) {
    yield undefined
    const { name, audiences, disabled } = client
    if (disabled) continue
    for (const [index, audience] of audiences.entries()) {
      if (targets.byAudience(audience) === undefined)
        yield {
          kind: 'Client',
          name,
          path: `spec.audiences[${index}]`,
          message: `no target has the audience ${audience}, so that no token of ours is issued to it; write the audience of a Target`,
        }
    }
    const why = defaultInVain(client, nouns, reach)
    if (why !== undefined) yield { kind: 'Client', name, path: 'spec.defaultTarget', message: why }
  }
}

function defaultInVain({ name, defaultTarget }: Client, nouns: Nouns, reach: Reach): string | undefined {
  const target = defaultTarget === undefined ? undefined : nouns.targets.get(defaultTarget)
  if (target === undefined) return undefined
  if (target.disabled) return `target ${target.name} is disabled`
  if (target.clients !== undefined && !target.clients.has(name))
    return `target ${target.name} is closed to this client; its \`clients\` do not name it`
  // One that may do nothing at all is spoken of already.
  if (!reach.permits(name) || reach.at(target.name)?.has(name) !== false) return undefined
  return `no policy permits this client anything at ${target.name}; name another target, or write a permit`
}

/** Targets for which nobody can have a token: no rule permits it, or the target is closed to all whom a rule permits. */
function* unreachableTargets(nouns: Nouns, reach: Reach): Doubts {
  for (const { name, disabled, clients } of nouns.targets.values()) {
    yield undefined
    if (disabled) continue
    const permitted = reach.at(name)
    if (permitted?.size === 0) {
      yield {
        kind: 'Target',
        name,
        path: '',
        message:
          'nobody can have a token for this target: no policy permits it to anybody; write a permit that names it',
      }
    } else if (clients !== undefined && (permitted ?? clients).isDisjointFrom(clients)) {
      const permits = permitted === undefined ? 'every client' : listed(permitted)
      yield {
        kind: 'Target',
        name,
        path: 'spec.clients',
        message: `nobody can have a token for this target: it is open to ${listed(clients) || 'no client'}, and policies permit ${permits}; let both name the same client`,
      }
    } else if (clients?.size === 0) {
      yield {
        kind: 'Target',
        name,
        path: 'spec.clients',
        message: 'nobody can have a token for this target: it is open to no client; name some, or leave the field out',
      }
    }
  }
}
