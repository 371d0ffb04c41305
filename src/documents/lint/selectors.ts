import type { Client } from '../../clients/contract.ts'
import type { Pattern } from '../../identity/pattern.ts'
import type { TrustedIssuer } from '../../trust/contract.ts'
import type { Warning } from '../contract.ts'
import type { Doubts, Nouns } from './enforced.ts'

/** Kinds whose subject is an id of the trust domain of its document, where that does not map another. */
const OF_TRUST_DOMAINS: ReadonlyMap<string, string> = new Map([
  ['spiffe-jwt-svid', 'assertion.sub'],
  ['spiffe-x509-svid', 'certificate.uris[0]'],
  ['wit', 'assertion.sub'],
])

/** Ids that no credential of the issuer can have, by place in their list. */
export function* foreignIds(ids: readonly Pattern[], issuer: TrustedIssuer): Iterable<readonly [number, string]> {
  if (OF_TRUST_DOMAINS.get(issuer.credential) !== issuer.subject.source) return
  const domain = `${issuer.authority}/`
  for (const [index, { source }] of ids.entries()) {
    const [certain = ''] = source.split('*')
    if (certain.startsWith(domain) || domain.startsWith(certain)) continue
    yield [index, `${source} can never match: credentials of trusted issuer ${issuer.name} are of ${issuer.authority}`]
  }
}

/** Selectors of clients that no workload can match. */
export function* selectorsInVain(nouns: Nouns): Doubts {
  for (const client of nouns.clients.values()) {
    if (!client.disabled) yield* ofClient(client, nouns)
    yield undefined
  }
}

function* ofClient({ name, workloads, authentication }: Client, { issuers }: Nouns): Iterable<Warning> {
  for (const [index, { issuer: issuerName, ids }] of workloads.entries()) {
    const path = authentication === undefined ? `spec.workloads[${index}]` : 'spec.authentication'
    const issuer = issuers.get(issuerName)
    if (issuer === undefined) continue
    const warning = (at: string, message: string): Warning => ({ kind: 'Client', name, path: `${path}.${at}`, message })
    if (issuer.disabled)
      yield warning('issuer', `trusted issuer ${issuerName} is disabled, so that no workload of it is this client`)
    if (!WORKLOADS.some((position) => issuer.uses.has(position)))
      yield warning('issuer', `trusted issuer ${issuerName} may not be used for workloads; see its \`uses\``)
    for (const [at, message] of foreignIds(ids ?? [], issuer)) yield warning(`ids[${at}]`, message)
  }
}

const WORKLOADS = ['client', 'subject', 'actor', 'assertion'] as const
