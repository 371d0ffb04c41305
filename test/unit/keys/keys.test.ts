import { createPublicKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { local } from '../../../src/keys/backends/local.ts'
import type { StoredKey } from '../../../src/keys/contract.ts'
import { Keys } from '../../../src/keys/keyring.ts'
import { planRotation, type RotationRules } from '../../../src/keys/rotation.ts'
import { keyEncryption } from '../../../src/keys/wrapping.ts'
import { algorithms } from '../../../src/lib/algorithms.ts'

const SIG = { use: 'sig', algorithm: 'ES256' } as const
const SVID = { use: 'jwt-svid', algorithm: 'ES256' } as const
const kek = (fill: number) => Buffer.alloc(32, fill)

describe('wrapping', () => {
  it('opens what it wrapped, under the same name alone', () => {
    const encryption = keyEncryption([kek(1)])
    const wrapped = encryption.wrap('a', Buffer.from('secret'))
    expect(encryption.unwrap('a', wrapped).toString()).toBe('secret')
    expect(wrapped).not.toContain(Buffer.from('secret').toString('base64url'))
    expect(() => encryption.unwrap('b', wrapped)).toThrow()
  })

  it('wraps by the first key and unwraps by all, so that one can be replaced', () => {
    const old = keyEncryption([kek(1)]).wrap('a', Buffer.from('x'))
    const both = keyEncryption([kek(2), kek(1)])
    expect(both.unwrap('a', old).toString()).toBe('x')
    expect(
      keyEncryption([kek(2)])
        .unwrap('a', both.wrap('a', Buffer.from('y')))
        .toString(),
    ).toBe('y')
    expect(() => keyEncryption([kek(2)]).unwrap('a', old)).toThrow(/CAMBIST_KEY_ENCRYPTION_KEY_FILES/)
  })

  it('refuses an altered text', () => {
    const encryption = keyEncryption([kek(1)])
    const wrapped = encryption.wrap('a', Buffer.from('secret'))
    for (const at of [wrapped.length - 4, wrapped.lastIndexOf('.') + 2, wrapped.lastIndexOf('.') - 3]) {
      const other = wrapped[at] === 'A' ? 'B' : 'A'
      expect(() => encryption.unwrap('a', wrapped.slice(0, at) + other + wrapped.slice(at + 1))).toThrow()
    }
  })
})

describe('Keys', () => {
  const keys = new Keys([local], keyEncryption([kek(1)]))

  it.each(['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'])('makes, stores, opens and signs with %s', async (name) => {
    const stored = keys.create({ use: 'sig', algorithm: name }, 100, 100)
    expect(stored.publicJwk).toMatchObject({ kid: stored.kid, alg: name, use: 'sig' })
    expect(JSON.stringify(stored.publicJwk)).not.toMatch(/"(d|p|q|dp|dq|qi)":/)
    const signer = new Keys([local], keyEncryption([kek(1)])).open([stored]).signer('sig', name, 100)
    const data = Buffer.from('data')
    const signature = await signer?.sign(data)
    const publicKey = createPublicKey({ key: stored.publicJwk as never, format: 'jwk' })
    expect(algorithms.get(name)?.verify(publicKey, data, signature ?? Buffer.alloc(0))).toBe(true)
  })

  it('publishes a key before it signs with it (I5)', () => {
    const one = keys.create(SIG, 0, 0)
    const two = keys.create(SIG, 50, 100)
    const ring = keys.open([one, two])
    expect(ring.published.keys.map((jwk) => jwk['kid'])).toEqual([one.kid, two.kid])
    expect(ring.signer('sig', 'ES256', 99)?.kid).toBe(one.kid)
    expect(ring.signer('sig', 'ES256', 100)?.kid).toBe(two.kid)
    expect(ring.signer('sig', 'RS256', 100)).toBeUndefined()
  })

  it('T39 JB-08 S-49 S-62: signs with the keys of one use nothing of another, and publishes each where its tokens are validated', () => {
    const uses = ['sig', 'txn', 'jwt-svid', 'wit-svid'] as const
    const stored = uses.map((use) => keys.create({ use, algorithm: 'ES256' }, 0, 0))
    const ring = keys.open(stored)
    const kids = uses.map((use) => ring.signer(use, 'ES256', 10)?.kid)
    expect(kids).toEqual(stored.map(({ kid }) => kid))
    expect(new Set(kids).size).toBe(uses.length)
    const shown = (set: { readonly keys: readonly object[] }) =>
      set.keys.map((jwk) => [Reflect.get(jwk, 'kid'), Reflect.get(jwk, 'use')])
    expect(shown(ring.published)).toEqual([
      [kids[0], 'sig'],
      [kids[1], 'sig'],
    ])
    expect(shown(ring.bundled)).toEqual([
      [kids[2], 'jwt-svid'],
      [kids[3], 'wit-svid'],
    ])
    expect(keys.open(stored.slice(0, 2)).signer('jwt-svid', 'ES256', 10)).toBeUndefined()
  })
})

describe('planRotation', () => {
  const rules: RotationRules = { period: 1000, publishedBefore: 100, publishedAfter: 300 }
  const key = (kid: string, activeAt: number, more: Partial<StoredKey> = {}): StoredKey => ({
    kid,
    use: 'sig',
    algorithm: 'ES256',
    publicJwk: {},
    backend: 'local',
    wrapped: '',
    createdAt: activeAt,
    activeAt,
    retiredAt: undefined,
    removeAt: undefined,
    ...more,
  })

  it('makes the first key of a role at once, and only of those that are wanted', () => {
    expect(planRotation([], [SIG, { ...SIG, algorithm: 'RS256' }], 5, rules)).toEqual({
      create: [
        { use: 'sig', algorithm: 'ES256', activeAt: 5 },
        { use: 'sig', algorithm: 'RS256', activeAt: 5 },
      ],
      change: [],
      remove: [],
    })
  })

  it('publishes the successor before the period ends, once', () => {
    expect(planRotation([key('a', 0)], [SIG], 899, rules).create).toEqual([])
    expect(planRotation([key('a', 0)], [SIG], 900, rules).create).toEqual([
      { use: 'sig', algorithm: 'ES256', activeAt: 1000 },
    ])
    expect(planRotation([key('a', 0), key('b', 1000)], [SIG], 950, rules).create).toEqual([])
  })

  it('retires the old key when the new one signs, keeps it published, then removes it', () => {
    const retired = key('a', 0, { retiredAt: 1000, removeAt: 1300 })
    expect(planRotation([key('a', 0), key('b', 1000)], [SIG], 999, rules).change).toEqual([])
    expect(planRotation([key('a', 0), key('b', 1000)], [SIG], 1000, rules).change).toEqual([retired])
    expect(planRotation([retired, key('b', 1000)], [SIG], 1299, rules).remove).toEqual([])
    expect(planRotation([retired, key('b', 1000)], [SIG], 1300, rules)).toEqual({
      create: [],
      change: [],
      remove: ['a'],
    })
  })

  it('retires the keys of an algorithm that no target asks for', () => {
    const retired = key('a', 0, { retiredAt: 50, removeAt: 350 })
    expect(planRotation([key('a', 0)], [], 50, rules)).toEqual({ create: [], change: [retired], remove: [] })
    expect(planRotation([retired], [], 350, rules)).toEqual({ create: [], change: [], remove: ['a'] })
    expect(planRotation([retired], [SIG], 60, rules).create).toEqual([{ use: 'sig', algorithm: 'ES256', activeAt: 60 }])
  })

  it('has the keys of each use follow one another by themselves (T39)', () => {
    const svid = key('svid', 500, { use: 'jwt-svid' })
    // A key of another use is no successor, however much newer it is.
    expect(planRotation([key('a', 0), svid], [SIG, SVID], 600, rules)).toEqual({ create: [], change: [], remove: [] })
    expect(planRotation([key('a', 0), svid], [SIG, SVID], 900, rules).create).toEqual([{ ...SIG, activeAt: 1000 }])
    expect(planRotation([key('a', 0)], [SIG, SVID], 5, rules).create).toEqual([{ ...SVID, activeAt: 5 }])
    const gone = { ...svid, retiredAt: 600, removeAt: 900 }
    expect(planRotation([key('a', 0), svid], [SIG], 600, rules).change).toEqual([gone])
    expect(planRotation([key('a', 0), svid], [SIG, SVID], 600, rules, ({ use }) => use === 'jwt-svid').create).toEqual([
      { ...SVID, activeAt: 700 },
    ])
  })

  it('rotates early when told, still publishing first', () => {
    expect(planRotation([key('a', 0)], [SIG], 10, rules, () => true).create).toEqual([
      { use: 'sig', algorithm: 'ES256', activeAt: 110 },
    ])
  })
})
