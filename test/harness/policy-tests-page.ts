import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'policy-tests.md')

/** The worked example of docs/policy-tests.md: what it writes, and what it says is printed. */
export interface PolicyTestsPage {
  readonly documents: string
  readonly cases: string
  /** Of a run whose cases pass, and of one whose rule was changed. */
  readonly passing: string
  readonly failing: string
  readonly facts: string
  readonly explained: string
}

export function policyTestsPage(): PolicyTestsPage {
  const text = readFileSync(PAGE, 'utf8')
  const [documents, cases, facts] = blocks(text, 'yaml')
  const [passing, failing, explained] = blocks(text, '')
  if (!documents || !cases || !facts || !passing || !failing || !explained)
    throw new Error('docs/policy-tests.md does not show what its tests run')
  return { documents, cases, passing, failing, facts, explained }
}

const blocks = (text: string, language: string): readonly string[] =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].flatMap(([, of, block = '']) => (of === language ? [block] : []))
