import type { Client } from '../clients/contract.ts'
import { RESERVED_ATTRIBUTES } from '../identity/principal.ts'
import type { Selector } from '../identity/selector.ts'
import { nearestName } from '../lib/nearest.ts'
import type { Party, Policy } from '../policy/policy.ts'
import type { Target } from '../targets/contract.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { Compiled } from './compile.ts'
import type { DocumentFault } from './faults.ts'
import { CREDENTIAL_TYPES, Visible } from './visible.ts'

/** Takes what is wrong at a place of the document that is looked at. */
type Report = (path: string, message: string) => void

/**
 * What conditions, mappings and `match` read that nobody provides: an attribute that no issuer in question maps, a member
 * that nothing has, a comparison that never holds. A misspelt attribute in a permit permits nothing, and in a forbid
 * everything, so it is a fault when it is written. Answers document by document, so that whoever asks can pause.
 */
export function* attributeFaults(nouns: Compiled['nouns']): Iterable<readonly DocumentFault[]> {
  const visible = new Visible(nouns)
  for (const issuer of nouns.issuers.values()) yield collected('TrustedIssuer', issuer, issuerFaults)
  for (const client of nouns.clients.values())
    yield collected('Client', client, (noun, report) => clientFaults(noun, visible, report))
  for (const target of nouns.targets.values())
    yield collected('Target', target, (noun, report) => targetFaults(noun, visible, report))
  for (const policy of nouns.policies.values())
    yield collected('Policy', policy, (noun, report) => policyFaults(noun, visible, report))
  for (const binding of nouns.administrators.values())
    yield collected('Administrator', binding, ({ condition }, report) => {
      for (const message of condition.misreadings(CREDENTIAL_TYPES)) report('spec.condition', message)
    })
}

const NONE: readonly DocumentFault[] = Object.freeze([])

function collected<Noun extends { readonly name: string }>(
  kind: string,
  noun: Noun,
  look: (noun: Noun, report: Report) => void,
): readonly DocumentFault[] {
  let faults: DocumentFault[] | undefined
  look(noun, (path, message) => {
    faults ??= []
    faults.push({ kind, name: noun.name, path, message })
  })
  return faults ?? NONE
}

/** Only a certificate has members that are known. */
function issuerFaults(issuer: TrustedIssuer, report: Report): void {
  const { conditions, tenant, subject, instance, attributes } = issuer
  for (const condition of conditions)
    for (const message of condition.misreadings(CREDENTIAL_TYPES)) report('spec.condition', message)
  for (const message of tenant?.mapping.misreadings(CREDENTIAL_TYPES) ?? []) report('spec.tenant', message)
  for (const message of subject.misreadings(CREDENTIAL_TYPES, 'text')) report('spec.subject', message)
  for (const message of instance?.misreadings(CREDENTIAL_TYPES, 'text') ?? []) report('spec.instance', message)
  for (const [name, mapping] of attributes)
    for (const message of mapping.misreadings(CREDENTIAL_TYPES)) report(`spec.attributes.${name}`, message)
}

function clientFaults({ workloads }: Client, visible: Visible, report: Report): void {
  for (const [index, workload] of workloads.entries()) {
    const path = `spec.workloads[${index}]`
    const issuers = [workload.issuer]
    matchFaults(workload, issuers, visible, path, report)
    const types = { workload: visible.principal(issuers) }
    for (const message of workload.condition?.misreadings(types) ?? []) report(`${path}.condition`, message)
  }
}

function targetFaults({ tokens, clients }: Target, visible: Visible, report: Report): void {
  const types = visible.policy(clients, undefined, undefined)
  for (const [index, { subject, claims }] of tokens.entries()) {
    const path = `spec.tokens[${index}]`
    for (const message of subject?.misreadings(types, 'text') ?? []) report(`${path}.subject`, message)
    for (const [claim, mapping] of claims)
      for (const message of mapping.misreadings(types)) report(`${path}.claims.${claim}`, message)
  }
}

function policyFaults({ clients, subject, actor, condition }: Policy, visible: Visible, report: Report): void {
  for (const [path, party] of [['spec.subject', subject] as const, ['spec.actor', actor] as const])
    if (party !== undefined) matchFaults(party, namesOf(party), visible, path, report)
  const conditions = [
    ['spec.subject.condition', subject?.condition] as const,
    ['spec.actor.condition', actor?.condition] as const,
    ['spec.condition', condition] as const,
  ]
  if (conditions.every(([, each]) => each === undefined)) return
  const types = visible.policy(clients, namesOf(subject), namesOf(actor))
  for (const [path, each] of conditions) for (const message of each?.misreadings(types) ?? []) report(path, message)
}

const namesOf = (party: Party | undefined): readonly string[] | undefined =>
  party?.issuers === undefined ? undefined : [...party.issuers]

/** Attributes that a selector matches and none of the issuers in question maps (undefined: any of them). */
function matchFaults(
  { match }: Selector,
  issuers: readonly string[] | undefined,
  visible: Visible,
  path: string,
  report: Report,
): void {
  if (match.length === 0) return
  const mapped = visible.attributes(issuers)
  if (mapped === undefined) return
  for (const [attribute] of match) {
    if (!mapped.includes(attribute)) report(`${path}.match.${attribute}`, unmapped(attribute, issuers, mapped))
  }
}

const INSTEAD: Readonly<Record<string, string>> = { id: 'write `ids`', issuer: 'write `issuers`' }

function unmapped(attribute: string, issuers: readonly string[] | undefined, mapped: readonly string[]): string {
  if (RESERVED_ATTRIBUTES.has(attribute))
    return `can never match: ${attribute} is no attribute, but what every principal has; ${INSTEAD[attribute] ?? 'look at it in a `condition`'}`
  const who =
    issuers === undefined
      ? 'no trusted issuer maps the'
      : issuers.length === 1
        ? `trusted issuer ${issuers[0]} maps no`
        : `none of the trusted issuers ${issuers.join(', ')} maps the`
  const near = nearestName(attribute, mapped)
  const there = mapped.length === 0 ? 'there are none' : `there are ${mapped.join(', ')}`
  return `can never match: ${who} attribute ${attribute}; ${near === undefined ? there : `did you mean ${near}?`}`
}
