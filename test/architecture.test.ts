import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const files = globSync('src/**/*.{ts,js}', { cwd: root }).sort()

/** Folders are the nouns of an exchange; a file imports from its own folder or from one of lower rank. */
const RANKS: Readonly<Record<string, number>> = {
  lib: 0,
  'refusal.ts': 1,
  config: 1,
  identity: 1,
  trust: 2,
  administrators: 2,
  blocks: 2,
  clients: 2,
  targets: 2,
  keys: 2,
  credentials: 3,
  policy: 3,
  tokens: 4,
  audit: 5,
  documents: 5,
  entities: 6,
  exchange: 6,
  issued: 7,
  storage: 7,
  telemetry: 7,
  server: 7,
  oauth: 8,
  admin: 8,
  'app.ts': 9,
  'serve.ts': 9.5,
  'quickstart.ts': 8,
  cli: 10,
  'main.ts': 11,
  'start.js': 12,
}

const folderOf = (file: string): string => relative('src', file).split('/')[0] ?? ''
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')

interface Import {
  readonly file: string
  readonly from: string
}

const imports: readonly Import[] = files.flatMap((file) =>
  [
    ...textOf(file).matchAll(
      /(?:^|\n)\s*(?:import|export)\b[^'"\n;]*?(?:\{[^}]*\}[^'"\n]*?)?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)import\s+['"]([^'"]+)['"]/g,
    ),
  ].map((match) => ({
    file,
    from: match[1] ?? match[2] ?? match[3] ?? '',
  })),
)

const outside = (name: string) => imports.filter(({ from }) => from === name || from.startsWith(`${name}/`))
const foldersImporting = (name: string) => [...new Set(outside(name).map(({ file }) => folderOf(file)))].sort()

describe('architecture', () => {
  it('sees the imports it judges', () => {
    expect(imports.length).toBeGreaterThan(150)
    expect(outside('zod').length).toBeGreaterThan(3)
  })

  it('has a rank for every folder', () => {
    expect([...new Set(files.map(folderOf))].filter((folder) => RANKS[folder] === undefined)).toEqual([])
  })

  it('imports only from a lower rank or the same folder', () => {
    const wrong = imports
      .filter(({ from }) => from.startsWith('.'))
      .map(({ file, from }) => ({ file, target: normalize(join(dirname(file), from)) }))
      .filter(({ file, target }) => {
        const here = folderOf(file)
        const there = folderOf(target)
        return here !== there && (RANKS[there] ?? 99) >= (RANKS[here] ?? 0)
      })
      .map(({ file, target }) => `${file} → ${target}`)
    expect(wrong).toEqual([])
  })

  it('keeps each outside library where it belongs', () => {
    expect(foldersImporting('oidc-provider')).toEqual(['oauth'])
    expect([...new Set(outside('oidc-provider').map(({ file }) => file))]).toEqual(['src/oauth/engine.ts'])
    for (const name of ['knex', 'pg'])
      expect(foldersImporting(name).filter((folder) => folder !== 'storage')).toEqual([])
    for (const name of ['koa', '@koa/router']) {
      expect(
        foldersImporting(name).filter((folder) => !['oauth', 'admin', 'server', 'console'].includes(folder)),
      ).toEqual([])
    }
    expect(foldersImporting('@bufbuild/cel')).toEqual(['lib'])
    for (const name of ['pino', 'prom-client']) expect(foldersImporting(name)).toEqual(['telemetry'])
    expect(foldersImporting('commander')).toEqual(['cli'])
    expect(foldersImporting('yaml').filter((folder) => !['documents', 'cli'].includes(folder))).toEqual([])
  })

  it.each([
    'src/credentials/kinds',
    'src/tokens/kinds',
    'src/keys/backends',
    'src/documents/kinds',
    'src/cli/commands',
    'src/trust/presets',
  ])('the register of %s lists exactly the files beside it', (folder) => {
    const members = files
      .filter((file) => dirname(file) === folder && basename(file) !== 'index.ts')
      .map((file) => `./${basename(file)}`)
    const listed = imports.filter(({ file }) => file === `${folder}/index.ts`).map(({ from }) => from)
    expect(listed.toSorted()).toEqual(members.toSorted())
    expect(members.length).toBeGreaterThan(0)
  })

  it('hands registers in: only the composition imports them', () => {
    const importers = imports
      .filter(({ from }) => /(kinds|backends|commands)\/index\.ts$/.test(from))
      .map(({ file }) => file)
      .filter(
        (file) =>
          !['src/app.ts', 'src/cli/main.ts'].includes(file) &&
          folderOf(file) !== 'admin' &&
          !file.startsWith('src/cli/'),
      )
    expect(importers).toEqual([])
  })

  it('touches the clock, the environment and the way out to the network each in one file', () => {
    const touching = (pattern: RegExp, allowed: readonly string[]) =>
      files.filter(
        (file) => !allowed.includes(file) && pattern.test(textOf(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')),
      )
    expect(touching(/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, ['src/lib/clock.ts'])).toEqual([])
    expect(touching(/\bprocess\.env\b/, ['src/config/environment.ts'])).toEqual([])
    expect(touching(/\bfetch\(/, ['src/trust/guarded-fetch.ts', 'src/cli/http.ts'])).toEqual(
      touching(/\bfetch\(/, ['src/trust/guarded-fetch.ts', 'src/cli/http.ts']).filter(
        (file) => folderOf(file) === 'trust',
      ),
    )
    expect(
      touching(/from 'node:https'|from 'node:tls'/, ['src/trust/guarded-fetch.ts', 'src/server/listen.ts']),
    ).toEqual([])
  })

  it('has one road to a signature', () => {
    const signing = files.filter((file) => /\.sign\(/.test(textOf(file)))
    // The development cluster of the quickstart signs with a key of its own, as a cluster does; nothing trusts it but its documents.
    // Samples of policy tests are signed with keys that only the run of the tests trusts.
    expect(signing).toEqual([
      'src/cli/sample-tokens.ts',
      'src/keys/backends/local.ts',
      'src/quickstart.ts',
      'src/tokens/signed-jwt.ts',
    ])
    expect(files.filter((file) => /\bsignedJwt\(/.test(textOf(file)))).toEqual([
      'src/issued/signed-answer.ts',
      'src/tokens/mint.ts',
      'src/tokens/signed-jwt.ts',
      'src/tokens/status-lists.ts',
    ])
    expect(files.filter((file) => /\bmint\(\{/.test(textOf(file)))).toEqual(['src/exchange/exchange.ts'])
  })

  it('has no drawers', () => {
    expect(files.filter((file) => /(^|\/)(utils?|common|helpers?|shared|types)(\/|\.ts$)/.test(file))).toEqual([])
  })

  it('keeps files to a size that can be read in a sitting', () => {
    const long = files.filter((file) => textOf(file).split('\n').length > 400)
    expect(long).toEqual([])
  })
})
