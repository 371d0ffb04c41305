import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BareItem,
  type Item,
  type ItemParameters,
  MAX_FIELD_LENGTH,
  parseDictionary,
  parseItem,
  parseList,
} from '../../../src/lib/structured-fields.ts'

const item = (bare: BareItem, parameters: Record<string, BareItem> = {}): Item => ({
  kind: 'item',
  bare,
  parameters: new Map(Object.entries(parameters)),
})
const TRUE: BareItem = { type: 'boolean', value: true }

describe('parseItem', () => {
  it.each<[string, BareItem]>([
    ['42', { type: 'integer', value: 42 }],
    ['-999999999999999', { type: 'integer', value: -999_999_999_999_999 }],
    ['4.5', { type: 'decimal', value: 4.5 }],
    ['-123456789012.125', { type: 'decimal', value: -123_456_789_012.125 }],
    ['"a \\"b\\" \\\\"', { type: 'string', value: 'a "b" \\' }],
    ['""', { type: 'string', value: '' }],
    ['foo123/456:*', { type: 'token', value: 'foo123/456:*' }],
    ['*a', { type: 'token', value: '*a' }],
    [':aGVsbG8=:', { type: 'bytes', value: Buffer.from('hello') }],
    ['::', { type: 'bytes', value: Buffer.alloc(0) }],
    ['?1', { type: 'boolean', value: true }],
    ['  ?0  ', { type: 'boolean', value: false }],
  ])('reads %s', (text, bare) => {
    expect(parseItem(text)).toEqual(item(bare))
  })

  it('reads parameters, in order', () => {
    const read = parseItem('a;b; c=?0;d="x"')
    expect(read).toEqual(
      item(
        { type: 'token', value: 'a' },
        { b: TRUE, c: { type: 'boolean', value: false }, d: { type: 'string', value: 'x' } },
      ),
    )
    expect([...(read?.parameters.keys() ?? [])]).toEqual(['b', 'c', 'd'])
  })

  it.each([
    ['nothing', ''],
    ['a tab before', '\t1'],
    ['a tab behind', '1\t'],
    ['a line end', '1\n'],
    ['two items', '1 2'],
    ['sixteen digits', '1000000000000000'],
    ['thirteen digits before the point', '1000000000000.0'],
    ['four digits behind the point', '1.0000'],
    ['a point without digits', '1.'],
    ['a sign alone', '-'],
    ['a plus', '+1'],
    ['an open string', '"a'],
    ['an unknown escape', '"\\n"'],
    ['a string beyond ASCII', '"ü"'],
    ['a control character in a string', '"\x7f"'],
    ['base64 without padding', ':aGVsbG8:'],
    ['base64 with stray bits', ':aGVsbG9=:'],
    ['base64url', ':-_8=:'],
    ['open bytes', ':aGVsbG8='],
    ['another boolean', '?2'],
    ['an upper-case key', 'a;B'],
    ['a space before a semicolon', 'a ;b'],
    ['a repeated parameter', 'a;b=1;b=2'],
    ['a date', '@1659578233'],
    ['a display string', '%"a"'],
    ['an inner list', '(a)'],
    ['a list', 'a, b'],
  ])('refuses %s', (_name, text) => {
    expect(parseItem(text)).toBeUndefined()
  })
})

describe('parseList', () => {
  it('reads items and inner lists, and keeps the text of these', () => {
    const list = parseList('a;p, ("x"  "y";q );r=1 \t,\t  ()')
    expect(list).toMatchObject([
      { kind: 'item', bare: { value: 'a' } },
      { kind: 'list', items: [{ bare: { value: 'x' } }, { bare: { value: 'y' } }], text: '("x"  "y";q );r=1' },
      { kind: 'list', items: [], text: '()' },
    ])
    expect(parseList('')).toEqual([])
    expect(parseList('  ')).toEqual([])
  })

  it.each([',', 'a,', ',a', 'a,,b', 'a b', '(a', '(a,b)', '("a""b")', '((a))', 'a)', 'a\t'])('refuses %s', (text) => {
    expect(parseList(text)).toBeUndefined()
  })
})

