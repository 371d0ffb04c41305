import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readEnvironment, variables } from '../src/config/environment.ts'
import { readDocuments } from '../src/documents/read.ts'
import { generated, written } from './harness/documentation.ts'

const root = join(import.meta.dirname, '..')
const pages = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...globSync('docs/**/*.md', { cwd: root }),
  ...globSync('examples/**/*.md', { cwd: root }),
]
const textOf = (page: string) => readFileSync(join(root, page), 'utf8')

describe('documentation', () => {
  it.each(generated.map(({ file, name, text }) => [file, name, text] as const))(
    '%s: %s is what the code says (npm run docs)',
    (file, name, text) => {
      expect(written(file, name)).toBe(text())
    },
  )

  it.each(pages)('%s links to files that are there', (page) => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1] ?? '')
    const missing = links.filter((link) => globSync(link, { cwd: join(root, dirname(page)) }).length === 0)
    expect(missing).toEqual([])
  })

  it.each(pages)('%s shows documents that can be read', (page) => {
    for (const match of textOf(page).matchAll(/```yaml\n([\s\S]*?)```/g)) {
      const text = match[1] ?? ''
      if (text.includes('apiVersion: cambist/'))
        expect(readDocuments(text, 'application/yaml').length).toBeGreaterThan(0)
    }
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
