import { credentialKinds } from '../credentials/look-up.ts'
import { type DocumentFault, DocumentFaults } from '../documents/faults.ts'
import { type Miss, missesOf } from '../exchange/case-outcome.ts'
import type { DecidingSnapshot } from '../exchange/contract.ts'
import { type Explained, explainRequest, explainStated } from '../exchange/explain.ts'
import type { RoadToDecision } from '../exchange/identified.ts'
import { type WrittenCase, writtenCasesSchema } from '../exchange/written-case.ts'
import { type Clock, seconds } from '../lib/clock.ts'
import { Faults } from '../lib/fault.ts'
import { readBySchema } from '../lib/schema.ts'
import { Refusal } from '../refusal.ts'
import { tokenKinds } from '../tokens/mint.ts'
import { formats } from './offline.ts'
import { sampledRequest } from './sample-request.ts'
import { SampleKeys } from './sample-tokens.ts'
import { readWritten, type WrittenFile } from './written-file.ts'

/** A case with where it stands. */
export interface PolicyTest {
  readonly file: string
  readonly line: number
  readonly written: WrittenCase
  /** In its file: `cases[2]`. */
  readonly path: string
  readonly place: WrittenFile['place']
}

/** What became of a case. */
export interface TestResult {
  readonly test: PolicyTest
  readonly passed: boolean
  readonly misses: readonly Miss[]
  /** Why it could not be run: it names what the documents do not have. */
  readonly faults: readonly DocumentFault[]
  /** Undefined where it could not be run. */
  readonly explained: Explained | undefined
  readonly durationMs: number
}

/** Who the server is that the cases are asked of. */
export interface Tested {
  readonly issuer: string
  readonly trustDomain: string
  readonly clock: Clock
}

/** The cases of test files. Throws DocumentFaults over all of them. */
export function readTests(files: readonly string[]): readonly PolicyTest[] {
  const faults: DocumentFault[] = []
  const tests = files.flatMap((file) => {
    try {
      return testsIn(file)
    } catch (error) {
      if (!(error instanceof DocumentFaults)) throw error
      faults.push(...error.faults)
      return []
    }
  })
  if (faults.length > 0) throw new DocumentFaults(faults)
  return tests
}

function testsIn(file: string): readonly PolicyTest[] {
  const { value, place } = readWritten(file)
  try {
    return readBySchema(writtenCasesSchema, value).cases.map((written, index) => {
      const path = `cases[${index}]`
      const { line = 1 } = place({ path, message: '' })
      return { file, line, written, path, place }
    })
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    throw new DocumentFaults(error.faults.map(place))
  }
}

/** Runs cases by the documents alone: no server is asked, nothing is fetched. */
export async function runTests(
  tests: readonly PolicyTest[],
  snapshot: DecidingSnapshot,
  tested: Tested,
): Promise<readonly TestResult[]> {
  const runner = new Runner(snapshot, tested)
  const results: TestResult[] = []
  for (const test of tests) results.push(await runner.run(test))
  return results
}

class Runner {
  readonly #snapshot: DecidingSnapshot
  readonly #tested: Tested
  readonly #keys = new SampleKeys()
  readonly #kinds = credentialKinds(formats.credentialKinds)
  readonly #tokenKinds = tokenKinds(formats.tokenKinds)

  constructor(snapshot: DecidingSnapshot, tested: Tested) {
    this.#snapshot = snapshot
    this.#tested = tested
  }

  async run(test: PolicyTest): Promise<TestResult> {
    const { monotonic } = this.#tested.clock
    const startedAt = monotonic()
    const took = () => monotonic() - startedAt
    try {
      const { explained, lifetime } = await this.#explained(test)
      const misses = missesOf(test.written.expect, explained, lifetime)
      return { test, passed: misses.length === 0, misses, faults: [], explained, durationMs: took() }
    } catch (error) {
      if (!(error instanceof Faults)) throw error
      const faults = error.faults.map(test.place)
      return { test, passed: false, misses: [], faults, explained: undefined, durationMs: took() }
    }
  }

  async #explained({ written, path }: PolicyTest): Promise<{ explained: Explained; lifetime?: number | undefined }> {
    const { facts, request } = written
    const { clock, issuer: ourIssuer, trustDomain } = this.#tested
    const common = { snapshot: this.#snapshot, kinds: this.#kinds, now: seconds(clock) }
    if (facts !== undefined) return { explained: explainStated(facts, { ...common, trustDomain }, `${path}.facts`) }
    // The schema says that it is one of the two.
    if (request === undefined) throw new Error(`${path} asks nothing`)
    const { asked, time } = sampledRequest(request, { ...common, keys: this.#keys, ourIssuer }, `${path}.request`)
    const explained = await explainRequest(asked, this.#snapshot, this.#road(time))
    return { explained, lifetime: explained.lifetime }
  }

  /** The road of a server at the time of a case, that asks nobody else. */
  #road(time: number): RoadToDecision {
    const { issuer, trustDomain, clock } = this.#tested
    return {
      issuer,
      endpoints: [`${issuer.replace(/\/$/, '')}/token`],
      trustDomain,
      clock: { now: () => time * 1000, monotonic: clock.monotonic },
      keys: this.#keys,
      source: { present: nobodyAsked },
      // An issuer that is asked says yes: its word is not what a policy test is about.
      status: { check: () => undefined },
      credentialKinds: this.#kinds,
      tokenKinds: this.#tokenKinds,
      events: { unknownParameter: () => undefined },
    }
  }
}

const nobodyAsked = (): Promise<never> =>
  Promise.reject(new Refusal('status_unavailable', 'a policy test asks nobody; write facts instead'))
