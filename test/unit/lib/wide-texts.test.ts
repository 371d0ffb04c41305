import { describe, expect, it } from 'vitest'
import { comparedTexts } from '../../../src/lib/cel-texts.ts'
import { wideTexts } from '../../../src/lib/wide-texts.ts'

const of = (source: string) => wideTexts(source, ['subject'])
const matching = (pattern: string) => of(`subject.id.matches(r'${pattern}')`)

describe('patterns that are wider than they look (T21)', () => {
  it.each([
    ['^.*$', 'takes any text at all'],
    ['^(?:.+)$', 'takes any text at all'],
    ['^.*/checkout$', 'lets anything stand before'],
    ['^(?:.+:x|y)$', 'lets anything stand before'],
    ['^https://.*[.]example[.]com/a$', 'run past the end of the host'],
    ['^https?://[a-z]+[.].+/a$', 'run past the end of the host'],
    ['^repo:octo/.*$', 'lets anything follow'],
    ['^(?:a/b.+)$', 'lets anything follow'],
    ['^orders.example$', 'has a . that takes any character'],
  ])('%s', (pattern, why) => {
    expect(matching(pattern)).toEqual([expect.stringContaining(why)])
  })

  it.each([
    '^(?:checkout|stock)$',
    '^https://[a-z0-9-]+[.]example[.]com/a$',
    String.raw`^https://[a-z]+\.example\.com/a$`,
    '^repo:octo/[^/:]+$',
    '^v[0-9.]+$',
    String.raw`^a\.*b$`,
  ])('and not %s', (pattern) => {
    expect(matching(pattern)).toEqual([])
  })

  it('are found in every form of the call', () => {
    expect(of("matches(subject.id, '^.*$')")).toHaveLength(1)
    expect(of("subject.key || subject.list.exists(x, x.matches('^.*$'))")).toHaveLength(1)
    expect(comparedTexts("subject.id == 'matches'", ['subject'])).toEqual([])
  })
})

describe('beginnings and ends that fit another host', () => {
  it.each([
    ["subject.id.startsWith('https://shop.example')", 'https://shop.example.evil.example'],
    ["subject.id.startsWith('spiffe://prod.example')", 'spiffe://prod.example.evil.example'],
    ["subject.id.endsWith('shop.example')", 'evil-shop.example'],
  ])('%s', (source, other) => {
    expect(of(source)).toEqual([expect.stringContaining(other)])
  })

  it.each([
    "subject.id.startsWith('https://shop.example/')",
    "subject.id.endsWith('.shop.example')",
    "subject.id.startsWith('refs/heads/release-')",
    'subject.id.startsWith(subject.name)',
  ])('and not %s', (source) => {
    expect(of(source)).toEqual([])
  })
})
