import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, parseJson, parseJsonObject, parseJsonObjectText } from '../../../src/lib/json.ts'

const bytes = (text: string) => Buffer.from(text)

describe('parseJsonObject', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 6 })), (value) => {
        const text = JSON.stringify(value)
        fc.pre(!text.includes('\\u0000') && !/\\ud[89a-f]/.test(text))
        expect(parseJsonObjectText(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it.each([
    ['a list', '[1]'],
    ['a text', '"a"'],
    ['null', 'null'],
    ['nothing', ''],
    ['two values', '{}{}'],
    ['a repeated member', '{"a":1,"a":1}'],
    ['a repeated member, spelt otherwise', '{"a":1,"\\u0061":2}'],
    ['a repeated member inside', '{"x":[{"sub":"a","sub":"b"}]}'],
    ['NUL', '{"a":"\\u0000"}'],
    ['a lone high surrogate', '{"a":"\\ud800"}'],
    ['a lone low surrogate', '{"a":"x\\udc00"}'],
    ['a comment', '{"a":1/*,"b":2*/}'],
    ['a byte order mark', '\ufeff{"a":1}'],
  ])('refuses %s', (_name, text) => {
    expect(parseJsonObject(bytes(text))).toBeUndefined()
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(parseJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBeUndefined()
    expect(parseJsonObject(Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d]))).toBeUndefined()
  })

  it('takes a whole surrogate pair, escaped, and colons and braces in texts', () => {
    expect(parseJsonObjectText('{"a":"\\ud83d\\ude00","b:{":"}:[\\"\\\\"}')).toEqual({ a: '😀', 'b:{': '}:["\\' })
  })

  it('keeps __proto__ a member like any other', () => {
    const value = parseJsonObjectText('{"__proto__":{"admin":true}}')
    expect(Object.keys(value ?? {})).toEqual(['__proto__'])
    expect((value as Record<string, unknown>)['admin']).toBeUndefined()
  })

  it('bounds depth without recursion', () => {
    expect(parseJson('[[1]]', { depth: 2 })).toEqual([[1]])
    expect(parseJson('[[[1]]]', { depth: 2 })).toBeUndefined()
    expect(parseJson('['.repeat(100_000))).toBeUndefined()
  })
})

describe('canonicalJson', () => {
  it('is one text for one value, whatever the order of members', () => {
    expect(canonicalJson({ b: [1, { d: 1, c: undefined }], a: 'x' })).toBe('{"a":"x","b":[1,{"d":1}]}')
    expect(canonicalJson({ a: 'x', b: [1, { d: 1 }] })).toBe(canonicalJson({ b: [1, { d: 1 }], a: 'x' }))
  })
})
