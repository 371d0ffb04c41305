/**
 * What documents cost as they come into force: all of them at a start, and one of them that changes while the process
 * answers. Each in this process over a database of its own, as in a server: loaded, compiled, swapped.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import * as credentialKinds from '../../src/credentials/kinds/index.ts'
import { apply } from '../../src/documents/apply.ts'
import { Compiler } from '../../src/documents/compile.ts'
import type { CompileContext, Document, Snapshot } from '../../src/documents/contract.ts'
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
/** Documents of one apply, which is bounded in bytes. */
const PART = 4000

const context: CompileContext = {
  credentialKinds: Object.values(credentialKinds),
  tokenKinds: Object.values(tokenKinds),
  ourIssuer: OUR_ISSUER,
  openKeys: (stored) => ({ stored, published: { keys: [] }, signer: () => undefined }),
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
      `Documents coming into force, milliseconds, medians of ${rounds} rounds; a pause is the longest between two turns of the event loop, its worst that of all rounds.\n`,
    )
    say('policies,', 'compile', 'compile', 'start', 'a change', 'a start', '', 'a change', '', 'nothing')
    say('clients', 'cold', 'warm', '', '', 'pause', 'worst', 'pause', 'worst', 'pause', 'worst')
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
  const database = await openDatabase({ address })
  const documents = largeWorld(size)
  const store = database.states
  const put = (some: readonly Document[], compiler: Compiler) =>
    apply({ store, compiler, newKeys: () => [] }, some, { author: 'bench', message: '' })
  const writing = new Compiler(context)
  for (let at = 0; at < documents.length; at += PART) await put(documents.slice(at, at + PART), writing)

  const cold: number[] = []
  const warm: number[] = []
  const state = await store.load()
  for (let round = 0; round < rounds; round++) {
    const compiler = new Compiler(context)
    cold.push(await milliseconds(() => compiler.compileInSlices(state.documents)))
    await compiler.snapshot(state)
    const changed = state.documents.map((one) => (one.metadata.name === 'policy-0' ? { ...one } : one))
    warm.push(await milliseconds(() => compiler.snapshot({ ...state, version: state.version + 1, documents: changed })))
  }

  const starts: Pauses[] = []
  const changes: Pauses[] = []
  const idle: Pauses[] = []
  for (let round = 0; round < rounds; round++) {
    const compiler = new Compiler(context)
    const events = { inForce: () => {}, refused: () => {}, trouble: () => {} }
    const reader = await openDatabase({ address })
    const snapshots = new Snapshots(reader.states, compiler, events)
    starts.push(
      await pausesDuring(
        () => snapshots.start(),
        () => {},
      ),
    )
    const requests = Math.min(100, size)
    let at = 0
    const decide = (): void => {
      const snapshot: Snapshot = snapshots.current()
      const index = (at++ % requests) * 10
      evaluate(
        factsOf(
          index,
          snapshot.clients.selecting(workloadOf(index)).map(({ name }) => name),
        ),
        snapshot,
      )
    }
    for (let turn = 0; turn < 2000; turn++) decide()
    idle.push(await pausesDuring(() => new Promise((resolve) => setTimeout(resolve, 300)), decide))
    const changed = policyDocument(0)
    const { version } = await writerOf(
      put,
      writing,
    )({ ...changed, spec: { ...changed.spec, lifetime: `${60 + round}s` } })
    changes.push(await pausesDuring(() => snapshots.atLeast(version), decide))
    await snapshots.close()
    await reader.close()
  }
  await database.close()
  const figures = {
    compileColdMs: median(cold),
    compileWarmMs: median(warm),
    start: figureOf(starts),
    change: figureOf(changes),
    idle: figureOf(idle),
  }
  const { start, change, idle: nothing } = figures
  const cells = [figures.compileColdMs, figures.compileWarmMs, start.milliseconds, change.milliseconds]
  const paused = [start, change, nothing].flatMap(({ pause, longestPause }) => [pause, longestPause])
  say(size, ...[...cells, ...paused].map((milliseconds) => milliseconds.toFixed(1)))
  return figures
}

const say = (first: string | number, ...cells: readonly string[]): void =>
  void process.stdout.write(`  ${String(first).padStart(9)}${cells.map((cell) => cell.padStart(10)).join('')}\n`)

const writerOf =
  (put: (some: readonly Document[], compiler: Compiler) => Promise<{ readonly version: number }>, compiler: Compiler) =>
  (document: Document) =>
    put([document], compiler)

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await work()
  return performance.now() - begin
}

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
