/** T6, F8: what comes from a key server, over real sockets, is filtered, and never replaces a good set by nothing. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { VerificationKey } from '../../src/lib/jwk.ts'
import { FetchFailure } from '../../src/trust/fetch-failure.ts'
import { guardedFetch } from '../../src/trust/guarded-fetch.ts'
import { type KeySetEvent, KeySets } from '../../src/trust/key-sets.ts'
import { type Handler, identityFor, json, serve } from '../unit/trust/hostile-server.ts'
import { ecJwk, HandClock, issuerWith } from '../unit/trust/test-keys.ts'

const identity = identityFor('127.0.0.1')
const good = ecJwk('good')
const noSecret = async (): Promise<never> => {
  throw new FetchFailure('secret', 'none')
}

/** An issuer whose key server has once been good, and then does as told. */
async function afterwards(
  behave: Handler,
  check: (find: (kid: string) => unknown, events: readonly KeySetEvent[]) => Promise<void> | void,
) {
  let handler: Handler = json({ keys: [good] })
  await using server = await serve((request, response) => handler(request, response), identity)
  const clock = new HandClock()
  const events: KeySetEvent[] = []
  const insecure = new Set([`127.0.0.1:${server.port}`])
  const keySets = new KeySets({
    clock,
    insecure,
    secret: noSecret,
    fetch: guardedFetch({ insecure, milliseconds: 300 }),
    onEvent: (event) => void events.push(event),
  })
  const issuer = issuerWith({ from: 'jwksUri', url: `https://127.0.0.1:${server.port}/jwks`, ca: identity.cert })
  await keySets.find(issuer, 'good', 'ES256')
  handler = behave
  clock.pass(601)
  // asks for something unknown, so that the fetch is waited for
  await Promise.resolve(keySets.find(issuer, 'other', 'ES256')).catch(() => {})
  await check((kid) => keySets.find(issuer, kid, 'ES256'), events)
}

const kidOf = (found: unknown) => (found as VerificationKey).kid

describe('the last good set outlives', () => {
  const cases: [string, string, Handler][] = [
    ['an empty set', 'no_keys', json({ keys: [] })],
    ['an error in JSON', 'no_keys', json({ error: 'temporarily_unavailable' })],
    ['a redirect to another set', 'redirect', (_q, r) => void r.writeHead(301, { location: '/other' }).end()],
    ['HTML', 'media_type', (_q, r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<html>')],
    [
      'half a set',
      'malformed',
      (_q, r) =>
        void r
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ keys: [good] }).slice(0, -1)),
    ],
    ['100,000 keys', 'too_large', json({ keys: Array.from({ length: 100_000 }, () => good) })],
    ['200 keys', 'no_keys', json({ keys: Array.from({ length: 200 }, () => good) })],
    ['a private key', 'no_keys', json({ keys: [{ ...good, kid: 'other', d: 'AA' }] })],
    ['a shared secret', 'no_keys', json({ keys: [{ kty: 'oct', kid: 'other', alg: 'HS256', k: 'c2VjcmV0' }] })],
    [
      'a 65,536 bit RSA key',
      'no_keys',
      json({ keys: [{ kty: 'RSA', kid: 'other', e: 'AQAB', n: Buffer.alloc(8192, 0xff).toString('base64url') }] }),
    ],
    ['an encryption key', 'no_keys', json({ keys: [ecJwk('other', { use: 'enc' })] })],
    ['two keys of one kid', 'no_keys', json({ keys: [ecJwk('other'), ecJwk('other')] })],
    ['silence', 'deadline', () => {}],
  ]
  it.each(cases)('%s', async (_what, code, handler) => {
    await afterwards(handler, (find, events) => {
      expect(events.slice(1)).toEqual([expect.objectContaining({ event: 'failed', code, hasLastGood: true })])
      expect(kidOf(find('good'))).toBe('good')
      expect(() => find('other')).toThrow('key_unknown')
    })
  })
})

it('a key beside bad ones is used, and they are not', async () => {
  const other = ecJwk('other')
  await afterwards(json({ keys: [ecJwk('twin'), { ...good, d: 'AA' }, other, ecJwk('twin')] }), (find, events) => {
    expect(kidOf(find('other'))).toBe('other')
    expect(() => find('twin')).toThrow('key_unknown')
    expect(() => find('good')).toThrow('key_unknown')
    expect(events.map(({ event }) => event)).toEqual(['refreshed', 'refreshed', 'replaced'])
  })
})

