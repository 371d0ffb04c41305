import type { Client, ClientIndex, WorkloadSelector } from '../../clients/contract.ts'
import type { Pattern } from '../../identity/pattern.ts'
import type { Principal } from '../../identity/principal.ts'
import type { Steps } from '../../lib/slices.ts'
import type { Policy } from '../../policy/policy.ts'
import { type Doubts, enforced, type Nouns } from './enforced.ts'

/** Selectors that fix no value are gone through one by one; where that were too many of one issuer, nothing is looked for. */
const MAX_COMPARED = 2_000_000

/**
 * Workloads that are several clients: where more than one of them is permitted, the first by name decides (interfaces.md,
 * "Client"), which is seldom what anybody meant. Of each selector a workload is made up that it selects, and the index is
 * asked who else that is: a warning is true, though not every such workload is found.
 */
export function* sharedWorkloads(nouns: Nouns, clients: ClientIndex): Doubts {
  const permitted = yield* permittedTargets(nouns)
  const told = new Set<string>()
  const skipped = yield* tooMany(nouns)
  for (const client of nouns.clients.values()) {
    yield undefined
    for (const [index, selector] of client.workloads.entries()) {
      if (client.disabled || skipped.has(selector.issuer)) continue
      const sample = workloadOf(selector)
      const selected = clients.selecting(sample).filter((each) => isAlike(each, client))
      const [first, ...others] = selected
      if (first === undefined || !selected.includes(client)) continue
      for (const other of others) {
        yield undefined
        const target = meetingPoint(permitted(first.name), permitted(other.name))
        const pair = `${first.name} ${other.name}`
        if (target === undefined || told.has(pair)) continue
        told.add(pair)
        yield {
          kind: 'Client',
          name: other.name,
          path: other === client ? pathOf(client, index) : '',
          message: `${sample.subject === '' ? 'a workload' : sample.subject} of trusted issuer ${selector.issuer} is this client and client ${first.name}; where both are permitted, as at ${target}, ${first.name} decides, being the first by name; let their selectors not overlap`,
        }
      }
    }
  }
}

/** Those who can come the same way (T45). */
const isAlike = (one: Client, other: Client): boolean =>
  !one.disabled && one.authentication?.method === other.authentication?.method

const pathOf = ({ authentication }: Client, index: number): string =>
  authentication === undefined ? `spec.workloads[${index}]` : 'spec.authentication.spiffeId'

function* tooMany({ clients }: Nouns): Steps<ReadonlySet<string>> {
  const counts = new Map<string, { all: number; open: number }>()
  for (const { workloads } of clients.values()) {
    yield
    for (const selector of workloads) {
      const count = counts.get(selector.issuer) ?? { all: 0, open: 0 }
      counts.set(selector.issuer, {
        all: count.all + 1,
        open: count.open + (isOpen(selector) ? 1 : 0),
      })
    }
  }
  return new Set([...counts].flatMap(([issuer, { all, open }]) => (all * open > MAX_COMPARED ? issuer : [])))
}

const isOpen = ({ ids, match }: WorkloadSelector): boolean =>
  [ids ?? [], ...match.map(([, patterns]) => patterns)].every(
    (patterns) => patterns.length === 0 || patterns.some(({ literal }) => literal === undefined),
  )

/** A workload as the selector asks for it, with nothing beside. */
function workloadOf({ issuer, ids, match }: WorkloadSelector): Principal {
  const subject = textOf(ids ?? [])
  return {
    id: subject,
    issuer,
    subject,
    kind: '',
    key: false,
    instance: '',
    scopes: [],
    attributes: Object.fromEntries(match.map(([attribute, patterns]) => [attribute, textOf(patterns)])),
  }
}

const textOf = ([first]: readonly Pattern[]): string => first?.source.replace(/\*\*?/g, 'x') ?? ''

type Targets = ReadonlySet<string> | typeof EVERYWHERE
const EVERYWHERE = 'every target'

/** The targets at which some rule permits a client something. */
function* permittedTargets(nouns: Nouns): Steps<(client: string) => Targets> {
  const byClient = new Map<string, Policy[]>()
  const everyClient: Policy[] = []
  for (const permit of enforced(nouns, 'permit')) {
    yield
    if (permit.clients === undefined) everyClient.push(permit)
    for (const client of permit.clients ?? []) {
      const rules = byClient.get(client)
      if (rules === undefined) byClient.set(client, [permit])
      else rules.push(permit)
    }
  }
  return (client) => {
    const rules = [...(byClient.get(client) ?? []), ...everyClient]
    const named = rules.flatMap(({ targets }) => (targets === undefined ? [] : [...targets]))
    return rules.some(({ targets }) => targets === undefined) ? EVERYWHERE : new Set(named)
  }
}

/** A target, in words, at which both are permitted something. */
function meetingPoint(one: Targets, other: Targets): string | undefined {
  if (one === EVERYWHERE) return nameIn(other)
  if (other === EVERYWHERE) return nameIn(one)
  return nameIn(one.intersection(other))
}

function nameIn(targets: Targets): string | undefined {
  if (targets === EVERYWHERE) return EVERYWHERE
  const [name] = targets
  return name === undefined ? undefined : `target ${name}`
}
