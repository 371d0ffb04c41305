import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dpopNonces } from '../../../src/credentials/dpop-nonces.ts'
import { derivedKeys } from '../../../src/keys/derived.ts'
import { mutated } from './proofs/refused.ts'

/** The first second of a minute. */
const NOW = 1_795_000_020
const [old, next, other] = derivedKeys(
  [1, 2, 3].map((byte) => Buffer.alloc(32, byte)),
  'test',
)
const nonces = (...keys: readonly (Buffer | undefined)[]) =>
  dpopNonces(
    keys.filter((key) => key !== undefined),
    { required: false },
  )
const ours = nonces(old)
const nonce = ours.fresh(NOW)

describe('a nonce', () => {
  it('is the same for a minute, and then another, which nobody can tell from it', () => {
    expect(ours.fresh(NOW + 59)).toBe(nonce)
    const made = Array.from({ length: 100 }, (_, minute) => ours.fresh(NOW + 60 * minute))
    expect(new Set(made).size).toBe(100)
    expect(new Set(made.map((each) => each.slice(-16))).size).toBe(100)
    expect(ours.fresh(NOW)).toBe(nonce)
  })

  it('may stand in a header and in a claim (RFC 9449 §8.1)', () => {
    expect(nonce).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]{20,40}$/)
  })

  it('is taken for its minute and the next, and of a process whose clock is ahead', () => {
    for (const seconds of [-60, -1, 0, 59, 60, 119]) expect(ours.lastSecond(nonce, NOW + seconds)).toBe(NOW + 120)
    for (const seconds of [-61, 120, 3600]) expect(ours.lastSecond(nonce, NOW + seconds)).toBeUndefined()
  })

  it('is taken where it was made with any of the keys, so that one can be replaced', () => {
    const between = nonces(next, old)
    expect(between.lastSecond(nonce, NOW)).toBe(NOW + 120)
    expect(between.fresh(NOW)).toBe(nonces(next).fresh(NOW))
    expect(nonces(next).lastSecond(nonce, NOW)).toBeUndefined()
    expect(nonces(other, next).lastSecond(nonce, NOW)).toBeUndefined()
  })

  it('is none with a character changed, added or taken away, and junk is none', () => {
    const character = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n')
    fc.assert(
      fc.property(fc.nat(), character, (place, each) => {
        const text = mutated(nonce, place, each)
        fc.pre(text !== nonce)
        for (const spelt of [text, nonce + each, nonce.slice(1), nonce.slice(0, -1)])
          expect(ours.lastSecond(spelt, NOW)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => ours.lastSecond(text, NOW) === undefined))
    for (const text of ['', ' '.repeat(27), '='.repeat(27), '鍵'.repeat(27), '_'.repeat(27)])
      expect(ours.lastSecond(text, NOW)).toBeUndefined()
  })
})

describe('keys of a purpose', () => {
  it('are the same in every process, one of each, and of no other purpose', () => {
    const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
    const hex = (purpose: string) => derivedKeys(keys, purpose).map((key) => key.toString('hex'))
    expect(hex('one')).toEqual(hex('one'))
    const all = new Set([...hex('one'), ...hex('other'), ...keys.map((key) => key.toString('hex'))])
    expect(all.size).toBe(6)
  })
})
