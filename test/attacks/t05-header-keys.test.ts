import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { algorithms } from '../../src/lib/algorithms.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { everyJwt } from '../harness/every-jwt.ts'
import { refusal, refusedAnswer } from '../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const evil = new SigningKey('RS256')
const evilCurve = new SigningKey('ES256')
const registered = new SigningKey('RS256')
await server.apply(
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
)

/** What a server that follows a header would come and ask for. */
const visits: string[] = []
const lure: Server = createServer((message, response) => {
  visits.push(message.url ?? '')
  response.end(JSON.stringify({ keys: [evil.jwk] }))
})
await new Promise<void>((resolve) => lure.listen(0, '127.0.0.1', resolve))
afterAll(() => new Promise((resolve) => lure.close(resolve)))
const lured = `http://127.0.0.1:${(lure.address() as AddressInfo).port}`

const CERTIFICATE = evil.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')

describe('T5 keys in the header (JV-03, JB-06)', () => {
  it.each([
    ['jwk', { jwk: evil.jwk }],
    ['jwk without kid', { jwk: evil.jwk, kid: undefined }],
    ['jwk of the right key', { jwk: cluster.key.jwk }],
    ['jku', { jku: `${lured}/jku` }],
    ['jku of the issuer', { jku: `${cluster.issuer}/jwks` }],
    ['x5u', { x5u: `${lured}/x5u` }],
    ['crit of a claim', { crit: ['exp'], exp: 1 }],
    ['crit of b64', { crit: ['b64'], b64: true }],
    ['crit that is empty', { crit: [] }],
    ['crit that is no list', { crit: 'exp' }],
    ['crit that is null', { crit: null }],
    ['b64 false', { b64: false }],
    ['b64 false, crit', { b64: false, crit: ['b64'] }],
  ])('refuses %s, whoever signed', async (_, header) => {
    await refusal(
      server,
      { subject_token: evil.sign(cluster.claims(), { kid: cluster.key.kid, ...header }) },
      'token_malformed',
    )
    await refusal(server, { subject_token: cluster.token({}, {}, header) }, 'token_malformed')
    const assertion = clientAssertion('registered', registered, us, clock.seconds(), {}, header)
    await refusal(
      server,
      { client_assertion: assertion, client_assertion_type: TYPE.clientAssertion },
      'token_malformed',
      'client',
    )
  })

  it('ignores x5c and the thumbprints beside it: they choose no key', async () => {
    const header = { x5c: [CERTIFICATE], x5t: 'AAAA', 'x5t#S256': 'AAAA' }
    expect((await server.exchange({ subject_token: cluster.token({}, {}, header) })).status).toBe(200)
    await refusal(server, { subject_token: evil.sign(cluster.claims(), header) }, 'key_unknown')
    await refusal(
      server,
      { subject_token: evil.sign(cluster.claims(), { ...header, kid: undefined }) },
      'signature_invalid',
    )
    await refusal(
      server,
      { subject_token: evil.sign(cluster.claims(), { ...header, kid: cluster.key.kid }) },
      'signature_invalid',
    )
  })

  it('refuses a jku whose host is the name of our own document', async () => {
    await refusal(server, { subject_token: evil.sign(cluster.claims(), { jku: `${us}/jwks` }) }, 'token_malformed')
  })
})

const sorts = await everyJwt(server)

describe.each(sorts.map((jwt) => [jwt.sort, jwt] as const))('T5 keys in the header of a %s', (sort, jwt) => {
  const { about, key, make, send } = jwt
  /** A JWT of ours with another header is signed by a stranger. */
  const ours = sort.endsWith('of ours')

  it('is taken as it is, so that the refusals below mean something', async () => {
    expect((await send(make())).status).toBe(200)
  })

  it.each([
    ['jwk', { jwk: evil.jwk }],
    ['jku', { jku: `${lured}/jku` }],
    ['x5u', { x5u: `${lured}/x5u` }],
    ['crit', { crit: ['exp'] }],
    ['b64', { b64: false }],
  ])('refuses %s, whoever signed', async (_, header) => {
    for (const token of [make({}, header), forged(make({}, header))])
      await refusedAnswer(server, await send(token), 'token_malformed', about, [token])
  })

  it('refuses jwk of the very key that has signed', async () => {
    const token = make({}, { jwk: key.jwk })
    await refusedAnswer(server, await send(token), 'token_malformed', about, [token])
  })

  it('chooses no key by x5c', async () => {
    const header = { x5c: [CERTIFICATE], x5t: 'AAAA', 'x5t#S256': 'AAAA' }
    // The header of a JWT-SVID has three members and no others (S-43).
    const strict = sort.startsWith('JWT-SVID')
    const token = forged(make({}, header))
    await refusedAnswer(server, await send(token), strict ? 'token_malformed' : 'signature_invalid', about, [token])
    expect((await send(make({}, header))).status).toBe(strict || ours ? (about === 'client' ? 401 : 400) : 200)
  })
})

/** The same header and claims, signed by somebody else: by an algorithm that the header does not name, where it must be. */
function forged(token: string): string {
  const input = token.slice(0, token.lastIndexOf('.'))
  const { alg } = decode(token).header
  const signer = alg === 'RS256' ? evil : evilCurve
  const signature = algorithms.get(signer.algorithm)?.sign(signer.privateKey, Buffer.from(input))
  return `${input}.${signature?.toString('base64url')}`
}

it('T5 has gone to none of the places that a header names', () => {
  expect(visits).toEqual([])
})
