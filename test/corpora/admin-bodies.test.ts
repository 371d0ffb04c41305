/** What is no document and no request, at every route of the administrators' door that takes a body: a problem, and nothing changed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AnyRoute } from '../../src/admin/contract.ts'
import { type AdminAnswer, adminRoutes, askAdmin } from '../harness/administrators.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { corpus } from '../harness/corpora.ts'

const server = await startCambist()
const before = (await askAdmin(server, '/admin/v1/export')).text
const writing = adminRoutes.filter(({ takes }) => takes !== undefined)
const taking = (type: string) =>
  writing
    .filter(({ takes }) => takes?.includes(type))
    .map((route) => [`${route.method.toUpperCase()} ${route.path}`, route] as const)

/** A path of the route that leads to nothing that is there. */
const somewhere = ({ path }: AnyRoute): string =>
  path.replace(/:(\w+)/g, (_, name: string) => (name === 'name' ? 'new-name' : '01900000-0000-7000-8000-00000000abcd'))

interface Sent {
  readonly name: string
  readonly body: Buffer
}

interface Outcome extends AdminAnswer {
  readonly name: string
}

async function outcomes(route: AnyRoute, type: string, all: readonly Sent[]): Promise<readonly Outcome[]> {
  const answers: Outcome[] = []
  const method = route.method.toUpperCase()
  for (let at = 0; at < all.length; at += 8) {
    const sent = all.slice(at, at + 8).map(async ({ name, body }) => {
      const headers = method === 'PUT' ? { 'If-None-Match': '*' } : {}
      const answer = await askAdmin(server, somewhere(route), { method, type, body, headers })
      return { ...answer, name }
    })
    answers.push(...(await Promise.all(sent)))
  }
  return answers
}

/** Each is refused with a problem that says something, and the documents are what they were. */
async function expectNothingDone(answers: readonly Outcome[]): Promise<void> {
  const wrong = answers.filter(
    ({ status, type, json, headers }) =>
      status < 400 ||
      status >= 500 ||
      type !== 'application/problem+json' ||
      json.status !== status ||
      json.instance !== headers['cambist-request-id'] ||
      String(json.detail).length < 10,
  )
  expect(wrong.map(({ name, status, text }) => `${name}: ${status} ${text.slice(0, 200)}`)).toEqual([])
  const { text, headers } = await askAdmin(server, '/admin/v1/export')
  expect([headers['cambist-version'], text]).toEqual(['1', before])
}

interface Row {
  readonly name: string
  readonly b64: string
}

const directory = corpus('jsontestsuite')
const rows: readonly Row[] =
  directory === undefined
    ? []
    : Object.values(
        JSON.parse(readFileSync(join(directory, 'jsontestsuite.json'), 'utf8')) as { parsing: Row[]; transform: Row[] },
      ).flat()

describe.skipIf(directory === undefined)('JSONTestSuite', () => {
  it('has all its rows', () => {
    expect(rows).toHaveLength(340)
  })

  it.each(taking('application/json'))('as the body of %s', { timeout: 120_000 }, async (_, route) => {
    // A body that may be left out, or say nothing, is a request and no corpus.
    const takesNothing = route.bodySchema?.safeParse({}).success === true
    const sent = rows
      .map(({ name, b64 }) => ({ name, body: Buffer.from(b64, 'base64') }))
      .filter(({ body }) => !(takesNothing && ['', '{}'].includes(body.toString('latin1'))))
    expect(sent.length).toBeGreaterThan(330)
    await expectNothingDone(await outcomes(route, 'application/json', sent))
  })

  it.each(taking('application/json'))(
    'inside a document, or beside its members, at %s',
    { timeout: 120_000 },
    async (_, route) => {
      const good = JSON.stringify(document('Target', 'new-name', { audience: 'https://new.example', scopes: ['a'] }))
      const sent = rows.map(({ name, b64 }) => ({
        name,
        body: Buffer.concat([Buffer.from(`${good.slice(0, -2)},"x":`), Buffer.from(b64, 'base64'), Buffer.from('}}')]),
      }))
      await expectNothingDone(await outcomes(route, 'application/json', sent))
    },
  )
})

