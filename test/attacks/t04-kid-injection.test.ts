/** T4: `kid` is a key of a map and nothing else. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readJwks } from '../../src/lib/jwk.ts'
import { Refusal } from '../../src/refusal.ts'
import { FetchFailure } from '../../src/trust/fetch-failure.ts'
import { keySet } from '../../src/trust/key-set.ts'
import { KeySets } from '../../src/trust/key-sets.ts'
import { ecJwk, HandClock, issuerWith, keyOf } from '../unit/trust/test-keys.ts'

const hostile = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  '../../../../dev/null',
  '/etc/passwd',
  "x' UNION SELECT 'key' --",
  'https://evil.example/jwks',
  'a\0b',
  'key\n',
  'k'.repeat(100_000),
]

describe('a kid of a token', () => {
  const issuer = issuerWith({ from: 'inline', keys: [keyOf(ecJwk('key'))] })
  const fetches: string[] = []
  const keySets = new KeySets({
    clock: new HandClock(),
    insecure: new Set(),
    secret: async () => {
      throw new FetchFailure('secret', 'none')
    },
    fetch: async (url) => {
      fetches.push(url)
      throw new FetchFailure('connect', 'none')
    },
  })

  it.each(hostile)('like %j finds nothing and fetches nothing', (kid) => {
    expect(() => keySets.find(issuer, kid, 'ES256')).toThrow(Refusal)
    expect(fetches).toEqual([])
  })

  it('finds exactly the key of that name', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 40 }), (kid) => {
        fc.pre(kid !== 'key')
        expect(keySet([keyOf(ecJwk('key'))]).pick(kid, 'ES256')).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  it('that is missing finds a key only where one alone fits', () => {
    const keys = [keyOf(ecJwk('a')), keyOf(ecJwk(undefined))]
    expect(keySet(keys).pick(undefined, 'ES256')).toBeUndefined()
    expect(keySet(keys.slice(1)).pick(undefined, 'ES256')).toBe(keys[1])
  })
})

describe('a kid of a key set', () => {
  it.each(hostile.slice(-3))('like %j is not taken', (kid) => {
    expect(readJwks({ keys: [ecJwk(kid)] }).keys).toEqual([])
  })
})
