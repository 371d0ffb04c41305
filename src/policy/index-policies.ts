import { atOnce, type Steps } from '../lib/slices.ts'
import type { Policy } from './policy.ts'
import { type Parties, Shelf } from './shelf.ts'

/** Finds the rules that can speak of a client at a target without going through them all. */
export interface PolicyIndex {
  readonly size: number
  byName(name: string): Policy | undefined
  /**
   * Lists of rules, not disabled, that name this client (or all) and this target (or all); each rule once. With `parties`
   * such rules as cannot be about this subject and actor may be left out, so that what remains does not grow with the
   * rules about others.
   */
  about(client: string, target: string, parties?: Parties): readonly (readonly Policy[])[]
  all(): Iterable<Policy>
}

const ALL = '*'

type Shelves = Map<string, Map<string, Shelf>>

export const policyIndex = (policies: Iterable<Policy>): PolicyIndex => atOnce(indexPolicies(policies))

export function* indexPolicies(policies: Iterable<Policy>): Steps<PolicyIndex> {
  const byName = new Map(
    [...policies].sort((one, other) => (one.name < other.name ? -1 : 1)).map((policy) => [policy.name, policy]),
  )
  yield
  const byClient: Shelves = new Map()
  for (const policy of byName.values()) {
    if (policy.disabled) continue
    for (const client of policy.clients ?? [ALL]) {
      for (const target of policy.targets ?? [ALL]) {
        shelfOf(byClient, client, target).put(policy)
        yield
      }
    }
  }
  const everyClient = byClient.get(ALL)
  return Object.freeze({
    size: byName.size,
    byName: (name: string) => byName.get(name),
    about(client: string, target: string, parties?: Parties) {
      const lists: (readonly Policy[])[] = []
      collect(byClient.get(client), target, parties, lists)
      collect(everyClient, target, parties, lists)
      return lists
    },
    all: () => byName.values(),
  })
}

function shelfOf(byClient: Shelves, client: string, target: string): Shelf {
  let byTarget = byClient.get(client)
  if (byTarget === undefined) {
    byTarget = new Map()
    byClient.set(client, byTarget)
  }
  let shelf = byTarget.get(target)
  if (shelf === undefined) {
    shelf = new Shelf()
    byTarget.set(target, shelf)
  }
  return shelf
}

function collect(
  byTarget: ReadonlyMap<string, Shelf> | undefined,
  target: string,
  parties: Parties | undefined,
  lists: (readonly Policy[])[],
): void {
  for (const shelf of [byTarget?.get(target), byTarget?.get(ALL)])
    if (shelf !== undefined) lists.push(parties === undefined ? shelf.all : shelf.about(parties))
}
