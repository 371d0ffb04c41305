/** T7, L8, L9, F7: tokens cannot make us fetch, and one issuer cannot hold up another. */
import { describe, expect, it } from 'vitest'
import type { TrustedIssuer } from '../../src/trust/contract.ts'
import { FetchFailure } from '../../src/trust/fetch-failure.ts'
import { guardedFetch } from '../../src/trust/guarded-fetch.ts'
import { KeySets } from '../../src/trust/key-sets.ts'
import { identityFor, json, serve } from '../unit/trust/hostile-server.ts'
import { ecJwk, HandClock, issuerWith } from '../unit/trust/test-keys.ts'

const jwk = ecJwk('a')

function counting(answer: (url: string) => Promise<Buffer>) {
  const clock = new HandClock()
  const fetches: string[] = []
  const keySets = new KeySets({
    clock,
    insecure: new Set(),
    secret: async () => {
      throw new FetchFailure('secret', 'none')
    },
    fetch: async (url) => {
      fetches.push(url)
      return { body: await answer(url), maxAge: undefined }
    },
  })
  const find = async (issuer: TrustedIssuer, kid: string) => {
    try {
      return (await keySets.find(issuer, kid, 'ES256')).kid
    } catch (error) {
      return (error as Error).message.split(':')[0]
    }
  }
  return { clock, fetches, keySets, find }
}

type Use = 'sig' | 'jwt-svid'

const issuerAt = (url: string, name = 'prod', use: Use = 'sig') =>
  use === 'sig'
    ? issuerWith({ from: 'jwksUri', url }, { name })
    : issuerWith({ from: 'bundle', url, profile: 'https_web' }, { name, keyUse: use })

/** A set as it comes: of a JWK Set, and of a SPIFFE bundle, whose keys say what they are for. */
const bodyOf = (use: Use) => Buffer.from(JSON.stringify({ keys: [use === 'sig' ? jwk : { ...jwk, use }] }))
const SOURCES = [
  ['key set', 'sig'],
  ['bundle', 'jwt-svid'],
] as const

describe('unknown kids', () => {
  const empty = async () => Buffer.from('{"keys":[]}')
  const dead = async () => Promise.reject(new FetchFailure('connect', 'dead'))
  it.each([
    ['a healthy server of a key set', 'sig', async () => bodyOf('sig'), 'key_unknown'],
    ['an empty key set', 'sig', empty, 'keys_unavailable'],
    ['a dead server of a key set', 'sig', dead, 'keys_unavailable'],
    ['a healthy bundle endpoint', 'jwt-svid', async () => bodyOf('jwt-svid'), 'key_unknown'],
    // It voids its domain (S-71).
    ['an empty bundle', 'jwt-svid', empty, 'key_unknown'],
    ['a dead bundle endpoint', 'jwt-svid', dead, 'keys_unavailable'],
  ] as const)('20,000 of them, over ten minutes, at %s: one fetch in 30 s', async (_what, use, answer, reason) => {
    const { clock, fetches, find } = counting(answer)
    const issuer = issuerAt('https://issuer.example/keys', 'prod', use)
    for (let i = 0; i < 20_000; i++) {
      expect(await find(issuer, `unknown-${i}`)).toBe(reason)
      clock.pass(0.03)
    }
    expect(fetches.length).toBeGreaterThanOrEqual(19)
    expect(fetches.length).toBeLessThanOrEqual(20)
  })

  it.each(SOURCES)('at once, of a %s: one fetch', async (_what, use) => {
    const { fetches, find } = counting(async () => bodyOf(use))
    const issuer = issuerAt('https://issuer.example/keys', 'prod', use)
    const found = await Promise.all(Array.from({ length: 1000 }, (_, i) => find(issuer, `unknown-${i}`)))
    expect(new Set(found)).toEqual(new Set(['key_unknown']))
    expect(fetches).toHaveLength(1)
  })

  it('do not remember themselves', async () => {
    const { keySets, find } = counting(async () => bodyOf('sig'))
    const issuer = issuerAt('https://issuer.example/jwks')
    await find(issuer, 'a')
    for (let i = 0; i < 1000; i++) await find(issuer, `unknown-${i}`)
    expect(JSON.stringify(Object.values(keySets))).not.toContain('unknown')
  })
})

describe('a slow issuer', () => {
  it('holds up nobody but itself', async () => {
    let release = () => {}
    const slow = new Promise<Buffer>((done) => {
      release = () => done(bodyOf('sig'))
    })
    const { find } = counting((url) => (url.includes('slow') ? slow : Promise.resolve(bodyOf('sig'))))
    const waiting = find(issuerAt('https://slow.example/jwks', 'slow'), 'a')
    for (let i = 0; i < 20; i++) expect(await find(issuerAt('https://fast.example/jwks', `fast-${i}`), 'a')).toBe('a')
    release()
    expect(await waiting).toBe('a')
  })
})

it.each(SOURCES)(
  '50 issuers, each with a %s and 200 waiting requests, cold and over TLS: one fetch per issuer (L9)',
  async (_what, use) => {
    const identity = identityFor('127.0.0.1')
    await using server = await serve(json(JSON.parse(bodyOf(use).toString())), identity)
    const insecure = new Set([`127.0.0.1:${server.port}`])
    const keySets = new KeySets({
      clock: new HandClock(),
      insecure,
      secret: async () => {
        throw new FetchFailure('secret', 'none')
      },
      fetch: guardedFetch({ insecure, milliseconds: 10_000 }),
    })
    const waiting: Promise<unknown>[] = []
    for (let i = 0; i < 50; i++) {
      const { keys, ...rest } = issuerAt(`https://127.0.0.1:${server.port}/${i}`, `issuer-${i}`, use)
      const issuer = { ...rest, keys: { ...keys, ca: identity.cert } as typeof keys }
      for (let waiter = 0; waiter < 200; waiter++) waiting.push(Promise.resolve(keySets.find(issuer, 'a', 'ES256')))
    }
    const found = await Promise.all(waiting)
    expect(found).toHaveLength(10_000)
    expect([...server.requests].sort()).toEqual(Array.from({ length: 50 }, (_, i) => `/${i}`).sort())
  },
)
