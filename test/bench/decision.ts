/**
 * What a decision costs by the number of documents there are: which clients the workload is, and what rules say to its
 * facts. In this process, without credential and record, whose costs the other parts give. Rounds go through all numbers
 * one after the other, and the median of the rounds counts.
 */
import * as credentialKinds from '../../src/credentials/kinds/index.ts'
import { Compiler } from '../../src/documents/compile.ts'
import { API_VERSION, type Document } from '../../src/documents/contract.ts'
import type { Decision } from '../../src/policy/contract.ts'
import { evaluate, type Rules } from '../../src/policy/evaluate.ts'
import * as tokenKinds from '../../src/tokens/kinds/index.ts'
import { clusterOf, factsOf, largeWorld, namespaceOf, OUR_ISSUER } from './large-world.ts'
import { median } from './load.ts'
import { waited } from './pauses.ts'
import { ratioOf, written } from './sample.ts'

const SIZES = [10, 100, 1000, 10_000]
/** How long one form is measured at one size in one round. */
const ROUND_MS = 20
/** Workloads that take turns, so that no cache is warm for one of them alone. */
const CALLERS = 10

interface Shape {
  readonly name: string
  /** Policies beside or instead of those of the large world. */
  readonly policy?: (index: number) => Record<string, unknown>
  /** The first of the callers; the others are ten further each, and so of the same form. */
  readonly first: number
  readonly permitted: boolean
}

const crowd = (spec: (index: number) => object) => (index: number) => ({
  clients: ['*'],
  targets: ['target-0'],
  scopes: ['read'],
  ...spec(index),
})

/** Numbers are those of the documents in large-world.ts. */
const SHAPES: readonly Shape[] = [
  { name: 'client named by attributes, its own rule', first: 0, permitted: true },
  { name: 'the same, its rule has a condition', first: 1, permitted: true },
  { name: 'client named by a pattern, its rule has a condition', first: 7, permitted: true },
  { name: 'a rule for all clients, by the subject', first: 6, permitted: true },
  {
    name: 'all rules at one target, by attributes of the subject',
    policy: crowd((index) => ({
      subject: { issuers: [clusterOf(index)], match: { namespace: [namespaceOf(index)] } },
    })),
    first: 0,
    permitted: true,
  },
  {
    name: 'all rules at one target, by patterns of the subject',
    policy: crowd((index) => ({
      subject: { issuers: [clusterOf(index)], ids: [`system:serviceaccount:${namespaceOf(index)}:*`] },
    })),
    first: 0,
    permitted: true,
  },
  {
    name: 'all rules at one target, by a condition alone',
    policy: crowd((index) => ({ condition: `subject.namespace == '${namespaceOf(index)}'` })),
    first: 0,
    permitted: true,
  },
  {
    name: 'refused, where all rules are at one target',
    policy: crowd((index) => ({
      subject: { issuers: [clusterOf(index)], match: { namespace: [`not-${namespaceOf(index)}`] } },
    })),
    first: 0,
    permitted: false,
  },
]

export async function measureDecision(rounds: number): Promise<Record<string, unknown>> {
  process.stdout.write(
    `A decision by the number of policies, and of clients; µs of one thread without what other processes took, medians of ${rounds} rounds, and the last beside the first.\n`,
  )
  process.stdout.write(`  ${''.padEnd(54)}${SIZES.map((size) => String(size).padStart(9)).join('')}   ratio\n`)
  const worlds = SIZES.map((size) => largeWorld(size))
  const figures: Record<string, unknown> = {}
  for (const shape of SHAPES) {
    const runs = worlds.map((documents) => runOf(shape, compiled(documents, shape)))
    for (const run of runs) for (let turn = 0; turn < 2; turn++) run()
    const costs: number[][] = SIZES.map(() => [])
    for (let round = 0; round < rounds; round++) for (const [at, run] of runs.entries()) costs[at]?.push(run())
    const medians = costs.map(median)
    const ratio = ratioOf(costs.at(-1) ?? [], costs[0] ?? [])
    figures[shape.name] = { microseconds: Object.fromEntries(SIZES.map((size, at) => [size, medians[at]])), ratio }
    const row = medians.map((cost) => cost.toFixed(cost < 100 ? 2 : 0).padStart(9)).join('')
    process.stdout.write(`  ${shape.name.padEnd(54)}${row}   ${written(ratio)}\n`)
  }
  process.stdout.write('\n')
  return figures
}

function compiled(documents: readonly Document[], { policy }: Shape): Rules {
  const compiler = new Compiler({
    credentialKinds: Object.values(credentialKinds),
    tokenKinds: Object.values(tokenKinds),
    ourIssuer: OUR_ISSUER,
    openKeys() {
      throw new Error('there are no keys here')
    },
  })
  if (policy === undefined) return compiler.compile(documents)
  const others = documents.filter(({ kind }) => kind !== 'Policy')
  const count = documents.length - others.length
  const policies = Array.from(
    { length: count },
    (_, index): Document => ({
      apiVersion: API_VERSION,
      kind: 'Policy',
      metadata: { name: `policy-${index}` },
      spec: policy(index),
    }),
  )
  return compiler.compile([...others, ...policies])
}

/** Answers what one decision of a long row of them took, in microseconds. */
function runOf({ name, first, permitted, policy }: Shape, rules: Rules): () => number {
  const size = rules.policies.size
  const callers = Array.from({ length: CALLERS }, (_, at) => {
    const facts = factsOf(first + (at * size) / CALLERS - (((at * size) / CALLERS) % 10), [])
    return policy === undefined ? facts : { ...facts, audiences: ['https://target-0.example'] }
  })
  const decide = (at: number): Decision => {
    const facts = callers[at % CALLERS]
    if (facts === undefined) throw new Error('there are no callers')
    const { client } = facts
    const candidates = rules.clients.selecting(client.principal).map((each) => each.name)
    return evaluate({ ...facts, client: { ...client, candidates } }, rules)
  }
  for (let at = 0; at < CALLERS; at++) {
    const decision = decide(at)
    if (decision.permitted !== permitted)
      throw new Error(`${name}: ${decision.permitted ? 'permitted' : decision.detail}`)
  }
  return () => {
    const [begin, waitedBefore] = [performance.now(), waited()]
    let count = 0
    do {
      for (let at = 0; at < CALLERS; at++) decide(at)
      count += CALLERS
    } while (performance.now() - begin < ROUND_MS)
    return ((performance.now() - begin - (waited() - waitedBefore)) / count) * 1000
  }
}
