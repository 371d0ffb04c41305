/** RFC 9701: introspection answers that are signed (access-tokens.md §4, JI-*). */
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { brought, inquire, type Registered, Services, tokenFor } from '../../harness/inquiries.ts'
import { expectWire, refusal } from '../../harness/refusal.ts'
import { decode } from '../../harness/tokens.ts'

const server = await startCambist()
const { clock, issuer } = server
const services = new Services(server)
await server.apply(...services.documents())

const SIGNED = 'application/token-introspection+jwt'
const issued = (form: Form = {}) => tokenFor(server, { ...services.as('web'), ...form })
const introspect = (token: string, by: Registered = 'orders-api', accept = SIGNED) =>
  inquire(server, '/introspect', { token, ...services.as(by) }, { Accept: accept })

describe('RFC 9701 §4: the request', () => {
  it.each([
    [SIGNED, SIGNED],
    [`application/json;q=0.5, ${SIGNED}`, SIGNED],
    [SIGNED.toUpperCase(), SIGNED],
    ['application/json', 'application/json'],
    ['*/*', 'application/json'],
    [`application/json, ${SIGNED};q=0.5`, 'application/json'],
    [`${SIGNED};q=0`, 'application/json'],
  ])('JI-01: Accept: %s is answered as %s', async (accept, type) => {
    const { headers, status } = await introspect(await issued(), 'orders-api', accept)
    expect([status, headers.get('Content-Type')]).toEqual([200, type])
    expect(headers.get('Cache-Control')).toBe('no-store')
  })

  it('JI-04: is answered to nobody who does not say who he is', async () => {
    const answer = await inquire(server, '/introspect', { token: await issued() }, { Accept: SIGNED })
    expectWire(answer, { status: 401, error: 'invalid_client' })
  })
})

describe('RFC 9701 §5: the answer', () => {
  it('JI-02, JI-03: says of the token what the plain answer says, to whoever asked, and is no token itself', async () => {
    for (const form of [{}, { audience: 'https://vault.example' }]) {
      const token = await issued(form)
      const { text } = await introspect(token)
      const plain = (await introspect(token, 'orders-api', 'application/json')).body
      const { header, claims } = decode(text)
      expect(header).toEqual({ typ: 'token-introspection+jwt', alg: 'ES256', kid: expect.any(String) })
      expect(claims).toEqual({ iss: issuer, aud: 'orders-api', iat: clock.seconds(), token_introspection: plain })
      expect(plain['active']).toBe(true)
    }
  })

  it('JI-02: verifies with the keys that are published', async () => {
    const { text } = await introspect(await issued())
    const { payload } = await jwtVerify(text, createRemoteJWKSet(new URL(`${issuer}/jwks`)), {
      issuer,
      audience: 'orders-api',
      typ: 'token-introspection+jwt',
      currentDate: new Date(clock.now()),
    })
    expect(payload['token_introspection']).toMatchObject({ active: true, client_id: 'web' })
  })

  it.each(['web', 'stranger'] as const)(
    'JI-04, IN-05: tells %s inside that it is inactive, and no more',
    async (by) => {
      const { text } = await introspect(await issued(), by)
      expect(decode(text).claims).toEqual({
        iss: issuer,
        aud: by,
        iat: clock.seconds(),
        token_introspection: { active: false },
      })
    },
  )

  it('JI-05: is signed by the algorithm that the metadata names, RS256 where there is such a key', async () => {
    const named = async () => {
      const metadata = (await (await server.get('/.well-known/oauth-authorization-server')).json()) as object
      return Object.entries(metadata).find(([name]) => name === 'introspection_signing_alg_values_supported')?.[1]
    }
    expect(await named()).toEqual(['ES256'])
    await server.apply(
      document('Target', 'rsa', { audience: 'urn:rsa', tokens: [{ kind: 'access-token', algorithm: 'RS256' }] }),
    )
    expect(await named()).toEqual(['RS256'])
    expect(decode((await introspect(await issued())).text).header['alg']).toBe('RS256')
  })

  it('JI-03, T9: is taken for an access token neither in an exchange nor by introspection', async () => {
    const { text } = await introspect(await issued())
    await refusal(server, { ...brought(text), ...services.as('web') }, 'token_type_mismatch')
    for (const by of ['web', 'orders-api'] as const)
      expect((await introspect(text, by, 'application/json')).text).toBe('{"active":false}')
  })
})
