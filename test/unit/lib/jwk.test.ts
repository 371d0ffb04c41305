import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, it } from 'vitest'
import { readJwk, readJwks } from '../../../src/lib/jwk.ts'

type Jwk = Record<string, unknown>

const publicJwk = (pair: { readonly publicKey: KeyObject }): Jwk => ({ ...pair.publicKey.export({ format: 'jwk' }) })
const rsa = publicJwk(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const p256 = publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const p384 = publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-384' }))
const p521 = publicJwk(generateKeyPairSync('ec', { namedCurve: 'P-521' }))
const ed25519 = publicJwk(generateKeyPairSync('ed25519'))

function keyOf(jwk: unknown) {
  const reading = readJwk(jwk)
  if ('fault' in reading) throw new Error(reading.fault)
  return reading.key
}

function faultOf(jwk: unknown): string | undefined {
  const reading = readJwk(jwk)
  return 'fault' in reading ? reading.fault : undefined
}

/** A JWK `n` of so many bits, odd and without small factors by chance or not; it is never used. */
const modulus = (bits: number) =>
  Buffer.concat([Buffer.from([2 ** ((bits - 1) % 8)]), Buffer.alloc((bits - 1) >> 3, 0xff)]).toString('base64url')

describe('a key', () => {
  it.each([
    ['RSA', rsa, ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['P-256', p256, ['ES256']],
    ['P-384', p384, ['ES384']],
    ['P-521', p521, ['ES512']],
    ['Ed25519', ed25519, ['EdDSA', 'Ed25519']],
  ] as const)('of type %s fits its algorithms and has its RFC 7638 thumbprint', async (_type, jwk, names) => {
    const key = keyOf({ ...jwk, kid: 'k', use: 'sig', key_ops: ['verify'], x5c: ['ignored'] })
    expect([...key.algorithms]).toEqual(names)
    expect(key.kid).toBe('k')
    expect(key.key.type).toBe('public')
    expect(key.thumbprint).toBe(await calculateJwkThumbprint(jwk as never))
  })

  it('with alg fits that one alone', () => {
    expect([...keyOf({ ...rsa, alg: 'PS256' }).algorithms]).toEqual(['PS256'])
    expect([...keyOf({ ...p256, alg: 'ES256' }).algorithms]).toEqual(['ES256'])
    // two names of one algorithm
    expect([...keyOf({ ...ed25519, alg: 'EdDSA' }).algorithms]).toEqual(['EdDSA', 'Ed25519'])
  })

  it('may come without kid', () => {
    expect(keyOf(p256).kid).toBeUndefined()
  })

  const cases: [string, unknown, string][] = [
    ['null', null, 'not a JSON object'],
    ['a list', [p256], 'not a JSON object'],
    ['a text', 'key', 'not a JSON object'],
    ['no kty', { ...p256, kty: undefined }, 'kty other than'],
    ['an inherited kty', Object.create({ kty: 'RSA' }), 'without n'],
    ['kty in other case', { ...rsa, kty: 'rsa' }, 'kty other than'],
    ['a shared secret', { kty: 'oct', kid: 'x' }, 'shared secret'],
    ['a secret value', { ...p256, k: 'AA' }, '(k)'],
    ['a private part', { ...p256, d: 'AA' }, '(d)'],
    ['an empty private part', { ...rsa, p: '' }, '(p)'],
    ['use enc', { ...rsa, use: 'enc' }, 'use other than sig'],
    ['a list as use', { ...rsa, use: ['sig'] }, 'use other than sig'],
    ['key_ops without verify', { ...rsa, key_ops: ['sign', 'encrypt'] }, 'key_ops without verify'],
    ['key_ops as text', { ...rsa, key_ops: 'verify' }, 'key_ops without verify'],
    ['an empty kid', { ...p256, kid: '' }, 'printable text'],
    ['a kid with a line end', { ...p256, kid: 'a\n' }, 'printable text'],
    ['a kid with NUL', { ...p256, kid: 'a\0b' }, 'printable text'],
    ['a kid of 257 characters', { ...p256, kid: 'k'.repeat(257) }, 'printable text'],
    ['a number as kid', { ...p256, kid: 1 }, 'printable text'],
    ['a list as kid', { ...p256, kid: ['a'] }, 'printable text'],
    ['alg none', { ...rsa, alg: 'none' }, 'alg that does not fit'],
    ['alg HS256', { ...rsa, alg: 'HS256' }, 'alg that does not fit'],
    ['alg of another type', { ...rsa, alg: 'ES256' }, 'alg that does not fit'],
    ['alg of another curve', { ...p256, alg: 'ES384' }, 'alg that does not fit its type and curve'],
    ['alg in other case', { ...rsa, alg: 'rs256' }, 'alg that does not fit'],
    ['alg null', { ...rsa, alg: null }, 'alg that does not fit'],
    ['curve secp256k1', { ...p256, crv: 'secp256k1' }, 'curve other than'],
    ['another curve', { ...p256, crv: 'P-384' }, '48 bytes'],
    ['Ed25519 as EC', { ...p256, crv: 'Ed25519' }, 'curve other than'],
    ['X25519', { ...ed25519, crv: 'X25519' }, 'curve other than Ed25519'],
    ['a point that is not on its curve', { ...p256, y: p256['x'] }, 'not a point'],
    ['padding', { ...p256, x: `${p256['x']}=` }, 'canonical'],
    ['a short coordinate', { ...p256, x: 'AA' }, '32 bytes'],
    ['stray bits', { ...ed25519, x: `${String(ed25519['x']).slice(0, -1)}B` }, 'canonical'],
    ['exponent 3', { ...rsa, e: 'Aw' }, 'exponent'],
    ['exponent 1', { ...rsa, e: 'AQ' }, 'exponent'],
    ['an exponent with a leading zero', { ...rsa, e: 'AAEAAQ' }, 'exponent'],
    ['no modulus', { ...rsa, n: undefined }, 'without n'],
    ['1024 bits', { ...rsa, n: modulus(1024) }, '1024 bits'],
    ['2047 bits', { ...rsa, n: modulus(2047) }, '2047 bits'],
    ['8193 bits', { ...rsa, n: modulus(8193) }, '8193 bits'],
    ['65,536 bits', { ...rsa, n: modulus(65_536) }, 'more than 8192 bits'],
    ['a modulus with a leading zero', { ...rsa, n: `AA${String(rsa['n'])}`.slice(0, 343) }, 'has an n'],
    ['base64 instead of base64url', { ...rsa, n: `+${String(rsa['n']).slice(1)}` }, 'canonical base64url'],
    ['an even modulus', { ...rsa, n: `${String(rsa['n']).slice(0, -2)}AA` }, 'RSA modulus'],
  ]
  it.each(cases)('with %s is refused', (_what, jwk, fault) => {
    expect(faultOf(jwk)).toContain(fault)
  })

  it('of 65,536 bits costs nothing (F8)', () => {
    const huge = { ...rsa, n: modulus(65_536) }
    const before = performance.now()
    for (let i = 0; i < 1000; i++) readJwk(huge)
    expect(performance.now() - before).toBeLessThan(500)
  })

  it('of the Infineon library is refused (CVE-2017-15361): its modulus is a power of 65537 modulo small primes', () => {
    const primes = Array.from({ length: 168 }, (_, i) => i).filter(
      (n) => n > 2 && Array.from({ length: n }, (_, d) => d).every((d) => d < 2 || n % d !== 0),
    )
    const product = primes.reduce((all, prime) => all * BigInt(prime), 1n)
    let power = 1n
    for (let i = 0; i < 7; i++) power = (power * 65_537n) % product
    let n = (1n << 2047n) - ((1n << 2047n) % product) + product + power
    if (n % 2n === 0n) n += product
    const encode = (value: bigint) => Buffer.from(value.toString(16), 'hex').toString('base64url')
    expect(faultOf({ ...rsa, n: encode(n) })).toContain('ROCA')
    // One step beside it is an ordinary number again.
    expect(faultOf({ ...rsa, n: encode(n + 2n) }) ?? '').not.toContain('ROCA')
  })

  it('made at random is not taken for a ROCA key', () => {
    for (let i = 0; i < 8; i++)
      expect(faultOf(publicJwk(generateKeyPairSync('rsa', { modulusLength: 2048 })))).toBeUndefined()
  })

  it('is never a thing that throws', () => {
    const members = fc.record(
      Object.fromEntries(
        ['kty', 'crv', 'x', 'y', 'n', 'e', 'alg', 'use', 'kid', 'key_ops', 'd'].map((name) => [
          name,
          fc.oneof(
            fc.constantFrom('RSA', 'EC', 'OKP', 'P-256', 'AQAB', 'sig', rsa['n'], p256['x'], p256['y']),
            fc.anything(),
          ),
        ]),
      ),
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(members, fc.anything()), (jwk) => 'key' in readJwk(jwk) !== 'fault' in readJwk(jwk)),
      { numRuns: 500 },
    )
  })
})

describe('a set', () => {
  it('has its usable keys, and says why the others are left out', () => {
    const { keys, faults } = readJwks({ keys: [{ ...p256, kid: 'a' }, { kty: 'oct' }, { ...rsa, kid: 'b' }, 7] })
    expect(keys.map(({ kid }) => kid)).toEqual(['a', 'b'])
    expect(faults.map(({ at }) => at)).toEqual(['keys[1]', 'keys[3]'])
  })

  it('uses no key of several that share a kid (T6)', () => {
    const { keys, faults } = readJwks({
      keys: [
        { ...p256, kid: 'a' },
        { ...rsa, kid: 'b' },
        { ...p384, kid: 'a' },
        { ...p256, kid: 'a' },
      ],
    })
    expect(keys.map(({ kid }) => kid)).toEqual(['b'])
    expect(faults).toEqual([{ at: 'keys[2]', message: 'shares its kid with another, different key of the set' }])
  })

  it('takes a key that is written twice as one', () => {
    const { keys, faults } = readJwks({
      keys: [{ ...p256, kid: 'a' }, { ...p256, kid: 'a', alg: 'ES256', use: 'sig' }, rsa, rsa],
    })
    expect(keys.map(({ kid }) => kid)).toEqual(['a', undefined])
    expect(faults).toEqual([])
  })

  it('does not let one kid be two algorithms of one key', () => {
    expect(
      readJwks({
        keys: [
          { ...rsa, kid: 'a', alg: 'RS256' },
          { ...rsa, kid: 'a', alg: 'PS256' },
        ],
      }).keys,
    ).toEqual([])
  })

  it.each([
    ['no object', []],
    ['no keys', {}],
    ['an object as keys', { keys: { 0: p256 } }],
    ['a single key', p256],
    ['101 keys', { keys: Array.from({ length: 101 }, (_, i) => ({ ...p256, kid: `${i}` })) }],
  ])('with %s has none', (_what, value) => {
    const { keys, faults } = readJwks(value)
    expect(keys).toEqual([])
    expect(faults).toHaveLength(1)
    expect(faults[0]?.at).toBe('')
  })

  it('may have 100 keys, or none', () => {
    expect(readJwks({ keys: Array.from({ length: 100 }, (_, i) => ({ ...p256, kid: `${i}` })) }).keys).toHaveLength(100)
    expect(readJwks({ keys: [] })).toEqual({ keys: [], faults: [] })
  })
})

interface Group {
  readonly comment: string
  readonly public?: unknown
  readonly private: unknown
  readonly tests: readonly { readonly tcId: number; readonly comment: string; readonly result: string }[]
}

const corpus = process.env['CAMBIST_CORPORA'] ?? ''
const folder = join(corpus, 'wycheproof-jose')

describe.skipIf(corpus === '' || !existsSync(folder))('Wycheproof (CAMBIST_CORPORA)', () => {
  const groups = (file: string): readonly Group[] => JSON.parse(readFileSync(join(folder, file), 'utf8')).testGroups
  /** A key set as it is, a single key as the only one of a set. */
  const read = (written: unknown) =>
    readJwks(typeof written === 'object' && written !== null && 'keys' in written ? written : { keys: [written] })

  /** What usable keys each group leaves. */
  const usable = (all: readonly Group[]) =>
    all.flatMap((group) => {
      const names = read(group.public ?? group.private).keys.map(({ kid, algorithms }) => `${kid} ${[...algorithms]}`)
      return names.length === 0 ? [] : [`${group.comment}: ${names}`]
    })

  it('json_web_key: no weak, secret, private or misfit key is used', () => {
    // Row 1 presents a token of the shared secret in the mixed set; the public key beside it is sound.
    expect(usable(groups('json_web_key_test.json'))).toEqual([
      'jws_mixedSymmetryKeyset: kid-ec-sign ES256',
      'rs256: kid-rsa-sign RS256',
    ])
  })

  it('json_web_crypto: nor here, row 46 (ROCA) among them', () => {
    const all = groups('json_web_crypto_test.json')
    expect(usable(all)).toEqual([
      'jws_ec: kid-ec-sign ES256',
      'jws_rsa: kid-rsa-sign RS256',
      'jws_mixedSymmetryKeyset: kid-ec-sign ES256',
    ])
    const roca = all.find((group) => group.tests.some(({ tcId }) => tcId === 46))
    expect(read(roca?.public).faults[0]?.message).toContain('ROCA')
  })

  it('no key that shows its private part is used', () => {
    let seen = 0
    for (const file of ['json_web_key_test.json', 'json_web_crypto_test.json', 'json_web_signature_test.json']) {
      for (const { private: written } of groups(file)) {
        const keys =
          typeof written === 'object' && written !== null && 'keys' in written
            ? (written.keys as Jwk[])
            : [written as Jwk]
        for (const key of keys) {
          if (key?.['d'] === undefined && key?.['k'] === undefined) continue
          seen++
          expect(faultOf(key)).toContain('private or secret part')
        }
      }
    }
    expect(seen).toBeGreaterThan(30)
  })
})
