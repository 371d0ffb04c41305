import { type Principal, principalFacts } from '../identity/principal.ts'
import { selects } from '../identity/selector.ts'
import { SelectorIndex } from '../identity/selector-index.ts'
import { atOnce, type Steps } from '../lib/slices.ts'
import type { Client, ClientIndex, WorkloadSelector } from './contract.ts'

interface Entry {
  readonly client: Client
  readonly selector: WorkloadSelector
}

export const clientIndex = (clients: Iterable<Client>): ClientIndex => atOnce(indexClients(clients))

/** Finds clients without going through them all: by the issuer, and by what their selectors fix. */
export function* indexClients(clients: Iterable<Client>): Steps<ClientIndex> {
  const byName = new Map(
    [...clients].sort((one, other) => compare(one.name, other.name)).map((client) => [client.name, client]),
  )
  yield
  const byIssuer = new Map<string, SelectorIndex<Entry>>()
  const disabled = new Map<string, Client[]>()
  const audiences = new Set<string>()
  for (const client of byName.values()) {
    for (const selector of client.workloads) {
      const selectors = byIssuer.get(selector.issuer) ?? new SelectorIndex<Entry>()
      byIssuer.set(selector.issuer, selectors)
      selectors.file(selector, { client, selector })
      yield
    }
    const { authentication } = client
    for (const audience of client.audiences) audiences.add(audience)
    if (client.disabled && authentication?.method === 'tls_client_auth')
      disabled.set(authentication.issuer, [...(disabled.get(authentication.issuer) ?? []), client])
    yield
  }
  return Object.freeze({
    size: byName.size,
    byName: (name: string) => byName.get(name),
    selecting: (workload: Principal) =>
      selecting(byIssuer.get(workload.issuer)?.candidates(workload) ?? NONE, workload),
    isMeantBy: (audience: string) => byName.has(audience) || audiences.has(audience),
    disabledOf: (issuer: string) => disabled.get(issuer) ?? NOBODY,
    all: () => byName.values(),
  })
}

function selecting(entries: readonly Entry[], workload: Principal): readonly Client[] {
  let found: Client[] | undefined
  let bindings: { readonly workload: unknown } | undefined
  for (const { client, selector } of entries) {
    if (found?.includes(client) || !selects(selector, workload)) continue
    if (selector.condition !== undefined) {
      bindings ??= { workload: principalFacts(workload) }
      if (!holds(selector, bindings)) continue
    }
    if (found === undefined) found = [client]
    else found.push(client)
  }
  return found === undefined
    ? NOBODY
    : found.length === 1
      ? found
      : found.sort((one, other) => compare(one.name, other.name))
}

const NOBODY: readonly Client[] = Object.freeze([])
const NONE: readonly Entry[] = Object.freeze([])

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
