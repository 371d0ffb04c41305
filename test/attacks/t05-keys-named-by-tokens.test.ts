/** T5: nothing that a token or a key says leads to another key, and no key set leads to a further fetch. */
import { describe, expect, it } from 'vitest'
import { readJwks } from '../../src/lib/jwk.ts'
import { FetchFailure } from '../../src/trust/fetch-failure.ts'
import { KeySets } from '../../src/trust/key-sets.ts'
import { ecJwk, HandClock, issuerWith } from '../unit/trust/test-keys.ts'

describe('a key that names others', () => {
  const jwk = ecJwk('a', {
    x5u: 'https://evil.example/cert',
    jku: 'https://evil.example/jwks',
    jwk: ecJwk('b'),
    x5c: ['AAAA'],
    url: 'https://evil.example',
  })

  it('is that key and no other', () => {
    const { keys, faults } = readJwks({ keys: [jwk], jwks_uri: 'https://evil.example/jwks' })
    expect(keys.map(({ kid }) => kid)).toEqual(['a'])
    expect(faults).toEqual([])
  })

  it('causes no fetch', async () => {
    const fetched: string[] = []
    const keySets = new KeySets({
      clock: new HandClock(),
      insecure: new Set(),
      secret: async () => {
        throw new FetchFailure('secret', 'none')
      },
      fetch: async (url) => {
        fetched.push(url)
        return {
          body: Buffer.from(JSON.stringify({ keys: [jwk], next: 'https://evil.example/jwks?page=2' })),
          maxAge: undefined,
        }
      },
    })
    const issuer = issuerWith({ from: 'jwksUri', url: 'https://issuer.example/jwks' })
    expect((await keySets.find(issuer, 'a', 'ES256')).kid).toBe('a')
    expect(fetched).toEqual(['https://issuer.example/jwks'])
  })
})
