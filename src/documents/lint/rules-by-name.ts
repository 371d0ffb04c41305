import type { TrustedIssuer } from '../../trust/contract.ts'
import { isFixed, namesMatched } from '../../trust/renameable.ts'
import type { Warning } from '../contract.ts'
import type { Doubts, Nouns } from './enforced.ts'

type Rule = Parameters<typeof namesMatched>[1]

/** Rules that go by names alone where an issuer's names pass to others (P-5): the tenant stays ours, what it names need not. */
export function* rulesByName({ clients, policies, issuers }: Nouns): Doubts {
  for (const { name, workloads } of clients.values()) {
    yield undefined
    for (const [index, workload] of workloads.entries()) {
      const issuer = issuers.get(workload.issuer)
      if (issuer !== undefined) yield* warnings('Client', name, `spec.workloads[${index}]`, issuer, workload)
    }
  }
  for (const { name, subject, actor, condition } of policies.values()) {
    yield undefined
    for (const [path, party] of [['spec.subject', subject] as const, ['spec.actor', actor] as const]) {
      for (const each of party?.issuers ?? []) {
        const issuer = issuers.get(each)
        if (issuer === undefined || party === undefined) continue
        yield* warnings('Policy', name, path, issuer, { ...party, ...conditionAbout(path, party.condition, condition) })
      }
    }
  }
}

interface Said {
  readonly condition: Rule['condition']
  /** Where it stands. */
  readonly at: string
}

/** What a rule asks of a party may stand in the condition of the whole as well. */
function conditionAbout(path: string, own: Rule['condition'], whole: Rule['condition']): Said {
  const root = path.slice(path.lastIndexOf('.') + 1)
  if (whole === undefined || !new RegExp(`\\b${root}\\b`).test(whole.source))
    return { condition: own, at: `${path}.condition` }
  if (own === undefined) return { condition: whole, at: 'spec.condition' }
  return { condition: { source: `${own.source} && ${whole.source}` }, at: `${path}.condition` }
}

function* warnings(
  kind: string,
  name: string,
  at: string,
  issuer: TrustedIssuer,
  rule: Rule & Partial<Said>,
): Iterable<Warning> {
  const named = namesMatched(issuer, rule)
  for (const [attribute, id, place] of named) {
    yield {
      kind,
      name,
      path: place === 'condition' ? (rule.at ?? `${at}.condition`) : `${at}.${place}`,
      message: `${attribute} can be renamed, and the name then be taken by somebody else; ${id === 'ids' ? 'name the subject in ids' : `match ${id} as well`} (P-5)`,
    }
  }
  const tenants = issuer.tenant?.allowed.size ?? 0
  if (named.length === 0 && tenants > 1 && namesSomething(rule) && !isFixed(issuer, rule)) {
    yield {
      kind,
      name,
      path: at,
      message: `fixes no id that stays, and trusted issuer ${issuer.name} takes credentials of ${tenants} tenants, so that it is about all of them; name the subject in ids, or match ${tenantAttribute(issuer)} (P-4, T21)`,
    }
  }
}

/** A rule about everybody of an issuer says so, and is warned of elsewhere. */
const namesSomething = ({ match, condition }: Rule): boolean => match.length > 0 || condition !== undefined

/** The attribute that is mapped from the tenant; else what can be mapped. */
function tenantAttribute({ tenant, attributes }: TrustedIssuer): string {
  const [name] = attributes.find(([, { source }]) => source === tenant?.mapping.source) ?? []
  return name ?? `an attribute that maps ${tenant?.mapping.source}`
}
