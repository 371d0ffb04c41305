/** Bundles in the cache: hint, sequence, void, last good, poll. What arrives is read by bundle.ts; here it is what follows. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/refusal.ts'
import { bundlesDir } from '../../../src/trust/bundles-dir.ts'
import type { Anchors, KeySource, TrustedIssuer, VerificationKey } from '../../../src/trust/contract.ts'
import { FetchFailure } from '../../../src/trust/fetch-failure.ts'
import { type KeySetEvent, KeySets } from '../../../src/trust/key-sets.ts'
import { authority } from './test-bundles.ts'
import { ecJwk, HandClock, issuerWith, keyOf } from './test-keys.ts'

const BUNDLE = 'https://bundles.example/prod'
const source: KeySource = { from: 'bundle', url: BUNDLE, profile: 'https_web' }
const a = ecJwk('a', { use: 'jwt-svid' })
const b = ecJwk('b', { use: 'jwt-svid' })
const ca = await authority()
const cb = await authority('CN=Next')
const fingerprints = ({ certificates }: Anchors) => certificates.map(({ fingerprint }) => fingerprint)

/** A bundle endpoint that answers what it is told, and an issuer that reads one use of it. */
class World {
  readonly clock = new HandClock()
  readonly events: KeySetEvent[] = []
  fetches = 0
  answer: unknown = { keys: [a], spiffe_sequence: 5, spiffe_refresh_hint: 60 }
  readonly issuer: TrustedIssuer
  readonly keySets: KeySets

  constructor(keyUse: TrustedIssuer['keyUse'] = 'jwt-svid', keys = source, directory?: string) {
    this.issuer = issuerWith(keys, { keyUse, authority: 'spiffe://prod.example' })
    this.keySets = new KeySets({
      clock: this.clock,
      insecure: new Set(),
      onEvent: (event) => void this.events.push(event),
      secret: async () => Promise.reject(new FetchFailure('secret', 'none')),
      bundleFile: bundlesDir(directory),
      fetch: async () => {
        this.fetches++
        if (this.answer instanceof Error) throw this.answer
        const text = typeof this.answer === 'string' ? this.answer : JSON.stringify(this.answer)
        return { body: Buffer.from(text), maxAge: 86_400 }
      },
    })
  }

  find = (kid: string) => this.keySets.find(this.issuer, kid, 'ES256')
  /** The kid of what is found without waiting. */
  now = (kid: string) => (this.find(kid) as VerificationKey).kid

