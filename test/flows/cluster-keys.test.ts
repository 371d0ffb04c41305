import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { baseDocuments, document, startCambist, TestClock } from '../harness/cambist.ts'
import { Cluster, SigningKey } from '../harness/tokens.ts'
import { identityFor, json, serve } from '../unit/trust/hostile-server.ts'

/** An API server as clusters have it (K-6, K-7, P-17): a certificate of its own authority, keys for those who bring a token. */
const identity = identityFor('127.0.0.1')
const key = new SigningKey('RS256')
const TOKEN = 'a-token-that-kubernetes-rotates'
let bearer = TOKEN
const apiServer = await serve((request, response) => {
  if (request.headers.authorization !== `Bearer ${bearer}`) return void response.writeHead(401).end()
  const keys = request.url?.startsWith('/openid/v1/jwks') === true
  if (keys && request.headers.accept?.includes('application/jwk-set+json') !== true)
    return void response.writeHead(406).end()
  const issuer = `https://127.0.0.1:${apiServer.port}`
  return json(keys ? { keys: [key.jwk] } : { issuer, jwks_uri: `${issuer}/openid/v1/jwks` })(request, response)
}, identity)

const secrets = mkdtempSync(join(tmpdir(), 'cambist-secrets-'))
afterAll(async () => {
  await apiServer[Symbol.asyncDispose]()
  rmSync(secrets, { recursive: true })
})
writeFileSync(join(secrets, 'api-server'), `${TOKEN}\n`)
writeFileSync(join(secrets, 'api-server.host'), `127.0.0.1:${apiServer.port}\n`)

const clock = new TestClock()
const issuer = `https://127.0.0.1:${apiServer.port}`
const server = await startCambist({
  clock,
  env: { CAMBIST_INSECURE_FETCH: `127.0.0.1:${apiServer.port}`, CAMBIST_SECRETS_DIR: secrets },
})
const cluster = new Cluster({ issuer, audience: server.issuer, key, now: clock.seconds })

const trust = (keys: object) =>
  server.apply(
    ...baseDocuments(server.cluster).slice(1),
    document('TrustedIssuer', 'cluster', { preset: 'kubernetes', issuer, audiences: [server.issuer], keys }),
  )
const ca = identity.cert
const bearerToken = { secret: 'api-server' }

describe('keys of a cluster behind its own authority', () => {
  it.each([
    ['jwksUri', { jwksUri: `${issuer}/openid/v1/jwks`, ca, bearerToken }],
    ['discovery', { discovery: true, ca, bearerToken }],
  ])('are had by %s, with the authority inline and a token from the secrets directory', async (_by, keys) => {
    await trust(keys)
    const answer = await server.exchange({ subject_token: cluster.token() })
    expect([answer.status, answer.body['error']]).toEqual([200, undefined])
    // The token is sent to no one else, and stands in no document and no record.
    expect(await (await server.adminGet('/admin/v1/export')).text()).not.toContain(TOKEN)
    expect(JSON.stringify(await server.record(answer.id))).not.toContain(TOKEN)
  })

  it('are had with the token as it is rotated, which is read anew for each fetch', async () => {
    bearer = 'the-next-token'
    writeFileSync(join(secrets, 'api-server'), 'the-next-token\n')
    await trust({ jwksUri: `${issuer}/openid/v1/jwks?rotated`, ca, bearerToken })
    expect((await server.exchange({ subject_token: cluster.token() })).status).toBe(200)
  })

  it.each([
    ['without the authority', { jwksUri: `${issuer}/openid/v1/jwks`, bearerToken }],
    ['without the token', { jwksUri: `${issuer}/openid/v1/jwks`, ca }],
  ])('are not had %s: nothing is granted, and the workload is told to come back', async (_how, keys) => {
    await trust(keys)
    const answer = await server.exchange({ subject_token: cluster.token() })
    expect([answer.status, answer.body['error'], answer.headers.get('Retry-After') !== null]).toEqual([
      503,
      'temporarily_unavailable',
      true,
    ])
    expect(await server.record(answer.id)).toMatchObject({ reason: 'keys_unavailable', granted: null })
  })
})
