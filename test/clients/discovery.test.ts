import { importJWK } from 'jose'
import * as oauth from 'oauth4webapi'
import { describe, expect, it } from 'vitest'
import { document, startCambist, TestClock } from '../harness/cambist.ts'
import { decode, SigningKey } from '../harness/tokens.ts'

/**
 * UC-111: a client that knows the issuer, and what it has and wants, asks for a token by every grant that the metadata
 * offers. Whatever of a request is not its own it finds in the metadata: no name and no URL of a request stands here.
 */
const server = await startCambist({ clock: new TestClock(Date.now()) })
const billing = new SigningKey('ES256')
await server.apply(
  document('Client', 'checkout', {
    workloads: [{ issuer: 'cluster', match: { namespace: ['shop'] } }],
    grants: ['token-exchange', 'jwt-bearer', 'client-credentials'],
  }),
  document('Client', 'billing', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [billing.jwk] } },
    grants: ['token-exchange', 'jwt-bearer', 'client-credentials'],
  }),
  document('Target', 'payments', { audience: 'https://payments.example', authorizationDetails: [{ type: 'batch' }] }),
  document('Policy', 'everybody-pays', {
    clients: ['*'],
    targets: ['payments'],
    authorizationDetails: [{ type: 'batch' }],
    delegation: { mode: 'delegate' },
  }),
)

const insecure = { [oauth.allowInsecureRequests]: true } as const
const issuer = new URL(server.issuer)
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { ...insecure, algorithm: 'oauth2' }),
)
const metadata = as as unknown as Readonly<Record<string, readonly string[] | undefined>>

/** The one value of a list of the metadata that ends so. */
function found(member: string, ending: string): string {
  const values = metadata[member]?.filter((value) => value.endsWith(ending)) ?? []
  expect(values, `${ending} in ${member}`).toHaveLength(1)
  return values[0] ?? ''
}
const grantType = (ending: string) => found('grant_types_supported', ending)

/** A way of authentication that is listed, with an algorithm that is. */
async function authentication(): Promise<oauth.ClientAuth> {
  found('token_endpoint_auth_methods_supported', 'private_key_jwt')
  found('token_endpoint_auth_signing_alg_values_supported', billing.algorithm)
  const key = (await importJWK(billing.privateJwk, billing.algorithm)) as CryptoKey
  return oauth.PrivateKeyJwt({ key, kid: billing.kid })
}
function anonymous(): oauth.ClientAuth {
  found('token_endpoint_auth_methods_supported', 'none')
  return oauth.None()
}

interface Asking {
  readonly client: string
  readonly by: oauth.ClientAuth
  readonly grant: string
  readonly parameters: Record<string, string>
  readonly options?: oauth.TokenEndpointRequestOptions
}

async function ask({ client, by, grant, parameters, options = {} }: Asking): Promise<oauth.TokenEndpointResponse> {
  const wanted = { audience: 'https://payments.example', ...parameters }
  const known = { client_id: client }
  const response = await oauth.genericTokenEndpointRequest(as, known, by, grant, wanted, { ...insecure, ...options })
  return oauth.processGenericTokenEndpointResponse(as, known, response)
}

describe('UC-111: requests that are made of the metadata alone', () => {
  it('MD-01, MD-03: the issuer and the endpoint', () => {
    expect(as.issuer).toBe(server.issuer)
    expect(as.token_endpoint).toMatch(/^http/)
  })

  it('MD-04: a JWT as the grant, of a kind that is listed', async () => {
    found('cambist_assertion_kinds_supported', 'jwt-svid')
    expect(metadata['cambist_assertion_kinds_supported']).toContain('jwt')
    const answer = await ask({
      client: 'checkout',
      by: anonymous(),
      grant: grantType(':jwt-bearer'),
      parameters: { assertion: server.cluster.token() },
    })
    expect(answer.token_type).toBe('bearer')
  })

  it('MD-04, TE-101: an exchange of subject and actor, for a type that is listed', async () => {
    const answer = await ask({
      client: 'billing',
      by: await authentication(),
      grant: grantType(':token-exchange'),
      parameters: {
        subject_token: server.cluster.token(),
        subject_token_type: found('cambist_subject_token_types_supported', ':jwt'),
        actor_token: server.cluster.token({}, { serviceaccount: 'agent' }),
        actor_token_type: found('cambist_actor_token_types_supported', ':jwt'),
        requested_token_type: found('cambist_issued_token_types_supported', ':access_token'),
      },
    })
    expect(answer['issued_token_type']).toBe(found('cambist_issued_token_types_supported', ':access_token'))
    expect(decode(answer.access_token).claims['act']).toBeDefined()
  })

  it('MD-04: client credentials', async () => {
    const answer = await ask({
      client: 'billing',
      by: await authentication(),
      grant: grantType('client_credentials'),
      parameters: {},
    })
    expect(answer.token_type).toBe('bearer')
  })

  it('RA-04: authorization details of a type that is listed', async () => {
    const details = [{ type: found('authorization_details_types_supported', 'batch') }]
    const answer = await ask({
      client: 'billing',
      by: await authentication(),
      grant: grantType('client_credentials'),
      parameters: { authorization_details: JSON.stringify(details) },
    })
    expect(answer.authorization_details).toEqual(details)
  })

  it('MD-06: a token that is bound by DPoP, with an algorithm that is listed', async () => {
    found('dpop_signing_alg_values_supported', 'ES256')
    const keyPair = await oauth.generateKeyPair('ES256')
    const answer = await ask({
      client: 'billing',
      by: await authentication(),
      grant: grantType('client_credentials'),
      parameters: {},
      options: { DPoP: oauth.DPoP({}, keyPair) },
    })
    expect(answer.token_type).toBe('dpop')
    expect(decode(answer.access_token).claims['cnf']).toHaveProperty('jkt')
  })

  it('MD-04, BC-03: every grant that is listed was asked for, and none that is not is answered', async () => {
    expect([...(metadata['grant_types_supported'] ?? [])].map((type) => type.replace(/^.*:/, '')).sort()).toEqual([
      'client_credentials',
      'jwt-bearer',
      'token-exchange',
    ])
    for (const grant of ['password', 'authorization_code', 'refresh_token', 'implicit']) {
      const asked = ask({ client: 'billing', by: await authentication(), grant, parameters: {} })
      await expect(asked).rejects.toMatchObject({ error: 'unsupported_grant_type' })
    }
  })

  it('T25: names no scope, no audience, no issuer and no client', async () => {
    const text = JSON.stringify(as)
    for (const secret of ['scopes_supported', 'payments', 'orders', 'kubernetes', 'checkout', 'billing'])
      expect(text).not.toContain(secret)
  })
})
