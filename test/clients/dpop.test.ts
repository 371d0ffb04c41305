import { calculateJwkThumbprint, createRemoteJWKSet, exportJWK, importJWK, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { describe, expect, it } from 'vitest'
import { dpop as writtenProof } from '../harness/proofs.ts'
import { SigningKey, TYPE } from '../harness/tokens.ts'
import { AUDIENCE, serverForClients } from './clients.ts'

/** DPoP as the libraries of clients make it, and the bound token as a resource server reads it. */
const { server, gateway } = await serverForClients()
const issuer = new URL(server.issuer)
const insecure = { [oauth.allowInsecureRequests]: true } as const
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }),
)
const keys = createRemoteJWKSet(new URL(String(as.jwks_uri)))
const clientKey = (await importJWK(gateway.privateJwk, 'ES256')) as CryptoKey
const asked = () => ({ subject_token: server.cluster.token(), subject_token_type: TYPE.jwt, audience: AUDIENCE })
const ALGORITHMS = ['ES256', 'PS256', 'RS256', 'Ed25519'] as const

async function exchanged(
  client: oauth.Client,
  authentication: oauth.ClientAuth,
  DPoP: oauth.DPoPHandle | undefined,
  parameters: Record<string, string> = asked(),
) {
  const options = { ...insecure, ...(DPoP === undefined ? {} : { DPoP }) }
  const response = await oauth.genericTokenEndpointRequest(
    as,
    client,
    authentication,
    TYPE.exchange,
    parameters,
    options,
  )
  return oauth.processGenericTokenEndpointResponse(as, client, response)
}

/** The thumbprint that the token is bound to, found by jose alone. */
async function boundTo(token: string): Promise<unknown> {
  const { payload } = await jwtVerify(token, keys, { issuer: server.issuer, audience: AUDIENCE, typ: 'at+jwt' })
  return payload['cnf']
}

const thumbprint = async ({ publicKey }: oauth.CryptoKeyPair) => ({
  jkt: await calculateJwkThumbprint(await exportJWK(publicKey)),
})
const checkout = { client_id: 'checkout' }

describe('oauth4webapi with DPoP', () => {
  it('MD-06 reads which algorithms its proofs may have', () => {
    expect(as.dpop_signing_alg_values_supported).toEqual(expect.arrayContaining([...ALGORITHMS]))
  })

  it.each(ALGORITHMS)('DP-04, DP-10 obtains a token that is bound to its key, by %s', async (algorithm) => {
    const pair = await oauth.generateKeyPair(algorithm)
    const answer = await exchanged(checkout, oauth.None(), oauth.DPoP({}, pair))
    expect(answer).toMatchObject({ token_type: 'dpop', issued_token_type: TYPE.accessToken, scope: 'orders:read' })
    expect(await boundTo(answer.access_token)).toEqual(await thumbprint(pair))
  })

  it('binds beside private_key_jwt, to the key of the proof', async () => {
    const pair = await oauth.generateKeyPair('ES256')
    const client = { client_id: 'gateway' }
    const byKey = oauth.PrivateKeyJwt({ key: clientKey, kid: gateway.kid })
    const answer = await exchanged(client, byKey, oauth.DPoP({}, pair))
    expect(await boundTo(answer.access_token)).toEqual(await thumbprint(pair))
  })

  it('makes a new proof for each request, and says the time with its clock', async () => {
    const handle = oauth.DPoP({ [oauth.clockSkew]: 2 }, await oauth.generateKeyPair('ES256'))
    for (const _ of [1, 2])
      expect(await exchanged(checkout, oauth.None(), handle)).toMatchObject({ token_type: 'dpop' })
  })

  it('DP-05, DP-21 presents the token as a resource server wants it: with ath, by the key of cnf, and never as a bearer', async () => {
    const pair = await oauth.generateKeyPair('ES256')
    const handle = oauth.DPoP({}, pair)
    const { access_token: token } = await exchanged(checkout, oauth.None(), handle)
    const presented = async (DPoP: oauth.DPoPHandle | undefined) => {
      let sent: Request | undefined
      await oauth.protectedResourceRequest(token, 'GET', new URL(AUDIENCE), undefined, undefined, {
        ...(DPoP === undefined ? {} : { DPoP }),
        [oauth.customFetch]: async (url, init) => {
          sent = new Request(url, init as RequestInit)
          return new Response()
        },
      })
      if (sent === undefined) throw new Error('nothing was sent')
      return oauth.validateJwtAccessToken(as, sent, AUDIENCE, insecure)
    }
    expect(await presented(handle)).toMatchObject({ client_id: 'checkout', cnf: await thumbprint(pair) })
    const stranger = oauth.DPoP({}, await oauth.generateKeyPair('ES256'))
    await expect(presented(stranger)).rejects.toThrow(/confirmation mismatch/)
    await expect(presented(undefined)).rejects.toThrow(/DPoP/)
  })

  it('is refused a bound token by another key, and understands it', async () => {
    const pair = await oauth.generateKeyPair('ES256')
    const client = { client_id: 'gateway' }
    const byKey = () => oauth.PrivateKeyJwt({ key: clientKey, kid: gateway.kid })
    const { access_token } = await exchanged(client, byKey(), oauth.DPoP({}, pair))
    const again = { subject_token: access_token, subject_token_type: TYPE.accessToken, audience: AUDIENCE }
    for (const other of [undefined, oauth.DPoP({}, await oauth.generateKeyPair('ES256'))])
      await expect(exchanged(client, byKey(), other, again)).rejects.toMatchObject({
        name: 'ResponseBodyError',
        error: 'invalid_request',
      })
  })

  it('DP-10 understands the refusal of a proof that was used', async () => {
    const key = new SigningKey('ES256')
    const proof = writtenProof(key, { url: `${server.issuer}/token`, now: server.clock.seconds() })
    const sent = () =>
      oauth.genericTokenEndpointRequest(as, checkout, oauth.None(), TYPE.exchange, asked(), {
        ...insecure,
        headers: new Headers({ dpop: proof }),
      })
    const first = await oauth.processGenericTokenEndpointResponse(as, checkout, await sent())
    expect(first.token_type).toBe('dpop')
    const second = sent().then((response) => oauth.processGenericTokenEndpointResponse(as, checkout, response))
    await expect(second).rejects.toMatchObject({ name: 'ResponseBodyError', error: 'invalid_dpop_proof', status: 400 })
  })
})

