import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

/**
 * T9, T18, TE-72: a token that is for a client of ours is in that client's hands and wherever it was shown; what it is
 * declared as, an ID token or any JWT, is the word of whoever brings it.
 */
const server = await startCambist()
const { clock, cluster, issuer: us } = server
const [idp, web, thief] = Array.from({ length: 3 }, () => new SigningKey('ES256')) as [
  SigningKey,
  SigningKey,
  SigningKey,
]
const GRANTS = ['token-exchange', 'jwt-bearer']
const registered = (name: string, key: SigningKey, audiences?: readonly string[]) =>
  document('Client', name, {
    ...{ authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } }, grants: GRANTS },
    ...(audiences === undefined ? {} : { audiences }),
  })
await server.apply(
  document('TrustedIssuer', 'idp', {
    ...{ credential: 'jwt', issuer: 'https://idp.example', algorithms: ['ES256'], keys: { jwks: { keys: [idp.jwk] } } },
    audiences: ['web-at-the-idp', 'web', 'urn:cambist', us],
  }),
  registered('web', web, ['web-at-the-idp']),
  registered('thief', thief),
  document('Client', 'batch', { workloads: [{ issuer: 'idp', ids: ['batch'] }], grants: GRANTS }),
  document('Policy', 'users', {
    ...{ clients: ['web', 'thief', 'batch'], targets: ['orders'], scopes: ['orders:read'] },
    delegation: { mode: 'delegate' },
  }),
)
const token = (aud: unknown, sub = 'john') => {
  const now = clock.seconds()
  return idp.sign({ iss: 'https://idp.example', sub, aud, iat: now, exp: now + 300, jti: randomUUID() })
}
const as = (name: string, key: SigningKey): Form => ({
  client_assertion: clientAssertion(name, key, us, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})
const WAYS: readonly [string, (assertion: string) => Form][] = [
  ['an ID token', (of) => ({ grant_type: TYPE.exchange, subject_token: of, subject_token_type: TYPE.idToken })],
  ['a JWT', (of) => ({ grant_type: TYPE.exchange, subject_token: of, subject_token_type: TYPE.jwt })],
  ['a grant', (of) => ({ grant_type: TYPE.jwtBearer, assertion: of })],
]
const send = (form: Form) => server.token({ audience: 'https://orders.example', ...form })

describe('T18 a token for a client of ours', () => {
  describe.each(WAYS)('declared as %s', (way, brought) => {
    const error = way === 'a grant' ? 'invalid_grant' : 'invalid_request'

    it('is that client’s to bring', async () => {
      expect((await send({ ...brought(token('web-at-the-idp')), ...as('web', web) })).status).toBe(200)
      expect((await send({ ...brought(token('web')), ...as('web', web) })).status).toBe(200)
    })

    it('is no other’s', async () => {
      for (const audience of ['web-at-the-idp', 'web']) {
        const answer = await send({ ...brought(token(audience)), ...as('thief', thief) })
        await expectRefusal(server, answer, { error, reason: 'audience_mismatch' })
      }
    })

    it('does not say who brings it', async () => {
      const answer = await send(brought(token('web-at-the-idp', 'batch')))
      await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'client_required' })
    })
  })

  it.each(WAYS.slice(1))('for us it says both, declared as %s', async (_, brought) => {
    for (const audience of [us, 'urn:cambist']) {
      expect((await send({ ...brought(token(audience)), ...as('thief', thief) })).status).toBe(200)
      expect((await send(brought(token(audience, 'batch')))).status).toBe(200)
    }
  })

  it('does not say so as an actor token either', async () => {
    const acting = (audience: string): Form => ({
      ...{ grant_type: TYPE.exchange, subject_token: cluster.token(), subject_token_type: TYPE.jwt },
      ...{ actor_token: token(audience, 'batch'), actor_token_type: TYPE.jwt },
    })
    const answer = await send(acting('web-at-the-idp'))
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'client_required' })
    expect((await send(acting(us))).status).toBe(200)
  })
})
