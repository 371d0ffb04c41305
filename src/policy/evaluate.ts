import type { Client, ClientIndex } from '../clients/contract.ts'
import { SELF_ISSUER } from '../identity/principal.ts'
import { type Reason, Refusal } from '../refusal.ts'
import type { TargetIndex } from '../targets/contract.ts'
import { type Aim, aimOf, strictest } from './aim.ts'
import { type Case, caseOf, sightOf } from './case.ts'
import type { ChangeClass, Decision, Denial, Facts, Permission } from './contract.ts'
import { issuedActors, mayActMismatch } from './delegation.ts'
import { denialAt } from './denial.ts'
import type { PolicyIndex } from './index-policies.ts'
import type { Policy } from './policy.ts'
import { type Survey, survey } from './survey.ts'

/** What a decision is made by; a Snapshot is one. */
export interface Rules {
  readonly clients: ClientIndex
  readonly targets: TargetIndex
  readonly policies: PolicyIndex
}

const permissions = new WeakSet<object>()

/** Whether a value is a permission that evaluate() made, and nothing that looks like one (T23). */
export const isPermission = (value: object): value is Permission => permissions.has(value)

/**
 * The decision: pure, of verified facts and documents alone (interfaces.md, "How they are read"). Default is deny, a
 * matching forbid wins, permissions of different rules never add up. Every candidate client is judged singly; the first
 * by name that is permitted decides, while a forbid on any of them, or its being disabled, denies.
 */
export function evaluate(facts: Facts, rules: Rules): Decision {
  const { candidates, named } = facts.client
  const trace: Trace = { errors: [], shadow: new Map() }
  const clients: Client[] = []
  for (const name of candidates) {
    const client = rules.clients.byName(name)
    if (client === undefined) return deny(trace, 'client_unknown', `no client is named ${name}`)
    if (client.disabled) return deny(trace, 'client_disabled', `client ${name} is disabled`, name)
    clients.push(client)
  }
  if (clients.length > 1) clients.sort((one, other) => (one.name < other.name ? -1 : 1))
  let denial: Denial | undefined
  for (const client of clients) {
    if (named !== undefined && client.name !== named) continue
    const decision = decide(facts, client, clients, rules, trace)
    if (decision.permitted) return decision
    if (decision.reason === 'forbidden') return decision
    denial ??= decision
  }
  return denial ?? deny(trace, 'client_unknown', 'the caller is no client')
}

/** What is noted while judging, whatever comes of it. */
interface Trace {
  readonly errors: string[]
  readonly shadow: Map<string, 'permit' | 'forbid'>
}

function deny(
  trace: Trace,
  reason: Reason,
  detail: string,
  client?: string,
  rules: readonly string[] = [],
  changes: readonly ChangeClass[] = [],
): Denial {
  return Object.freeze({
    permitted: false,
    reason,
    detail,
    ...(client === undefined ? {} : { client }),
    rules,
    changes,
    ...noted(trace),
  })
}

function noted({ errors, shadow }: Trace) {
  return { errors, shadow: shadow.size === 0 ? [] : [...shadow].map(([rule, outcome]) => ({ rule, outcome })) }
}

function decide(facts: Facts, client: Client, all: readonly Client[], rules: Rules, trace: Trace): Decision {
  const { name } = client
  if (!client.grants.has(facts.grant))
    return deny(
      trace,
      'grant_not_allowed',
      `client ${name} may not use ${facts.grant}; its \`grants\` are ${[...client.grants].join(', ') || 'none'}`,
      name,
    )
  if (!mayBring(facts, client)) {
    return deny(
      trace,
      'audience_mismatch',
      `the token of ours was issued to client ${facts.subjectClient} for ${facts.subjectAudiences?.join(', ')}; client ${name} is neither, by its name or its \`audiences\``,
      name,
    )
  }
  try {
    const aim = aimOf(facts, client, rules.targets, rules.policies)
    return judge(facts, client, all, aim, rules, trace)
  } catch (error) {
    if (error instanceof Refusal) return deny(trace, error.reason, error.detail, name)
    throw error
  }
}

