import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exportJson, exportYaml } from '../../../src/documents/canonical.ts'
import { MAX_BYTES, MAX_DOCUMENTS, readDocuments, readWithPlaces } from '../../../src/documents/read.ts'
import { document, faultsOf, whole } from './world.ts'

const yaml = (text: string) => readDocuments(text, 'application/yaml')
const json = (text: string) => readDocuments(text, 'application/json')
const messages = (text: string) => faultsOf(() => yaml(text)).map(({ path, message }) => `${path}: ${message}`)

const POLICY = `apiVersion: cambist/v1
kind: Policy
metadata: {name: p}
spec:
  clients: ['*']
  targets: [orders]
`

describe('reading documents', () => {
  it('reads a YAML stream and leaves empty documents out', () => {
    const read = yaml(`---\n${POLICY}---\n---\n# nothing\n---\n${POLICY.replace('name: p', 'name: q')}...\n`)
    expect(read.map(({ metadata }) => metadata.name)).toEqual(['p', 'q'])
    expect(read[0]?.spec).toEqual({ clients: ['*'], targets: ['orders'] })
  })

  it('reads one JSON document and an array of them', () => {
    const one = document('Policy', 'p', { clients: ['*'] })
    expect(json(JSON.stringify(one))).toEqual([one])
    expect(json(JSON.stringify([one]))).toEqual([one])
    expect(json('[]')).toEqual([])
  })

  it('reads scalars by the YAML 1.2 core schema: yes and no are texts', () => {
    const [read] = yaml(`${POLICY}  a: yes\n  b: no\n  c: 010\n  d: 0o17\n  e: 2027-06-30\n  f: true\n  g: ~\n`)
    expect(read?.spec).toMatchObject({ a: 'yes', b: 'no', c: 10, d: 15, e: '2027-06-30', f: true, g: null })
  })

  it('says which document and line a fault is in, and keeps the file', () => {
    const text = `${POLICY}---\napiVersion: cambist/v1\nkind: Policy\nmetadata: {name: Q}\nspec: {}\n`
    const [fault] = faultsOf(() => readWithPlaces(text, 'application/yaml', 'team/all.yaml'))
    expect(fault).toMatchObject({
      file: 'team/all.yaml',
      document: 2,
      line: 10,
      kind: 'Policy',
      name: 'Q',
      path: 'metadata.name',
    })
    expect(fault?.message).toContain('"Q" is not a name')
  })

  it('places faults that are found later', () => {
    const reading = readWithPlaces(POLICY, 'application/yaml', 'p.yaml')
    const place = (path: string) => reading.place({ kind: 'Policy', name: 'p', path, message: '' })
    expect(place('spec.targets[0]')).toMatchObject({ file: 'p.yaml', line: 6 })
    expect(place('spec.targetts')).toMatchObject({ line: 4 })
    expect(place('')).toMatchObject({ line: 1 })
    expect(reading.place({ kind: 'Policy', name: 'other', path: '', message: '' })).not.toHaveProperty('line')
  })

  it.each([
    ['an anchor', 'a: &x 1', 'a: anchors (&) and aliases (*) are not read; write the value out at each place'],
    ['an alias', 'a: 1\nb: *x', 'b: anchors (&) and aliases (*) are not read'],
    ['a tag of its own', 'a: !secret x', 'a: tags (!) are not read; leave the tag out'],
    ['a tag that runs code elsewhere', 'a: !!js/function x', 'a: tags (!) are not read; leave the tag out'],
    ['binary', 'a: !!binary aGk=', 'a: tags (!) are not read; leave the tag out'],
    ['a repeated name', 'a: 1\nb: 2\na: 3', 'a: is there twice; a reader could take either'],
    ['a repeated name further down', 'a: {b: 1, b: 1}', 'a.b: is there twice; a reader could take either'],
    ['a merge key', 'a: {<<: {b: 1}, <<: {b: 2}}', 'is there twice'],
    ['__proto__', 'a: {__proto__: {b: 1}}', 'a.__proto__: cannot be used as a name'],
    ['a name that is no text', '1: a', ': a name in a mapping is a text; put it in quotes'],
    ['a name that is a list', '? [a]\n: b', ': a name in a mapping is a text; put it in quotes'],
    ['a tab', 'a:\n\tb: 1', 'Tabs are not allowed as indentation'],
    ['an open bracket', 'a: [1, 2', 'this is not YAML'],
    ['an open quote', 'a: "1', 'this is not YAML'],
    ['another YAML', '%YAML 1.1\n---\na: yes', '%YAML 1.1 is another language in places'],
    [
      'a number that would lose digits',
      'a: 12345678901234567890',
      'a: 12345678901234567890 is a number too large to be kept exactly; put it in quotes',
    ],
    ['a number without end', 'a: .inf', 'a: .inf is not a number that JSON can hold'],
    ['NUL', 'a: "b\\0c"', 'a: holds the character NUL, which cannot be stored'],
    ['half a surrogate pair', 'a: "\\uD800"', 'surrogate'],
    ['brackets that nest', `a: ${'['.repeat(70)}${']'.repeat(70)}`, 'nests deeper than 64'],
    ['lists that nest', '- '.repeat(2000), 'nests deeper than 64'],
  ])('refuses %s', (_, text, expected) => {
    expect(messages(text).join('\n')).toContain(expected)
  })

  it('refuses a bomb of aliases before anything grows', () => {
    const lines = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}, *a${i}]`)
    expect(messages(`a0: &a0 [x]\n${lines.join('\n')}`)[0]).toContain('anchors (&) and aliases (*) are not read')
  })

  it.each([
    ['an unfinished one', '{"a":', 'this is not JSON: it ends too early'],
    ['nothing', '', 'this is not JSON: it ends too early'],
    ['a repeated member', '{"a":1,"a":2}', 'has a member twice'],
    ['depth', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'nests deeper than 64'],
    ['a huge number', '{"a":1e999}', 'not a number that JSON can hold'],
    ['a number that would lose digits', '{"a":9007199254740993}', 'too large to be kept exactly'],
    ['__proto__', '{"__proto__":{}}', 'cannot be used as a name'],
    ['a text', '"secret-value"', 'is not a document'],
  ])('refuses JSON: %s', (_, text, expected) => {
    const faults = faultsOf(() => json(text))
    expect(faults.map(({ message }) => message).join('\n')).toContain(expected)
    expect(JSON.stringify(faults)).not.toContain('secret-value')
  })

  it('says where JSON breaks, and not what stands there', () => {
    const text = `[\n  {"apiVersion": "cambist/v1"},\n  eyJhbGciOiJub25lIn0.token-bytes\n]${' '.repeat(200)}`
    const [fault] = faultsOf(() => json(text))
    expect(fault?.message).toBe('this is not JSON from line 3, column 3 on')
  })

  it.each([
    ['', 'apiVersion', 'nothing is no version that is known here; write cambist/v1'],
    ['apiVersion: v1', 'apiVersion', '"v1" is no version that is known here; write cambist/v1'],
    ['kind: [Policy]', 'kind', '["Policy"] is not the name of a kind'],
    ['metadata: {name: 7}', 'metadata.name', '7 is not a name'],
    [`metadata: {name: ${'a'.repeat(64)}}`, 'metadata.name', 'use 1 to 63 lower-case letters'],
    ['metadata: {name: p, labels: {a: 1}}', 'metadata.labels.a', '1 is not a text; put it in quotes'],
    ['metadata: {name: p, labels: {"a=b": x}}', 'metadata.labels', 'is not the name of a label'],
    ['metadata: {name: p, label: {}}', 'metadata.label', 'did you mean `labels`?'],
    ['spec: []', 'spec', 'is a mapping; what it holds depends on the kind'],
    ['specs: {}', 'specs', 'did you mean `spec`?'],
  ])('names field, value and remedy of the envelope: %s', (line, path, message) => {
    const fault = faultsOf(() => yaml(`x: 1\n${line}\n`)).find((each) => each.path.startsWith(path))
    expect(fault?.message).toContain(message)
  })

  it('refuses one name twice, and says where the first is', () => {
    expect(messages(`${POLICY}---\n${POLICY}`)).toEqual([
      'metadata.name: there is a Policy p at line 1 already; a name stands once',
    ])
  })

  it('reports the faults of all documents together', () => {
    expect(messages('kind: A\n---\nkind: B\n').filter((each) => each.startsWith('apiVersion'))).toHaveLength(2)
  })

  it('refuses more than it reads at once', () => {
    expect(messages(`a: ${'x'.repeat(MAX_BYTES)}`)).toEqual([': has more than 4 MiB; apply it in parts'])
    expect(messages('---\n'.repeat(MAX_DOCUMENTS + 1)).join('\n')).toContain(
      `there are more than ${MAX_DOCUMENTS} documents`,
    )
    expect(messages(`a: [${'1,'.repeat(150_000)}1]`)).toEqual([': this document is too large; split it'])
  })

  it('survives any text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'{}[]:,-&*!|>\'"%@`#?\n \t\\a1.~=<\0\uFEFF'), maxLength: 60 }),
        (text) => {
          for (const read of [yaml, json]) {
            try {
              read(text)
            } catch (error) {
              expect((error as Error).name).toBe('DocumentFaults')
            }
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('writing documents', () => {
  it('writes what reads back to the same, in one order', () => {
    const text = exportYaml(whole)
    expect(exportYaml(yaml(text).toReversed())).toBe(text)
    expect([...text.matchAll(/^kind: (\w+)/gm)].map(([, kind]) => kind)).toEqual([
      'TrustedIssuer',
      'Client',
      'Target',
      'Policy',
    ])
    expect(json(exportJson(whole))).toEqual(yaml(text))
  })

  it('puts what YAML 1.1 would take for something else in quotes', () => {
    const text = exportYaml([
      document('Policy', 'p', { a: 'yes', b: '012', c: '1:30', d: 'null', e: '', f: '*', g: 'a: b #c', h: 'x\ny\n' }),
    ])
    expect(text).toContain('a: "yes"')
    expect(text).toContain('c: "1:30"')
    expect(yaml(text)[0]?.spec).toEqual({
      a: 'yes',
      b: '012',
      c: '1:30',
      d: 'null',
      e: '',
      f: '*',
      g: 'a: b #c',
      h: 'x\ny\n',
    })
  })

  it('reads back any JSON that documents can hold', () => {
    const name = fc
      .string({ maxLength: 12 })
      .filter((text) => text !== '__proto__' && !text.includes('\0') && text.isWellFormed())
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((each) => !each.includes('\0'))
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }).filter((n) => !Object.is(n, -0)),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(name, tie('any'), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).any
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }), (spec) => {
        expect(yaml(exportYaml([document('Policy', 'p', spec as object)]))[0]?.spec).toEqual(spec)
      }),
      { numRuns: 300 },
    )
  })
})
