import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { type Claims, decode, SigningKey, TYPE } from '../harness/tokens.ts'

/** T18, T20: a token in which others act is in the hands of those others, also where its issuer may say so. */
const server = await startCambist()
const { clock, cluster, issuer: us } = server
const key = new SigningKey('RS256')
const ISSUER = 'https://jobs.test.example'
await server.apply(
  ...baseDocuments(cluster),
  document('TrustedIssuer', 'jobs', {
    ...{ credential: 'jwt', issuer: ISSUER, audiences: [us], act: 'keep', keys: { jwks: { keys: [key.jwk] } } },
  }),
  document('Client', 'job', {
    workloads: [{ issuer: 'jobs', ids: ['build'] }],
    grants: ['token-exchange', 'jwt-bearer', 'client-credentials'],
  }),
  document('Policy', 'job-reads-orders', {
    clients: ['job', 'checkout'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)
const job = (changes: Claims = {}) => {
  const now = clock.seconds()
  return key.sign({ iss: ISSUER, sub: 'build', aud: us, iat: now, exp: now + 300, jti: randomUUID(), ...changes })
}
const BORROWED = { act: { sub: 'mallory' } }
const asClient = (token: string): Form => ({ client_assertion: token, client_assertion_type: TYPE.clientAssertion })
const ofCluster = (): Form => ({ subject_token: cluster.token(), subject_token_type: TYPE.jwt })
const ORDERS = { audience: 'https://orders.example' }

describe('T20 whoever acts for somebody is not that somebody', () => {
  it.each<[string, (token: string) => Form]>([
    ['an exchange', (token) => ({ ...asClient(token), grant_type: TYPE.exchange, ...ofCluster() })],
    ['client credentials', (token) => ({ ...asClient(token), grant_type: 'client_credentials' })],
    [
      'a JWT as grant',
      (token) => ({ ...asClient(token), grant_type: TYPE.jwtBearer, assertion: cluster.token({ aud: [us] }) }),
    ],
  ])('authenticates no client of %s', async (_, form) => {
    await expectRefusal(server, await server.token({ ...ORDERS, ...form(job(BORROWED)) }), {
      ...{ status: 401, error: 'invalid_client', reason: 'actor_claim_refused' },
    })
    expect((await server.token({ ...ORDERS, ...form(job()) })).status).toBe(200)
  })

  it('is no actor, since those who act for him would be lost', async () => {
    const actor = (token: string): Form => ({ actor_token: token, actor_token_type: TYPE.jwt })
    for (const more of [{}, asClient(cluster.token())])
      await expectRefusal(server, await server.exchange({ ...actor(job(BORROWED)), ...more }), {
        ...{ error: 'invalid_request', reason: 'actor_claim_refused' },
      })
    expect((await server.exchange({ ...actor(job()), ...asClient(cluster.token()) })).status).toBe(200)
  })

  it('is a subject like any other, and those who act for him are kept', async () => {
    const answer = await server.exchange({ subject_token: job(BORROWED), ...asClient(cluster.token()) })
    const { act } = decode(String(answer.body['access_token'])).claims
    expect(act).toEqual({ sub: expect.stringMatching(/checkout$/), act: { iss: ISSUER, sub: 'mallory' } })
  })
})