/** A token of ours is brought by the client it was issued to, or by one that it is meant for (TE-70, T18); any other may have stolen it. */
function mayBring({ subject, subjectAudiences, subjectClient }: Facts, client: Client): boolean {
  if (subject.issuer !== SELF_ISSUER) return true
  return subjectClient === client.name || (subjectAudiences?.some((one) => client.audiences.includes(one)) ?? false)
}

function judge(facts: Facts, client: Client, all: readonly Client[], aim: Aim, rules: Rules, trace: Trace): Decision {
  const { targets, profile } = aim
  const { name } = client
  const wanted = facts.scopes.length > 0 ? [...new Set(facts.scopes)] : defaultScopes(aim)
  const surveys: Survey[] = []
  let subject = ''
  for (const target of targets) {
    const bindings = sightOf(facts, name, target)
    const mapped = issuedSubject(facts, aim, bindings)
    if (surveys.length > 0 && mapped !== subject)
      throw new Refusal('target_combination', 'the targets name the subject differently; ask for one at a time')
    subject = mapped
    surveys.push(
      survey(
        rules.policies.about(name, target.name, facts),
        caseOf(facts, name, target, profile, subject, bindings),
        wanted,
        trace,
      ),
    )
  }
  const forbids = surveys.flatMap((each) => each.forbids)
  const withheld = new Set(surveys.flatMap((each) => each.withheld))
  for (const other of all) {
    if (other === client) continue
    for (const target of targets) {
      const asked = caseOf(facts, other.name, target, profile, subject, sightOf(facts, other.name, target))
      const found = survey(rules.policies.about(other.name, target.name, facts), asked, wanted, trace, true)
      forbids.push(...found.forbids)
      for (const scope of found.withheld) withheld.add(scope)
    }
  }
  const changes = surveys[0]?.asked.changes ?? []
  if (forbids.length > 0) {
    const names = ruleNames(forbids)
    return deny(
      trace,
      'forbidden',
      `${names.join(', ')} ${names.length === 1 ? 'forbids' : 'forbid'} it`,
      name,
      names,
      changes,
    )
  }
  const wrong = mayActMismatch(facts, name)
  if (wrong !== undefined)
    return deny(
      trace,
      'may_act_mismatch',
      `the subject token says in may_act who may act for its subject: ${wrong}`,
      name,
      [],
      changes,
    )

  for (const each of surveys) {
    if (each.permits.length === 0) {
      const { reason, detail } = denialAt(each.asked, rules.policies.about(name, each.asked.target.name), wanted)
      return deny(trace, reason, detail, name, [], changes)
    }
  }
  const scopes = wanted.filter((scope) => !withheld.has(scope) && surveys.every((each) => covering(each, scope)))
  if (facts.scopes.length > 0 && scopes.length < wanted.length) {
    const lacking = surveys.find((each) => wanted.some((scope) => !covering(each, scope)))
    if (lacking !== undefined) {
      const missing = wanted.filter((scope) => !covering(lacking, scope))
      const { reason, detail } = denialAt(lacking.asked, rules.policies.about(name, lacking.asked.target.name), missing)
      return deny(trace, reason, detail, name, [], changes)
    }
  }
  const deciding = decidingRules(surveys, scopes)
  const demand = unmetDemand(facts, aim, deciding)
  if (demand !== undefined) return deny(trace, demand.reason, demand.detail, name, ruleNames(deciding), changes)

  const permission: Permission = Object.freeze({
    permitted: true,
    client: name,
    targets,
    profile,
    scopes: Object.freeze(scopes),
    subject,
    actors: issuedActors(facts, deciding),
    lifetime: deciding.reduce((least, rule) => Math.min(least, rule.lifetime ?? least), profile.lifetime),
    binding: facts.binding,
    rules: ruleNames(deciding),
    changes: withScopeChange(changes, scopes, facts),
    ...noted(trace),
  })
  permissions.add(permission)
  return permission
}

