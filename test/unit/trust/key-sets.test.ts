import { describe, expect, it } from 'vitest'
import { Secret } from '../../../src/lib/secret.ts'
import { Refusal } from '../../../src/refusal.ts'
import type { KeySource, TrustedIssuer, VerificationKey } from '../../../src/trust/contract.ts'
import { FetchFailure } from '../../../src/trust/fetch-failure.ts'
import type { BoundSecret, FetchRequest } from '../../../src/trust/guarded-fetch.ts'
import { type KeySetEvent, KeySets } from '../../../src/trust/key-sets.ts'
import { ecJwk, HandClock, issuerWith, keyOf } from './test-keys.ts'

const URL_OF_KEYS = 'https://issuer.example/jwks'
const remote: KeySource = { from: 'jwksUri', url: URL_OF_KEYS }
const a = ecJwk('a')
const b = ecJwk('b')

/** What the far end does, and everything that is watched. */
class World {
  readonly clock = new HandClock()
  readonly events: KeySetEvent[] = []
  readonly fetches: { url: string; request: FetchRequest }[] = []
  /** Answers by URL; an Error is thrown. */
  readonly answers = new Map<string, unknown>()
  maxAge: number | undefined
  /** While it is set, no fetch ends. */
  held: Promise<void> | undefined
  readonly secrets = new Map<string, BoundSecret>()
  readonly keySets = new KeySets({
    clock: this.clock,
    insecure: new Set(),
    onEvent: (event) => void this.events.push(event),
    secret: async (name) => {
      const found = this.secrets.get(name)
      if (found === undefined) throw new FetchFailure('secret', 'there is no such secret')
      return found
    },
    fetch: async (url, request) => {
      this.fetches.push({ url, request })
      await this.held
      const answer = this.answers.get(url)
      if (answer instanceof Error) throw answer
      if (answer === undefined) throw new FetchFailure('connect', 'nobody is there')
      return { body: Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer)), maxAge: this.maxAge }
    },
  })

  serve(...keys: unknown[]): void {
    this.answers.set(URL_OF_KEYS, { keys })
  }

  fail(code: ConstructorParameters<typeof FetchFailure>[0] = 'connect'): void {
    this.answers.set(URL_OF_KEYS, new FetchFailure(code, 'it fails'))
  }

  /** Lets background work end. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await new Promise(setImmediate)
  }

  hold(): () => void {
    let release = () => {}
    this.held = new Promise((done) => {
      release = done
    })
    return () => {
      this.held = undefined
      release()
    }
  }
}

async function refusal(find: () => unknown): Promise<Refusal> {
  try {
    await find()
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal)
    return error as Refusal
  }
  throw new Error('it was not refused')
}

function world(issuer: TrustedIssuer = issuerWith(remote)) {
  const w = new World()
  w.serve(a)
  const find = (kid: string | undefined, algorithm = 'ES256') => w.keySets.find(issuer, kid, algorithm)
  return { w, issuer, find }
}

describe('inline keys', () => {
  const issuer = issuerWith({ from: 'inline', keys: [keyOf(a), keyOf(b)] })
  const { w } = world()

  it('are answered at once', () => {
    expect((w.keySets.find(issuer, 'a', 'ES256') as VerificationKey).thumbprint).toBe(keyOf(a).thumbprint)
    expect(w.fetches).toEqual([])
  })

  it('that are unknown, or unfit for the algorithm, are refused at once', () => {
    expect(() => w.keySets.find(issuer, 'c', 'ES256')).toThrow(
      'key_unknown: trusted issuer prod does not have key "c" for ES256',
    )
    expect(() => w.keySets.find(issuer, 'a', 'RS256')).toThrow('key_unknown')
    expect(() => w.keySets.find(issuer, '', 'ES256')).toThrow('key_unknown')
  })

  it('are found without kid only where exactly one fits', () => {
    expect(() => w.keySets.find(issuer, undefined, 'ES256')).toThrow('exactly one key for ES256')
    const one = issuerWith({ from: 'inline', keys: [keyOf(a)] })
    expect((w.keySets.find(one, undefined, 'ES256') as VerificationKey).kid).toBe('a')
    expect(() => w.keySets.find(one, undefined, 'ES384')).toThrow('key_unknown')
  })

  it.each(['__proto__', 'constructor', 'toString', "' OR 1=1 --", '../../a', 'https://evil.example/jwks'])(
    'are not found by kid %s (T4)',
    (kid) => {
      expect(() => w.keySets.find(issuer, kid, 'ES256')).toThrow('key_unknown')
    },
  )
})

describe('freshness', () => {
  it('answers synchronously once fetched', async () => {
    const { w, find } = world()
    const first = find('a')
    expect(first).toBeInstanceOf(Promise)
    expect((await first).kid).toBe('a')
    expect(find('a')).not.toBeInstanceOf(Promise)
    expect(w.fetches).toHaveLength(1)
    expect(w.fetches[0]?.request).toMatchObject({ accept: 'application/jwk-set+json, application/json' })
    expect(w.fetches[0]?.request).not.toHaveProperty('bearer')
  })

  it.each([
    [undefined, 600],
    [0, 60],
    [300, 300],
    [10_000_000, 86_400],
  ])('with max-age %s lasts %s s', async (maxAge, seconds) => {
    const { w, find } = world()
    w.maxAge = maxAge
    await find('a')
    w.clock.pass(seconds - 1)
    void find('a')
    expect(w.fetches).toHaveLength(1)
    w.clock.pass(1)
    expect(find('a')).not.toBeInstanceOf(Promise)
    expect(w.fetches).toHaveLength(2)
    await w.settle()
  })

  it('is restored behind the road’s back, and the road never waits for it', async () => {
    const { w, find } = world()
    await find('a')
    w.clock.pass(601)
    w.serve(a, b)
    const release = w.hold()
    for (let i = 0; i < 100; i++) expect((find('a') as VerificationKey).kid).toBe('a')
    expect(w.fetches).toHaveLength(2)
    release()
    await w.settle()
    expect((find('b') as VerificationKey).kid).toBe('b')
  })

  it('is not shortened or stretched by a wall clock that is set', async () => {
    const { w, find } = world()
    await find('a')
    w.clock.now = () => 0
    expect((find('a') as VerificationKey).kid).toBe('a')
    expect(w.fetches).toHaveLength(1)
  })
})

describe('an unknown kid', () => {
  it('is looked for once more, after the cool-down', async () => {
    const { w, find } = world()
    await find('a')
    w.serve(a, b)
    expect((await refusal(() => find('b'))).reason).toBe('key_unknown')
    expect(w.fetches).toHaveLength(1)
    w.clock.pass(30)
    expect((await find('b')).kid).toBe('b')
    expect(w.fetches).toHaveLength(2)
  })

  it('waits for the fetch under way, whoever began it', async () => {
    const { w, find } = world()
    await find('a')
    w.clock.pass(30)
    w.serve(a, b)
    const release = w.hold()
    const many = Array.from({ length: 50 }, () => find('b'))
    release()
    for (const one of await Promise.all(many)) expect(one.kid).toBe('b')
    expect(w.fetches).toHaveLength(2)
  })
})

describe('a source that fails', () => {
  it('leaves the last good set in force for maxStale after its freshness, and no longer (F7)', async () => {
    const issuer = issuerWith(remote, { maxStale: 120 })
    const { w, find } = world(issuer)
    await find('a')
    w.fail()
    w.clock.pass(600 + 119)
    expect((find('a') as VerificationKey).kid).toBe('a')
    await w.settle()
    w.clock.pass(1)
    const error = await refusal(() => find('a'))
    expect(error.reason).toBe('keys_unavailable')
    expect(error.message).toContain('older than its maxStale of 120 s')
    expect(error.retryAfter).toBe(29)
  })

  it('serves again as soon as it has recovered and the cool-down has passed', async () => {
    const { w, find } = world(issuerWith(remote, { maxStale: 60 }))
    await find('a')
    w.fail()
    w.clock.pass(10_000)
    expect((await refusal(() => find('a'))).reason).toBe('keys_unavailable')
    w.serve(a)
    expect((await refusal(() => find('a'))).retryAfter).toBe(30)
    w.clock.pass(30)
    expect((await find('a')).kid).toBe('a')
  })

  it('from the beginning is keys_unavailable with retryAfter, and is asked again only after the cool-down', async () => {
    const { w, find } = world()
    w.fail()
    for (let i = 0; i < 20; i++) {
      const error = await refusal(() => find('a'))
      expect(error.reason).toBe('keys_unavailable')
      expect(error.retryAfter).toBe(30)
    }
    expect(w.fetches).toHaveLength(1)
    w.clock.pass(29)
    expect((await refusal(() => find('a'))).retryAfter).toBe(1)
    w.clock.pass(1)
    await refusal(() => find('a'))
    expect(w.fetches).toHaveLength(2)
  })

  it.each([
    ['an empty set', { keys: [] }, 'no_keys'],
    ['no set', { error: 'none' }, 'no_keys'],
    ['no JSON', '{"keys":[', 'malformed'],
    ['a list', '[]', 'malformed'],
    ['a repeated member', `{"keys":[],"keys":[${JSON.stringify(b)}]}`, 'malformed'],
    ['only secrets', { keys: [{ kty: 'oct', k: 'AAAA', kid: 'b' }] }, 'no_keys'],
    ['100,000 keys', { keys: Array.from({ length: 100_000 }, () => 0) }, 'no_keys'],
  ] as const)(
    'with %s leaves the last good set in force, and does not end the cool-down',
    async (_what, answer, code) => {
      const { w, find } = world()
      await find('a')
      w.answers.set(URL_OF_KEYS, answer)
      w.clock.pass(601)
      void find('a')
      await w.settle()
      expect(w.events.at(-1)).toMatchObject({ event: 'failed', code, hasLastGood: true })
      expect((find('a') as VerificationKey).kid).toBe('a')
      expect((await refusal(() => find('b'))).reason).toBe('key_unknown')
      expect(w.fetches).toHaveLength(2)
    },
  )

  it('is told once per fetch', async () => {
    const { w, find } = world()
    w.fail('tls')
    await Promise.all(Array.from({ length: 30 }, () => refusal(() => find('a'))))
    expect(w.events).toEqual([
      { event: 'failed', issuer: 'prod', url: URL_OF_KEYS, code: 'tls', message: 'it fails', hasLastGood: false },
    ])
  })
})

describe('events', () => {
  it('tell of skipped keys', async () => {
    const { w, find } = world()
    w.serve(a, { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' })
    await find('a')
    expect(w.events).toEqual([
      {
        event: 'refreshed',
        issuer: 'prod',
        url: URL_OF_KEYS,
        keys: 1,
        skipped: ['keys[1] shows its private or secret part (k), so everyone can sign with it'],
      },
    ])
  })

  it('tell when no key stayed (T6), and not of a rotation', async () => {
    const { w, find } = world()
    await find('a')
    for (const keys of [[a, b], [b]]) {
      w.clock.pass(601)
      w.serve(...keys)
      void find(keys.length === 2 ? 'a' : 'b')
      await w.settle()
    }
    expect(w.events.map(({ event }) => event)).toEqual(['refreshed', 'refreshed', 'refreshed'])
    w.clock.pass(601)
    w.serve(ecJwk('b'))
    void find('b')
    await w.settle()
    expect(w.events.slice(-2).map(({ event }) => event)).toEqual(['refreshed', 'replaced'])
  })
})

describe('discovery', () => {
  const METADATA = 'https://issuer.example/.well-known/openid-configuration'
  const discovered = issuerWith({ from: 'discovery', issuer: 'https://issuer.example' })

  it('reads the issuer’s own metadata and then its keys', async () => {
    const { w, find } = world(discovered)
    w.answers.set(METADATA, { issuer: 'https://issuer.example', jwks_uri: URL_OF_KEYS })
    expect((await find('a')).kid).toBe('a')
    expect(w.fetches.map(({ url }) => url)).toEqual([METADATA, URL_OF_KEYS])
  })

  it('leaves out the terminating slash of the issuer, and compares it all the same', async () => {
    const issuer = issuerWith({ from: 'discovery', issuer: 'https://issuer.example/' })
    const { w, find } = world(issuer)
    w.answers.set(METADATA, { issuer: 'https://issuer.example', jwks_uri: URL_OF_KEYS })
    expect((await refusal(() => find('a'))).reason).toBe('keys_unavailable')
    expect(w.events[0]).toMatchObject({ code: 'issuer_mismatch' })
    w.answers.set(METADATA, { issuer: 'https://issuer.example/', jwks_uri: URL_OF_KEYS })
    w.clock.pass(30)
    expect((await find('a')).kid).toBe('a')
  })

  it.each([
    ['another issuer', { issuer: 'https://issuer.example.evil.example', jwks_uri: URL_OF_KEYS }, 'issuer_mismatch'],
    ['an issuer in other case', { issuer: 'https://ISSUER.example', jwks_uri: URL_OF_KEYS }, 'issuer_mismatch'],
    ['a list of issuers', { issuer: ['https://issuer.example'], jwks_uri: URL_OF_KEYS }, 'issuer_mismatch'],
    ['no issuer', { jwks_uri: URL_OF_KEYS }, 'issuer_mismatch'],
    [
      'keys of another host',
      { issuer: 'https://issuer.example', jwks_uri: 'https://evil.example/jwks' },
      'keys_elsewhere',
    ],
    [
      'keys at another port',
      { issuer: 'https://issuer.example', jwks_uri: 'https://issuer.example:8443/jwks' },
      'keys_elsewhere',
    ],
    ['keys over http', { issuer: 'https://issuer.example', jwks_uri: 'http://issuer.example/jwks' }, 'keys_elsewhere'],
    [
      'keys at an address of its own (K-7)',
      { issuer: 'https://issuer.example', jwks_uri: 'https://172.18.0.2:6443/openid/v1/jwks' },
      'keys_elsewhere',
    ],
    ['keys in a file', { issuer: 'https://issuer.example', jwks_uri: 'file:///etc/passwd' }, 'keys_elsewhere'],
    ['no keys', { issuer: 'https://issuer.example' }, 'malformed'],
  ] as const)('that names %s is refused', async (_what, metadata, code) => {
    const { w, find } = world(discovered)
    w.answers.set(METADATA, metadata)
    expect((await refusal(() => find('a'))).reason).toBe('keys_unavailable')
    expect(w.events).toHaveLength(1)
    expect(w.events[0]).toMatchObject({ event: 'failed', code })
    expect(w.fetches.map(({ url }) => url)).toEqual([METADATA])
  })
})

describe('secrets and trust anchors', () => {
  const issuer = issuerWith({ from: 'jwksUri', url: URL_OF_KEYS, ca: 'PEM', bearerToken: 'reader' })

  it('go with the fetch', async () => {
    const { w, find } = world(issuer)
    const bearer = { host: 'issuer.example', token: new Secret('t') }
    w.secrets.set('reader', bearer)
    await find('a')
    expect(w.fetches[0]?.request).toMatchObject({ ca: 'PEM', bearer })
  })

  it('that are missing fail the fetch before it begins', async () => {
    const { w, find } = world(issuer)
    expect((await refusal(() => find('a'))).reason).toBe('keys_unavailable')
    expect(w.events[0]).toMatchObject({ event: 'failed', code: 'secret' })
    expect(w.fetches).toEqual([])
  })
})

describe('whose a set is (T43)', () => {
  it('is shared by snapshots, and by no two issuers', async () => {
    const { w, find } = world()
    await find('a')
    expect(w.keySets.find(issuerWith(remote), 'a', 'ES256')).not.toBeInstanceOf(Promise)
    for (const other of [
      issuerWith(remote, { name: 'other' }),
      issuerWith(remote, { authority: 'https://other.example' }),
      issuerWith({ ...remote, ca: 'PEM' }),
    ]) {
      expect(w.keySets.find(other, 'a', 'ES256')).toBeInstanceOf(Promise)
    }
    await w.settle()
    expect(w.fetches).toHaveLength(4)
  })

  it('is forgotten with its issuer', async () => {
    const { w, find } = world()
    const other = issuerWith(remote, { name: 'other' })
    await find('a')
    await w.keySets.find(other, 'a', 'ES256')
    w.keySets.retain([issuerWith(remote), other])
    expect(find('a')).not.toBeInstanceOf(Promise)
    w.keySets.retain([other])
    expect(w.keySets.find(other, 'a', 'ES256')).not.toBeInstanceOf(Promise)
    expect(find('a')).toBeInstanceOf(Promise)
    await w.settle()
  })
})

describe('the rest', () => {
  it('prefetches what is remote and not disabled, whatever fails', async () => {
    const w = new World()
    w.serve(a)
    const issuers = [
      issuerWith(remote),
      issuerWith({ from: 'jwksUri', url: 'https://dead.example/' }, { name: 'dead' }),
      issuerWith(remote, { name: 'off', disabled: true }),
      issuerWith({ from: 'inline', keys: [] }, { name: 'inline' }),
    ]
    await w.keySets.prefetch(issuers)
    await w.keySets.prefetch(issuers)
    expect(w.fetches.map(({ url }) => url)).toEqual([URL_OF_KEYS, 'https://dead.example/'])
  })

  it('fetches nothing after it is closed, and ends what is under way', async () => {
    const { w, issuer, find } = world()
    const release = w.hold()
    const waiting = refusal(() => find('a'))
    w.keySets.close()
    expect(w.fetches[0]?.request.signal?.aborted).toBe(true)
    w.fail('closed')
    release()
    expect((await waiting).reason).toBe('keys_unavailable')
    w.clock.pass(1000)
    expect(() => w.keySets.find(issuer, 'a', 'ES256')).toThrow('keys_unavailable')
    expect(w.fetches).toHaveLength(1)
  })

  it('has at most 64 fetches under way, and the others take their turn', async () => {
    const w = new World()
    w.serve(a)
    const release = w.hold()
    const issuers = Array.from({ length: 100 }, (_, i) => issuerWith(remote, { name: `issuer-${i}` }))
    const all = w.keySets.prefetch(issuers)
    await w.settle()
    expect(w.fetches).toHaveLength(64)
    release()
    await all
    expect(w.fetches).toHaveLength(100)
    for (const issuer of issuers) expect((w.keySets.find(issuer, 'a', 'ES256') as VerificationKey).kid).toBe('a')
  })
})
