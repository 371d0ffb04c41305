import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { type Claims, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { clock, cluster, issuer: us } = server
const key = new SigningKey('RS256')
const ISSUER = 'https://jobs.test.example'
await server.apply(
  ...baseDocuments(cluster),
  document('TrustedIssuer', 'jobs', {
    ...{ credential: 'jwt', issuer: ISSUER, audiences: [us], multipleAudiences: true, act: 'keep' },
    keys: { jwks: { keys: [key.jwk] } },
  }),
  document('Client', 'job', { workloads: [{ issuer: 'jobs', ids: ['build'] }] }),
  document('Policy', 'job-reads-orders', {
    clients: ['job', 'checkout'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)
const job = (changes: Claims) => {
  const now = clock.seconds()
  return key.sign({ iss: ISSUER, sub: 'build', aud: us, iat: now, exp: now + 300, jti: randomUUID(), ...changes })
}
const SHARED = { aud: [us, 'https://other.example'] }

describe('T18 an actor token that others can have is not whoever brings it', () => {
  it('is the client where it is meant for us alone', async () => {
    const answer = await server.exchange({ actor_token: job({}), actor_token_type: TYPE.jwt })
    expect(await server.record(answer.id)).toMatchObject({ client: 'job', authentication: 'actor_token' })
  })

  it.each<[string, Claims, string]>([
    ['for others too', SHARED, TYPE.jwt],
    ['that is an ID token', {}, TYPE.idToken],
  ])('is no client where it is one %s', async (_, changes, type) => {
    const actor = () => ({ actor_token: job(changes), actor_token_type: type })
    await expectRefusal(server, await server.exchange(actor()), {
      ...{ status: 401, error: 'invalid_client', reason: 'client_required' },
    })
    const client = { client_assertion: cluster.token(), client_assertion_type: TYPE.clientAssertion }
    const answer = await server.exchange({ ...actor(), ...client })
    // Beside a client that proves itself it goes the way of every actor.
    expect((await server.record(answer.id))['client']).toBe('checkout')
  })
})
