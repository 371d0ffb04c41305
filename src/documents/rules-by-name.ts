import type { TrustedIssuer } from '../trust/contract.ts'
import { namesMatched } from '../trust/renameable.ts'
import type { Compiled } from './compile.ts'
import type { Warning } from './contract.ts'

type Rule = Parameters<typeof namesMatched>[1]

/** Rules that go by names alone where an issuer's names pass to others (P-5): the tenant stays ours, what it names need not. */
export function* rulesByName({ clients, policies, issuers }: Compiled['nouns']): Iterable<Warning> {
  for (const { name, workloads } of clients.values()) {
    for (const [index, workload] of workloads.entries()) {
      const issuer = issuers.get(workload.issuer)
      if (issuer !== undefined) yield* warnings('Client', name, `spec.workloads[${index}]`, issuer, workload)
    }
  }
  for (const { name, subject, actor } of policies.values()) {
    for (const [path, party] of [['spec.subject', subject] as const, ['spec.actor', actor] as const]) {
      for (const each of party?.issuers ?? []) {
        const issuer = issuers.get(each)
        if (issuer !== undefined && party !== undefined) yield* warnings('Policy', name, path, issuer, party)
      }
    }
  }
}

function* warnings(kind: string, name: string, at: string, issuer: TrustedIssuer, rule: Rule): Iterable<Warning> {
  for (const [attribute, id] of namesMatched(issuer, rule)) {
    yield {
      kind,
      name,
      path: `${at}.match.${attribute}`,
      message: `${attribute} can be renamed, and the name then be taken by somebody else; ${id === 'ids' ? 'name the subject in ids' : `match ${id} as well`} (P-5)`,
    }
  }
}
