import type { Reason } from '../refusal.ts'
import type { Binding, TokenProfile } from '../targets/contract.ts'
import { strictest } from './aim.ts'
import { type Case, issuedBinding } from './case.ts'
import type { Demand, Facts } from './contract.ts'
import type { Policy } from './policy.ts'

/**
 * What rules demand of a request beyond matching it: a permit whose demand is not met still decides, so that no other rule
 * takes its place (interfaces.md, "Deciding rules").
 */
interface Unmet {
  readonly reason: Reason
  readonly detail: string
}

/** The first demand of profile and deciding rules that the request does not meet. All must be met. */
export function unmetDemand(facts: Facts, profile: TokenProfile, rules: readonly Policy[]): Unmet | undefined {
  let binding: Binding | undefined = profile.binding
  for (const rule of rules) {
    binding = binding === undefined ? undefined : strictest(binding, rule.binding)
    if (!isConfirmed(rule, facts)) {
      return {
        reason: 'confirmation_unproven',
        detail: `the subject token is bound to a key that the request does not prove, and rule ${rule.name} does not say subject.proofOfPossession: waived`,
      }
    }
    if (!isAuthenticated(rule, facts)) {
      return {
        reason: 'authentication_insufficient',
        detail: `rule ${rule.name} demands ${[...rule.authentication].join(' or ')}, and the client came by ${facts.client.authentication}`,
      }
    }
    if (!isMandated(rule, facts)) {
      return {
        reason: 'delegation_denied',
        detail: `rule ${rule.name} demands that the subject token says in may_act who may act, and it does not`,
      }
    }
  }
  if (binding !== undefined && isBound(binding, issuedBinding(facts, profile))) return undefined
  return {
    reason: 'binding_required',
    detail: `the token must be bound by ${binding ?? 'both dpop and mtls, which no one proof does'}, and ${proven(facts, profile)}`,
  }
}

/** What of a key there is: a proof may be there, and the token of a kind that it does not bind. */
const proven = ({ binding }: Facts, { kind, bindings }: TokenProfile): string =>
  binding === 'none' || bindings.includes(binding)
    ? `the request proves ${binding}`
    : `a ${kind} is not bound by ${binding}`

/** Every demand of a rule, met or not, in the order in which they are asked. */
export function demandsOf(rule: Policy, { facts, profile }: Pick<Case, 'facts' | 'profile'>): readonly Demand[] {
  const demands: Demand[] = []
  if (facts.subjectUnproven) {
    demands.push({
      path: 'spec.subject.proofOfPossession',
      demands: ['a proof of the key that the subject token is bound to'],
      saw: { subjectUnproven: true },
      met: isConfirmed(rule, facts),
    })
  }
  if (rule.authentication.size > 0) {
    demands.push({
      path: 'spec.authentication',
      demands: [...rule.authentication],
      saw: { 'client.authentication': facts.client.authentication },
      met: isAuthenticated(rule, facts),
    })
  }
  if (rule.delegation.requireMayAct) {
    demands.push({
      path: 'spec.delegation.requireMayAct',
      demands: ['may_act'],
      saw: { mayAct: facts.mayAct !== undefined, 'actor.id': facts.actor?.id ?? null },
      met: isMandated(rule, facts),
    })
  }
  if (rule.binding !== 'none') {
    demands.push({
      path: 'spec.binding',
      demands: [rule.binding],
      saw: { binding: facts.binding },
      met: isBound(rule.binding, issuedBinding(facts, profile)),
    })
  }
  return demands
}

/** Whether the key that a token of ours is bound to was proven, or the rule takes it from others too (TE-74). */
const isConfirmed = ({ subject }: Policy, { subjectUnproven }: Facts): boolean =>
  !subjectUnproven || subject?.proofOfPossession === 'waived'

const isAuthenticated = ({ authentication }: Policy, { client }: Facts): boolean =>
  authentication.size === 0 || authentication.has(client.authentication)

/** Whether the subject's own token says who may act for it, where somebody does and the rule wants that. */
const isMandated = ({ delegation }: Policy, { actor, mayAct }: Facts): boolean =>
  !delegation.requireMayAct || actor === undefined || mayAct !== undefined

const isBound = (demanded: Binding, by: Facts['binding']): boolean =>
  demanded === 'none' || (demanded === 'any' ? by !== 'none' : by === demanded)
