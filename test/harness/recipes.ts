import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Document } from '../../src/documents/contract.ts'
import { readDocuments } from '../../src/documents/read.ts'
import * as presets from '../../src/trust/presets/index.ts'

const ROOT = join(import.meta.dirname, '..', '..', 'docs', 'recipes')

/** One set of documents that a page shows, and what it says that the record shows of an exchange under them. */
export interface Recipe {
  readonly page: string
  /** The whole page. */
  readonly text: string
  readonly issuer: Document
  /** The kind of credential that the preset of the issuer is for. */
  readonly credential: string
  readonly documents: readonly Document[]
  /** Labels of `cambist audit show`, with their values. */
  readonly record: ReadonlyMap<string, string>
}

/** What a page shows, block by block, for tests that do what it says. */
export interface Page {
  readonly text: string
  /** The blocks of one language, in their order. */
  blocks(language: string): readonly string[]
  /** All documents that it shows. */
  readonly documents: readonly Document[]
}

export function pageOf(name: string): Page {
  const text = readFileSync(join(ROOT, `${name}.md`), 'utf8')
  const blocks = (language: string) =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '')
  const documents = blocks('yaml')
    .filter((block) => block.includes('apiVersion: cambist/'))
    .flatMap((block) => readDocuments(block, 'application/yaml'))
  return { text, blocks, documents }
}

/** Documents with the keys of a test in place of those that stand in each issuer. */
export const withKeys = (documents: readonly Document[], keys: Readonly<Record<string, object>>): Document[] =>
  documents.map((each) =>
    each.kind === 'TrustedIssuer' ? { ...each, spec: { ...each.spec, keys: keys[each.metadata.name] } } : each,
  )

/** Documents with the public keys of a test in place of those that registered clients have on the page. */
export const withClientKeys = (documents: readonly Document[], keys: Readonly<Record<string, object>>): Document[] =>
  documents.map((each) => {
    const jwk = each.kind === 'Client' ? keys[each.metadata.name] : undefined
    const authentication = { method: 'private_key_jwt', jwks: { keys: [jwk] } }
    return jwk === undefined ? each : { ...each, spec: { ...each.spec, authentication } }
  })

/** Every block of documents with a preset, of every page, in the order of the pages; what needs no preset has tests of its own. */
export function recipes(): readonly Recipe[] {
  return globSync('*.md', { cwd: ROOT })
    .sort()
    .flatMap((page) => recipesOf(page, readFileSync(join(ROOT, page), 'utf8')))
}

function recipesOf(page: string, text: string): readonly Recipe[] {
  const found: Recipe[] = []
  for (const [, language, block = ''] of text.matchAll(/```(\w+)\n([\s\S]*?)```/g)) {
    if (language === 'yaml' && block.includes('apiVersion: cambist/')) {
      const documents = readDocuments(block, 'application/yaml')
      const issuer = documents.find(({ kind }) => kind === 'TrustedIssuer')
      if (issuer?.spec['preset'] !== undefined)
        found.push({ page, text, issuer, credential: credentialOf(issuer), documents, record: new Map() })
    }
    const last = found.at(-1)
    if (language === 'text' && last !== undefined) {
      const lines = block.trim().split('\n')
      const record = new Map(lines.map((line) => line.split(/ {2,}/, 2) as [string, string]))
      found[found.length - 1] = { ...last, record }
    }
  }
  return found
}

const credentialOf = ({ spec }: Document): string =>
  String(Object.values(presets).find(({ name }) => name === spec['preset'])?.fills['credential'])
