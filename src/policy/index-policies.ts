import type { Policy } from './policy.ts'

/** Finds the rules that can speak of a client at a target without going through them all. */
export interface PolicyIndex {
  readonly size: number
  byName(name: string): Policy | undefined
  /** Lists of rules, not disabled, that name this client (or all) and this target (or all); each rule once. */
  about(client: string, target: string): readonly (readonly Policy[])[]
  all(): Iterable<Policy>
}

const ALL = '*'

export function policyIndex(policies: Iterable<Policy>): PolicyIndex {
  const byName = new Map(
    [...policies].sort((one, other) => (one.name < other.name ? -1 : 1)).map((policy) => [policy.name, policy]),
  )
  const byClient = new Map<string, Map<string, Policy[]>>()
  for (const policy of byName.values()) {
    if (policy.disabled) continue
    for (const client of policy.clients ?? [ALL]) {
      for (const target of policy.targets ?? [ALL]) file(policy, client, target, byClient)
    }
  }
  const everyClient = byClient.get(ALL)
  return Object.freeze({
    size: byName.size,
    byName: (name: string) => byName.get(name),
    about(client: string, target: string) {
      const lists: (readonly Policy[])[] = []
      collect(byClient.get(client), target, lists)
      collect(everyClient, target, lists)
      return lists
    },
    all: () => byName.values(),
  })
}

function file(policy: Policy, client: string, target: string, byClient: Map<string, Map<string, Policy[]>>): void {
  const byTarget = byClient.get(client) ?? new Map<string, Policy[]>()
  byClient.set(client, byTarget)
  const rules = byTarget.get(target)
  if (rules === undefined) byTarget.set(target, [policy])
  else rules.push(policy)
}

function collect(
  byTarget: ReadonlyMap<string, readonly Policy[]> | undefined,
  target: string,
  lists: (readonly Policy[])[],
): void {
  const named = byTarget?.get(target)
  if (named !== undefined) lists.push(named)
  const every = byTarget?.get(ALL)
  if (every !== undefined) lists.push(every)
}
