/**
 * npm run mutation: changes the code that decides and verifies, one place at a time, and counts the changes that no unit
 * test notices. Takes hours for everything, so it runs at night and by hand, never before a merge:
 *
 *   npm run mutation -- --only 'src/policy/match.ts'   some files
 *   npm run mutation -- --sample 200                   about so many changes, in places chosen by chance
 *
 * Ends with 1 where less than 85 % are noticed. Stryker is no dependency of ours: it is installed into a copy of the
 * working tree, which is removed again.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = join(import.meta.dirname, '..', '..')
const STRYKER = ['@stryker-mutator/core@10.1.1', '@stryker-mutator/vitest-runner@10.1.1'] as const
const MUTATED = ['src/policy/**/*.ts', 'src/credentials/**/*.ts'] as const
const LEAST = 85

/** The unit tests of a folder, and what judges by it from outside. */
const TESTS: readonly (readonly [folder: string, tests: readonly string[]])[] = [
  ['src/policy', ['test/unit/policy/**/*.test.ts', 'test/unit/documents/lint.test.ts', 'test/policy-page.test.ts']],
  ['src/credentials', ['test/unit/credentials/**/*.test.ts', 'test/conformance/credential-kinds.test.ts']],
]

/** Lines of a place in a sample, and how many changes a line is good for. */
const PLACE = 25
const CHANGES_PER_LINE = 1.6

const { values: options } = parseArgs({
  options: { only: { type: 'string', multiple: true }, sample: { type: 'string' } },
})
const files = globSync([...(options.only ?? MUTATED)], { cwd: ROOT }).filter((file) => !file.endsWith('contract.ts'))
if (files.length === 0) throw new Error(`no file is named ${options.only?.join(' or ')}`)
const mutate = options.sample === undefined ? files : sampled(files, Number(options.sample))
const include = TESTS.flatMap(([folder, tests]) => (files.some((file) => file.startsWith(folder)) ? tests : []))

const copy = mkdtempSync(join(tmpdir(), 'cambist-mutation-'))
try {
  process.exitCode = run()
} finally {
  rmSync(copy, { recursive: true, force: true })
}

function run(): number {
  const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  for (const file of tracked
    .toString()
    .split('\0')
    .filter((each) => each !== '')) {
    // One that was deleted and not yet committed is listed all the same.
    cpSync(join(ROOT, file), join(copy, file), { recursive: true, errorOnExist: false, force: true })
  }
  writeFileSync(
    join(copy, 'stryker.vitest.config.js'),
    `export default ${JSON.stringify({ test: { include, testTimeout: 20_000 } })}\n`,
  )
  writeFileSync(join(copy, 'stryker.config.json'), JSON.stringify(settings(), null, 2))
  const installed = spawnSync(
    'npm',
    ['install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ...STRYKER],
    {
      cwd: copy,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  if (installed.status !== 0) throw new Error('npm could not install Stryker')
  const bin = join(copy, 'node_modules/@stryker-mutator/core/bin/stryker.js')
  return spawnSync(process.execPath, [bin, 'run', 'stryker.config.json'], { cwd: copy, stdio: 'inherit' }).status ?? 1
}

function settings() {
  return {
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'stryker.vitest.config.js', related: false },
    mutate,
    reporters: ['clear-text'],
    clearTextReporter: { allowColor: false, logTests: false },
    coverageAnalysis: 'perTest',
    concurrency: 2,
    timeoutMS: 20_000,
    thresholds: { high: 95, low: LEAST, break: LEAST },
    // It would read the configuration by the API of a TypeScript that is older than ours.
    tsconfigFile: 'none.json',
  }
}

/** Places of some lines, none twice, enough of them for about so many changes. */
function sampled(from: readonly string[], count: number): readonly string[] {
  if (!Number.isInteger(count) || count < 1) throw new Error('--sample is a number of changes, such as 200')
  const places = from.flatMap((file) => {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n').length
    return Array.from(
      { length: Math.ceil(lines / PLACE) },
      (_, index) => `${file}:${index * PLACE + 1}-${(index + 1) * PLACE}`,
    )
  })
  const wanted = Math.ceil(count / (PLACE * CHANGES_PER_LINE))
  const chosen: string[] = []
  while (chosen.length < wanted && places.length > 0)
    chosen.push(...places.splice(Math.floor(Math.random() * places.length), 1))
  return chosen
}