it('a discovery document of another issuer, or with keys elsewhere, gives no keys', async () => {
  const answers: Record<string, unknown> = {}
  await using server = await serve(
    (request, response) => json(answers[request.url ?? ''] ?? {})(request, response),
    identity,
  )
  const issuerUrl = `https://127.0.0.1:${server.port}`
  const insecure = new Set([`127.0.0.1:${server.port}`])
  answers['/jwks'] = { keys: [good] }
  for (const [metadata, code] of [
    [{ issuer: 'https://evil.example', jwks_uri: `${issuerUrl}/jwks` }, 'issuer_mismatch'],
    [{ issuer: `${issuerUrl}/`, jwks_uri: `${issuerUrl}/jwks` }, 'issuer_mismatch'],
    [{ issuer: issuerUrl, jwks_uri: 'https://evil.example/jwks' }, 'keys_elsewhere'],
    [{ issuer: issuerUrl, jwks_uri: `${issuerUrl}/jwks` }, undefined],
  ] as const) {
    answers['/.well-known/openid-configuration'] = metadata
    const events: KeySetEvent[] = []
    const keySets = new KeySets({
      clock: new HandClock(),
      insecure,
      secret: noSecret,
      fetch: guardedFetch({ insecure }),
      onEvent: (event) => void events.push(event),
    })
    const issuer = issuerWith({ from: 'discovery', issuer: issuerUrl, ca: identity.cert })
    const found = Promise.resolve(keySets.find(issuer, 'good', 'ES256'))
    if (code === undefined) expect((await found).kid).toBe('good')
    else {
      await expect(found).rejects.toThrow('keys_unavailable')
      expect(events).toEqual([expect.objectContaining({ event: 'failed', code })])
    }
  }
})

const corpus = join(process.env['CAMBIST_CORPORA'] ?? '', 'jsontestsuite', 'jsontestsuite.json')
const rows = (): readonly { name: string; b64: string }[] => {
  const { parsing, transform } = JSON.parse(readFileSync(corpus, 'utf8'))
  return [...parsing, ...transform]
}

describe.skipIf(process.env['CAMBIST_CORPORA'] === undefined || !existsSync(corpus))(
  'JSONTestSuite (CAMBIST_CORPORA)',
  () => {
    it('no row, as a key set or a discovery document, puts the last good set out of force', async () => {
      const clock = new HandClock()
      const events: KeySetEvent[] = []
      const metadataUrl = 'https://issuer.example/.well-known/openid-configuration'
      const answers = new Map<string, Buffer>()
      const keySets = new KeySets({
        clock,
        insecure: new Set(),
        secret: noSecret,
        onEvent: (event) => void events.push(event),
        fetch: async (url) => ({ body: answers.get(url) ?? Buffer.alloc(0), maxAge: undefined }),
      })
      const issuer = issuerWith({ from: 'discovery', issuer: 'https://issuer.example' })
      const serveGood = () => {
        answers.set(
          metadataUrl,
          Buffer.from(JSON.stringify({ issuer: 'https://issuer.example', jwks_uri: 'https://issuer.example/jwks' })),
        )
        answers.set('https://issuer.example/jwks', Buffer.from(JSON.stringify({ keys: [good] })))
      }
      let tried = 0
      for (const { b64 } of rows()) {
        for (const url of [metadataUrl, 'https://issuer.example/jwks']) {
          serveGood()
          clock.pass(601)
          await Promise.resolve(keySets.find(issuer, 'good', 'ES256'))
          await new Promise(setImmediate)
          answers.set(url, Buffer.from(b64, 'base64'))
          clock.pass(601)
          events.length = 0
          const before = performance.now()
          await Promise.resolve(keySets.find(issuer, 'other', 'ES256')).catch(() => {})
          expect(performance.now() - before).toBeLessThan(1000)
          expect(events).toEqual([expect.objectContaining({ event: 'failed', hasLastGood: true })])
          expect(kidOf(keySets.find(issuer, 'good', 'ES256'))).toBe('good')
          tried++
        }
      }
      expect(tried).toBe(680)
    })
  },
)
