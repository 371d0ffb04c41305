import { describe, expect, it } from 'vitest'
import { FetchFailure } from '../../../src/trust/fetch-failure.ts'
import { KeySets } from '../../../src/trust/key-sets.ts'
import { type Unasked, withoutNetwork } from '../../../src/trust/without-network.ts'
import { ecJwk, HandClock, issuerWith } from './test-keys.ts'

const jwk = ecJwk('a')

function world() {
  const clock = new HandClock()
  let fetches = 0
  const keySets = new KeySets({
    clock,
    insecure: new Set(),
    secret: async () => {
      throw new FetchFailure('secret', 'none')
    },
    fetch: async () => {
      fetches++
      return { body: Buffer.from(JSON.stringify({ keys: [jwk] })), maxAge: undefined }
    },
  })
  const unasked: Unasked[] = []
  const offline = withoutNetwork(keySets, (what) => void unasked.push(what))
  return { clock, keySets, unasked, ...offline, fetched: () => fetches }
}

const issuer = issuerWith({ from: 'jwksUri', url: 'https://prod.example/jwks' })

describe('trust without the network (T26)', () => {
  it('says what would have to be fetched, fetches nothing, and leaves nothing behind that is fetched later', async () => {
    const { keys, keySets, unasked, fetched } = world()
    expect(() => keys.find(issuer, 'a', 'ES256')).toThrow(expect.objectContaining({ reason: 'keys_unavailable' }))
    expect(() => keys.anchors(issuer)).toThrow('a draft causes no fetch')
    await keySets.poll()
    expect(unasked).toEqual([
      { issuer: issuer.name, what: 'keys' },
      { issuer: issuer.name, what: 'keys' },
    ])
    expect(fetched()).toBe(0)
  })

  it('knows what has been fetched already, also when it is due again', async () => {
    const { clock, keys, keySets, unasked, fetched } = world()
    await keySets.find(issuer, 'a', 'ES256')
    clock.pass(601)
    expect(keys.find(issuer, 'a', 'ES256')).toMatchObject({ kid: 'a' })
    expect(() => keys.find(issuer, 'b', 'ES256')).toThrow('would have to be asked for key "b" for ES256')
    expect([fetched(), unasked.length]).toEqual([1, 1])
  })

  it('asks nobody for a word', async () => {
    const { status, source, unasked } = world()
    const check = { protocol: 'introspection', url: 'https://prod.example/introspect', maxAge: 10 } as const
    const credential = { token: 'x', id: 'x', expiresAt: 0 }
    await status.check({ ...issuer, onlineCheck: check }, credential)
    await status.check(issuer, credential)
    await expect(
      source.present(issuer, { headers: {}, contentType: 'application/x-www-form-urlencoded', body: '' }),
    ).rejects.toThrow('a draft causes no fetch')
    expect(unasked.map(({ what }) => what)).toEqual(['status', 'signer'])
  })
})
