import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { sendRaw } from '../../harness/raw.ts'
import { TYPE } from '../../harness/tokens.ts'

/** RFC 8414, OpenID Connect Discovery and RFC 7517: what anybody may read. */
const server = await startCambist()
await server.apply(
  document('Target', 'rsa', { audience: 'urn:rsa', tokens: [{ kind: 'access-token', algorithm: 'RS256' }] }),
)
const OAUTH = '/.well-known/oauth-authorization-server'
const OPENID = '/.well-known/openid-configuration'
const READABLE = [OAUTH, OPENID, '/jwks']
const metadata = async (path = OAUTH) => (await (await server.get(path)).json()) as Record<string, unknown>
const keysOf = async () => ((await (await server.get('/jwks')).json()) as { keys: Record<string, unknown>[] }).keys

describe('RFC 8414 §2: authorization server metadata', () => {
  it('MD-01 names exactly the issuer', async () => {
    expect((await metadata())['issuer']).toBe(server.issuer)
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

  it('MD-04 TE-100 says which grants and which client authentication there are, and no other', async () => {
    expect(await metadata()).toMatchObject({
      grant_types_supported: [TYPE.exchange],
      token_endpoint_auth_methods_supported: ['private_key_jwt', 'none'],
    })
  })

  it('MD-05 JC-13 lists signature algorithms of assertions: asymmetric ones, never none', async () => {
    const listed = (await metadata())['token_endpoint_auth_signing_alg_values_supported'] as string[]
    expect(listed).toEqual(expect.arrayContaining(['RS256', 'ES256']))
    expect(listed.filter((name) => !/^(RS|PS|ES)(256|384|512)$|^EdDSA$|^Ed25519$/.test(name))).toEqual([])
  })

  it('MD-06 TE-101 names nothing that there is not', async () => {
    expect(Object.keys(await metadata()).sort()).toEqual([
      'authorization_endpoint',
      'cambist_issued_token_types_supported',
      'cambist_subject_token_types_supported',
      'grant_types_supported',
      'id_token_signing_alg_values_supported',
      'issuer',
      'jwks_uri',
      'response_types_supported',
      'subject_types_supported',
      'token_endpoint',
      'token_endpoint_auth_methods_supported',
      'token_endpoint_auth_signing_alg_values_supported',
    ])
    expect(await metadata()).toMatchObject({
      cambist_subject_token_types_supported: [TYPE.idToken, TYPE.jwt],
      cambist_issued_token_types_supported: [TYPE.accessToken],
    })
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

describe('RFC 9110 §7.1: whom a request is for', () => {
  const host = new URL(server.issuer).host
  const get = (target: string, hostLine: string[] = [`Host: ${host}`]) =>
    sendRaw(server.issuer, [`GET ${target} HTTP/1.1`, ...hostLine])

  it('T32 reads the path under the name of the issuer', async () => {
    expect(await get(OAUTH)).toMatchObject({ status: 200, body: expect.stringContaining(server.issuer) })
    expect(await get(OAUTH, [`HOST:   ${host.toUpperCase()}  `])).toMatchObject({ status: 200 })
  })

  it.each([
    ['another name', ['Host: evil.example']],
    ['another port', ['Host: 127.0.0.1:1']],
    ['no port', ['Host: 127.0.0.1']],
    ['an empty name', ['Host:']],
    ['a name that begins alike', [`Host: ${host}.evil.example`]],
    ['a user name', [`Host: x@${host}`]],
    ['no Host at all', []],
    ['two names', [`Host: ${host}, evil.example`]],
  ])('T32 answers 421 to %s, for every path', async (_, lines) => {
    for (const path of [...READABLE, '/token', '/nowhere']) {
      const answer = await get(path, lines)
      expect(answer.status).toBe(421)
      expect(answer.body).not.toContain('evil')
      expect(answer.headers.get('cache-control')).toBe('no-store')
    }
  })

  it('T32 reads nothing from a second Host line', async () => {
    const evil = 'Host: evil.example'
    expect((await get(OAUTH, [evil, `Host: ${host}`])).status).toBe(421)
    const second = await get(OAUTH, [`Host: ${host}`, evil])
    expect(second.body).not.toContain('evil')
  })

  it('T32 does not believe X-Forwarded-Host, Forwarded and their kin', async () => {
    const forwarded = [
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'Forwarded: host=evil.example;proto=https',
      'X-Original-URL: /x',
    ]
    const answer = await get(OAUTH, [`Host: ${host}`, ...forwarded])
    expect(answer.status).toBe(200)
    expect(answer.body).not.toMatch(/evil|https:\/\/127/)
  })

  it.each([
    [`http://evil.example${OAUTH}`],
    [`http://${host}${OAUTH}`],
    [`HTTP://${host}/jwks`],
    ['*'],
    ['evil.example:443'],
    ['jwks'],
  ])('T6 answers 400 to the request target %s', async (target) => {
    const answer = await sendRaw(server.issuer, [
      `${target === '*' ? 'OPTIONS' : 'GET'} ${target} HTTP/1.1`,
      `Host: ${host}`,
    ])
    expect(answer.status).toBe(400)
    expect(answer.body).not.toContain('evil')
  })

  it('T6 answers 400 to an absolute target at the token endpoint too', async () => {
    const answer = await sendRaw(server.issuer, [
      `POST http://evil.example/token HTTP/1.1`,
      `Host: ${host}`,
      'Content-Length: 0',
    ])
    expect(answer.status).toBe(400)
  })

  it('T6 gives no proxy to anybody: CONNECT is not answered', async () => {
    const answer = await sendRaw(server.issuer, ['CONNECT evil.example:443 HTTP/1.1', `Host: ${host}`]).catch(
      () => undefined,
    )
    expect(answer === undefined || !(answer.status >= 200 && answer.status < 300)).toBe(true)
  })
})

describe('default deny: nothing else is served', () => {
  const SPELLINGS = [
    '/TOKEN',
    '/Token',
    '/token/',
    '//token',
    '/./token',
    '/token/..',
    '/tok%65n',
    '/token%2f',
    '/token;x',
    '/token%00',
    '/JWKS',
    '/jwks/',
    '/jwk%73',
    '/jwks.json',
    '/.well-known/',
    '/.well-known/oauth-authorization-server/',
    '/.Well-Known/openid-configuration',
    '/.well-known/openid-configuration/x',
    '/x/.well-known/openid-configuration',
    '/.well-known%2fopenid-configuration',
    '/.well-known/jwks.json',
  ]
  /** Paths at which the engine answers by default or as we name them (engine.md §4). */
  const ENGINE = [
    '/auth',
    '/auth/x',
    '/authorization',
    '/backchannel',
    '/challenge',
    '/credential',
    '/device',
    '/device/auth',
    '/engine/jwks',
    '/interaction/x',
    '/me',
    '/par',
    '/reg',
    '/reg/x',
    '/request',
    '/session/end',
    '/session/end/confirm',
    '/session/end/success',
    '/token/introspection',
    '/token/revocation',
    '/userinfo',
    '/',
    '/favicon.ico',
    '/introspect',
    '/revoke',
    '/bundle',
    '/admin/v1/export',
    '/livez',
    '/metrics',
  ]
  const host = new URL(server.issuer).host

  it.each([...SPELLINGS, ...ENGINE])('T23 %s is our 404 by every method', async (path) => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await sendRaw(server.issuer, [
        `${method} ${path} HTTP/1.1`,
        `Host: ${host}`,
        'Origin: https://page.example',
        'Authorization: Bearer x',
        'Accept: text/html',
        'Content-Type: application/x-www-form-urlencoded',
        'Content-Length: 0',
      ])
      expect(answer.status, `${method} ${path}`).toBe(404)
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('cambist-request-id')).toMatch(/^[0-9a-f-]{36}$/)
      expect(
        [...answer.headers.keys()].filter((name) => /^access-control|^www-auth|^set-cookie|^vary/.test(name)),
      ).toEqual([])
      const said = { error: 'invalid_request', request_id: answer.headers.get('cambist-request-id') }
      if (method !== 'HEAD') expect(JSON.parse(answer.body)).toMatchObject(said)
    }
  })
})
