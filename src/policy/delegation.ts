import { type Actor, type ActorChain, MAX_ACTORS } from '../identity/actor.ts'
import { CLIENTS_ISSUER, type Principal, SELF_ISSUER } from '../identity/principal.ts'
import type { Facts } from './contract.ts'
import type { Policy } from './policy.ts'

/** Why a rule's own `delegation` does not allow an exchange; undefined where it does (interfaces.md, "Delegation"). */
export function delegationMismatch({ delegation }: Policy, { actor, actors }: Facts): string | undefined {
  const { mode, maxDepth } = delegation
  if (actor === undefined) {
    // nobody new acts; who acted before is kept, which a rule must allow like any act (TE-49)
    if (actors.length === 0 || (mode === 'delegate' && actors.length <= maxDepth)) return undefined
    return mode === 'delegate'
      ? tooDeep(actors.length, maxDepth)
      : 'it allows no actor, and the subject token names some'
  }
  if (mode === 'none') return 'its `delegation` is none, and the client acts for another subject'
  if (mode === 'impersonate')
    return actors.length === 0
      ? undefined
      : 'it impersonates, and that would drop the actors that the subject token names'
  const depth = actors.length + 1
  return depth <= Math.min(maxDepth, MAX_ACTORS) ? undefined : tooDeep(depth, maxDepth)
}

const tooDeep = (depth: number, most: number): string =>
  `the chain of actors would be ${depth} deep, and it allows ${Math.min(most, MAX_ACTORS)}`

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
