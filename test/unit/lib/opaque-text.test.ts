import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isOpaqueText, newOpaqueText } from '../../../src/lib/opaque-text.ts'

const PREFIX = 'cambist_at_'

describe('an opaque text', () => {
  it('has its prefix, 256 random bits and a checksum, and is never made twice', () => {
    const made = Array.from({ length: 200 }, () => newOpaqueText(PREFIX))
    for (const text of made) expect(text).toMatch(/^cambist_at_[A-Za-z0-9_-]{49}$/)
    expect(new Set(made).size).toBe(made.length)
    expect(made.every((text) => isOpaqueText(PREFIX, text))).toBe(true)
  })

  it('is told from one of which a character is another, or missing, or too many', () => {
    fc.assert(
      fc.property(fc.nat(59), fc.constantFrom(...'Aa0_-.= '), (at, other) => {
        const text = newOpaqueText(PREFIX)
        if (text[at] === other) return
        expect(isOpaqueText(PREFIX, text.slice(0, at) + other + text.slice(at + 1))).toBe(false)
        expect(isOpaqueText(PREFIX, text.slice(0, at) + text.slice(at + 1))).toBe(false)
        expect(isOpaqueText(PREFIX, text.slice(0, at) + other + text.slice(at))).toBe(false)
      }),
    )
  })

  it('is told from one of another prefix, and from anything else', () => {
    expect(isOpaqueText(PREFIX, newOpaqueText('cambist_xx_'))).toBe(false)
    for (const text of ['', PREFIX, `${PREFIX}${'A'.repeat(49)}`, '\ud800'.repeat(60), 'é'.repeat(60)])
      expect(isOpaqueText(PREFIX, text)).toBe(false)
  })
})
