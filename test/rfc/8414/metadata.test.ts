import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { ID_JAG } from '../../harness/domains.ts'
import { TYPE } from '../../harness/tokens.ts'

/** RFC 8414, OpenID Connect Discovery and RFC 7517: what anybody may read. */
const server = await startCambist()
await server.apply(
  document('Target', 'rsa', { audience: 'urn:rsa', tokens: [{ kind: 'access-token', algorithm: 'RS256' }] }),
)
const MTLS = 'urn:ietf:params:oauth:token-type:mtls'
const OAUTH = '/.well-known/oauth-authorization-server'
const OPENID = '/.well-known/openid-configuration'
const READABLE = [OAUTH, OPENID, '/jwks']
const metadata = async (path = OAUTH) => (await (await server.get(path)).json()) as Record<string, unknown>
const keysOf = async () => ((await (await server.get('/jwks')).json()) as { keys: Record<string, unknown>[] }).keys

describe('RFC 8414 §2: authorization server metadata', () => {
  it('MD-01 JC-05 names exactly the issuer, which is the audience of assertions', async () => {
    expect((await metadata())['issuer']).toBe(server.issuer)
  })

  it.each([
    'http://cambist.example',
    'https://cambist.example/?tenant=a',
    'https://cambist.example/#a',
    'https://x@cambist.example',
    'cambist.example',
  ])('MD-01 the issuer is never %s: no server starts with that', async (CAMBIST_ISSUER) => {
    await expect(startCambist({ env: { CAMBIST_ISSUER } })).rejects.toThrow(/CAMBIST_ISSUER/)
  })

  it('MD-02 is the same document under both names', async () => {
    expect(await (await server.get(OPENID)).text()).toBe(await (await server.get(OAUTH)).text())
  })

  it('MD-03 names endpoints of the issuer that answer', async () => {
    const { token_endpoint, jwks_uri, authorization_endpoint } = await metadata()
    expect({ token_endpoint, jwks_uri, authorization_endpoint }).toEqual({
      token_endpoint: `${server.issuer}/token`,
      jwks_uri: `${server.issuer}/jwks`,
      authorization_endpoint: `${server.issuer}/authorize`,
    })
    expect((await fetch(String(jwks_uri))).status).toBe(200)
    expect((await fetch(String(token_endpoint), { method: 'POST' })).status).toBe(415)
    const authorize = await fetch(`${authorization_endpoint}?response_type=code&client_id=x`, { redirect: 'manual' })
    expect(authorize.status).toBe(400)
    expect(await authorize.json()).toMatchObject({
      error: 'unsupported_response_type',
      error_description: expect.stringContaining('token endpoint'),
    })
  })

  it('MD-03 has the members that relying parties insist on', async () => {
    expect(await metadata()).toMatchObject({
      response_types_supported: [],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
    })
  })

  it('JC-07 has no endpoint for pushed requests, nor any other that takes client assertions for another audience', async () => {
    expect(await metadata()).not.toHaveProperty('pushed_authorization_request_endpoint')
    expect((await fetch(`${server.issuer}/par`, { method: 'POST' })).status).toBe(404)
  })

  it('MD-04 TE-100 says which grants and which client authentication there are, and no other', async () => {
    expect(await metadata()).toMatchObject({
      grant_types_supported: [TYPE.jwtBearer, TYPE.exchange, 'client_credentials'],
      token_endpoint_auth_methods_supported: [
        'private_key_jwt',
        'spiffe_jwt',
        'spiffe_wit',
        'attest_jwt_client_auth',
        'attest_jwt_client_auth_dpop',
        'none',
      ],
    })
  })

  it('MD-04 MD-05 says how clients authenticate where they ask about tokens: as at the token endpoint, and never by nothing', async () => {
    const document = await metadata()
    const atToken = document['token_endpoint_auth_methods_supported'] as string[]
    for (const [name, path] of [
      ['introspection', 'introspect'],
      ['revocation', 'revoke'],
    ] as const) {
      expect(document[`${name}_endpoint`]).toBe(`${server.issuer}/${path}`)
      expect((await fetch(String(document[`${name}_endpoint`]), { method: 'POST' })).status).toBe(415)
      expect(document[`${name}_endpoint_auth_methods_supported`]).toEqual(atToken.filter((one) => one !== 'none'))
      expect(document[`${name}_endpoint_auth_signing_alg_values_supported`]).toEqual(
        document['token_endpoint_auth_signing_alg_values_supported'],
      )
    }
  })

  it('MD-05 JC-13 lists signature algorithms of assertions: asymmetric ones, never none', async () => {
    const listed = (await metadata())['token_endpoint_auth_signing_alg_values_supported'] as string[]
    expect(listed).toEqual(expect.arrayContaining(['RS256', 'ES256']))
    expect(listed.filter((name) => !/^(RS|PS|ES)(256|384|512)$|^EdDSA$|^Ed25519$/.test(name))).toEqual([])
  })

  it('MD-06 TE-101 names nothing that there is not', async () => {
    expect(Object.keys(await metadata()).sort()).toEqual([
      'authorization_endpoint',
      'authorization_grant_profiles_supported',
      'cambist_actor_token_types_supported',
      'cambist_assertion_kinds_supported',
      'cambist_issued_token_types_supported',
      'cambist_subject_token_types_supported',
      'client_attestation_pop_signing_alg_values_supported',
      'client_attestation_signing_alg_values_supported',
      'dpop_signing_alg_values_supported',
      'grant_types_supported',
      'id_token_signing_alg_values_supported',
      'identity_chaining_requested_token_types_supported',
      'introspection_endpoint',
      'introspection_endpoint_auth_methods_supported',
      'introspection_endpoint_auth_signing_alg_values_supported',
      'introspection_signing_alg_values_supported',
      'issuer',
      'jwks_uri',
      'response_types_supported',
      'revocation_endpoint',
      'revocation_endpoint_auth_methods_supported',
      'revocation_endpoint_auth_signing_alg_values_supported',
      'subject_types_supported',
      'token_endpoint',
      'token_endpoint_auth_methods_supported',
      'token_endpoint_auth_signing_alg_values_supported',
    ])
    expect(await metadata()).toMatchObject({
      cambist_subject_token_types_supported: [
        'urn:cambist:token-type:azure-attested-data',
        'urn:cambist:token-type:ec2-instance-identity',
        'urn:ietf:params:aws:token-type:aws4_request',
        TYPE.accessToken,
        TYPE.idToken,
        TYPE.jwt,
        MTLS,
        TYPE.transactionToken,
      ],
      cambist_assertion_kinds_supported: ['authorization-grant', 'id-jag', 'jwt', 'spiffe-jwt-svid'],
      cambist_issued_token_types_supported: [
        'urn:cambist:token-type:wit',
        TYPE.accessToken,
        ID_JAG,
        TYPE.jwt,
        TYPE.transactionToken,
      ],
    })
  })
})

