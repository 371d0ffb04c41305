import { type Actor, type ActorChain, MAX_ACTORS } from '../identity/actor.ts'
import { CLIENTS_ISSUER, type Principal, SELF_ISSUER } from '../identity/principal.ts'
import type { Facts } from './contract.ts'
import type { Policy } from './policy.ts'

/** What of an exchange a rule's own `delegation` does not allow. */
type DelegationFault = 'none' | 'keeps' | 'drops' | 'depth'

/** Undefined where the rule allows the exchange (interfaces.md, "Delegation"). */
export function delegationFault({ delegation }: Policy, { actor, actors }: Facts): DelegationFault | undefined {
  const { mode, maxDepth } = delegation
  if (actor === undefined) {
    // nobody new acts; who acted before is kept, which a rule must allow like any act (TE-49)
    if (actors.length === 0) return undefined
    if (mode !== 'delegate') return 'keeps'
    return actors.length <= maxDepth ? undefined : 'depth'
  }
  if (mode === 'none') return 'none'
  if (mode === 'impersonate') return actors.length === 0 ? undefined : 'drops'
  return actors.length + 1 <= Math.min(maxDepth, MAX_ACTORS) ? undefined : 'depth'
}

/** In words; each completes "rule NAME does not match, because …". */
export const delegationWhy: Readonly<Record<DelegationFault, (rule: Policy, facts: Facts) => string>> = {
  none: () => 'its `delegation` is none, and the client acts for another subject',
  keeps: () => 'it allows no actor, and the subject token names some',
  drops: () => 'it impersonates, and that would drop the actors that the subject token names',
  depth: ({ delegation }, { actor, actors }) =>
    `the chain of actors would be ${actors.length + (actor === undefined ? 0 : 1)} deep, and it allows ${Math.min(delegation.maxDepth, MAX_ACTORS)}`,
}

/**
 * The issued `act`, current actor first. It is left out only where every deciding rule impersonates: rules do not add up,
 * so one that demands the actor's name is not lifted by another.
 */
export function issuedActors({ actor, actors }: Facts, rules: readonly Policy[]): ActorChain {
  if (actor === undefined || rules.every(({ delegation }) => delegation.mode === 'impersonate')) return actors
  const current: Actor = { sub: actor.id }
  return [current, ...actors]
}

/**
 * Which member of a present `may_act` the acting party does not match; undefined where it matches all, or there is none
 * (TE-46, T20). The token names the party as its own issuer does; tokens of ours name canonical ids and Client names.
 */
export function mayActMismatch(facts: Facts, client: string): string | undefined {
  if (facts.mayAct === undefined) return undefined
  const { members, issuer, actorIssuer } = facts.mayAct
  const names = Object.keys(members)
  if (names.length === 0) return 'it names nobody'
  const acting = facts.actor ?? facts.client.principal
  const ours = facts.subject.issuer === SELF_ISSUER
  const clientActs = acting.id === facts.client.principal.id
  const sameIssuer =
    ours ||
    (members['iss'] ?? issuer) === (actorIssuer ?? (acting.issuer === facts.subject.issuer ? issuer : undefined))
  for (const name of names) {
    const value = members[name]
    const matches =
      name === 'iss'
        ? typeof value === 'string' && (ours ? value === issuer : sameIssuer)
        : name === 'sub'
          ? sameIssuer && isNamed(acting, value, ours, clientActs ? client : undefined)
          : name === 'client_id'
            ? clientActs && (ours || acting.issuer === CLIENTS_ISSUER) && value === client
            : sameIssuer && isAttribute(acting, name, value)
    if (!matches) return `its member ${name} is not the acting party's`
  }
  return undefined
}

function isNamed(acting: Principal, value: unknown, ours: boolean, client: string | undefined): boolean {
  return typeof value === 'string' && (ours ? value === acting.id || value === client : value === acting.subject)
}

function isAttribute(acting: Principal, name: string, value: unknown): boolean {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return false
  return Object.hasOwn(acting.attributes, name) && acting.attributes[name] === value
}
