import { sentence } from '../documents/faults.ts'
import type { TestResult } from './policy-tests.ts'

/** Results as JUnit XML, which CI systems show: a suite for each file, a test case for each case. */
export function junit(results: readonly TestResult[]): string {
  const files = Map.groupBy(results, ({ test }) => test.file)
  const suites = [...files].map(([file, cases]) =>
    element('testsuite', { name: file, ...counts(cases) }, cases.map(testCase)),
  )
  const attributes = { name: 'cambist test', ...counts(results) }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', attributes, suites)}\n`
}

const counts = (results: readonly TestResult[]) => ({
  tests: results.length,
  failures: results.filter(({ misses }) => misses.length > 0).length,
  errors: results.filter(({ faults }) => faults.length > 0).length,
  time: inSeconds(results.reduce((sum, { durationMs }) => sum + durationMs, 0)),
})

function testCase({ test, misses, faults, explained, durationMs }: TestResult): string {
  const { file, line, written } = test
  const attributes = { name: written.name, classname: file, file, line, time: inSeconds(durationMs) }
  if (faults.length > 0) return element('testcase', attributes, [problem('error', 'fault', faults.map(sentence))])
  if (misses.length === 0) return element('testcase', attributes, [])
  const lines = misses.map(({ what, expected, got }) => `${what}: expected ${expected}, got ${got}`)
  const said = explained === undefined ? [] : [explained.sentence]
  return element('testcase', attributes, [problem('failure', 'expectation', [...lines, ...said])])
}

const problem = (name: 'failure' | 'error', type: string, lines: readonly string[]): string =>
  `<${name}${attributesOf({ type, message: lines[0] ?? '' })}>${escaped(lines.join('\n'))}</${name}>`

type Attributes = Readonly<Record<string, string | number>>

function element(name: string, attributes: Attributes, children: readonly string[]): string {
  const opening = `<${name}${attributesOf(attributes)}`
  return children.length === 0 ? `${opening}/>` : `${opening}>\n${children.join('\n')}\n</${name}>`
}

const attributesOf = (attributes: Attributes): string =>
  Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join('')

const inSeconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3)

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}
/** Everything but the characters of XML 1.0 §2.2, which no escape can write. */
const NO_CHARACTER = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu

const escaped = (text: string): string =>
  text.replace(NO_CHARACTER, '�').replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
