import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { decode, TYPE } from '../../harness/tokens.ts'

/** RFC 8693 §2.2.1, RFC 6749 §5.1: the answer that carries a token. */
const server = await startCambist()
await server.apply(
  document('Target', 'scopeless', { audience: 'urn:scopeless' }),
  document('Policy', 'checkout-scopeless', { clients: ['checkout'], targets: ['scopeless'] }),
  document('Policy', 'checkout-writes-orders', {
    clients: ['checkout'],
    targets: ['orders'],
    scopes: ['orders:write'],
    condition: "'orders:write' in request.scopes",
  }),
)

describe('RFC 8693 §2.2.1: the successful answer', () => {
  it('TE-20 is 200 with JSON that nobody stores', async () => {
    const { status, headers } = await server.exchange()
    expect(status).toBe(200)
    expect(headers.get('Content-Type')).toMatch(/^application\/json(;|$)/)
    expect(headers.get('Cache-Control')).toBe('no-store')
    expect(headers.get('Pragma')).toBe('no-cache')
    expect(headers.get('Set-Cookie')).toBeNull()
    expect(headers.get('X-Powered-By')).toBeNull()
  })

  it('TE-20 carries the id of its record', async () => {
    const answer = await server.exchange()
    expect(await server.record(answer.id)).toMatchObject({
      id: answer.id,
      outcome: 'granted',
      reason: 'granted',
      client: 'checkout',
      granted: {
        scopes: ['orders:read'],
        targets: ['orders'],
        tokenType: TYPE.accessToken,
        lifetime: 300,
        binding: 'none',
      },
      jti: decode(String(answer.body['access_token'])).claims['jti'],
    })
  })

  it('TE-21 TE-22 TE-23 TE-24 TE-25 TE-26 has exactly the members that it must have', async () => {
    const { body } = await server.exchange()
    expect(body).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      issued_token_type: TYPE.accessToken,
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders:read',
    })
  })

  it('TE-24 says in seconds how long the token lives from now', async () => {
    const { body } = await server.exchange()
    const { iat, exp } = decode(String(body['access_token'])).claims as { iat: number; exp: number }
    expect(iat).toBe(server.clock.seconds())
    expect(exp - iat).toBe(body['expires_in'])
  })

  it.each([
    ['of the request', { scope: 'orders:read' }, 'orders:read'],
    ['of the target where the request names none', {}, 'orders:read'],
    ['in the order of the request', { scope: 'orders:write orders:read' }, 'orders:write orders:read'],
  ])('TE-25 always names the granted scope: %s', async (_, form, scope) => {
    const { body } = await server.exchange(form)
    expect(body['scope']).toBe(scope)
    expect(decode(String(body['access_token'])).claims['scope']).toBe(scope)
  })

  it('TE-25 leaves the scope out where there is none, in the answer and in the token', async () => {
    const { status, body } = await server.exchange({ audience: 'urn:scopeless' })
    expect(status).toBe(200)
    expect(body).not.toHaveProperty('scope')
    expect(decode(String(body['access_token'])).claims).not.toHaveProperty('scope')
  })

  it('TE-26 never issues a refresh token, also when it is asked for one', async () => {
    const asked = await server.exchange({ scope: 'offline_access' })
    expect(asked.body).toMatchObject({ error: 'invalid_scope' })
    const type = await server.exchange({ requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' })
    expect(type.body).toMatchObject({ error: 'invalid_request' })
    expect((await server.exchange()).body).not.toHaveProperty('refresh_token')
  })
})
