import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NameAttribute } from '../../../src/lib/x509/contract.ts'
import { parseDistinguishedName, writeDistinguishedName } from '../../../src/lib/x509/distinguished-name.ts'

describe('a distinguished name that a document writes (MT-03)', () => {
  it.each<[string, readonly NameAttribute[]]>([
    // RFC 4514 §4
    [
      'UID=jsmith,DC=example,DC=net',
      [
        ['DC', 'net'],
        ['DC', 'example'],
        ['UID', 'jsmith'],
      ],
    ],
    ['CN=James \\"Jim\\" Smith\\, III', [['CN', 'James "Jim" Smith, III']]],
    ['CN=Before\\0dAfter', [['CN', 'Before\rAfter']]],
    ['CN=Lu\\C4\\8Di\\C4\\87', [['CN', 'Lučić']]],
    ['CN=Lučić 🔑', [['CN', 'Lučić 🔑']]],
    ['CN=a=b', [['CN', 'a=b']]],
    ['CN=\\ a\\ ', [['CN', ' a ']]],
    ['CN=\\#a', [['CN', '#a']]],
    [
      'cn = a b , o = Example ',
      [
        ['O', 'Example'],
        ['CN', 'a b'],
      ],
    ],
    ['2.5.4.3=a', [['CN', 'a']]],
    ['1.2.3.4=a', [['1.2.3.4', 'a']]],
    ['EMAILADDRESS=a@b.example', [['emailAddress', 'a@b.example']]],
  ])('%s', (text, attributes) => {
    expect(parseDistinguishedName(text)).toEqual(attributes)
  })

  it.each([
    ['nothing', ''],
    ['a comma at its end', 'CN=a,'],
    ['a comma at its beginning', ',CN=a'],
    ['two commas', 'CN=a,,O=b'],
    ['no value', 'CN='],
    ['a value of spaces', 'CN=  '],
    ['no type', '=a'],
    ['a type that nobody knows, and no certificate could have', 'FOO=a'],
    ['an OID of one number', '2=a'],
    ['no equals sign', 'billing'],
    ['a part of several attributes', 'CN=a+O=b'],
    ['a value in hexadecimal', 'CN=#0c0161'],
    ['quotes', 'CN="a"'],
    ['a semicolon', 'CN=a;O=b'],
    ['angle brackets', 'CN=<a>'],
    ['an escape of nothing', 'CN=a\\'],
    ['an escape of a letter', 'CN=\\x'],
    ['half an escape', 'CN=\\4'],
    ['bytes that are no UTF-8', 'CN=\\ff'],
    ['half a surrogate', 'CN=\ud800'],
    ['a NUL', 'CN=a\0'],
    ['slashes for commas', '/CN=a/O=b'],
  ])('is none with %s', (_, text) => {
    expect(parseDistinguishedName(text)).toBeUndefined()
  })
})

const type = fc.constantFrom('CN', 'O', 'OU', 'C', 'DC', 'UID', 'serialNumber', 'emailAddress', '1.2.3.4')
const value = fc
  .string({ unit: fc.oneof(fc.constantFrom(...',+"\\<>;#= =0aé🔑'), fc.string({ unit: 'binary', maxLength: 1 })) })
  .filter((text) => text !== '' && text.isWellFormed() && !text.includes('\uFFFD'))
const single = fc.tuple(type, value)

describe('a distinguished name that conditions see', () => {
  it('is read as it was written, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(single, { minLength: 1, maxLength: 5 }), (name) => {
        expect(parseDistinguishedName(writeDistinguishedName(name))).toEqual(name)
      }),
    )
  })

  it('is never the text of another name (T15)', () => {
    const attribute = fc.oneof(
      single,
      fc.tuple(type, value, fc.constant('joined' as const)),
    ) as fc.Arbitrary<NameAttribute>
    const name = fc.tuple(single, fc.array(attribute, { maxLength: 3 })).map(([first, others]) => [first, ...others])
    fc.assert(
      fc.property(name, name, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other)
        expect(writeDistinguishedName(one) === writeDistinguishedName(other)).toBe(same)
      }),
    )
    expect(writeDistinguishedName([['O', 'Example,OU=admin']])).toBe('O=Example\\,OU=admin')
    expect(
      writeDistinguishedName([
        ['O', 'Example'],
        ['OU', 'a'],
        ['CN', 'b', 'joined'],
      ]),
    ).toBe('OU=a+CN=b,O=Example')
  })
})
