/** Bundle endpoints over real TLS (S-81 to S-86): https_web, and https_spiffe with its server known by its SPIFFE ID. */
import { expect, it } from 'vitest'
import type { Anchors, KeySource } from '../../../src/trust/contract.ts'
import { guardedFetch } from '../../../src/trust/guarded-fetch.ts'
import { type KeySetEvent, KeySets } from '../../../src/trust/key-sets.ts'
import { type Handler, type Identity, identityFor, json, serve } from './hostile-server.ts'
import { authority, type TestAuthority } from './test-bundles.ts'
import { ecJwk, HandClock, issuerWith } from './test-keys.ts'

const ID = 'spiffe://prod.example/spire/server'
const ca = await authority('CN=First')
const next = await authority('CN=Second')
const jwt = ecJwk('a', { use: 'jwt-svid' })
const bundle = (sequence: number, ...keys: unknown[]) => json({ keys, spiffe_sequence: sequence })

interface Endpoint {
  readonly identity: Identity
  readonly handler?: Handler
  readonly bootstrap?: TestAuthority
  readonly endpointSpiffeId?: string
  readonly selfServing?: boolean
  readonly keyUse?: 'jwt-svid' | 'x509-svid'
}

/** Fetches from an https_spiffe endpoint, as often as asked, and says what came of it. */
async function endpoint(options: Endpoint) {
  let { handler = bundle(1, ca.entry, jwt) } = options
  const { identity, bootstrap = ca, endpointSpiffeId = ID, selfServing = true, keyUse = 'jwt-svid' } = options
  const server = await serve((request, response) => handler(request, response), identity)
  const source: KeySource = {
    from: 'bundle',
    url: `https://127.0.0.1:${server.port}/`,
    profile: 'https_spiffe',
    endpointSpiffeId,
    bootstrap: [bootstrap.certificate],
    selfServing,
  }
  const issuer = issuerWith(source, { keyUse, authority: 'spiffe://prod.example' })
  const insecure = new Set([`127.0.0.1:${server.port}`])
  const events: KeySetEvent[] = []
  const clock = new HandClock()
  const keySets = new KeySets({
    clock,
    insecure,
    secret: async () => Promise.reject(new Error('none')),
    fetch: guardedFetch({ insecure }),
    onEvent: (event) => void events.push(event),
  })
  keySets.retain([issuer])
  return {
    server,
    keySets,
    issuer,
    events,
    /** What the next fetch came to. */
    async fetched(behave = handler): Promise<string[]> {
      handler = behave
      clock.pass(300)
      events.length = 0
      await keySets.poll()
      return events.map((event) => (event.event === 'failed' ? event.code : event.event))
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

it('https_web knows the server by its name, under the authority that the document names', async () => {
  const identity = identityFor('127.0.0.1')
  await using server = await serve(bundle(1, jwt), identity)
  const insecure = new Set([`127.0.0.1:${server.port}`])
  const find = async (ca?: string) => {
    const secret = async () => Promise.reject(new Error('none'))
    const keySets = new KeySets({ clock: new HandClock(), insecure, secret, fetch: guardedFetch({ insecure }) })
    const url = `https://127.0.0.1:${server.port}/`
    const source: KeySource = { from: 'bundle', url, profile: 'https_web', ...(ca === undefined ? {} : { ca }) }
    return await keySets.find(issuerWith(source, { keyUse: 'jwt-svid' }), 'a', 'ES256')
  }
  expect((await find(identity.cert)).kid).toBe('a')
  await expect(find()).rejects.toThrow('keys_unavailable')
  await expect(find(ca.pem)).rejects.toThrow('keys_unavailable')
  expect(server.requests).toEqual(['/'])
})

it('https_spiffe takes the server with exactly the SPIFFE ID, whatever it is called', async () => {
  await using w = await endpoint({ identity: await ca.server([ID]) })
  expect(await w.fetched()).toEqual(['refreshed'])
  expect(w.server.requests).toEqual(['/'])
})

it.each([
  ['another SPIFFE ID', 'endpoint', () => ca.server(['spiffe://prod.example/spire/server2'])],
  ['an ID below it', 'endpoint', () => ca.server([`${ID}/x`])],
  ['the ID in another spelling', 'endpoint', () => ca.server(['spiffe://PROD.example/spire/server'])],
  ['the ID of another trust domain', 'endpoint', () => ca.server(['spiffe://evil.example/spire/server'])],
  ['two URIs, one of which is it', 'endpoint', () => ca.server([ID, 'spiffe://prod.example/other'])],
  ['no URI', 'endpoint', () => ca.server([], { ips: ['127.0.0.1'] })],
  ['another authority', 'tls', () => next.server([ID])],
  ['a certificate that has expired', 'tls', () => ca.server([ID], { notAfter: 1_767_225_700 })],
  ['a certificate that is not for servers', 'tls', () => ca.server([ID], { extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'] })],
  [
    'a certificate that may sign others',
    'endpoint',
    () => ca.server([ID], { keyUsage: ['digitalSignature', 'keyCertSign'] }),
  ],
  ['a certificate signed by itself', 'tls', async () => identityFor('127.0.0.1')],
] as const)('https_spiffe sends nothing to a server with %s (S-86)', async (_what, code, identity) => {
  await using w = await endpoint({ identity: await identity() })
  expect(await w.fetched()).toEqual([code])
  expect(w.server.requests).toEqual([])
})

it('https_spiffe has no use for the authorities of the system, nor for the one of a web name', async () => {
  await using w = await endpoint({ identity: await next.server([ID], { ips: ['127.0.0.1'] }) })
  expect(await w.fetched()).toEqual(['tls'])
  expect(w.server.requests).toEqual([])
})

it('an endpoint that serves its own domain is known by the latest bundle, and no longer by the first', async () => {
  await using first = await endpoint({ identity: await ca.server([ID]) })
  expect(await first.fetched(bundle(1, ca.entry, next.entry, jwt))).toEqual(['refreshed'])
  expect(await first.fetched(bundle(2, next.entry, jwt))).toEqual(['refreshed'])
  expect(await first.fetched()).toEqual(['tls'])
  expect(first.server.requests).toHaveLength(2)
  expect(first.events).toEqual([expect.objectContaining({ hasLastGood: true })])
})

it('follows the rollover: the server has a certificate of the authority that the bundle before announced', async () => {
  const identities = [await ca.server([ID]), await next.server([ID])]
  const [before, after] = identities
  if (before === undefined || after === undefined) throw new Error('two were made')
  await using w = await endpoint({ identity: before, handler: bundle(1, ca.entry, next.entry, jwt) })
  expect(await w.fetched()).toEqual(['refreshed'])
  w.server.become(after)
  expect(await w.fetched(bundle(2, next.entry, jwt))).toEqual(['refreshed'])
  expect(await w.fetched()).toEqual(['refreshed'])
  w.server.become(before)
  expect(await w.fetched()).toEqual(['tls'])
})

it('a bundle by which its own server could not be known is fetched no more, and says so', async () => {
  await using w = await endpoint({ identity: await ca.server([ID]) })
  await w.fetched()
  expect(await w.fetched(bundle(2, jwt))).toEqual(['refreshed', 'voided'])
  expect(w.events[1]).toMatchObject({ message: expect.stringContaining('until keys.bundle.inline has its present') })
  expect(await w.fetched()).toEqual(['endpoint'])
  expect(w.events).toEqual([expect.objectContaining({ message: expect.stringContaining('keys.bundle.inline') })])
  expect(w.server.requests).toHaveLength(2)
  expect((await w.keySets.find(w.issuer, 'a', 'ES256')).kid).toBe('a')
})

it('an endpoint of another domain goes on being known by what the document says of that domain', async () => {
  const id = 'spiffe://host.example/bundles'
  const identity = await ca.server([id])
  await using w = await endpoint({ identity, endpointSpiffeId: id, selfServing: false, keyUse: 'x509-svid' })
  expect(await w.fetched(bundle(1, next.entry))).toEqual(['refreshed'])
  expect(await w.fetched(bundle(2, next.entry))).toEqual(['refreshed'])
  // What the server is known by verifies no credential: it is another domain's (S-73).
  const { certificates } = (await w.keySets.anchors(w.issuer)) as Anchors
  expect(certificates.map(({ fingerprint }) => fingerprint)).toEqual([next.certificate.fingerprint])
})

it('no redirect is followed, to whomever it leads (S-85)', async () => {
  await using w = await endpoint({ identity: await ca.server([ID]) })
  expect(await w.fetched((_q, r) => void r.writeHead(302, { location: '/other' }).end())).toEqual(['redirect'])
  expect(w.server.requests).toEqual(['/'])
})

it('https_spiffe over http is refused before anybody is asked', async () => {
  const fetch = guardedFetch({ insecure: new Set(['127.0.0.1:9']) })
  const spiffe = { ca: [ca.pem], fault: () => undefined }
  await expect(fetch('http://127.0.0.1:9/', { accept: 'application/json', spiffe })).rejects.toMatchObject({
    code: 'url',
  })
})
