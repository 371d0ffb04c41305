import { describe, expect, it } from 'vitest'
import { startCambist } from '../../harness/cambist.ts'
import { formOf, post } from '../../harness/post.ts'
import { answerOf, expectRefusal, expectWire } from '../../harness/refusal.ts'

/** RFC 6749 §3.2 and §5: how a request travels. */
const server = await startCambist()

describe('RFC 6749 §4, §5: the HTTP request', () => {
  it.each([
    'application/x-www-form-urlencoded;charset=UTF-8',
    'application/x-www-form-urlencoded; charset="utf-8"',
    'APPLICATION/X-WWW-Form-Urlencoded',
    'application/x-www-form-urlencoded ; charset=utf-8',
  ])('TE-01 reads %s', async (type) => {
    expect((await post(server, `${formOf(server)}`, { 'Content-Type': type })).status).toBe(200)
  })

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/plain; application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded-x',
    'application/x-www-form-urlencoded; charset=iso-8859-1',
    'application/x-www-form-urlencoded; charset=utf-16',
    'application/x-www-form-urlencoded; charset=utf-8; charset=utf-16',
  ])('TE-01 refuses a body of type %s', async (type) => {
    const answer = await post(server, `${formOf(server)}`, { 'Content-Type': type })
    await expectRefusal(server, answer, { status: 415, error: 'invalid_request', reason: 'media_type' })
  })

  it('TE-01 refuses a JSON body, as Google takes it', async () => {
    const answer = await post(server, JSON.stringify(Object.fromEntries(formOf(server))), {
      'Content-Type': 'application/json',
    })
    await expectRefusal(server, answer, { status: 415, error: 'invalid_request', reason: 'media_type' })
  })

  it('TE-01 refuses a body without a type, and one that is compressed', async () => {
    const bytes = new TextEncoder().encode(`${formOf(server)}`)
    const untyped = await fetch(`${server.issuer}/token`, { method: 'POST', body: bytes }).then(answerOf)
    await expectRefusal(server, untyped, { status: 415, error: 'invalid_request', reason: 'media_type' })
    const gzip = await post(server, `${formOf(server)}`, { 'Content-Encoding': 'gzip' })
    await expectRefusal(server, gzip, { status: 415, error: 'invalid_request', reason: 'media_type' })
  })

  it.each([
    ['an escape that is none', () => `${formOf(server)}&x=%zz`],
    ['half an escape', () => `${formOf(server)}&x=%2`],
    ['bytes that are no UTF-8, escaped', () => `${formOf(server)}&x=%ff`],
    ['NUL', () => `${formOf(server)}&x=%00`],
    ['a parameter without a name', () => `${formOf(server)}&=x`],
    ['more than a hundred parameters', () => `${formOf(server)}${'&'.repeat(100)}`],
  ])('TE-01 refuses a body with %s', async (_, body) => {
    await expectRefusal(server, await post(server, body()), { error: 'invalid_request', reason: 'body_malformed' })
  })

  it('TE-01 refuses a body that is no UTF-8', async () => {
    const body = new Uint8Array([...new TextEncoder().encode(`${formOf(server)}&x=`), 0xff])
    await expectRefusal(server, await post(server, body), { error: 'invalid_request', reason: 'body_malformed' })
  })

  it('T12 refuses a body of more than 64 KiB', async () => {
    const form = `${formOf(server)}&x=`
    const answer = await post(server, form.padEnd(65_537, 'x'))
    await expectRefusal(server, answer, { status: 413, error: 'invalid_request', reason: 'body_too_large' })
    expect((await post(server, form.padEnd(65_536, 'x'))).status).toBe(200)
  })

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'BC-10 answers %s with 405 and Allow',
    async (method) => {
      const response = await fetch(`${server.issuer}/token?${method === 'GET' ? formOf(server) : ''}`, { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('Allow')).toBe('POST')
      expect(response.headers.get('Cache-Control')).toBe('no-store')
      expect(response.headers.get('Cambist-Request-Id')).toMatch(/./)
      expect(await response.text()).not.toContain('access_token')
    },
  )

  it.each(['Basic Y2hlY2tvdXQ6c2VjcmV0', 'Bearer x', 'DPoP x', 'basic', 'Negotiate x'])(
    'TE-62 refuses a request with Authorization: %s, with a challenge',
    async (authorization) => {
      const answer = await server.exchange({}, { Authorization: authorization })
      await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'authentication_scheme' })
      expect(answer.headers.get('WWW-Authenticate')).toMatch(/^(Basic|Bearer) realm="cambist"$/)
    },
  )

  it('TE-20 gives browsers of other origins nothing to read', async () => {
    for (const form of [{}, { audience: 'nobody' }]) {
      const answer = await server.exchange(form, { Origin: 'https://page.example' })
      expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
    const preflight = await fetch(`${server.issuer}/token`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://page.example', 'Access-Control-Request-Method': 'POST' },
    })
    expect(preflight.status).toBe(405)
    expect(preflight.headers.get('Access-Control-Allow-Origin')).toBeNull()
  })

  it('TE-63 answers every refusal of the door with the request id that its record has', async () => {
    const answer = await post(server, 'x', { 'Content-Type': 'text/plain' })
    expectWire(answer, { status: 415, error: 'invalid_request' })
    expect((await server.record(answer.id))['id']).toBe(answer.id)
  })
})
