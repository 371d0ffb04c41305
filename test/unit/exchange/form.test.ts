import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseForm } from '../../../src/exchange/form.ts'
import type { Refusal } from '../../../src/refusal.ts'

const parse = (text: string | Buffer) => Object.fromEntries(parseForm(Buffer.from(text)))
const reasonOf = (text: string | Buffer) => {
  try {
    parse(text)
  } catch (error) {
    return (error as Refusal).reason
  }
  return undefined
}

describe('parseForm', () => {
  it('reads what URLSearchParams writes', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ minLength: 1 }), fc.string({ minLength: 1, unit: 'grapheme' })),
        (pairs) => {
          fc.pre(!JSON.stringify(pairs).includes('\\u0000'))
          expect(parse(new URLSearchParams(pairs).toString())).toEqual(
            Object.fromEntries(Object.entries(pairs).map(([name, value]) => [name, [value]])),
          )
        },
      ),
    )
  })

  it('lets audience and resource come often, and nothing else (TE-08)', () => {
    expect(parse('audience=a&resource=r&audience=b')).toEqual({ audience: ['a', 'b'], resource: ['r'] })
    for (const name of ['scope', 'subject_token', 'grant_type', 'whatever'])
      expect(reasonOf(`${name}=a&${name}=b`)).toBe('parameter_repeated')
    expect(reasonOf('scope=a&sc%6fpe=')).toBe('parameter_repeated')
  })

  it('takes a parameter without a value as absent (TE-15)', () => {
    expect(parse('client_secret=&scope&audience=&audience=a')).toEqual({ audience: ['a'] })
  })

  it.each([
    ['a name that is empty', '=a'],
    ['a broken escape', 'a=%'],
    ['a broken escape', 'a=%zz'],
    ['an escape of bytes that are not UTF-8', 'a=%ff'],
    ['an overlong escape', 'a=%c0%af'],
    ['a lone surrogate', 'a=%ed%a0%80'],
    ['NUL', 'a=%00'],
    ['raw bytes that are not UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
    ['too many pairs', Array.from({ length: 101 }, (_, index) => `a${index}=1`).join('&')],
  ])('refuses %s', (_name, body) => {
    expect(reasonOf(body)).toBe('body_malformed')
  })
})
