import type { Condition } from '../lib/cel.ts'
import type { Case } from './case.ts'
import { CHANGE_MEANS, type ChangeClass, type Failing } from './contract.ts'
import { delegationFault, delegationWhy } from './delegation.ts'
import { describeParty, partyFault } from './party.ts'
import type { Policy, RuleFields } from './policy.ts'
import { membersSeen } from './seen.ts'

/**
 * How far a rule goes along with a case before it stops, in the order in which it is asked: the further, the nearer it
 * was to matching, and the better it explains a denial.
 */
export const stages = ['plain', 'narrowing', 'delegation', 'changes', 'condition'] as const

/** Told of conditions that failed: `rule NAME: message`. */
export type Errors = string[]

/**
 * One thing that a rule says of a case. The road asks whether it holds; what a person is told of one that does not is put
 * together only where somebody asks, from the same rule and the same case.
 */
export interface Clause {
  readonly stage: (typeof stages)[number]
  /** Whether the case is as the rule says; undefined: nobody can tell, since a condition failed. */
  holds(rule: Policy, asked: Case, errors: Errors): boolean | undefined
  /** Of a clause that does not hold. */
  describe(rule: Policy, asked: Case): Failing
}

export const grant: Clause = {
  stage: 'plain',
  holds: ({ grants }, { facts }) => grants === undefined || grants.has(facts.grant),
  describe: ({ grants }, { facts }) => ({
    path: 'spec.grants',
    why: `it is about ${anyOf(grants)}, and this is ${facts.grant}`,
    saw: { 'request.grant': facts.grant },
  }),
}

export const tokenType: Clause = {
  stage: 'plain',
  holds: ({ tokenTypes }, { profile }) => tokenTypes === undefined || tokenTypes.has(profile.kind),
  describe: ({ tokenTypes }, { profile }) => ({
    path: 'spec.tokenTypes',
    why: `it is about tokens of kind ${anyOf(tokenTypes)}, and this would be one of kind ${profile.kind}`,
    saw: { tokenType: profile.kind },
  }),
}

export const subject: Clause = {
  stage: 'plain',
  holds: ({ subject: party, effect }, { facts }) =>
    party === undefined || partyFault(party, facts.subject, effect) === undefined,
  describe: ({ subject: party, effect }, { facts }) => describeParty('subject', party, facts.subject, effect),
}

export const actor: Clause = {
  stage: 'plain',
  holds: ({ actor: party, effect }, { facts }) =>
    party === undefined || (facts.actor !== undefined && partyFault(party, facts.actor, effect) === undefined),
  describe: ({ actor: party, effect }, { facts }) => describeParty('actor', party, facts.actor, effect),
}

/** What a token of ours must hold (interfaces.md, "Narrowing"); a permit for another audience has to say it. */
export const narrowing: Clause = {
  stage: 'narrowing',
  holds: ({ subject: party, effect }, { facts, crosses }) =>
    party?.scopes === undefined
      ? effect === 'forbid' || !crosses
      : party.scopes.every((scope) => facts.subject.scopes.includes(scope)),
  describe({ subject: party }, { facts }) {
    const { scopes } = facts.subject
    const lacking = party?.scopes?.filter((scope) => !scopes.includes(scope))
    return {
      path: 'spec.subject.scopes',
      why:
        lacking === undefined
          ? 'it does not say in subject.scopes what a token for another audience must hold'
          : `the subject token does not hold ${lacking.join(' ')}, which it lists in subject.scopes`,
      saw: { 'subject.scopes': scopes },
    }
  },
}

export const delegation: Clause = {
  stage: 'delegation',
  holds: (rule, { facts }) => delegationFault(rule, facts) === undefined,
  describe(rule, { facts }) {
    const fault = delegationFault(rule, facts)
    return {
      path: fault === 'depth' ? 'spec.delegation.maxDepth' : 'spec.delegation.mode',
      why: fault === undefined ? '' : delegationWhy[fault](rule, facts),
      saw: { 'actor.id': facts.actor?.id ?? null, actors: facts.actors.map(({ sub }) => sub) },
    }
  },
}

export const changes: Clause = {
  stage: 'changes',
  holds(rule, asked) {
    for (const change of asked.changes) if (!isListed(change, rule, asked)) return false
    return true
  },
  describe: (rule, asked) =>
    unlisted(
      asked.changes.filter((change) => !isListed(change, rule, asked)),
      asked,
    ),
}

/**
 * What becomes of a token of ours that comes without its key is for rules that waive the proof. Any other refuses it for
 * the lack of the key (demands.ts), which is what its sender has to be told.
 */
const isListed = (change: ChangeClass, { changes: listed, subject: party }: Policy, { facts }: Case): boolean =>
  listed.has(change) || (change === 'unbind' && facts.subjectUnproven === true && party?.proofOfPossession !== 'waived')

/** Changes that a rule would have to list and does not. */
export function unlisted(lacking: readonly ChangeClass[], { facts, profile }: Case): Failing {
  const each = lacking.map((change) => `${change} (${CHANGE_MEANS[change]})`)
  return {
    path: 'spec.changes',
    why: `it does not list the ${lacking.length === 1 ? 'change' : 'changes'} ${each.join(' and ')}`,
    saw: {
      changes: lacking,
      'subject.key': facts.subject.key,
      ...(facts.subjectUnproven ? { subjectUnproven: true } : {}),
      from: facts.format,
      to: profile.format,
    },
  }
}

/** A condition, at its place in the document. */
const conditionAt = (path: string, condition: Condition): Clause => ({
  stage: 'condition',
  holds: (rule, asked, errors) => ask(condition, rule, asked, errors),
  describe(rule, asked) {
    const errors: Errors = []
    const why =
      ask(condition, rule, asked, errors) === undefined
        ? `its condition failed: ${errors.map((error) => error.slice(`rule ${rule.name}: `.length)).join()}`
        : 'its condition does not hold'
    return { path, why, saw: membersSeen(condition, asked.bindings) }
  },
})

/** Undefined where the condition failed, which is told to `errors`. */
function ask(condition: Condition, rule: Policy, { bindings }: Case, errors: Errors): boolean | undefined {
  try {
    return condition.test(bindings)
  } catch (error) {
    const line = `rule ${rule.name}: ${error instanceof Error ? error.message : 'its condition failed'}`
    if (!errors.includes(line)) errors.push(line)
    return undefined
  }
}

/** The conditions of a rule, in the order in which they are asked. */
export function conditionsOf({ subject: whom, actor: who, condition }: RuleFields): readonly Clause[] {
  const written = [
    ['spec.subject.condition', whom?.condition] as const,
    ['spec.actor.condition', who?.condition] as const,
    ['spec.condition', condition] as const,
  ]
  return Object.freeze(written.flatMap(([path, each]) => (each === undefined ? [] : conditionAt(path, each))))
}

const anyOf = (names: ReadonlySet<string> | undefined): string => [...(names ?? [])].join(' or ')
