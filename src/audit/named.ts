import type { Named, NamedCredential } from '../blocks/contract.ts'
import { type Principal, SELF_ISSUER } from '../identity/principal.ts'
import type { Facts } from '../policy/contract.ts'
import type { ExchangeRecord } from './contract.ts'
import { storedFacts } from './record.ts'

/**
 * Everything that took part in a recorded exchange, as a block names it: what the road asks of each party at a time, of all
 * of them together, and the token that was issued. A record of before blocks says less of keys and credentials.
 */
export function namedIn(record: ExchangeRecord): Named {
  const facts = storedFacts(record.facts)
  const principals = principalsOf(facts)
  const { subject, lineage, client, keys, actors } = record
  return {
    subjects: [...(subject === null ? [] : [subject.id]), ...principals.map(({ id }) => id)],
    actors: [...actors, ...listed(facts?.actors)],
    instances: [...(subject === null ? [] : [subject.instance]), ...principals.map(({ instance }) => instance)],
    issuers: [
      ...(subject === null ? [] : [subject.issuer]),
      ...principals.map(({ issuer }) => issuer),
      ...record.credentials.map(({ issuer }) => issuer),
    ],
    clients: [client, ...listed(facts?.client?.candidates), ...listed(facts?.path)],
    keys,
    lineages: [lineage],
    credentials: credentialsOf(record),
  }
}

/** Other versions have written facts of other shapes: what is not there is nobody. */
const listed = <T>(list: readonly T[] | undefined): readonly T[] => (Array.isArray(list) ? list : [])
const isPrincipal = (party: Partial<Principal> | undefined): party is Principal =>
  [party?.id, party?.issuer, party?.kind, party?.instance].every((name) => typeof name === 'string')

/** The parties of an exchange that was decided: subject, actor, client, each once. */
export function principalsOf(facts: Facts | undefined): readonly Principal[] {
  if (facts === undefined) return []
  const byId = new Map<string, Principal>()
  for (const party of [facts.subject, facts.actor, facts.client?.principal])
    if (isPrincipal(party) && !byId.has(party.id)) byId.set(party.id, party)
  return [...byId.values()]
}

function credentialsOf(record: ExchangeRecord): readonly NamedCredential[] {
  const hashes: Readonly<Record<string, string>> = {
    client: record.clientTokenHash,
    subject: record.subjectTokenHash,
    actor: record.actorTokenHash,
  }
  const presented = record.credentials.map(({ position, issuer, id }) => {
    return { issuer, id, hashes: () => [hashes[position] ?? ''] }
  })
  return record.jti === ''
    ? presented
    : [...presented, { issuer: SELF_ISSUER, id: record.jti, hashes: () => [record.tokenHash] }]
}