describe('what metadata says of chains', () => {
  it('IC-11, IJ-37: grants that may be had here, and profiles of grants that are taken with the assertion grant', async () => {
    expect(await metadata()).toMatchObject({
      identity_chaining_requested_token_types_supported: [ID_JAG, TYPE.jwt],
      authorization_grant_profiles_supported: ['urn:ietf:params:oauth:grant-profile:id-jag'],
      grant_types_supported: expect.arrayContaining([TYPE.jwtBearer]),
    })
  })

  it('IJ-37: whom this server trusts is nobody’s to read', async () => {
    const before = await metadata()
    await server.apply(
      document('TrustedIssuer', 'partner', {
        ...{ credential: 'id-jag', issuer: 'https://partner.example', audiences: [server.issuer] },
        keys: { discovery: true },
      }),
    )
    expect(await metadata()).toEqual(before)
  })
})

describe('RFC 7517: the keys', () => {
  it('MD-08 are public keys with kid, alg and use, of types that every verifier knows', async () => {
    const keys = await keysOf()
    expect(keys.map(({ alg }) => alg).sort()).toEqual(expect.arrayContaining(['ES256', 'RS256']))
    for (const key of keys) {
      expect(key).toMatchObject({ kid: expect.stringMatching(/^[\w-]{43}$/), use: 'sig' })
      const members =
        key['kty'] === 'RSA' ? ['alg', 'e', 'kid', 'kty', 'n', 'use'] : ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']
      expect(Object.keys(key).sort()).toEqual(members)
    }
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length)
  })

  it('MD-08 have an EdDSA key only where a target asks for one', async () => {
    expect((await keysOf()).map(({ kty }) => kty)).not.toContain('OKP')
  })

  it('MD-08 are of the media type of key sets', async () => {
    expect((await server.get('/jwks')).headers.get('Content-Type')).toMatch(/^application\/jwk-set\+json/)
    expect((await server.get(OAUTH)).headers.get('Content-Type')).toMatch(/^application\/json/)
  })
})

