import { writeFileSync } from 'node:fs'
import { trustDomainOf } from '../config/environment.ts'
import { DocumentFaults } from '../documents/faults.ts'
import type { DecidingSnapshot } from '../exchange/contract.ts'
import { systemClock } from '../lib/clock.ts'
import { CommandFailure, EXIT, type Terminal } from './contract.ts'
import { nameOfError } from './error-name.ts'
import { readInput, withTestFiles } from './files.ts'
import { junit } from './junit.ts'
import { offlineSnapshot } from './offline.ts'
import { readTests, runTests, type TestResult } from './policy-tests.ts'
import { type Coverage, coverageOf } from './rule-coverage.ts'
import { json } from './table.ts'
import { showResults } from './test-results.ts'

export interface TestOptions {
  readonly file: readonly string[]
  readonly output: 'table' | 'json'
  readonly issuer?: string
  readonly trustDomain?: string
  readonly junit?: string
  readonly coverageMin?: number
}

/** Runs the cases beside documents, and answers whether all is as they say. */
export async function testInput(options: TestOptions, terminal: Terminal): Promise<boolean> {
  const paths = withTestFiles(options.file)
  checkPaths(paths, options.file)
  const tests = readTests(paths.tests)
  const issuer = options.issuer ?? terminal.environment.issuer
  const snapshot = await snapshotOf(paths.documents, issuer, terminal)
  const trustDomain = options.trustDomain ?? (terminal.environment.trustDomain || trustDomainOf(issuer))
  const results = await runTests(tests, snapshot, { issuer, trustDomain, clock: systemClock })
  const coverage = coverageOf(
    snapshot.policies,
    results.map(({ explained }) => explained),
  )
  if (options.output === 'json') terminal.out(json(plain(results, coverage)))
  else showResults(terminal, results, coverage)
  if (options.junit !== undefined) write(options.junit, junit(results))
  return results.every(({ passed }) => passed) && isCovered(coverage, options, terminal)
}

function checkPaths({ documents, tests }: ReturnType<typeof withTestFiles>, named: readonly string[]): void {
  if (tests.length === 0)
    throw new CommandFailure(
      `There is no case: no file in ${named.join(', ')} ends in .test.yaml. Write one beside the documents, such as policy.test.yaml; docs/policy-tests.md shows how.`,
    )
  if (documents.length === 0)
    throw new CommandFailure(
      'There are cases and no documents: name the documents that they test with -f too.',
      EXIT.usage,
    )
}

async function snapshotOf(paths: readonly string[], issuer: string, terminal: Terminal): Promise<DecidingSnapshot> {
  const { documents, place } = await readInput(paths, terminal)
  try {
    return offlineSnapshot(documents, issuer)
  } catch (error) {
    throw error instanceof DocumentFaults ? new DocumentFaults(error.faults.map(place)) : error
  }
}

function isCovered({ percent }: Coverage, { coverageMin }: TestOptions, terminal: Terminal): boolean {
  if (coverageMin === undefined || percent >= coverageMin) return true
  terminal.err(`The cases cover ${percent} % of the rules, and --coverage-min asks for ${coverageMin} %.\n`)
  return false
}

const plain = (results: readonly TestResult[], coverage: Coverage) => ({
  cases: results.map(({ test, passed, misses, faults, explained }) => ({
    file: test.file,
    line: test.line,
    name: test.written.name,
    passed,
    verdict: explained === undefined ? null : explained.permitted ? 'permitted' : 'refused',
    reason: explained?.reason ?? null,
    stage: explained?.stage ?? null,
    sentence: explained?.sentence ?? null,
    rules: explained?.explanation?.rules ?? [],
    misses,
    faults,
  })),
  coverage,
})

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new CommandFailure(`${file} cannot be written (${nameOfError(error)}).`)
  }
}
