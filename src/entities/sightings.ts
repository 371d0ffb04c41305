import type { ExchangeRecord } from '../audit/contract.ts'
import { principalsOf } from '../audit/named.ts'
import { storedFacts } from '../audit/record.ts'
import { SELF_ISSUER } from '../identity/principal.ts'

/** What a few records together say of one entity. Times are milliseconds since the epoch. */
export interface Sightings {
  readonly id: string
  readonly issuer: string
  readonly kind: string
  readonly first: number
  readonly last: number
  readonly granted: number
  readonly refused: number
  readonly rules: readonly string[]
  /** Newest first. */
  readonly instances: readonly string[]
  /** Places of the records. */
  readonly places: readonly string[]
}

interface Party {
  readonly id: string
  readonly issuer: string
  readonly kind: string
  readonly instance: string
}

/** A record with its place among all. */
export interface Placed {
  readonly place: string
  readonly record: ExchangeRecord
}

/** Everybody in the records, each once, with what they say of it. Records are given oldest first. */
export function sightingsIn(records: readonly Placed[]): readonly Sightings[] {
  const seen = new Map<string, Sightings>()
  for (const placed of records)
    for (const party of partiesOf(placed.record)) seen.set(party.id, further(seen.get(party.id), party, placed))
  return [...seen.values()]
}

/** Who was verified: where nothing could be decided, the subject alone is known. */
function partiesOf({ facts, subject }: ExchangeRecord): readonly Party[] {
  const parties = principalsOf(storedFacts(facts))
  return parties.length > 0 || subject === null ? parties : [subject]
}

function further(known: Sightings | undefined, party: Party, { place, record }: Placed): Sightings {
  const { at, outcome, rules } = record
  const granted = outcome === 'granted' ? 1 : 0
  const instance = kept(party.instance)
  const instances = instance === '' ? [] : [instance]
  if (known === undefined) {
    const { id, issuer, kind } = party
    return { id, issuer, kind, first: at, last: at, granted, refused: 1 - granted, rules, instances, places: [place] }
  }
  // A token of ours tells who it is of, and not who vouched for that.
  const { issuer, kind } = party.issuer === SELF_ISSUER ? known : party
  return {
    id: known.id,
    issuer,
    kind,
    first: Math.min(known.first, at),
    last: Math.max(known.last, at),
    granted: known.granted + granted,
    refused: known.refused + 1 - granted,
    rules: rules.every((rule) => known.rules.includes(rule)) ? known.rules : [...new Set([...known.rules, ...rules])],
    instances: instance === known.instances[0] ? known.instances : [...new Set([...instances, ...known.instances])],
    places: [...known.places, place],
  }
}

/** A text as a column can hold it: an issuer may map any. */
const kept = (text: string): string => text.replaceAll('\0', '\uFFFD')
