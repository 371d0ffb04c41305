import { createRemoteJWKSet, importJWK, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import { describe, expect, it } from 'vitest'
import { TYPE } from '../harness/tokens.ts'
import { AUDIENCE, serverForClients } from './clients.ts'

/** oauth4webapi as its users have it, with no option of ours but plain HTTP on loopback. */
const { server, gateway } = await serverForClients()
const insecure = { [oauth.allowInsecureRequests]: true } as const
const issuer = new URL(server.issuer)
const privateKey = (await importJWK(gateway.privateJwk, 'ES256')) as CryptoKey
const byKey = () => oauth.PrivateKeyJwt({ key: privateKey, kid: gateway.kid })

async function discovered(algorithm: 'oauth2' | 'oidc' = 'oauth2'): Promise<oauth.AuthorizationServer> {
  const response = await oauth.discoveryRequest(issuer, { ...insecure, algorithm })
  return oauth.processDiscoveryResponse(issuer, response)
}

async function exchanged(client: oauth.Client, authentication: oauth.ClientAuth, more: Record<string, string> = {}) {
  const as = await discovered()
  const parameters = {
    subject_token: server.cluster.token(),
    subject_token_type: TYPE.jwt,
    audience: AUDIENCE,
    ...more,
  }
  const response = await oauth.genericTokenEndpointRequest(
    as,
    client,
    authentication,
    TYPE.exchange,
    parameters,
    insecure,
  )
  return oauth.processGenericTokenEndpointResponse(as, client, response)
}

/** As a resource server, and as oauth4webapi itself validates a JWT access token (RFC 9068). */
async function verified(token: string) {
  const as = await discovered()
  const request = new Request(AUDIENCE, { headers: { Authorization: `Bearer ${token}` } })
  const claims = await oauth.validateJwtAccessToken(as, request, AUDIENCE, insecure)
  const { payload } = await jwtVerify(token, createRemoteJWKSet(new URL(String(as.jwks_uri))), {
    issuer: server.issuer,
    audience: AUDIENCE,
    typ: 'at+jwt',
  })
  expect(claims).toEqual(payload)
  return claims
}

describe('oauth4webapi', () => {
  it.each(['oauth2', 'oidc'] as const)('MD-02 discovers the server by %s', async (algorithm) => {
    expect(await discovered(algorithm)).toMatchObject({
      issuer: server.issuer,
      token_endpoint: `${server.issuer}/token`,
    })
  })

  it('obtains a token by the subject token alone', async () => {
    const answer = await exchanged({ client_id: 'checkout' }, oauth.None())
    expect(answer).toMatchObject({
      token_type: 'bearer',
      issued_token_type: TYPE.accessToken,
      expires_in: 300,
      scope: 'orders:read',
    })
    expect(await verified(answer.access_token)).toMatchObject({ client_id: 'checkout', scope: 'orders:read' })
  })

  it('obtains a token by private_key_jwt, for somebody else', async () => {
    const answer = await exchanged({ client_id: 'gateway' }, byKey(), { scope: 'orders:read' })
    expect(await verified(answer.access_token)).toMatchObject({
      client_id: 'gateway',
      act: { sub: 'wimse://127.0.0.1/clients/gateway' },
    })
  })

  it('understands a refusal', async () => {
    const refused = exchanged({ client_id: 'gateway' }, byKey(), { audience: 'urn:nobody' })
    await expect(refused).rejects.toMatchObject({ name: 'ResponseBodyError', error: 'invalid_target', status: 400 })
    const unknown = exchanged({ client_id: 'checkout' }, byKey())
    await expect(unknown).rejects.toMatchObject({ name: 'ResponseBodyError', error: 'invalid_client', status: 401 })
  })
})
