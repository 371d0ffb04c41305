import type { Client, ClientIndex } from '../clients/contract.ts'
import { type Reason, Refusal } from '../refusal.ts'
import { type AuthorizationDetail, NO_DETAILS } from '../targets/authorization-details.ts'
import type { Target, TargetIndex } from '../targets/contract.ts'
import { type Aim, aimOf, wantedScopes } from './aim.ts'
import { coversDetail, detailDenial, widens } from './authorization-details.ts'
import { caseOf, issuedBinding, sightOf } from './case.ts'
import { clientRefusal } from './client-refusal.ts'
import type { ChangeClass, Decision, Denial, Facts, Permission } from './contract.ts'
import { issuedActors, mayActMismatch } from './delegation.ts'
import { unmetDemand } from './demands.ts'
import { denialAt } from './denial.ts'
import type { PolicyIndex } from './index-policies.ts'
import { issuedSubject } from './issued-subject.ts'
import { covers } from './match.ts'
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
 * by name that is permitted decides, while a forbid on any of them, or its being disabled, denies. A token of ours goes
 * with the client that it was issued to (T22).
 */
export function evaluate(facts: Facts, rules: Rules): Decision {
  const { candidates, named } = facts.client
  const trace: Trace = { errors: [], shadow: new Map() }
  const clients: Client[] = []
  for (const name of candidates) {
    const client = rules.clients.byName(name)
    if (client === undefined) return deny(trace, 'client_unknown', `no client is named ${name}`)
    const refusal = client.disabled ? clientRefusal(facts, client) : undefined
    if (refusal !== undefined) return deny(trace, refusal.reason, refusal.detail, name)
    clients.push(client)
  }
  const { subjectClient } = facts
  if (subjectClient !== undefined && rules.clients.byName(subjectClient)?.disabled)
    return deny(trace, 'revoked', `client ${subjectClient}, which the token of ours was issued to, is disabled`)
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
  const refusal = clientRefusal(facts, client)
  if (refusal !== undefined) return deny(trace, refusal.reason, refusal.detail, name)
  try {
    const aim = aimOf(facts, client, rules.targets, rules.policies)
    return judge(facts, client, all, aim, rules, trace)
  } catch (error) {
    if (error instanceof Refusal) return deny(trace, error.reason, error.detail, name)
    throw error
  }
}

function judge(facts: Facts, client: Client, all: readonly Client[], aim: Aim, rules: Rules, trace: Trace): Decision {
  const { targets, profile } = aim
  const { name } = client
  const wanted = wantedScopes(facts, targets)
  const surveys: Survey[] = []
  let subject = ''
  for (const target of targets) {
    const bindings = sightOf(facts, name, target)
    const mapped = issuedSubject(facts, profile, bindings)
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
  const refuse = (reason: Reason, detail: string, by: readonly string[] = []): Denial =>
    deny(trace, reason, detail, name, by, withScopeChange(changes, wanted, facts))
  if (forbids.length > 0) return refuse('forbidden', forbidding(forbids, facts, name, targets), ruleNames(forbids))
  const wrong = mayActMismatch(facts, name)
  if (wrong !== undefined)
    return refuse('may_act_mismatch', `the subject token says in may_act who may act for its subject: ${wrong}`)

  for (const each of surveys) {
    if (each.permits.length === 0) {
      const { reason, detail } = denialAt(each.asked, rules.policies.about(name, each.asked.target.name), wanted)
      return refuse(reason, detail)
    }
  }
  const scopes = wanted.filter((scope) => !withheld.has(scope) && surveys.every((each) => covering(each, scope)))
  if (facts.scopes.length > 0 && scopes.length < wanted.length) {
    const lacking = surveys.find((each) => wanted.some((scope) => !covering(each, scope)))
    if (lacking !== undefined) {
      const missing = wanted.filter((scope) => !covering(lacking, scope))
      const { reason, detail } = denialAt(lacking.asked, rules.policies.about(name, lacking.asked.target.name), missing)
      return refuse(reason, detail)
    }
  }
  const { authorizationDetails: details = NO_DETAILS } = facts
  for (const detail of details) {
    const lacking = surveys.find((each) => !granting(each, detail))
    if (lacking !== undefined) return refuse('details_denied', detailDenial(detail, lacking.permits, lacking.asked))
  }
  const deciding = decidingRules(surveys, scopes)
  const demand = unmetDemand(facts, profile, deciding)
  if (demand !== undefined) return refuse(demand.reason, demand.detail, ruleNames(deciding))

  const permission: Permission = Object.freeze({
    permitted: true,
    client: name,
    targets,
    profile,
    scopes: Object.freeze(scopes),
    authorizationDetails: details,
    subject,
    actors: issuedActors(facts, deciding),
    lifetime: deciding.reduce((least, rule) => Math.min(least, rule.lifetime ?? least), profile.lifetime),
    binding: issuedBinding(facts, profile),
    rules: ruleNames(deciding),
    changes: withScopeChange(changes, scopes, facts),
    ...noted(trace),
  })
  permissions.add(permission)
  return permission
}

function forbidding(rules: readonly Policy[], { scopes }: Facts, client: string, targets: readonly Target[]): string {
  const names = ruleNames(rules)
  const who = names.length === 1 ? `rule ${names[0]} forbids` : `rules ${names.join(' and ')} forbid`
  return `${who} client ${client} to have ${scopes.join(' ') || 'a token'} at ${targets.map((each) => each.name).join(' and ')}`
}

/** A right that the subject's credential does not hold is a change; holding less is none. */
function withScopeChange(
  changes: readonly ChangeClass[],
  scopes: readonly string[],
  facts: Facts,
): readonly ChangeClass[] {
  return scopes.some((scope) => !facts.subject.scopes.includes(scope)) || widens(facts)
    ? [...changes, 'scope']
    : changes
}

/** Whether a matching permit grants the scope at the target of the survey. */
const covering = ({ permits, asked }: Survey, scope: string): boolean =>
  permits.some((rule) => covers(rule, scope, asked))

const granting = ({ permits, asked }: Survey, detail: AuthorizationDetail): boolean =>
  permits.some((rule) => coversDetail(rule, detail, asked))

/** The permits that cover something of what is granted; where that is a token and no more, the ones that match the target. */
function decidingRules(surveys: readonly Survey[], scopes: readonly string[]): readonly Policy[] {
  const deciding = surveys.flatMap(({ permits, asked }) => {
    const { authorizationDetails: details = NO_DETAILS } = asked.facts
    if (scopes.length === 0 && details.length === 0) return permits
    return permits.filter(
      (rule) =>
        scopes.some((scope) => covers(rule, scope, asked)) || details.some((each) => coversDetail(rule, each, asked)),
    )
  })
  return deciding.length > 1 ? [...new Set(deciding)] : deciding
}

function ruleNames(rules: readonly Policy[]): readonly string[] {
  const names = rules.map(({ name }) => name)
  return names.length > 1 ? [...new Set(names)].sort() : names
}