describe('parseDictionary', () => {
  it('reads members in order, true where there is no value', () => {
    const read = parseDictionary('a=1, b;x, c=(1 2);y="z", d=:AA==:')
    expect([...(read ?? [])]).toEqual([
      ['a', item({ type: 'integer', value: 1 })],
      ['b', item(TRUE, { x: TRUE })],
      ['c', expect.objectContaining({ kind: 'list', text: '(1 2);y="z"' })],
      ['d', item({ type: 'bytes', value: Buffer.from([0]) })],
    ])
    expect(parseDictionary('')).toEqual(new Map())
  })

  it.each([
    ['a repeated member, of which the standard takes the last', 'a=1, a=2'],
    ['an upper-case key', 'A=1'],
    ['a key without value after the sign', 'a='],
    ['white space around the sign', 'a = 1'],
    ['a comma at the end', 'a=1,'],
  ])('refuses %s', (_name, text) => {
    expect(parseDictionary(text)).toBeUndefined()
  })
})

describe('what strangers send', () => {
  const alphabet = fc.constantFrom(...'abA01?:;=,()"\\ \t*@.-/+_%\n\u00e9')

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: alphabet })), (text) => {
        for (const parse of [parseItem, parseList, parseDictionary]) parse(text)
      }),
      { numRuns: 2000 },
    )
  })

  it('reads back whatever is written', () => {
    const key = fc.stringMatching(/^[a-z*][a-z0-9_.*-]{0,8}$/)
    const bare: fc.Arbitrary<BareItem> = fc.oneof(
      fc.integer().map((value) => ({ type: 'integer' as const, value })),
      fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)) }).map((value) => ({
        type: 'string' as const,
        value,
      })),
      fc
        .stringMatching(/^[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]{0,8}$/)
        .map((value) => ({ type: 'token' as const, value })),
      fc.uint8Array().map((value) => ({ type: 'bytes' as const, value: Buffer.from(value) })),
      fc.boolean().map((value) => ({ type: 'boolean' as const, value })),
    )
    const parameters: fc.Arbitrary<ItemParameters> = fc
      .uniqueArray(fc.tuple(key, bare), { selector: ([name]) => name, maxLength: 4 })
      .map((entries) => new Map(entries))
    const items = fc.record({ kind: fc.constant('item' as const), bare, parameters })
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(key, items), { selector: ([name]) => name }), (members) => {
        const text = members.map(([name, member]) => `${name}=${written(member)}`).join(', ')
        expect(parseDictionary(text)).toEqual(new Map(members))
      }),
    )
  })

  it('reads the longest field and not a character more, each in no time', () => {
    const longest = (open: string, fill: string, close: string) =>
      open + fill.repeat((MAX_FIELD_LENGTH - open.length - close.length) / fill.length) + close
    const started = performance.now()
    expect(parseItem(longest('"', 'a', '"'))?.bare.type).toBe('string')
    expect(parseItem(longest('"', '\\\\', '"'))?.bare.type).toBe('string')
    expect(parseItem(`"${'a'.repeat(MAX_FIELD_LENGTH - 1)}"`)).toBeUndefined()
    for (const hostile of [
      longest('"', 'a', ''),
      longest('', '(', ''),
      longest('', 'a;', ''),
      longest('a', ' ', '"'),
      longest(':', '=', ''),
    ]) {
      for (const parse of [parseItem, parseList, parseDictionary]) expect(parse(hostile)).toBeUndefined()
    }
    expect(performance.now() - started).toBeLessThan(2000)
  })
})

function written({ bare, parameters }: Item): string {
  return spelt(bare) + [...parameters].map(([name, value]) => `;${name}=${spelt(value)}`).join('')
}

function spelt(bare: BareItem): string {
  switch (bare.type) {
    case 'string':
      return `"${bare.value.replace(/["\\]/g, '\\$&')}"`
    case 'bytes':
      return `:${bare.value.toString('base64')}:`
    case 'boolean':
      return bare.value ? '?1' : '?0'
    default:
      return String(bare.value)
  }
}
