/**
 * What documents cost as they come into force: all of them at a start, and one of them that changes while the process
 * answers. Each in this process over a database of its own, as in a server: loaded, compiled, swapped.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import * as credentialKinds from '../../src/credentials/kinds/index.ts'
import { Compiler } from '../../src/documents/compile.ts'
import type { CompileContext, Document, StateStore, StoredState } from '../../src/documents/contract.ts'
import { Snapshots } from '../../src/documents/snapshots.ts'
import { Secret } from '../../src/lib/secret.ts'
import { evaluate } from '../../src/policy/evaluate.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { type Embedded, type SocketConnection, startEmbedded } from '../../src/storage/embedded.ts'
import { migrate } from '../../src/storage/migrate.ts'
import * as tokenKinds from '../../src/tokens/kinds/index.ts'
import { factsOf, largeWorld, OUR_ISSUER, policyDocument, workloadOf } from './large-world.ts'
import { median } from './load.ts'
import { type Pauses, pausesDuring } from './pauses.ts'

const SIZES = [10, 100, 1000, 10_000]

const context: CompileContext = {
  credentialKinds: Object.values(credentialKinds),
  tokenKinds: Object.values(tokenKinds),
  ourIssuer: OUR_ISSUER,
  openKeys: (stored) => ({
    stored,
    publicKeysOf: () => ({ keys: [] }),
    published: { keys: [] },
    bundled: { keys: [] },
    signer: () => undefined,
  }),
}

/** Of the rounds of one size, in milliseconds: the middle of the times, and of the longest pauses the middle and the longest. */
interface Figure {
  readonly milliseconds: number
  readonly pause: number
  readonly longestPause: number
}

const figureOf = (rounds: readonly Pauses[]): Figure => ({
  milliseconds: median(rounds.map(({ milliseconds }) => milliseconds)),
  pause: median(rounds.map(({ longest }) => longest)),
  longestPause: Math.max(...rounds.map(({ longest }) => longest)),
})

export async function measureDocuments(rounds: number): Promise<Record<string, unknown>> {
  const directory = mkdtempSync(join(tmpdir(), 'cambist-bench-'))
  const server = await startEmbedded({ directory: join(directory, 'postgres') })
  try {
    process.stdout.write(
      `Documents coming into force, in ms, medians of ${rounds} rounds. A pause is the longest between two turns of the event loop,\n` +
        'of a process that decides meanwhile, from the change until it is in force; beside it the longest of all rounds.\n',
    )
    say('policies,', 'compile', '', '', 'one policy', '', '', 'all', '', '', 'none', '')
    say(
      'clients',
      'cold',
      'warm',
      'start',
      'in force',
      'pause',
      'longest',
      'in force',
      'pause',
      'longest',
      'pause',
      'longest',
    )
    const figures: Record<string, unknown> = {}
    for (const size of SIZES) figures[size] = await measureSize(server, size, rounds)
    process.stdout.write('\n')
    return figures
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measureSize(server: Embedded, size: number, rounds: number): Promise<Record<string, unknown>> {
  const address = new Secret(await emptyDatabase(server.superuser, `size_${size}`))
  await migrate(address)
  const writing = await openDatabase({ address })
  await put(writing.states, largeWorld(size))
  const reading = await openDatabase({ address })
  try {
    const starts: number[] = []
    const kinds = { one: [] as Pauses[], all: [] as Pauses[], none: [] as Pauses[] }
    const { cold, warm } = await compiling(await writing.states.load(), rounds)
    for (let round = 0; round < rounds; round++) {
      const events = { inForce: () => {}, refused: () => {}, trouble: () => {} }
      const snapshots = new Snapshots(reading.states, new Compiler(context), events)
      starts.push(await milliseconds(() => snapshots.start()))
      const decide = deciding(snapshots, size)
      const policies = Array.from({ length: size }, (_, index) => withLifetime(policyDocument(index), round))
      for (let turn = 0; turn < 2000; turn++) decide()
      kinds.none.push(await pausesDuring(() => new Promise((resolve) => setTimeout(resolve, 300)), decide))
      const one = await put(writing.states, policies.slice(0, 1))
      kinds.one.push(await pausesDuring(() => snapshots.atLeast(one), decide))
      const all = await put(writing.states, policies)
      kinds.all.push(await pausesDuring(() => snapshots.atLeast(all), decide))
      await snapshots.close()
    }
    const [one, all, none] = [figureOf(kinds.one), figureOf(kinds.all), figureOf(kinds.none)]
    const start = median(starts)
    const paused = ({ pause, longestPause }: Figure): readonly number[] => [pause, longestPause]
    const cells = [
      cold,
      warm,
      start,
      one.milliseconds,
      ...paused(one),
      all.milliseconds,
      ...paused(all),
      ...paused(none),
    ]
    say(size, ...cells.map((cell) => cell.toFixed(1)))
    return { compileColdMs: cold, compileWarmMs: warm, startMs: start, one, all, none }
  } finally {
    await reading.close()
    await writing.close()
  }
}

/** Of all documents, and of all when one policy is another. */
async function compiling(
  state: StoredState,
  rounds: number,
): Promise<{ readonly cold: number; readonly warm: number }> {
  const cold: number[] = []
  const warm: number[] = []
  for (let round = 0; round < rounds; round++) {
    const compiler = new Compiler(context)
    cold.push(await milliseconds(() => compiler.snapshot(state)))
    const documents = state.documents.map((each) => (each.metadata.name === 'policy-0' ? { ...each } : each))
    warm.push(await milliseconds(() => compiler.snapshot({ ...state, documents })))
  }
  return { cold: median(cold), warm: median(warm) }
}

/** A few decisions, as between two turns of a server that is asked much. */
function deciding(snapshots: Snapshots, size: number): () => void {
  let at = 0
  return () => {
    const snapshot = snapshots.current()
    const index = (at++ * 10) % size
    const clients = snapshot.clients.selecting(workloadOf(index))
    evaluate(
      factsOf(
        index,
        clients.map(({ name }) => name),
      ),
      snapshot,
    )
  }
}

const withLifetime = (document: Document, round: number): Document =>
  document.spec['effect'] === 'forbid'
    ? { ...document, metadata: { ...document.metadata, labels: { round: String(round) } } }
    : { ...document, spec: { ...document.spec, lifetime: `${60 + round}s` } }

/** Puts documents past the checks of apply; answers the version. */
async function put(store: StateStore, documents: readonly Document[]): Promise<number> {
  const change = { author: 'bench', message: '', delete: [], putKeys: [], changes: [] }
  return (await store.change(() => ({ ...change, put: documents }))).version
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await work()
  return performance.now() - begin
}

const say = (first: string | number, ...cells: readonly string[]): void =>
  void process.stdout.write(`  ${String(first).padStart(9)}${cells.map((cell) => cell.padStart(11)).join('')}\n`)

async function emptyDatabase({ host, port, user, database }: SocketConnection, name: string): Promise<string> {
  const client = new pg.Client({ host, port, user, database })
  await client.connect()
  try {
    await client.query(`CREATE DATABASE ${name}`)
  } finally {
    await client.end()
  }
  return `postgres://${user}@localhost/${name}?host=${encodeURIComponent(host)}&port=${port}`
}
