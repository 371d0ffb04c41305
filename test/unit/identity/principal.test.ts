import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalId, namedIn } from '../../../src/identity/principal.ts'
import { parseSpiffeId, parseWorkloadId } from '../../../src/identity/spiffe-id.ts'

const OURS = 'cambist.example'
/** What a subject can be: well-formed text of up to 1024 characters, and above all what could be folded into something else. */
const subject = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
  fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 60 }),
  fc
    .array(
      fc.constantFrom('.', '..', '/', '%', '%2F', '%2f', ':', '@', ' ', '\u0000', 'a', 'A', 'é', 'é', '*', '?', '#'),
      {
        minLength: 1,
        maxLength: 8,
      },
    )
    .map((parts) => parts.join('')),
)
const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/)

/** The canonical id of a subject whose issuer gives it no URI of its own (UC-55, T15). */
describe('canonicalId', () => {
  it('is another for another issuer or another subject, and the same for the same', () => {
    fc.assert(
      fc.property(name, subject, name, subject, (issuer, one, otherIssuer, other) => {
        const same = issuer === otherIssuer && one === other
        expect(canonicalId(OURS, issuer, one) === canonicalId(OURS, otherIssuer, other)).toBe(same)
        expect(canonicalId(OURS, issuer, one)).toBe(canonicalId(OURS, issuer, one))
      }),
      { numRuns: 2000 },
    )
  })

  it('can be read back: nothing is lost, so nothing meets', () => {
    fc.assert(
      fc.property(name, subject, (issuer, text) => {
        const id = canonicalId(OURS, issuer, text)
        const prefix = `wimse://${OURS}/${issuer}/`
        expect(id.startsWith(prefix)).toBe(true)
        expect(decodeURIComponent(id.slice(prefix.length))).toBe(text)
        expect(namedIn(OURS, id)).toEqual({ issuer, subject: text })
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    `wimse://other.example/prod/a`,
    `wimse://${OURS}/prod`,
    `wimse://${OURS}/prod/a/b`,
    `wimse://${OURS}/prod/%61`,
    `wimse://${OURS}/prod/a%2fb`,
    `wimse://${OURS}/prod/%`,
    `spiffe://${OURS}/prod/a`,
    'a',
    '',
  ])('is not %j, which names nobody of an issuer', (id) => {
    expect(namedIn(OURS, id)).toBeUndefined()
  })

  it('is a workload identifier of ours, of one segment for the issuer and one for the subject', () => {
    fc.assert(
      fc.property(name, subject, (issuer, text) => {
        const id = parseWorkloadId(canonicalId(OURS, issuer, text))
        expect(id).toMatchObject({ scheme: 'wimse', trustDomain: OURS, origin: `wimse://${OURS}` })
        expect(id?.path.split('/')).toHaveLength(3)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['.', '%2E'],
    ['..', '%2E%2E'],
    ['a/../b', 'a%2F..%2Fb'],
    ['é', '%C3%A9'],
    ["!'()*", '%21%27%28%29%2A'],
    ['%2F', '%252F'],
  ])('writes %s as %s', (text, encoded) => {
    expect(canonicalId(OURS, 'prod', text)).toBe(`wimse://${OURS}/prod/${encoded}`)
  })
})

describe('workload identifiers', () => {
  it.each([
    'spiffe://example.org',
    'spiffe://example.org/a/b',
    'spiffe://ex_ample-1.org/A/B.c_d-e',
    'wimse://example.org/a~b/c@d:e',
    'wimse://example.org/%2E',
    `spiffe://example.org/${'a'.repeat(2048 - 'spiffe://example.org/'.length)}`,
  ])('takes %s as it is (W-1 to W-4, S-1 to S-5)', (uri) => {
    const id = parseWorkloadId(uri)
    expect(id?.uri).toBe(uri)
    expect(Object.isFrozen(id)).toBe(true)
  })

  it.each([
    'spiffe://td:443/a',
    'spiffe://u@td/a',
    'spiffe://td/a?x',
    'spiffe://td/a#f',
    'spiffe:/a',
    'spiffe:///a',
    'spiffe://Example.org/a',
    'SPIFFE://example.org/a',
    'spiffe://example.org/a~b',
    'spiffe://example.org/%61',
    'wimse://example.org/%2e',
    'wimse://example.org/%2',
    'wimse://example.org/a//b',
    'wimse://example.org/../a',
    'wimse://[::1]/a',
    'https://example.org/a',
    `spiffe://example.org/${'a'.repeat(2049 - 'spiffe://example.org/'.length)}`,
    `spiffe://${'a'.repeat(256)}/a`,
    '',
  ])('refuses %s', (uri) => {
    expect(parseWorkloadId(uri)).toBeUndefined()
  })

  it('keeps the schemes apart: one name, two authorities (W-9)', () => {
    expect(parseSpiffeId('wimse://example.org/a')).toBeUndefined()
    expect(parseWorkloadId('wimse://example.org/a')?.origin).not.toBe(parseWorkloadId('spiffe://example.org/a')?.origin)
  })

  it('never takes a text for another than it is', () => {
    const near = fc.constantFrom(
      'spiffe://',
      'wimse://',
      'example.org',
      '/',
      'a',
      '.',
      '..',
      '%2F',
      'A',
      ':',
      '@',
      '?',
      ' ',
      '*',
    )
    fc.assert(
      fc.property(
        fc.array(near, { maxLength: 8 }).map((parts) => parts.join('')),
        (text) => {
          const id = parseWorkloadId(text)
          if (id === undefined) return
          expect(id.uri).toBe(text)
          expect(`${id.scheme}://${id.trustDomain}${id.path}`).toBe(text)
          expect(id.path).not.toMatch(/\/\.{0,2}(\/|$)/)
        },
      ),
      { numRuns: 3000 },
    )
  })
})
