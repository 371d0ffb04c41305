import { createRemoteJWKSet, importJWK, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { describe, expect, it } from 'vitest'
import { TYPE } from '../harness/tokens.ts'
import { AUDIENCE, serverForClients } from './clients.ts'

/** openid-client as its users have it, with no option of ours but plain HTTP on loopback. */
const { server, gateway } = await serverForClients()
const privateKey = (await importJWK(gateway.privateJwk, 'ES256')) as CryptoKey
const insecure = { execute: [client.allowInsecureRequests] }
const discovered = (id: string, authentication: client.ClientAuth, algorithm: 'oauth2' | 'oidc' = 'oidc') =>
  client.discovery(new URL(server.issuer), id, undefined, authentication, { ...insecure, algorithm })
const byKey = () => client.PrivateKeyJwt({ key: privateKey, kid: gateway.kid })
const asked = () => ({ subject_token: server.cluster.token(), subject_token_type: TYPE.jwt, audience: AUDIENCE })

async function verified(token: string, configuration: client.Configuration) {
  const keys = createRemoteJWKSet(new URL(String(configuration.serverMetadata().jwks_uri)))
  const { payload } = await jwtVerify(token, keys, { issuer: server.issuer, audience: AUDIENCE, typ: 'at+jwt' })
  return payload
}

describe('openid-client', () => {
  it.each(['oidc', 'oauth2'] as const)(
    'discovers the server by %s and obtains a token by the subject token alone',
    async (algorithm) => {
      const configuration = await discovered('checkout', client.None(), algorithm)
      const answer = await client.genericGrantRequest(configuration, TYPE.exchange, asked())
      expect(answer.expiresIn()).toBeLessThanOrEqual(300)
      expect(answer).toMatchObject({ token_type: 'bearer', issued_token_type: TYPE.accessToken, scope: 'orders:read' })
      expect(await verified(answer.access_token, configuration)).toMatchObject({ client_id: 'checkout' })
    },
  )

  it('obtains a token by private_key_jwt, for somebody else', async () => {
    const configuration = await discovered('gateway', byKey())
    const answer = await client.genericGrantRequest(configuration, TYPE.exchange, asked())
    expect(await verified(answer.access_token, configuration)).toMatchObject({
      client_id: 'gateway',
      act: { sub: 'wimse://127.0.0.1/clients/gateway' },
    })
  })

  it('asks for several resources as URLSearchParams', async () => {
    const configuration = await discovered('checkout', client.None())
    const parameters = new URLSearchParams({ ...asked(), resource: 'https://orders.example/api' })
    parameters.append('resource', 'https://orders.example/api')
    const answer = await client.genericGrantRequest(configuration, TYPE.exchange, parameters)
    expect(await verified(answer.access_token, configuration)).toMatchObject({ aud: AUDIENCE })
  })

  it('understands a refusal', async () => {
    const configuration = await discovered('gateway', byKey())
    const refused = client.genericGrantRequest(configuration, TYPE.exchange, { ...asked(), scope: 'orders:write' })
    await expect(refused).rejects.toMatchObject({ name: 'ResponseBodyError', error: 'invalid_scope', status: 400 })
  })
})
