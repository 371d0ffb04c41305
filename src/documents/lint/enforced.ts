import type { Client } from '../../clients/contract.ts'
import { CLIENTS_ISSUER, SELF_ISSUER } from '../../identity/principal.ts'
import type { Policy } from '../../policy/policy.ts'
import type { Target } from '../../targets/contract.ts'
import type { Compiled } from '../compile.ts'
import type { Warning } from '../contract.ts'

export type Nouns = Compiled['nouns']

/** Warnings, and undefined where it has gone through much and found nothing: others may be waiting. */
export type Doubts = Iterable<Warning | undefined>

/** The rules of one effect that decide now. */
export function* enforced({ policies }: Nouns, effect: Policy['effect']): Iterable<Policy> {
  for (const each of policies.values())
    if (each.effect === effect && !each.disabled && each.mode === 'enforce') yield each
}

/** The clients that a rule names; undefined where it names all. */
export function clientsOf({ clients }: Policy, nouns: Nouns): readonly Client[] | undefined {
  return clients === undefined ? undefined : [...clients].flatMap((name) => nouns.clients.get(name) ?? [])
}

/** The targets that a rule names; undefined where it names all. */
export function targetsOf({ targets }: Policy, nouns: Nouns): readonly Target[] | undefined {
  return targets === undefined ? undefined : [...targets].flatMap((name) => nouns.targets.get(name) ?? [])
}

/** Issuers that no document vouches for. */
export const isBuiltIn = (issuer: string): boolean => issuer === SELF_ISSUER || issuer === CLIENTS_ISSUER

/**
 * Names of the trusted issuers whose credentials a permit is for; undefined where anybody's may be. Without an actor the
 * subject is the client itself, so that the client's selectors say it.
 */
export function subjectIssuers(permit: Policy, nouns: Nouns): ReadonlySet<string> | undefined {
  if (permit.subject?.issuers !== undefined) return permit.subject.issuers
  const clients = permit.delegation.mode === 'none' ? clientsOf(permit, nouns) : undefined
  if (clients === undefined || clients.some(({ workloads }) => workloads.length === 0)) return undefined
  return new Set(clients.flatMap(({ workloads }) => workloads.map(({ issuer }) => issuer)))
}

/** `a, b, c and 4 more` */
export function listed(names: Iterable<string>): string {
  const all = [...names]
  return all.length > 4 ? `${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : all.join(', ')
}
