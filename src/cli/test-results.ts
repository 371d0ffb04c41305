import { sentence } from '../documents/faults.ts'
import type { Terminal } from './contract.ts'
import type { TestResult } from './policy-tests.ts'
import type { Coverage } from './rule-coverage.ts'
import { printable } from './table.ts'

/** A line for each case, and for one that failed what was expected, what came, and why it was decided so. */
export function showResults(terminal: Terminal, results: readonly TestResult[], coverage: Coverage): void {
  let file = ''
  for (const result of results) {
    if (result.test.file !== file) terminal.out(`${file === '' ? '' : '\n'}${printable(result.test.file)}\n`)
    file = result.test.file
    terminal.out(`${linesOf(result).map(printable).join('\n')}\n`)
  }
  const failed = results.filter(({ passed }) => !passed).length
  terminal.out(`\n${counted(results.length, 'case')}: ${results.length - failed} passed, ${failed} failed.\n`)
  terminal.out(coverageOf(coverage))
}

function linesOf({ test, passed, misses, faults, explained }: TestResult): readonly string[] {
  const { written, line } = test
  if (passed) return [`✓ ${written.name}`]
  return [
    `✗ ${written.name} (line ${line})`,
    ...misses.map(({ what, expected, got }) => `    ${what}: expected ${expected}, got ${got}`),
    ...(explained === undefined ? [] : [`    ${explained.sentence}`]),
    ...faults.map((fault) => `    ${sentence(fault)}`),
  ]
}

function coverageOf({ rules, covered, percent }: Coverage): string {
  const lines = [`${covered} of ${counted(rules.length, 'rule')} covered (${percent} %).`]
  for (const mode of ['enforce', 'shadow'] as const) {
    const missed = rules.filter((each) => each.cases === 0 && each.mode === mode)
    if (missed.length === 0) continue
    const names = missed.map(({ rule, matched }) => (matched > 0 && mode === 'enforce' ? `${rule} (matches)` : rule))
    lines.push(
      `${mode === 'enforce' ? 'No case is decided by' : 'In no case matches, in shadow'}: ${names.join(', ')}.`,
    )
  }
  return `${lines.map(printable).join('\n')}\n`
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
