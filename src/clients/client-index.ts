import { type Principal, principalFacts } from '../identity/principal.ts'
import { attributeText, selects } from '../identity/selector.ts'
import type { Client, ClientIndex, WorkloadSelector } from './contract.ts'

interface Entry {
  readonly client: Client
  readonly selector: WorkloadSelector
}

/** The selectors of one issuer that fix the same plain fields, by the values they fix them to. */
interface Table {
  /** Attribute names, in order; SUBJECT stands for the subject itself. */
  readonly fields: readonly string[]
  readonly entries: Map<string, Entry[]>
}

const SUBJECT = ''
/** A selector that lists more combinations than this is looked up by fewer of its fields. */
const MAX_COMBINATIONS = 256

/**
 * Finds clients without going through them all: a selector is filed under the values of the fields it fixes literally,
 * so that a workload costs one look-up per set of fields in use at its issuer, whatever the number of clients (reliability goal: no scan over documents on the road).
 */
export function clientIndex(clients: Iterable<Client>): ClientIndex {
  const byName = new Map(
    [...clients].sort((one, other) => compare(one.name, other.name)).map((client) => [client.name, client]),
  )
  const tables = new Map<string, Map<string, Table>>()
  for (const client of byName.values()) {
    for (const selector of client.workloads) file({ client, selector }, tables)
  }
  const disabled = Map.groupBy(
    [...byName.values()].filter((client) => client.disabled && client.authentication?.method === 'tls_client_auth'),
    ({ authentication }) => (authentication !== undefined && 'issuer' in authentication ? authentication.issuer : ''),
  )
  const byIssuer: ReadonlyMap<string, readonly Table[]> = new Map(
    [...tables].map(([issuer, each]) => [issuer, [...each.values()]]),
  )
  return Object.freeze({
    size: byName.size,
    byName: (name: string) => byName.get(name),
    selecting: (workload: Principal) => selecting(byIssuer.get(workload.issuer), workload),
    disabledOf: (issuer: string) => disabled.get(issuer) ?? NOBODY,
    all: () => byName.values(),
  })
}

function file(entry: Entry, tables: Map<string, Map<string, Table>>): void {
  const fixed = fixedFields(entry.selector)
  const fields = fixed.map(([field]) => field)
  let ofIssuer = tables.get(entry.selector.issuer)
  if (ofIssuer === undefined) {
    ofIssuer = new Map()
    tables.set(entry.selector.issuer, ofIssuer)
  }
  const signature = JSON.stringify(fields)
  let table = ofIssuer.get(signature)
  if (table === undefined) {
    table = { fields, entries: new Map() }
    ofIssuer.set(signature, table)
  }
  for (const key of combinations(fixed)) {
    const bucket = table.entries.get(key)
    if (bucket === undefined) table.entries.set(key, [entry])
    else bucket.push(entry)
  }
}

type Fixed = readonly (readonly [field: string, values: readonly string[]])[]

/** The fields that the selector fixes to a few literal values. */
function fixedFields({ ids, match }: WorkloadSelector): Fixed {
  const fixed: (readonly [string, readonly string[]])[] = []
  let product = 1
  const written = [[SUBJECT, ids ?? []] as const, ...match].sort(([one], [other]) => compare(one, other))
  for (const [field, patterns] of written) {
    const values = [...new Set(patterns.flatMap(({ literal }) => literal ?? []))]
    if (
      values.length === 0 ||
      patterns.some(({ literal }) => literal === undefined) ||
      product * values.length > MAX_COMBINATIONS
    )
      continue
    product *= values.length
    fixed.push([field, values])
  }
  return fixed
}

function combinations(fixed: Fixed): readonly string[] {
  return fixed.reduce<readonly string[]>(
    (keys, [, values]) => keys.flatMap((key) => values.map((value) => key + part(value))),
    [''],
  )
}

/** Says where it ends, so that no two lists of values make one key. */
const part = (value: string): string => `${value.length}:${value}`

function selecting(tables: readonly Table[] | undefined, workload: Principal): readonly Client[] {
  if (tables === undefined) return NOBODY
  let found: Client[] | undefined
  let bindings: { readonly workload: unknown } | undefined
  for (const { fields, entries } of tables) {
    const key = keyOf(fields, workload)
    if (key === undefined) continue
    for (const { client, selector } of entries.get(key) ?? NONE) {
      if (found?.includes(client) || !selects(selector, workload)) continue
      if (selector.condition !== undefined) {
        bindings ??= { workload: principalFacts(workload) }
        if (!holds(selector, bindings)) continue
      }
      if (found === undefined) found = [client]
      else found.push(client)
    }
  }
  return found === undefined
    ? NOBODY
    : found.length === 1
      ? found
      : found.sort((one, other) => compare(one.name, other.name))
}

const NOBODY: readonly Client[] = Object.freeze([])
const NONE: readonly Entry[] = Object.freeze([])

function keyOf(fields: readonly string[], workload: Principal): string | undefined {
  let key = ''
  for (const field of fields) {
    const value = field === SUBJECT ? workload.subject : attributeText(workload, field)
    if (value === undefined) return undefined
    key += part(value)
  }
  return key
}

/** An error in a condition is no match (interfaces.md, "Errors in conditions"). */
function holds({ condition }: WorkloadSelector, bindings: { readonly workload: unknown }): boolean {
  try {
    return condition?.test(bindings) ?? true
  } catch {
    return false
  }
}

/** Code-unit order: the same on every machine, whatever its locale. */
const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
