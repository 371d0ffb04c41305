import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { post } from '../../harness/post.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../../harness/tokens.ts'

/** RFC 7523 §2.1 and RFC 6749 §4.4: the grants that are no token exchange, and how the caller is known in them. */
const server = await startCambist()
const billing = new SigningKey('ES256')
await server.apply(
  document('Client', 'checkout', {
    workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['checkout'] } }],
    grants: ['token-exchange', 'jwt-bearer', 'client-credentials'],
  }),
  document('Client', 'billing', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [billing.jwk] } },
    grants: ['client-credentials'],
  }),
  document('Policy', 'billing-reads-orders', { clients: ['billing'], targets: ['orders'], scopes: ['orders:read'] }),
)

const asBilling = (): Form => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('billing', billing, server.issuer, server.clock.seconds(), { jti: randomUUID() }),
})
const send = (form: Form) =>
  post(server, new URLSearchParams(Object.entries(form).map(([name, value]) => [name, String(value)])).toString())

describe('RFC 7523 §2.1: a JWT as the grant', () => {
  it('JG-01, JG-09: a platform’s JWT is exchanged, and the answer is an ordinary one', async () => {
    const answer = await send({
      grant_type: TYPE.jwtBearer,
      assertion: server.cluster.token(),
      audience: 'https://orders.example',
      scope: 'orders:read',
    })
    expect(answer.status).toBe(200)
    expect(answer.body).not.toHaveProperty('issued_token_type')
    expect(answer.body).toMatchObject({ token_type: 'Bearer', scope: 'orders:read' })
    const { claims } = decode(String(answer.body['access_token']))
    expect(claims).toMatchObject({ client_id: 'checkout', aud: 'https://orders.example' })
  })

  it('JG-08, AF-08: what is wrong with the assertion is invalid_grant', async () => {
    const stranger = new SigningKey('RS256')
    await expectRefusal(
      server,
      await send({ grant_type: TYPE.jwtBearer, assertion: stranger.sign(server.cluster.claims()) }),
      { status: 400, error: 'invalid_grant', reason: 'key_unknown' },
    )
  })

  it('UC-100, UC-101: a rule about assertions lets a token of another authority come by them, and not by exchange', async () => {
    await server.apply(
      document('Target', 'reports', { audience: 'urn:reports', scopes: ['read'], defaultScopes: ['read'] }),
      document('Policy', 'by-assertion', {
        ...{ clients: ['checkout'], grants: ['jwt-bearer'], targets: ['reports'], scopes: ['read'] },
      }),
    )
    const assertion = server.cluster.token()
    const audience = 'urn:reports'
    expect((await send({ grant_type: TYPE.jwtBearer, assertion, audience })).body).toMatchObject({ scope: 'read' })
    const exchanged = await server.exchange({ subject_token: assertion, audience })
    const { detail } = await expectRefusal(server, exchanged, { error: 'invalid_target', reason: 'denied' })
    expect(detail).toContain('by-assertion')
  })

  it('KX-01: a client assertion is no assertion of a subject', async () => {
    const { client_assertion: assertion } = asBilling()
    await expectRefusal(server, await send({ grant_type: TYPE.jwtBearer, assertion }), {
      status: 400,
      error: 'invalid_grant',
      reason: 'issuer_unknown',
    })
  })
})

describe('RFC 6749 §4.4: client credentials', () => {
  it('AT-03, BC-07: the client is the subject, under an id that no user can have', async () => {
    const answer = await send({ grant_type: 'client_credentials', audience: 'https://orders.example', ...asBilling() })
    expect(answer.status).toBe(200)
    expect(answer.body).not.toHaveProperty('issued_token_type')
    const { claims } = decode(String(answer.body['access_token']))
    expect(claims).toMatchObject({
      client_id: 'billing',
      sub: expect.stringMatching(/^wimse:\/\/[^/]+\/clients\/billing$/),
    })
    expect(claims).not.toHaveProperty('act')
  })

  it('AF-05: without client authentication there is nobody', async () => {
    await expectRefusal(server, await send({ grant_type: 'client_credentials', audience: 'https://orders.example' }), {
      status: 401,
      error: 'invalid_client',
      reason: 'client_required',
    })
  })

  it('TE-62: a grant that the client may not use is unauthorized_client', async () => {
    await server.apply(
      document('Client', 'billing', {
        authentication: { method: 'private_key_jwt', jwks: { keys: [billing.jwk] } },
        grants: ['jwt-bearer'],
      }),
    )
    await expectRefusal(
      server,
      await send({ grant_type: 'client_credentials', audience: 'https://orders.example', ...asBilling() }),
      { status: 400, error: 'unauthorized_client', reason: 'grant_not_allowed' },
    )
  })
})
