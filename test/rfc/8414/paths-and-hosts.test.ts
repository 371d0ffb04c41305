import { describe, expect, it } from 'vitest'
import { startCambist } from '../../harness/cambist.ts'
import { sendRaw } from '../../harness/raw.ts'

/** What the workloads' door answers, to whom, and that it answers nothing else. */
const server = await startCambist()
const { host } = new URL(server.issuer)
const OAUTH = '/.well-known/oauth-authorization-server'
const READABLE = [OAUTH, '/.well-known/openid-configuration', '/jwks', '/bundle']

describe('RFC 9110 §7.1: whom a request is for', () => {
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
    '/introspect/',
    '/revoke/',
    '/bundle/',
    '/admin/v1/export',
    '/livez',
    '/metrics',
  ]

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
