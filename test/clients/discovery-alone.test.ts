/** Requests that are made of a server's metadata and of what their sender holds, and of nothing else that is known of the server (UC-111). */
import { calculateJwkThumbprint, createRemoteJWKSet, exportJWK, importJWK, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import { describe, expect, it } from 'vitest'
import { document } from '../harness/cambist.ts'
import { type SigningKey, TYPE } from '../harness/tokens.ts'
import { AUDIENCE, serverForClients } from './clients.ts'

const { server, gateway } = await serverForClients()
await server.apply(
  document('Client', 'checkout', {
    grants: ['token-exchange', 'jwt-bearer'],
    workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['checkout'] } }],
  }),
  document('Client', 'gateway', {
    grants: ['token-exchange', 'client-credentials'],
    authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } },
  }),
)
const insecure = { [oauth.allowInsecureRequests]: true } as const
const issuer = new URL(server.issuer)
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }),
)

/** What a sender holds: its name here, a JWT of its platform, of a caller, or a key. */
interface Held {
  readonly client: string
  readonly platformToken?: string
  readonly callerToken?: string
  readonly key?: SigningKey
}
interface Planned {
  readonly grant: string
  readonly parameters: Record<string, string>
  readonly authentication: oauth.ClientAuth
}

const listed = (name: string): readonly string[] => (as[name] as readonly string[] | undefined) ?? []
const offers = (name: string, value: string): boolean => listed(name).includes(value)

/** The first way that the metadata offers for what is held. */
async function plan(held: Held): Promise<Planned> {
  const authentication = await authenticationOf(held)
  if (held.platformToken !== undefined && offers('grant_types_supported', JWT_BEARER))
    return { grant: JWT_BEARER, parameters: { assertion: held.platformToken }, authentication }
  if (
    held.callerToken !== undefined &&
    offers('grant_types_supported', TYPE.exchange) &&
    offers('cambist_subject_token_types_supported', TYPE.jwt) &&
    offers('cambist_issued_token_types_supported', TYPE.accessToken)
  )
    return {
      grant: TYPE.exchange,
      parameters: {
        subject_token: held.callerToken,
        subject_token_type: TYPE.jwt,
        requested_token_type: TYPE.accessToken,
      },
      authentication,
    }
  if (held.key !== undefined && offers('grant_types_supported', CLIENT_CREDENTIALS))
    return { grant: CLIENT_CREDENTIALS, parameters: {}, authentication }
  throw new Error('the metadata offers nothing for what is held')
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const CLIENT_CREDENTIALS = 'client_credentials'
const METHODS = 'token_endpoint_auth_methods_supported'

async function authenticationOf({ key }: Held): Promise<oauth.ClientAuth> {
  if (
    key !== undefined &&
    offers(METHODS, 'private_key_jwt') &&
    offers('token_endpoint_auth_signing_alg_values_supported', key.algorithm)
  )
    return oauth.PrivateKeyJwt((await importJWK(key.privateJwk, key.algorithm)) as CryptoKey)
  if (key === undefined && offers(METHODS, 'none')) return oauth.None()
  throw new Error('the metadata offers no authentication for what is held')
}

/** A token for the service, bound where the metadata says that it can be. */
async function obtained(held: Held) {
  const { grant, parameters, authentication } = await plan(held)
  const client: oauth.Client = { client_id: held.client }
  const [algorithm = ''] = listed('dpop_signing_alg_values_supported').filter((one) => one.startsWith('ES'))
  const pair = await oauth.generateKeyPair(algorithm)
  const response = await oauth.genericTokenEndpointRequest(
    as,
    client,
    authentication,
    grant,
    { ...parameters, audience: AUDIENCE, scope: 'orders:read' },
    { ...insecure, DPoP: oauth.DPoP(client, pair) },
  )
  const answer = await oauth.processGenericTokenEndpointResponse(as, client, response)
  const { payload } = await jwtVerify(answer.access_token, createRemoteJWKSet(new URL(String(as.jwks_uri))), {
    issuer: as.issuer,
    audience: AUDIENCE,
    algorithms: ['RS256', 'ES256', 'EdDSA'],
  })
  const { cnf } = payload as { cnf?: { jkt?: string } }
  return {
    grant,
    payload,
    bound: cnf?.jkt === (await calculateJwkThumbprint(await exportJWK(pair.publicKey))),
    type: answer.token_type,
  }
}
describe('a client that knows the metadata alone', () => {
  it.each([
    ['a token of its platform', () => ({ platformToken: server.cluster.token() }), 'checkout', JWT_BEARER],
    ['a key', () => ({ key: gateway }), 'gateway', CLIENT_CREDENTIALS],
    [
      'a key, and the token of a caller',
      () => ({ key: gateway, callerToken: server.cluster.token() }),
      'gateway',
      TYPE.exchange,
    ],
  ] as const)('obtains a bound token with %s', async (_what, held, client, grant) => {
    const answer = await obtained({ client, ...held() })
    expect(answer).toMatchObject({ grant, bound: true, type: 'dpop', payload: { client_id: client } })
  })

  it('finds every grant that it is told of answered, and no other', async () => {
    const told = async (grant: string) => {
      const response = await oauth.genericTokenEndpointRequest(
        as,
        { client_id: 'x' },
        oauth.None(),
        grant,
        {},
        insecure,
      )
      return ((await response.json()) as { error: string }).error
    }
    const answers = await Promise.all(listed('grant_types_supported').map(told))
    expect(answers.length).toBeGreaterThanOrEqual(3)
    expect(answers).not.toContain('unsupported_grant_type')
    for (const other of [
      'password',
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:saml2-bearer',
    ])
      expect(await told(other)).toBe('unsupported_grant_type')
  })

  it('finds every type of token that it is told of read, and no other', async () => {
    const reasonOf = async (type: string) => {
      server.clock.advance(1) // refusals of strangers are recorded at a rate
      const { id } = await server.exchange({ subject_token: 'none', subject_token_type: type })
      return (await server.record(id))['reason']
    }
    const types = listed('cambist_subject_token_types_supported')
    expect(types).toContain(TYPE.jwt)
    for (const type of types) expect([type, await reasonOf(type)]).not.toEqual([type, 'token_type_unsupported'])
    expect(await reasonOf('urn:ietf:params:oauth:token-type:saml2')).toBe('token_type_unsupported')
  })
})
