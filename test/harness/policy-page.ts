import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { Document } from '../../src/documents/contract.ts'
import { readDocuments } from '../../src/documents/read.ts'
import { type WrittenCase, writtenCasesSchema } from '../../src/exchange/written-case.ts'

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'policy.md')
/** The section that all others stand on. */
const CAST = 'The cast'

export interface Section {
  readonly title: string
  /** The cast, with what the section says instead or beside. */
  readonly documents: readonly Document[]
  /** Those that the section shows. */
  readonly shown: readonly Document[]
  readonly cases: readonly WrittenCase[]
}

/** The sections of docs/policy.md that show something. */
export function policyPage(): readonly Section[] {
  const parts = readFileSync(PAGE, 'utf8').split(/^## /m)
  const read = parts.map((part) => {
    const [title = ''] = part.split('\n', 1)
    const blocks = [...part.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
    const isCases = (text: string) => text.startsWith('cases:')
    return {
      title,
      shown: blocks.filter((text) => !isCases(text)).flatMap((text) => readDocuments(text, 'application/yaml')),
      cases: blocks.filter(isCases).flatMap((text) => writtenCasesSchema.parse(parse(text)).cases),
    }
  })
  const cast = read.find(({ title }) => title === CAST)?.shown ?? []
  return read
    .filter(({ title, shown }) => title !== CAST && shown.length > 0)
    .map((section) => ({ ...section, documents: over(cast, section.shown) }))
}

function over(below: readonly Document[], above: readonly Document[]): readonly Document[] {
  const key = ({ kind, metadata }: Document) => `${kind}/${metadata.name}`
  return [...new Map([...below, ...above].map((document) => [key(document), document])).values()]
}
