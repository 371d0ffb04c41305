/** T6, T7, T26 to T28, T43: a hostile bundle server hurts its own issuer alone, ends in time, and leaves the last good bundle in force. */
import { describe, expect, it } from 'vitest'
import type { VerificationKey } from '../../src/lib/jwk.ts'
import type { KeySource } from '../../src/trust/contract.ts'
import { guardedFetch, type Resolve } from '../../src/trust/guarded-fetch.ts'
import { type KeySetEvent, KeySets } from '../../src/trust/key-sets.ts'
import { type Handler, type Identity, identityFor, json, serve } from '../unit/trust/hostile-server.ts'
import { authority } from '../unit/trust/test-bundles.ts'
import { ecJwk, HandClock, issuerWith } from '../unit/trust/test-keys.ts'

const ID = 'spiffe://prod.example/spire/server'
const DEADLINE = 300
const ca = await authority()
const web = identityFor('127.0.0.1')
const svid = await ca.server([ID])
const good = ecJwk('good', { use: 'jwt-svid' })
const other = ecJwk('other', { use: 'jwt-svid' })

const sources: Record<string, { identity: Identity; source(url: string): KeySource }> = {
  https_web: { identity: web, source: (url) => ({ from: 'bundle', url, profile: 'https_web', ca: web.cert }) },
  https_spiffe: {
    identity: svid,
    source: (url) => ({
      ...{ from: 'bundle', url, profile: 'https_spiffe', endpointSpiffeId: ID },
      ...{ bootstrap: [ca.certificate], selfServing: true },
    }),
  },
}