/** A scope that the subject's credential does not hold is a change; holding less is none. */
function withScopeChange(
  changes: readonly ChangeClass[],
  scopes: readonly string[],
  { subject }: Facts,
): readonly ChangeClass[] {
  return scopes.some((scope) => !subject.scopes.includes(scope)) ? [...changes, 'scope'] : changes
}

/** Scopes that every target grants where none is asked for (TE-14). */
function defaultScopes({ targets }: Aim): readonly string[] {
  const [first, ...others] = targets
  const scopes = first?.defaultScopes ?? []
  return others.length === 0
    ? scopes
    : scopes.filter((scope) => others.every(({ defaultScopes: each }) => each.includes(scope)))
}

const MAX_SUBJECT = 1024

function issuedSubject(facts: Facts, { profile }: Aim, bindings: Case['bindings']): string {
  if (profile.subject === undefined) return facts.subject.id
  let value: unknown
  try {
    value = profile.subject.value(bindings)
  } catch (error) {
    throw new Refusal(
      'subject_unmapped',
      `the target's \`subject\` has no value for ${facts.subject.id}: ${error instanceof Error ? error.message : ''}`,
    )
  }
  if (typeof value === 'string' && value !== '' && value.length <= MAX_SUBJECT) return value
  throw new Refusal(
    'subject_unmapped',
    `the target's \`subject\` yields no text of 1 to ${MAX_SUBJECT} characters for ${facts.subject.id}`,
  )
}

/** Whether a matching permit grants the scope at the target of the survey, within what a token of ours holds. */
function covering({ permits, asked }: Survey, scope: string): boolean {
  if (asked.cap !== undefined && !asked.cap.includes(scope)) return false
  return permits.some((rule) => covers(rule, scope, asked))
}

function covers(rule: Policy, scope: string, { facts }: Case): boolean {
  return rule.scopes?.has(scope) === true && (rule.changes.has('scope') || facts.subject.scopes.includes(scope))
}

/** The permits that cover a granted scope; without scopes, the ones that match the target. */
function decidingRules(surveys: readonly Survey[], scopes: readonly string[]): readonly Policy[] {
  const deciding = surveys.flatMap(({ permits, asked }) =>
    scopes.length === 0 ? permits : permits.filter((rule) => scopes.some((scope) => covers(rule, scope, asked))),
  )
  return deciding.length > 1 ? [...new Set(deciding)] : deciding
}

/** The first demand of profile and deciding rules that the request does not meet. All must be met. */
function unmetDemand(
  facts: Facts,
  { profile }: Aim,
  rules: readonly Policy[],
): { readonly reason: Reason; readonly detail: string } | undefined {
  let binding: ReturnType<typeof strictest> = profile.binding
  for (const rule of rules) {
    binding = binding === undefined ? undefined : strictest(binding, rule.binding)
    if (rule.authentication.size > 0 && !rule.authentication.has(facts.client.authentication)) {
      return {
        reason: 'authentication_insufficient',
        detail: `rule ${rule.name} demands ${[...rule.authentication].join(' or ')}, and the client came by ${facts.client.authentication}`,
      }
    }
    if (rule.delegation.requireMayAct && facts.actor !== undefined && facts.mayAct === undefined) {
      return {
        reason: 'delegation_denied',
        detail: `rule ${rule.name} demands that the subject token says in may_act who may act, and it does not`,
      }
    }
  }
  if (binding === 'none') return undefined
  if (binding !== undefined && (binding === 'any' ? facts.binding !== 'none' : facts.binding === binding))
    return undefined
  return {
    reason: 'binding_required',
    detail: `the token must be bound by ${binding ?? 'both dpop and mtls, which no one proof does'}, and the request proves ${facts.binding}`,
  }
}

function ruleNames(rules: readonly Policy[]): readonly string[] {
  const names = rules.map(({ name }) => name)
  return names.length > 1 ? [...new Set(names)].sort() : names
}
