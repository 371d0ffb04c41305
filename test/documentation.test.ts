import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { readEnvironment, variables } from '../src/config/environment.ts'
import type { Document } from '../src/documents/contract.ts'
import { readDocuments } from '../src/documents/read.ts'
import { isTestFile } from '../src/documents/test-file.ts'
import { unheld } from './harness/conformance.ts'
import { editorSchema, generated, generatedFiles, written, writtenFile } from './harness/documentation.ts'
import { schemaFaults } from './harness/json-schema.ts'

const root = join(import.meta.dirname, '..')
const pages = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...globSync('docs/**/*.md', { cwd: root }),
  ...globSync('examples/**/*.md', { cwd: root }),
]
const schema = editorSchema()
/** What is wrong by the schema of the kind that a document says; `oneOf` would tell of every other kind as well. */
const editorFaults = (document: Document): readonly string[] => {
  const own = schemaFaults({ $ref: `#/$defs/${document.kind}` }, document, schema)
  return own.length > 0 ? own : schemaFaults({ oneOf: schema['oneOf'] }, document, schema)
}
/** Fields of specs that an editor would show without a word of help. */
function fieldsWithoutWords({ $defs }: Readonly<Record<string, unknown>>): readonly string[] {
  const fields = z.object({ properties: z.record(z.string(), z.object({ description: z.string().optional() })) })
  const kinds = z.record(z.string(), z.object({ properties: z.object({ spec: fields }) })).parse($defs)
  return Object.entries(kinds).flatMap(([kind, { properties }]) =>
    Object.entries(properties.spec.properties).flatMap(([name, { description }]) =>
      description === undefined ? `${kind} ${name}` : [],
    ),
  )
}
const textOf = (page: string) => readFileSync(join(root, page), 'utf8')

describe('documentation', () => {
  it.each(generated.map(({ file, name, text }) => [file, name, text] as const))(
    '%s: %s is what the code says (npm run docs)',
    (file, name, text) => {
      expect(written(file, name)).toBe(text())
    },
  )

  it.each(generatedFiles.map(({ file, text }) => [file, text] as const))(
    '%s is what the code says (npm run docs)',
    (file, text) => {
      expect(writtenFile(file)).toBe(text())
    },
  )

  it('docs/conformance.md has a test for every demand, or the reason why it does not apply', () => {
    expect(unheld()).toEqual([])
  })

  it.each(pages)('%s links to files that are there', (page) => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1] ?? '')
    const missing = links.filter((link) => globSync(link, { cwd: join(root, dirname(page)) }).length === 0)
    expect(missing).toEqual([])
  })

  it.each(pages)('%s shows documents that can be read, and that an editor takes by the schema', (page) => {
    for (const match of textOf(page).matchAll(/```yaml\n([\s\S]*?)```/g)) {
      const text = match[1] ?? ''
      if (!text.includes('apiVersion: cambist/')) continue
      const documents = readDocuments(text, 'application/yaml')
      expect(documents.length).toBeGreaterThan(0)
      expect(documents.flatMap(editorFaults)).toEqual([])
    }
  })

  const documentFiles = globSync('examples/**/*.yaml', { cwd: root }).filter((file) => !isTestFile(file))
  it.each(documentFiles)('%s is taken by an editor, too', (file) => {
    expect(readDocuments(textOf(file), 'application/yaml').flatMap(editorFaults)).toEqual([])
  })

  it('has a schema for editors that says what every field is for, and what is misspelt', () => {
    const [document] = readDocuments(textOf('examples/quickstart/policy.yaml'), 'application/yaml')
    const spec = { ...document?.spec, scope: ['orders:read'] }
    expect(document === undefined ? [] : editorFaults({ ...document, spec })).toContain('it.spec: has scope')
    expect(fieldsWithoutWords(schema)).toEqual([])
  })

  it.each(pages)('%s names npm scripts and variables that exist', (page) => {
    const scripts = Object.keys(JSON.parse(textOf('package.json')).scripts)
    const named = [...textOf(page).matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1] ?? '')
    expect(named.filter((name) => !scripts.includes(name))).toEqual([])
    const names = [...textOf(page).matchAll(/\b(?:CAMBIST_[A-Z_]+|DATABASE_URL)\b/g)].map((match) => match[0])
    const known = new Set([...Object.keys(variables), 'CAMBIST_ADMIN_URL', 'CAMBIST_CORPORA', 'CAMBIST_PORT'])
    expect(names.filter((name) => !known.has(name))).toEqual([])
    expect(readEnvironment({}).warnings).toEqual([])
  })

  it('says how to build from nothing, first', () => {
    expect(textOf('README.md').split('\n').slice(0, 6).join('\n')).toContain('npm ci && npm start\nnpm ci && npm test')
  })
})