/** A trust domain whose bundle was once good, beside one that is well. What the hostile server does, it does from then on. */
async function beside(profile: string, behave: Handler, resolve?: Resolve) {
  const chosen = sources[profile]
  if (chosen === undefined) throw new Error(profile)
  let handler: Handler = json({ keys: [ca.entry, good], spiffe_sequence: 5, spiffe_refresh_hint: 60 })
  const hostile = await serve((request, response) => handler(request, response), chosen.identity)
  const healthy = await serve(json({ keys: [other], spiffe_refresh_hint: 60 }), web)
  const insecure = new Set([`127.0.0.1:${hostile.port}`, `127.0.0.1:${healthy.port}`])
  const clock = new HandClock()
  const events: KeySetEvent[] = []
  const keySets = new KeySets({
    clock,
    insecure,
    secret: async () => Promise.reject(new Error('none')),
    fetch: guardedFetch({ insecure, milliseconds: DEADLINE, ...(resolve === undefined ? {} : { resolve }) }),
    onEvent: (event) => void events.push(event),
  })
  const victim = issuerWith(chosen.source(`https://127.0.0.1:${hostile.port}/`), { keyUse: 'jwt-svid', name: 'victim' })
  const neighbour = issuerWith(
    { from: 'bundle', url: `https://127.0.0.1:${healthy.port}/`, profile: 'https_web', ca: web.cert },
    { keyUse: 'jwt-svid', name: 'neighbour', authority: 'spiffe://other.example' },
  )
  await keySets.prefetch([victim, neighbour])
  expect(events.map(({ event }) => event)).toEqual(['refreshed', 'refreshed'])
  events.length = 0
  handler = behave
  clock.pass(61)
  const begun = performance.now()
  await keySets.poll()
  return {
    milliseconds: performance.now() - begun,
    events,
    requests: hostile.requests,
    kid: (kid: string) => (keySets.find(victim, kid, 'ES256') as VerificationKey).kid,
    neighbour: (kid: string) => (keySets.find(neighbour, kid, 'ES256') as VerificationKey).kid,
    async [Symbol.asyncDispose]() {
      keySets.close()
      await hostile[Symbol.asyncDispose]()
      await healthy[Symbol.asyncDispose]()
    },
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }
const rsa65536 = {
  kty: 'RSA',
  use: 'jwt-svid',
  kid: 'good',
  e: 'AQAB',
  n: Buffer.alloc(8192, 0xff).toString('base64url'),
}
const cases: readonly (readonly [string, string, Handler])[] = [
  ['a redirect', 'redirect', (_q, r) => void r.writeHead(307, { location: 'https://169.254.169.254/' }).end()],
  ['silence', 'deadline', () => {}],
  ['a header and silence', 'deadline', (_q, r) => void r.writeHead(200, JSON_TYPE).flushHeaders()],
  [
    'one byte after another, without end',
    'deadline',
    (_q, r) => {
      r.writeHead(200, JSON_TYPE)
      const drip = setInterval(() => r.write(' '), 20)
      r.on('close', () => clearInterval(drip))
    },
  ],
  ['more than 256 KiB', 'too_large', (_q, r) => void r.writeHead(200, JSON_TYPE).end(Buffer.alloc(300_000, 0x20))],
  [
    'a length of a terabyte',
    'too_large',
    (_q, r) => void r.writeHead(200, { ...JSON_TYPE, 'content-length': 1e12 }).write('{'),
  ],
  ['nothing', 'malformed', (_q, r) => void r.writeHead(200, JSON_TYPE).end()],
  ['no content', 'status', (_q, r) => void r.writeHead(204).end()],
  ['an error with an empty bundle', 'status', (_q, r) => void r.writeHead(500, JSON_TYPE).end('{"keys":[]}')],
  [
    'an empty bundle in HTML',
    'media_type',
    (_q, r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('{"keys":[]}'),
  ],
  ['half of an empty bundle', 'malformed', (_q, r) => void r.writeHead(200, JSON_TYPE).end('{"keys":[]')],
  ['two bundles in one', 'malformed', (_q, r) => void r.writeHead(200, JSON_TYPE).end('{"keys":[],"keys":[]}')],
  ['a bundle for all trust domains', 'malformed', json({ trust_domains: { 'prod.example': { keys: [] } } })],
  ['an older empty bundle', 'sequence', json({ keys: [], spiffe_sequence: 4 })],
  ['100,000 keys', 'too_large', json({ keys: Array.from({ length: 100_000 }, () => good) })],
  ['100,000 nothings', 'malformed', json({ keys: Array.from({ length: 100_000 }, () => 0) })],
  ['a 65,536 bit RSA key', 'no_keys', json({ keys: [rsa65536] })],
  ['a private key', 'no_keys', json({ keys: [{ ...good, d: 'AA' }] })],
  ['two keys of one kid', 'malformed', json({ keys: [good, { ...other, kid: 'good' }] })],
]

describe.each(Object.keys(sources))('%s', (profile) => {
  it.each(cases)('%s', async (_what, code, handler) => {
    await using w = await beside(profile, handler)
    expect(w.events.filter(({ issuer }) => issuer === 'victim')).toEqual([
      expect.objectContaining({ event: 'failed', code, hasLastGood: true }),
    ])
    expect(w.events.filter(({ issuer }) => issuer === 'neighbour')).toEqual([
      expect.objectContaining({ event: 'refreshed' }),
    ])
    expect(w.milliseconds).toBeLessThan(DEADLINE + 1000)
    expect(w.kid('good')).toBe('good')
    expect(w.neighbour('other')).toBe('other')
    expect(() => w.neighbour('good')).toThrow('key_unknown')
  })

  it('what voids its own domain voids no other', async () => {
    await using w = await beside(profile, json({ keys: [], spiffe_sequence: 6 }))
    expect(() => w.kid('good')).toThrow('key_unknown')
    expect(w.neighbour('other')).toBe('other')
  })

  it('keys of another domain that are served here verify here alone (S-73)', async () => {
    await using w = await beside(profile, json({ keys: [ca.entry, good, ecJwk('third', { use: 'jwt-svid' })] }))
    expect(w.kid('third')).toBe('third')
    expect(() => w.neighbour('third')).toThrow('key_unknown')
  })
})

describe('an address', () => {
  const fetched = async (url: string, resolve: Resolve) => {
    const events: KeySetEvent[] = []
    const keySets = new KeySets({
      clock: new HandClock(),
      insecure: new Set(),
      secret: async () => Promise.reject(new Error('none')),
      fetch: guardedFetch({ insecure: new Set(), resolve, milliseconds: DEADLINE }),
      onEvent: (event) => void events.push(event),
    })
    for (const { source } of Object.values(sources))
      await keySets.prefetch([issuerWith(source(url), { keyUse: 'jwt-svid' })])
    return events.map((event) => (event.event === 'failed' ? event.code : event.event))
  }
  const nobody: Resolve = async () => []

  it.each([
    ['written as one', 'https://127.0.0.1/', nobody],
    ['of cloud metadata', 'https://169.254.169.254/', nobody],
    ['that a name leads to', 'https://bundles.example/', async () => [{ address: '10.0.0.1', family: 4 }]],
    [
      'hidden among public ones',
      'https://bundles.example/',
      async () => [
        { address: '8.8.8.8', family: 4 },
        { address: '::1', family: 6 },
      ],
    ],
  ] as const)('that is private is not asked: %s (T26, T27)', async (_what, url, resolve) => {
    expect(await fetched(url, resolve as unknown as Resolve)).toEqual(['address', 'address'])
  })
})
