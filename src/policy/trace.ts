import type { Client } from '../clients/contract.ts'
import { Refusal } from '../refusal.ts'
import type { Target } from '../targets/contract.ts'
import { offeredBy, refuseClosed, targetsOf, wantedScopes } from './aim.ts'
import { detailsFailing } from './authorization-details.ts'
import { type Case, caseOf, sightOf } from './case.ts'
import { clientRefusal } from './client-refusal.ts'
import type { Facts, Failing, TracedCase, TracedRule } from './contract.ts'
import { demandsOf } from './demands.ts'
import { scopeFailing } from './denial.ts'
import type { Rules } from './evaluate.ts'
import { issuedSubject } from './issued-subject.ts'
import { covers, forbidMismatch, grantsSome, permitMismatch } from './match.ts'
import type { Policy } from './policy.ts'

/** A case as it was put to the rules, where it could be: its target has such a token, and a name for the subject. */
export interface Traced {
  readonly shown: TracedCase
  readonly asked: Case | undefined
}

/**
 * Every rule that speaks of a candidate client and of a target that the request means, asked by the same functions as on
 * the road. Whatever a candidate aims at is traced for the others too, since their forbids count.
 */
export function traceOf(facts: Facts, rules: Rules): readonly Traced[] {
  const traced = new Map<string, Traced>()
  const add = (each: Traced) => {
    const key = `${each.shown.client} ${each.shown.target ?? ''}`
    const before = traced.get(key)
    if (before === undefined || (before.asked === undefined && each.asked !== undefined)) traced.set(key, each)
  }
  for (const name of facts.client.candidates) {
    const client = rules.clients.byName(name)
    if (client === undefined) {
      add(stoppedAt(name, new Refusal('client_unknown', `no client is named ${name}`), rules))
      continue
    }
    const targets = attempt(() => targetsOf(facts, client, rules.targets))
    if (targets instanceof Refusal) {
      add(stoppedAt(name, clientStop(facts, client) ?? targets, rules))
      continue
    }
    for (const each of facts.client.candidates) {
      const other = rules.clients.byName(each)
      if (other !== undefined) for (const target of targets) add(traceAt(facts, other, client, target, targets, rules))
    }
  }
  return [...traced.values()]
}

/** `decider` is the client whose aim it is: what its targets have together is what every candidate's forbids are asked of. */
function traceAt(
  facts: Facts,
  client: Client,
  decider: Client,
  target: Target,
  targets: readonly Target[],
  rules: Rules,
): Traced {
  const wanted = wantedScopes(facts, targets)
  const stop = clientStop(facts, client) ?? attempt(() => refuseClosed(target, client))
  const asked = attempt(() => {
    const profile = offeredBy(targets, facts, decider)
    const bindings = sightOf(facts, client.name, target)
    const subject = issuedSubject(facts, profile, sightOf(facts, decider.name, target))
    return caseOf(facts, client.name, target, profile, subject, bindings)
  })
  if (asked instanceof Refusal) return stoppedAt(client.name, stop ?? asked, rules, target)
  const about = rulesAbout(client.name, target.name, rules)
  return {
    asked,
    shown: {
      client: client.name,
      target: target.name,
      ...(stop === undefined ? {} : { stopped: said(stop) }),
      scopes: wanted,
      changes: asked.changes,
      rules: about.map((rule) => traceRule(rule, asked, wanted)),
      others: rules.policies.size - about.length,
    },
  }
}

function stoppedAt(client: string, refusal: Refusal, { policies }: Rules, target?: Target): Traced {
  return {
    asked: undefined,
    shown: {
      client,
      ...(target === undefined ? {} : { target: target.name }),
      stopped: said(refusal),
      scopes: [],
      changes: [],
      rules: [],
      others: policies.size,
    },
  }
}

/** Why a client permits nothing here, whatever its rules say. */
function clientStop(facts: Facts, client: Client): Refusal | undefined {
  const { named } = facts.client
  if (named !== undefined && named !== client.name)
    return new Refusal('client_mismatch', `the request names client ${named}, so that this one can only forbid`)
  return clientRefusal(facts, client)
}

const said = ({ reason, detail }: Refusal) => ({ reason, detail })

function attempt<T>(make: () => T): T | Refusal {
  try {
    return make()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

/** Also those that are disabled, which the index has not. */
function rulesAbout(client: string, target: string, { policies }: Rules): readonly Policy[] {
  return [...policies.all()].filter(
    (rule) => (rule.clients?.has(client) ?? true) && (rule.targets?.has(target) ?? true),
  )
}

const DISABLED: Failing = { path: 'spec.disabled', why: 'it is disabled', saw: {} }

function traceRule(rule: Policy, asked: Case, wanted: readonly string[]): TracedRule {
  const { name, effect, mode, disabled } = rule
  const said = disabled
    ? { matched: false, scopes: [], failing: DISABLED }
    : effect === 'permit'
      ? tracePermit(rule, asked, wanted)
      : traceForbid(rule, asked, wanted)
  const { failing, ...rest } = said
  return {
    rule: name,
    effect,
    mode,
    disabled,
    ...rest,
    ...(failing === undefined ? {} : { failing }),
    demands: demandsOf(rule, asked.facts),
  }
}

type Said = Pick<TracedRule, 'matched' | 'scopes'> & { readonly failing: Failing | undefined }

/** A permit that grants nothing of what is asked for decides nothing; where nothing is, the target is enough. */
function tracePermit(rule: Policy, asked: Case, wanted: readonly string[]): Said {
  const mismatch = permitMismatch(rule, asked, [])
  if (mismatch !== undefined) return { matched: false, scopes: [], failing: mismatch.describe(rule, asked) }
  const scopes = wanted.filter((scope) => covers(rule, scope, asked))
  const failing = scopeFailing(rule, asked, wanted) ?? detailsFailing(rule, asked) ?? unmetOf(rule, asked)
  return { matched: grantsSome(rule, asked, wanted), scopes, failing }
}

function unmetOf(rule: Policy, { facts }: Case): Failing | undefined {
  const unmet = demandsOf(rule, facts).find(({ met }) => !met)
  if (unmet === undefined) return undefined
  return { path: unmet.path, why: `it demands ${unmet.demands.join(' or ')}`, saw: unmet.saw }
}

/** A forbid with scopes is about those alone. */
function traceForbid(rule: Policy, asked: Case, wanted: readonly string[]): Said {
  const scopes = rule.scopes === undefined ? wanted : wanted.filter((scope) => rule.scopes?.has(scope))
  if (rule.scopes !== undefined && scopes.length === 0) {
    const why = `it forbids ${[...rule.scopes].join(' ')}, and none of them is in question`
    return { matched: false, scopes, failing: { path: 'spec.scopes', why, saw: { scopes: wanted } } }
  }
  const mismatch = forbidMismatch(rule, asked, [])
  return mismatch === undefined
    ? { matched: true, scopes, failing: undefined }
    : { matched: false, scopes: [], failing: mismatch.describe(rule, asked) }
}