/** A document that would be taken, with something in the place of `{}`. */
const target = (spec: string) =>
  `apiVersion: cambist/v1\nkind: Target\nmetadata: {name: new-name}\nspec:\n  audience: https://new.example\n  scopes: [a]\n  tokens: [{kind: access-token}]\n${spec}`
const good = target('')
const bomb = Array.from(
  { length: 9 },
  (_, at) => `${'abcdefghi'[at]}: &${'abcdefghi'[at]} [${at === 0 ? 'lol' : Array(9).fill(`*${'abcdefghi'[at - 1]}`)}]`,
)

const YAML: Readonly<Record<string, string | Buffer>> = {
  'an anchor': target('  defaultScopes: &scopes [a]\n'),
  'an alias': `${target('  defaultScopes: &scopes [a]\n')}  resources: *scopes\n`,
  'an alias of nothing': target('  defaultScopes: *nothing\n'),
  'an anchor at itself': target('  defaultScopes: &me [*me]\n'),
  'a billion laughs': bomb.join('\n'),
  'a billion laughs in a document': target(bomb.map((line) => `  ${line}\n`).join('')),
  'a merge key': target('  <<: {disabled: true}\n'),
  'a merge key by an alias': `base: &base {a: 1}\n${target('  <<: *base\n')}`,
  'a name twice': target('  disabled: false\n  disabled: true\n'),
  'a name twice in flow style': target('  tokens: [{kind: access-token, lifetime: 1m, lifetime: 9m}]\n'),
  'a kind twice': `kind: Policy\n${good}`,
  'a name twice, once in quotes': target('  disabled: false\n  "disabled": true\n'),
  'a document twice': `${good}---\n${good}`,
  'a tab to indent': 'apiVersion: cambist/v1\nkind: Target\nmetadata:\n\tname: new-name\nspec:\n\taudience: x\n',
  'a tag of a language': target('  description: !!js/function "function () { return 1 }"\n'),
  'a tag of another language': target('  description: !!python/object/apply:os.system ["id"]\n'),
  'a tag of its own': target('  disabled: !yes true\n'),
  'a tag of binary': target('  defaultScopes: [!!binary YQ==]\n'),
  'a tag of a set': target('  defaultScopes: !!set {a}\n'),
  'a tag of a time': target('  disabled: !!timestamp 2026-01-01\n'),
  'a directive of tags': `%TAG ! tag:evil.example,2026:\n---\n${target('  disabled: !x true\n')}`,
  'a directive of an older version': `%YAML 1.1\n---\n${good}`,
  'a directive of a version to come': `%YAML 3.0\n---\n${good}`,
  'a directive that nobody knows': `%FOO bar\n---\n${good}`,
  'a directive that nobody knows, and no document': '%FOO bar\n---\n',
  NUL: `${good}  disabled: "\\0"\n`,
  'NUL as it is': `${good}# \0\n  disabled: "a\0b"\n`,
  'half a surrogate pair': target('  description: "\\ud800"\n'),
  'bytes that are no UTF-8': Buffer.concat([Buffer.from(good), Buffer.from([0x23, 0xff, 0xfe, 0x0a])]),
  latin1: Buffer.from(`${good}# caf\u00e9\n`, 'latin1'),
  'UTF-16 with its mark': Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(good, 'utf16le')]),
  'UTF-16 without': Buffer.from(good, 'utf16le'),
  'a number as name': target('  1: a\n'),
  'a mapping as name': target('  {a: b}: c\n'),
  'a list as name': target('  ? [a]\n  : c\n'),
  'null as name': target('  ~: c\n'),
  __proto__: target('  __proto__: {disabled: true}\n'),
  constructor: target('  constructor: {prototype: {disabled: true}}\n'),
  'a number beyond all': target('  disabled: 1e999\n'),
  'a number too large': target('  disabled: 123456789012345678901234567890\n'),
  'no number': target('  disabled: .nan\n'),
  'yes, which is no truth': target('  disabled: yes\n'),
  'the Norway problem': target('  disabled: NO\n'),
  'an octal as text': target('  audience: 0o17\n'),
  'deep flow lists': target(`  x: ${'['.repeat(50_000)}\n`),
  'deep flow lists that end': target(`  x: ${'['.repeat(5000)}${']'.repeat(5000)}\n`),
  'deep flow mappings': target(`  x: ${'{a: '.repeat(5000)}1${'}'.repeat(5000)}\n`),
  'deep block lists': `x:\n${Array.from({ length: 1500 }, (_, at) => `${' '.repeat(at)}-`).join('\n')} 1\n`,
  'deep in one line': `x: ${'- '.repeat(20_000)}1\n`,
  'depth a level too much': target(`  x: ${'['.repeat(70)}${']'.repeat(70)}\n`),
  'many names': target(`  x: {${Array.from({ length: 100_000 }, (_, at) => `a${at}: 1`)}}\n`),
  'many documents': '--- {}\n'.repeat(30_000),
  'many documents that are nothing, and one that is wrong': `${'---\n'.repeat(30_000)}a`,
  'many tags': target(`  x: [${Array.from({ length: 20_000 }, () => '!a b')}]\n`),
  'a very long line': target(`  audience: "${'x'.repeat(3_900_000)}"\n`),
  'a very long comment, and nothing': `# ${'x'.repeat(3_900_000)}`,
  'too many bytes': `# ${'x'.repeat(4 * 1024 * 1024)}\n${good}`,
  'long block scalars': target(`  x: |\n${`    ${'y'.repeat(1000)}\n`.repeat(3000)}`),
  nothing: '',
  blanks: ' \n\n \n',
  'a comment': '# nothing\n',
  'a separator': '---\n',
  'an end': '...\n',
  'a text': 'hello\n',
  'a number': '42\n',
  'a list': '- a\n- b\n',
  'a list of documents': `- ${good.replaceAll('\n', '\n  ').trimEnd()}\n`,
  'a good one and a broken one': `${good}---\nkind: [`,
  'a good one and one of no kind': `${good}---\napiVersion: cambist/v1\nkind: Nothing\nmetadata: {name: x}\nspec: {}\n`,
  'a good one without its end': `${good}  defaultScopes: ["a`,
  'a bracket too much': target('  defaultScopes: [a]]\n'),
  'a quote that does not end': target("  audience: 'x\n"),
  'an escape that is none': target('  audience: "\\q"\n'),
  'Windows-1252 quotes': target('  disabled: \u201ctrue\u201d\n'),
  'a colon too much': target('  disabled: a: b\n'),
  'indentation that goes back halfway':
    'apiVersion: cambist/v1\nkind: Target\nmetadata:\n    name: x\n  labels: {}\nspec: {}\n',
  'a reserved sign': target('  disabled: @x\n'),
  'a backtick': target('  disabled: `x`\n'),
  'a control character': target('  audience: "a\u0007b"\n'),
  'another line end': good.replaceAll('\n', '\u2028'),
  'JSON with a comment': JSON.stringify(document('Target', 'new-name', {})).replace('{', '{ /* x */'),
  'a form': 'kind=Target&name=x',
  XML: '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
}

describe('hostile YAML', () => {
  it.each(taking('application/yaml'))('as the body of %s', { timeout: 120_000 }, async (_, route) => {
    const sent = Object.entries(YAML).map(([name, body]) => ({ name, body: Buffer.from(body) }))
    const answers = await outcomes(route, 'application/yaml', sent)
    await expectNothingDone(answers)
    for (const { text } of answers) expect(text).not.toMatch(/root:|node_modules|\.ts:\d/)
  })

  it('is at least where documents are put', () => {
    expect(taking('application/yaml').map(([name]) => name)).toContain('POST /admin/v1/apply')
  })

  it('begins with a document that is taken, also with a byte order mark, which editors write', async () => {
    for (const text of [good, `\ufeff${good}`, `%YAML 1.2\n---\n${good}...\n`, good.replaceAll('\n', '\r\n')]) {
      const asked = { method: 'POST', type: 'application/yaml', body: text }
      const { status, json } = await askAdmin(server, '/admin/v1/apply?dryRun=true', asked)
      expect([status, json.detail]).toEqual([200, undefined])
    }
  })
})
