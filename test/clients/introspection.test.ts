import { importJWK } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { describe, expect, it } from 'vitest'
import { document } from '../harness/cambist.ts'
import { SigningKey, TYPE } from '../harness/tokens.ts'
import { AUDIENCE, serverForClients } from './clients.ts'

/** Introspection and revocation as the libraries of services ask for them, by what discovery says. */
const { server, gateway } = await serverForClients()
const orders = new SigningKey('ES256')
await server.apply(
  document('Client', 'orders', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [orders.jwk] } },
    audiences: [AUDIENCE],
  }),
)
const issuer = new URL(server.issuer)
const byKeyOf = async ({ privateJwk }: SigningKey) =>
  openid.PrivateKeyJwt((await importJWK(privateJwk, 'ES256')) as CryptoKey)
const configured = async (client: string, key: SigningKey) =>
  openid.discovery(issuer, client, undefined, await byKeyOf(key), { execute: [openid.allowInsecureRequests] })
const [service, caller] = await Promise.all([configured('orders', orders), configured('gateway', gateway)])

/** A token of the caller, for the service. */
async function issued(): Promise<string> {
  const asked = { subject_token: server.cluster.token(), subject_token_type: TYPE.jwt, audience: AUDIENCE }
  return (await openid.genericGrantRequest(caller, TYPE.exchange, asked)).access_token
}

describe('openid-client', () => {
  it('IN-01, IN-04 asks what a token stands for, and is told who acts in it', async () => {
    expect(await openid.tokenIntrospection(service, await issued())).toMatchObject({
      active: true,
      iss: server.issuer,
      aud: AUDIENCE,
      client_id: 'gateway',
      scope: 'orders:read',
      act: { sub: expect.stringMatching(/\/clients\/gateway$/) },
    })
  })

  it('IN-03 is told nothing of what is no token of ours', async () => {
    expect(await openid.tokenIntrospection(service, 'a.b.c')).toEqual({ active: false })
  })

  it('RV-01 takes a token of its own back, and it is dead at once', async () => {
    const token = await issued()
    await openid.tokenRevocation(caller, token)
    expect(await openid.tokenIntrospection(service, token)).toEqual({ active: false })
  })
})

describe('oauth4webapi', () => {
  it('JI-01 reads a signed answer, and verifies it by our keys', async () => {
    const insecure = { [oauth.allowInsecureRequests]: true } as const
    const response = await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' })
    const as = await oauth.processDiscoveryResponse(issuer, response)
    const client = { client_id: 'orders', introspection_signed_response_alg: 'ES256' }
    const key = oauth.PrivateKeyJwt((await importJWK(orders.privateJwk, 'ES256')) as CryptoKey)
    const answer = await oauth.introspectionRequest(as, client, key, await issued(), insecure)
    expect(answer.headers.get('content-type')).toMatch(/^application\/token-introspection\+jwt/)
    expect(await oauth.processIntrospectionResponse(as, client, answer)).toMatchObject({
      active: true,
      client_id: 'gateway',
    })
    await oauth.validateApplicationLevelSignature(as, answer, insecure)
  })
})
