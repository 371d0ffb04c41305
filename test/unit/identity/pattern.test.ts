import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../../src/identity/pattern.ts'
import { Faults } from '../../../src/lib/fault.ts'

describe('patterns', () => {
  it.each<[string, string, boolean]>([
    ['shop', 'shop', true],
    ['shop', 'Shop', false],
    ['shop', 'shop/', false],
    ['*', 'shop', true],
    ['*', '', false],
    ['*', 'a/b', false],
    ['*', 'a:b', false],
    ['system:serviceaccount:shop:*', 'system:serviceaccount:shop:checkout', true],
    ['system:serviceaccount:shop:*', 'system:serviceaccount:shop:a:b', false],
    ['system:serviceaccount:*:checkout', 'system:serviceaccount:shop:checkout', true],
    ['system:serviceaccount:*:checkout', 'system:serviceaccount:shop:x:checkout', false],
    ['spiffe://prod.example/ns/*/sa/checkout', 'spiffe://prod.example/ns/shop/sa/checkout', true],
    ['spiffe://prod.example/ns/*/sa/checkout', 'spiffe://prod.example/ns/shop/sa/checkout2', false],
    ['spiffe://prod.example/ns/*/sa/checkout', 'spiffe://prod.example/ns//sa/checkout', false],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop/a', true],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop/a/b/c', true],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop', false],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop/', false],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop/a/', false],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop/a//b', false],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop-evil/a', false],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example.evil/shop/a', false],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop/a:b', false],
    ['spiffe://prod.example/shop/**', 'spiffe://prod.example/shop/a/b:c', false],
    ['repo:octo/*:ref', 'repo:octo/app:ref', true],
    ['repo:octo/*:ref', 'repo:octo/app/x:ref', false],
    ['a.b', 'axb', false],
    ['**', 'a/b', true],
    ['**', 'a:b', false],
    ['*/*', 'a/b', true],
    ['*/*', 'a/', false],
  ])('%s against %s: %s', (pattern, text, expected) => {
    expect(parsePattern(pattern).matches(text)).toBe(expected)
  })

  it.each<[string, string]>([
    ['', 'a pattern is empty'],
    ['checkout-*', 'a * stands inside a segment'],
    ['a/***', 'a * stands inside a segment'],
    ['a/**/b', 'a ** stands before the end'],
    ['a/b**', 'a * stands inside a segment'],
    ['x'.repeat(2049), '2048 is the most'],
  ])('%s cannot be written', (pattern, message) => {
    expect(() => parsePattern(pattern)).toThrow(Faults)
    expect(() => parsePattern(pattern)).toThrow(message)
  })

  it('says its text where it has no star', () => {
    expect(parsePattern('shop').literal).toBe('shop')
    expect(parsePattern('shop/*').literal).toBeUndefined()
  })

  it('agrees with a regular expression', () => {
    const part = fc.constantFrom('a', 'b', 'ab', '*')
    const separator = fc.constantFrom('/', ':')
    const pattern = fc
      .tuple(part, fc.array(fc.tuple(separator, part), { maxLength: 4 }), fc.constantFrom('', '/**', ':**'))
      .map(([first, rest, end]) => first + rest.flat().join('') + end)
    const text = fc.array(fc.constantFrom('a', 'b', '/', ':'), { maxLength: 12 }).map((chars) => chars.join(''))
    fc.assert(
      fc.property(pattern, text, (source, candidate) => {
        const expression = source
          .split(/(\*\*|\*)/)
          .map((each) => (each === '**' ? '[^/:]+(?:/[^/:]+)*' : each === '*' ? '[^/:]+' : each))
          .join('')
        expect(parsePattern(source).matches(candidate)).toBe(new RegExp(`^(?:${expression})$`).test(candidate))
      }),
      { numRuns: 3000 },
    )
  })
})