  async later(seconds: number, answer: unknown = this.answer): Promise<string[]> {
    this.clock.pass(seconds)
    this.answer = answer
    this.events.length = 0
    await this.keySets.poll()
    return this.events.map((event) => (event.event === 'failed' ? event.code : event.event))
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

async function started(...of: ConstructorParameters<typeof World>): Promise<World> {
  const w = new World(...of)
  await w.keySets.prefetch([w.issuer])
  return w
}

describe('keys of one use', () => {
  const all = { keys: [ca.entry, a, ecJwk('w', { use: 'wit-svid' })] }

  it.each([
    ['jwt-svid', 'a', 'w'],
    ['wit-svid', 'w', 'a'],
  ] as const)('%s are there, and no others (S-49, S-62)', async (use, mine, other) => {
    const w = new World(use)
    w.answer = all
    expect((await w.find(mine)).kid).toBe(mine)
    expect((await refusal(() => w.find(other))).reason).toBe('key_unknown')
    expect((await refusal(() => w.keySets.anchors(w.issuer))).message).toContain('does not have a certificate')
  })

  it('x509-svid are anchors, and verify no token (SC-23)', async () => {
    const w = new World('x509-svid')
    w.answer = all
    expect(fingerprints(await w.keySets.anchors(w.issuer))).toEqual([ca.certificate.fingerprint])
    expect((await refusal(() => w.find('a'))).reason).toBe('key_unknown')
  })

  it('of ordinary sources are no anchors', async () => {
    const w = new World()
    const inline = issuerWith({ from: 'inline', keys: [keyOf(ecJwk('a'))] })
    expect((await refusal(() => w.keySets.anchors(inline))).reason).toBe('key_unknown')
  })

  it('written in a document are there at once', () => {
    const w = new World()
    const anchors: Anchors = Object.freeze({ certificates: [ca.certificate], intermediates: [cb.certificate] })
    expect(w.keySets.anchors(issuerWith({ from: 'certificates', anchors }))).toBe(anchors)
    expect(w.keySets.anchors(issuerWith({ from: 'inline', keys: [], anchors }))).toBe(anchors)
  })
})

describe('one version of a set', () => {
  it('is one object, for as long as it holds the same', async () => {
    const w = new World('x509-svid')
    w.answer = { keys: [ca.entry], spiffe_sequence: 1 }
    const first = await w.keySets.anchors(w.issuer)
    expect(Object.isFrozen(first)).toBe(true)
    expect(await w.later(300)).toEqual(['refreshed'])
    expect(w.keySets.anchors(w.issuer)).toBe(first)
    expect(await w.later(300, { keys: [cb.entry, ca.entry], spiffe_sequence: 2 })).toEqual(['refreshed'])
    expect(w.keySets.anchors(w.issuer)).not.toBe(first)
    expect(await w.later(300, { keys: [ecJwk('x', { use: 'x' })], spiffe_sequence: 3 })).toEqual([
      'refreshed',
      'voided',
    ])
  })

  it('that keeps no anchor of the one before is told of (T6)', async () => {
    const w = await started('x509-svid')
    await w.later(300, { keys: [ca.entry] })
    expect(await w.later(300, { keys: [cb.entry] })).toEqual(['refreshed', 'replaced'])
  })
})

describe('the refresh hint (S-87)', () => {
  it.each([
    [undefined, 300],
    [0, 30], // ten seconds, and the cool-down
    [45, 45],
    [10_000_000, 86_400],
  ])('of %s s has a bundle fetched anew after %s s, although nobody asks', async (hint, seconds) => {
    const w = new World()
    w.answer = { keys: [a], ...(hint === undefined ? {} : { spiffe_refresh_hint: hint }) }
    await w.keySets.prefetch([w.issuer])
    expect(await w.later(seconds - 1)).toEqual([])
    expect(await w.later(1)).toEqual(['refreshed'])
    expect(w.fetches).toBe(2)
  })

  it('is followed for bundles alone, and not for an issuer that is disabled', async () => {
    const w = await started()
    const jwks = issuerWith({ from: 'jwksUri', url: BUNDLE }, { name: 'jwks' })
    await w.keySets.prefetch([jwks])
    w.keySets.retain([jwks, { ...w.issuer, disabled: true }])
    expect(await w.later(100_000)).toEqual([])
    w.keySets.retain([jwks, w.issuer])
    expect(await w.later(0)).toEqual(['refreshed'])
  })

  it('waits for the cool-down after a failure, and for nothing but that', async () => {
    const w = await started()
    expect(await w.later(60, new FetchFailure('connect', 'dead'))).toEqual(['connect'])
    expect(await w.later(29)).toEqual([])
    expect(await w.later(1)).toEqual(['connect'])
  })

  it('ends with close()', async () => {
    const w = await started()
    w.keySets.close()
    expect(await w.later(1000)).toEqual([])
  })
})

describe('a sequence (S-89)', () => {
  it('that is lower changes nothing, and counts as a failure', async () => {
    const w = await started()
    expect(await w.later(60, { keys: [b], spiffe_sequence: 4 })).toEqual(['sequence'])
    expect(w.events).toEqual([expect.objectContaining({ code: 'sequence', hasLastGood: true })])
    expect(w.now('a')).toBe('a')
    expect((await refusal(() => w.find('b'))).reason).toBe('key_unknown')
  })

  it('that is lower does not void', async () => {
    const w = await started()
    expect(await w.later(60, { keys: [], spiffe_sequence: 4 })).toEqual(['sequence'])
    expect(w.now('a')).toBe('a')
  })

  it('that is higher is taken, and remembered', async () => {
    const w = await started()
    expect(await w.later(60, { keys: [a, b], spiffe_sequence: 9 })).toEqual(['refreshed'])
    expect(w.now('b')).toBe('b')
    expect(await w.later(300, { keys: [a], spiffe_sequence: 8 })).toEqual(['sequence'])
    expect(w.now('b')).toBe('b')
  })

  it('is compared in all its digits', async () => {
    const w = await started()
    const bundle = (digits: string) => `{"keys":[${JSON.stringify(a)}],"spiffe_sequence":${digits}}`
    expect(await w.later(60, bundle('9007199254740993'))).toEqual(['refreshed'])
    expect(await w.later(300, bundle('9007199254740992'))).toEqual(['sequence'])
    expect(await w.later(300, bundle('9007199254740994'))).toEqual(['refreshed'])
  })

  it('that is missing lets the latest win, and is no way around the one that is known', async () => {
    const w = await started()
    expect(await w.later(60, { keys: [a, b] })).toEqual(['refreshed'])
    expect(w.now('b')).toBe('b')
    expect(await w.later(300, { keys: [a], spiffe_sequence: 4 })).toEqual(['sequence'])
  })

  it('that stays while the keys change does not hide the change', async () => {
    const w = await started()
    expect(await w.later(60, { keys: [], spiffe_sequence: 5 })).toEqual(['refreshed', 'voided'])
    expect((await refusal(() => w.find('a'))).reason).toBe('key_unknown')
  })

  it('begins anew with another source', async () => {
    const w = await started()
    const moved = { ...w.issuer, keys: { ...source, url: 'https://new.example/' } }
    w.answer = { keys: [b], spiffe_sequence: 1 }
    expect((await w.keySets.find(moved, 'b', 'ES256')).kid).toBe('b')
  })
})

describe('an authentic bundle without keys for us (S-71)', () => {
  it.each([
    ['no keys', { keys: [] }],
    ['keys of other uses', { keys: [ca.entry, ecJwk('w', { use: 'wit-svid' })] }],
    ['keys of unknown uses and types', { keys: [ecJwk('x', { use: 'x' }), { ...a, kty: 'PQC' }] }],
  ])('voids the domain at once: %s', async (_what, answer) => {
    const w = await started()
    expect(await w.later(60, answer)).toEqual(['refreshed', 'voided'])
    expect(w.events[1]).toMatchObject({ message: expect.stringContaining('no keys of use jwt-svid') })
    const error = await refusal(() => w.find('a'))
    expect(error.reason).toBe('key_unknown')
    expect(error.detail).toContain('its trust domain is void')
  })

  it('is told once, and holds however long the endpoint is gone afterwards', async () => {
    const w = await started()
    expect(await w.later(60, { keys: [] })).toEqual(['refreshed', 'voided'])
    expect(await w.later(300)).toEqual(['refreshed'])
    await w.later(100_000, new FetchFailure('connect', 'dead'))
    expect(w.events).toEqual([expect.objectContaining({ event: 'failed', hasLastGood: false })])
    expect((await refusal(() => w.find('a'))).detail).toContain('void')
  })

  it('ends with the next key', async () => {
    const w = await started()
    await w.later(60, { keys: [] })
    expect(await w.later(300, { keys: [b] })).toEqual(['refreshed'])
    expect(w.now('b')).toBe('b')
  })

  it('takes hold without a request, and takes anchors too', async () => {
    const w = await started('x509-svid')
    await w.later(60, { keys: [ca.entry] })
    await w.later(300, { keys: [a] })
    expect((await refusal(() => w.keySets.anchors(w.issuer))).detail).toContain('void')
  })
})

describe('the last good bundle outlives (S-87, SC-44)', () => {
  it.each([
    ['a dead endpoint', new FetchFailure('connect', 'dead'), 'connect'],
    ['an unauthentic one', new FetchFailure('tls', 'who is that'), 'tls'],
    ['no JSON', '{"keys":[', 'malformed'],
    ['a list', '[]', 'malformed'],
    ['no list of keys', { spiffe_sequence: 9 }, 'malformed'],
    ['keys twice', '{"keys":[],"keys":[]}', 'malformed'],
    ['a map of trust domains', { trust_domains: { 'prod.example': { keys: [] } } }, 'malformed'],
    ['100,000 keys', { keys: Array.from({ length: 100_000 }, () => 0) }, 'malformed'],
    ['a key without kid', { keys: [a, ecJwk(undefined, { use: 'jwt-svid' })] }, 'malformed'],
    ['only a key that cannot be read', { keys: [ecJwk('a', { use: 'jwt-svid', x: 'AA' })] }, 'no_keys'],
  ])('%s', async (_what, answer, code) => {
    const w = await started()
    expect(await w.later(60, answer)).toEqual([code])
    expect(w.now('a')).toBe('a')
    await w.later(3599)
    expect(w.now('a')).toBe('a')
    await w.later(1)
    expect((await refusal(() => w.find('a'))).reason).toBe('keys_unavailable')
  })
})

describe('no bundle of one domain verifies another (S-72, S-73, T43)', () => {
  it('though both come from one endpoint', async () => {
    const w = await started()
    const other = issuerWith(source, { name: 'other', keyUse: 'jwt-svid', authority: 'spiffe://other.example' })
    w.answer = { keys: [b], spiffe_sequence: 1 }
    expect((await w.keySets.find(other, 'b', 'ES256')).kid).toBe('b')
    expect((await refusal(() => w.keySets.find(other, 'a', 'ES256'))).reason).toBe('key_unknown')
    expect((await refusal(() => w.find('b'))).reason).toBe('key_unknown')
    expect(w.now('a')).toBe('a')
  })

  it('nor one use another, of one document', async () => {
    const w = await started()
    const certificates = { ...w.issuer, keyUse: 'x509-svid' as const }
    w.answer = { keys: [a, ca.entry] }
    expect(fingerprints(await w.keySets.anchors(certificates))).toEqual([ca.certificate.fingerprint])
    expect(w.fetches).toBe(2)
  })
})

describe('a bundle in a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cambist-bundles-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const write = (value: unknown, name = 'prod.json') =>
    writeFileSync(join(directory, name), typeof value === 'string' ? value : JSON.stringify(value))
  const file: KeySource = { from: 'bundleFile', name: 'prod.json' }

  it('is read anew every ten seconds, by the same rules', async () => {
    write({ keys: [a], spiffe_sequence: 2, spiffe_refresh_hint: 86_400 })
    const w = await started('jwt-svid', file, directory)
    expect(w.now('a')).toBe('a')
    write({ keys: [a, b], spiffe_sequence: 3 })
    expect(await w.later(9)).toEqual([])
    expect(await w.later(1)).toEqual(['refreshed'])
    expect(w.now('b')).toBe('b')
    write({ keys: [a], spiffe_sequence: 2 })
    expect(await w.later(10)).toEqual(['sequence'])
    write('{"keys":[')
    expect(await w.later(10)).toEqual(['malformed'])
    rmSync(join(directory, 'prod.json'))
    expect(await w.later(10)).toEqual(['file'])
    expect(w.events).toEqual([
      expect.objectContaining({
        url: 'prod.json in CAMBIST_BUNDLES_DIR',
        message: expect.stringContaining('(ENOENT)'),
      }),
    ])
    expect(w.now('b')).toBe('b')
    write({ keys: [], spiffe_sequence: 4 })
    expect(await w.later(10)).toEqual(['refreshed', 'voided'])
    expect(w.fetches).toBe(0)
  })

  it.each([
    ['larger than 256 KiB', 'large.json', 'too_large'],
    ['a directory', 'directory', 'file'],
    ['no name', '../prod.json', 'file'],
  ])('that is %s is not read', async (_what, name, code) => {
    write(' '.repeat(256 * 1024 + 1), 'large.json')
    mkdirSync(join(directory, 'directory'), { recursive: true })
    await expect(bundlesDir(directory)(name, new AbortController().signal)).rejects.toMatchObject({ code })
  })

  it('needs CAMBIST_BUNDLES_DIR', async () => {
    const w = await started('jwt-svid', file)
    expect(w.events).toEqual([
      expect.objectContaining({ message: expect.stringContaining('CAMBIST_BUNDLES_DIR is not set') }),
    ])
  })
})