describe('RFC 8414 §3: how it is read', () => {
  it.each([
    [OAUTH, 3600],
    [OPENID, 3600],
    ['/jwks', 300],
  ])('MD-08 %s may be kept for %i seconds', async (path, seconds) => {
    expect((await server.get(path)).headers.get('Cache-Control')).toBe(`public, max-age=${seconds}`)
  })

  it.each(READABLE)('MD-02 %s may be read by pages of any origin', async (path) => {
    for (const headers of [{}, { Origin: 'https://page.example' }]) {
      const response = await server.get(path, headers)
      expect(response.headers.get('Access-Control-Allow-Origin')).toBe('*')
      expect(response.headers.get('Access-Control-Allow-Credentials')).toBeNull()
    }
  })

  it.each(READABLE)('MD-02 %s answers any Accept', async (path) => {
    const plain = await (await server.get(path)).text()
    for (const accept of [
      'text/html',
      'application/jwt',
      'image/*;q=0.1',
      'nonsense',
      '',
      'application/jwk-set+json',
    ]) {
      const response = await server.get(path, { Accept: accept })
      expect(response.status).toBe(200)
      expect(await response.text()).toBe(plain)
    }
  })

  it.each(READABLE)('MD-02 %s ignores a stray Authorization, and a query', async (path) => {
    for (const authorization of ['Bearer x', 'Basic eDp5', 'nonsense']) {
      expect((await server.get(path, { Authorization: authorization })).status).toBe(200)
    }
    expect((await server.get(`${path}?a=1&scope=x`)).status).toBe(200)
  })

  it.each(READABLE)('MD-02 %s answers HEAD like GET, without a body', async (path) => {
    const get = await server.get(path)
    const head = await fetch(`${server.issuer}${path}`, { method: 'HEAD' })
    expect(head.status).toBe(200)
    for (const name of ['content-type', 'content-length', 'cache-control', 'access-control-allow-origin']) {
      expect(head.headers.get(name)).toBe(get.headers.get(name))
    }
    expect(await head.text()).toBe('')
    expect(await get.text()).not.toBe('')
  })

  it.each(
    READABLE.flatMap((path) => ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => [method, path] as const)),
  )('BC-10 answers %s %s with 405 and Allow', async (method, path) => {
    const response = await fetch(`${server.issuer}${path}`, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')?.split(', ').sort()).toEqual(['GET', 'HEAD'])
    expect(response.headers.get('Cache-Control')).toBe('no-store')
  })

  it.each(READABLE)('MD-02 %s carries a request id and names no software', async (path) => {
    const { headers } = await server.get(path)
    expect(headers.get('Cambist-Request-Id')).toMatch(/^[0-9a-f-]{36}$/)
    for (const name of ['X-Powered-By', 'Server', 'Set-Cookie', 'Vary', 'WWW-Authenticate'])
      expect(headers.get(name)).toBeNull()
  })
})