describe('openid-client with DPoP', () => {
  it('obtains a token that is bound to its key', async () => {
    const configuration = await openid.discovery(issuer, 'checkout', undefined, openid.None(), {
      execute: [openid.allowInsecureRequests],
    })
    const pair = await openid.randomDPoPKeyPair('ES256')
    const answer = await openid.genericGrantRequest(configuration, TYPE.exchange, asked(), {
      DPoP: openid.getDPoPHandle(configuration, pair),
    })
    expect(answer.token_type).toBe('dpop')
    expect(await boundTo(answer.access_token)).toEqual(await thumbprint(pair))
  })
})

describe('a server that demands nonces (DP-13)', async () => {
  const { server: demanding } = await serverForClients({ env: { CAMBIST_DPOP_NONCE: 'required' } })
  const url = new URL(demanding.issuer)
  const parameters = () => ({ ...asked(), subject_token: demanding.cluster.token() })

  it('DP-13 oauth4webapi knows the error for what it is, and has the nonce for its next proof', async () => {
    const discovered = await oauth.discoveryRequest(url, { ...insecure, algorithm: 'oauth2' })
    const demandingAs = await oauth.processDiscoveryResponse(url, discovered)
    const DPoP = oauth.DPoP({}, await oauth.generateKeyPair('ES256'))
    const request = async () => {
      const options = { ...insecure, DPoP }
      const sent = oauth.genericTokenEndpointRequest(
        demandingAs,
        checkout,
        oauth.None(),
        TYPE.exchange,
        parameters(),
        options,
      )
      return oauth.processGenericTokenEndpointResponse(demandingAs, checkout, await sent)
    }
    const refused = await request().catch((error: unknown) => error)
    expect(oauth.isDPoPNonceError(refused)).toBe(true)
    for (const _ of [1, 2]) expect(await request()).toMatchObject({ token_type: 'dpop' })
  })

  it('DP-13 openid-client asks once more by itself', async () => {
    const configuration = await openid.discovery(url, 'checkout', undefined, openid.None(), {
      execute: [openid.allowInsecureRequests],
    })
    const answer = await openid.genericGrantRequest(configuration, TYPE.exchange, parameters(), {
      DPoP: openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair('ES256')),
    })
    expect(answer.token_type).toBe('dpop')
  })
})
