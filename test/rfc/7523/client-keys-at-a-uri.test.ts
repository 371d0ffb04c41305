import { setDefaultCACertificates } from 'node:tls'
import { afterAll, describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, clientAssertion, SigningKey, TYPE } from '../../harness/tokens.ts'
import { identityFor, json, serve } from '../../unit/trust/hostile-server.ts'

/** RFC 7523 §3 with RFC 7591 §2: a client whose keys stand at its `jwks_uri`, which it rotates by itself. */
const identity = identityFor('127.0.0.1')
setDefaultCACertificates([identity.cert]) // of this process, which runs this file alone
let published: readonly Claims[] = []
let up = true
const keyServer = await serve((request, response) => {
  if (up) json({ keys: published })(request, response)
  else response.writeHead(503).end()
}, identity)
afterAll(() => keyServer[Symbol.asyncDispose]())

const server = await startCambist({ env: { CAMBIST_INSECURE_FETCH: `127.0.0.1:${keyServer.port}` } })
const { clock } = server
const [first, next] = [new SigningKey('ES256'), new SigningKey('ES256')]
published = [first.jwk]
await server.apply(
  document('Client', 'gateway', {
    authentication: { method: 'private_key_jwt', jwksUri: `https://127.0.0.1:${keyServer.port}/keys` },
  }),
  document('Policy', 'gateway-acts', {
    clients: ['gateway'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

const by = (key: SigningKey) =>
  server.exchange({
    client_assertion_type: TYPE.clientAssertion,
    client_assertion: clientAssertion('gateway', key, server.issuer, clock.seconds()),
  })
const UNKNOWN = { status: 401, error: 'invalid_client', reason: 'key_unknown' } as const

describe('RFC 7523 §3: keys of a client at a URI', () => {
  it('follows the client from key to key, keeps the last good ones, and says when it has none', async () => {
    expect((await by(first)).status).toBe(200)
    await expectRefusal(server, await by(next), UNKNOWN)

    // T7: an unknown key has the set fetched again, once the cool-down is over and not sooner
    published = [first.jwk, next.jwk]
    const before = keyServer.requests.length
    await expectRefusal(server, await by(next), UNKNOWN)
    expect(keyServer.requests.length).toBe(before)
    clock.advance(30)
    const together = await Promise.all(Array.from({ length: 5 }, () => by(next)))
    expect(together.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    expect(keyServer.requests.length).toBe(before + 1)
    expect((await by(first)).status).toBe(200)

    // a key that the client has withdrawn is not believed once the set is read again
    published = [next.jwk]
    clock.advance(31)
    await expectRefusal(server, await by(new SigningKey('ES256')), UNKNOWN)
    await expectRefusal(server, await by(first), UNKNOWN)
    expect((await by(next)).status).toBe(200)

    // F8: the last good set serves for an hour beyond its freshness, and then nobody guesses
    up = false
    clock.advance(600 + 3590)
    expect((await by(next)).status).toBe(200)
    clock.advance(60)
    const unavailable = { status: 503, error: 'temporarily_unavailable', reason: 'keys_unavailable' } as const
    await expectRefusal(server, await by(next), unavailable)
    up = true
    clock.advance(30)
    expect((await by(next)).status).toBe(200)
  })
})
