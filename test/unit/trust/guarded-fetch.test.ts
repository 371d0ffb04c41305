import type { IncomingHttpHeaders } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../src/lib/secret.ts'
import { FetchFailure, type FetchFailureCode } from '../../../src/trust/fetch-failure.ts'
import { type FetchRequest, type FetchRules, guardedFetch, type Resolve } from '../../../src/trust/guarded-fetch.ts'
import { type Handler, identityFor, json, serve } from './hostile-server.ts'

const NAME = 'issuer.example'
const toLoopback: Resolve = async () => [{ address: '127.0.0.1', family: 4 }]
const ACCEPT = 'application/jwk-set+json, application/json'

const identity = identityFor(NAME)

async function failure(fetching: Promise<unknown>): Promise<FetchFailure> {
  const error = await fetching.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(FetchFailure)
  return error as FetchFailure
}

/** Fetches once from a server that behaves as told. */
async function from(handler: Handler, rules: Partial<FetchRules> = {}, path = '/jwks') {
  await using server = await serve(handler, identity)
  const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve: toLoopback, ...rules })
  return await fetch(`https://${NAME}:${server.port}${path}`, { accept: ACCEPT, ca: identity.cert })
}

describe('what is fetched', () => {
  it('sends one plain GET and answers with the body', async () => {
    const seen: Record<string, unknown>[] = []
    const { body, maxAge } = await from(
      (request, response) => {
        seen.push({ method: request.method, url: request.url, ...request.headers })
        json({ keys: [] }, { 'cache-control': 'public, max-age=900', age: '100' })(request, response)
      },
      {},
      '/jwks?x=1',
    )
    expect(JSON.parse(body.toString())).toEqual({ keys: [] })
    expect(maxAge).toBe(800)
    expect(seen).toEqual([
      expect.objectContaining({
        method: 'GET',
        url: '/jwks?x=1',
        accept: ACCEPT,
        'accept-encoding': 'identity',
        connection: 'close',
      }),
    ])
    expect(seen[0]).toMatchObject({ host: expect.stringMatching(/^issuer\.example:\d+$/) })
    expect(seen[0]).not.toHaveProperty('authorization')
  })

  it.each([
    ['no-store', 0],
    ['max-age=60, no-cache', 0],
    ['private', undefined],
    ['s-maxage=10', undefined],
    ['MAX-AGE="30"', 30],
  ])('reads cache-control %s', async (control, maxAge) => {
    expect((await from(json({}, { 'cache-control': control }))).maxAge).toBe(maxAge)
  })

  it('takes application/jwk-set+json with parameters', async () => {
    const { body } = await from(json({}, { 'content-type': 'application/JWK-set+json; charset=utf-8' }))
    expect(body.toString()).toBe('{}')
  })
})

describe('what is posted', () => {
  async function posted(request: Partial<FetchRequest>, status = 200) {
    const seen: { method?: string | undefined; body: string; headers: IncomingHttpHeaders }[] = []
    await using server = await serve((asked, response) => {
      let body = ''
      asked.on('data', (part) => {
        body += part
      })
      asked.on('end', () => {
        seen.push({ method: asked.method, body, headers: asked.headers })
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}')
      })
    }, identity)
    const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve: toLoopback })
    const url = `https://${NAME}:${server.port}/`
    await fetch(url, { accept: ACCEPT, ca: identity.cert, method: 'POST', ...request })
    return seen
  }

  it('is the body with its length and type, on the same terms as a GET', async () => {
    const [sent] = await posted({ body: '{"é":1}', contentType: 'application/json' })
    expect(sent).toMatchObject({
      method: 'POST',
      body: '{"é":1}',
      headers: {
        'content-type': 'application/json',
        'content-length': '8',
        'accept-encoding': 'identity',
        connection: 'close',
      },
    })
    expect(sent?.headers).not.toHaveProperty('transfer-encoding')
  })

  it('may have headers that somebody else has signed, and no others', async () => {
    const signedHeaders = {
      'x-amz-date': '20261123T000000Z',
      authorization: 'AWS4-HMAC-SHA256 x',
      host: 'evil',
      te: 'x',
    }
    const [sent] = await posted({ body: 'Action=GetCallerIdentity', signedHeaders })
    expect(sent?.headers).toMatchObject({ 'x-amz-date': '20261123T000000Z', authorization: 'AWS4-HMAC-SHA256 x' })
    expect(sent?.headers.host).toMatch(/^issuer\.example:\d+$/)
    expect(sent?.headers).not.toHaveProperty('te')
  })

  it('cannot have a line in a header', async () => {
    const error = await failure(posted({ body: '', signedHeaders: { 'x-amz-date': 'a\r\nx: y' } }))
    expect(error.code).toBe('connect')
  })

  it('is answered with 201 where that is an answer, and with no other status', async () => {
    expect(await posted({ body: '', statuses: [200, 201] }, 201)).toHaveLength(1)
    expect((await failure(posted({ body: '', statuses: [200, 201] }, 202))).code).toBe('status')
    expect((await failure(posted({ body: '' }, 201))).code).toBe('status')
    expect((await failure(posted({ body: '', statuses: [307] }, 307))).code).toBe('redirect')
  })

  it('is answered in a media type that was asked for', async () => {
    expect((await failure(posted({ body: '', mediaTypes: ['application/x'] }))).code).toBe('media_type')
  })
})

describe('a server that misbehaves', () => {
  const cases: [string, FetchFailureCode, Handler][] = [
    ['redirects', 'redirect', (_q, r) => void r.writeHead(302, { location: 'http://169.254.169.254/' }).end()],
    [
      'answers 404',
      'status',
      (_q, r) => void r.writeHead(404, { 'content-type': 'application/json' }).end('{"keys":[]}'),
    ],
    ['answers 204', 'status', (_q, r) => void r.writeHead(204).end()],
    ['answers in HTML', 'media_type', (_q, r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('{}')],
    ['names no content type', 'media_type', (_q, r) => void r.writeHead(200).end('{}')],
    [
      'compresses',
      'encoding',
      (_q, r) =>
        void r.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync('{}')),
    ],
    [
      'announces a gigabyte',
      'too_large',
      (_q, r) =>
        r.writeHead(200, { 'content-type': 'application/json', 'content-length': String(2 ** 30) }).flushHeaders(),
    ],
    [
      'sends without end',
      'too_large',
      (_q, r) => {
        r.writeHead(200, { 'content-type': 'application/json' })
        const more = () => {
          while (!r.destroyed && r.write(Buffer.alloc(65_536, 0x20)));
        }
        r.on('drain', more)
        more()
      },
    ],
    [
      'stops in the middle',
      'interrupted',
      (_q, r) => {
        r.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"keys":')
        setImmediate(() => r.destroy())
      },
    ],
    ['hangs up', 'interrupted', (q) => void q.socket.destroy()],
    ['speaks no HTTP', 'malformed', (q) => void q.socket.end('SSH-2.0-OpenSSH\r\n\r\n')],
    [
      'changes protocol',
      'status',
      (q) => void q.socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n'),
    ],
    [
      'sends two lengths',
      'malformed',
      (q) =>
        void q.socket.end(
          'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ',
        ),
    ],
    ['sends huge headers', 'malformed', (_q, r) => void r.writeHead(200, { 'x-junk': 'x'.repeat(20_000) }).end('{}')],
  ]
  it.each(cases)('that %s is refused as %s', async (_what, code, handler) => {
    const error = await failure(from(handler))
    expect(error.code).toBe(code)
  })

  it.each([
    ['never answers', () => {}],
    [
      'dribbles',
      (_q, r) => {
        r.writeHead(200, { 'content-type': 'application/json' })
        const dribble = setInterval(() => r.write(' '), 5)
        r.on('close', () => clearInterval(dribble))
      },
    ],
    [
      'sends provisional answers for ever',
      (q) => {
        const flood = setInterval(() => q.socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 5)
        q.socket.on('close', () => clearInterval(flood))
      },
    ],
  ] satisfies [string, Handler][])('that %s is left at the deadline', async (_what, handler) => {
    const error = await failure(from(handler, { milliseconds: 100 }))
    expect(error.code).toBe('deadline')
    expect(error.message).toContain('100 ms')
  })

  it('never has its body in a message', async () => {
    const error = await failure(
      from(
        (_q, r) => void r.writeHead(500, 'MARKER', { 'content-type': 'text/MARKER', 'x-m': 'MARKER' }).end('MARKER'),
      ),
    )
    expect(error.message).not.toContain('MARKER')
    expect(error.cause).toBeUndefined()
  })
})

describe('TLS', () => {
  it('is 1.3 or nothing (T28)', async () => {
    await using server = await serve(json({}), identity, { maxVersion: 'TLSv1.2' })
    const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve: toLoopback })
    expect((await failure(fetch(`https://${NAME}:${server.port}/`, { accept: ACCEPT, ca: identity.cert }))).code).toBe(
      'tls',
    )
  })

  it('refuses a certificate that the named anchors do not vouch for, also for listed hosts', async () => {
    await using server = await serve(json({}), identity)
    const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve: toLoopback })
    const other = identityFor(NAME)
    for (const request of [{ accept: ACCEPT }, { accept: ACCEPT, ca: other.cert }]) {
      expect((await failure(fetch(`https://${NAME}:${server.port}/`, request))).code).toBe('tls')
    }
    expect(server.requests).toEqual([])
  })

  it.each([
    ['of another name', 'elsewhere.example', '21000101000000Z'],
    ['that has expired', NAME, '20210101000000Z'],
  ])('refuses a certificate %s', async (_what, name, notAfter) => {
    const wrong = identityFor(name, { notAfter })
    await using server = await serve(json({}), wrong)
    const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve: toLoopback })
    expect((await failure(fetch(`https://${NAME}:${server.port}/`, { accept: ACCEPT, ca: wrong.cert }))).code).toBe(
      'tls',
    )
  })

  it('opens a connection for every fetch (T27)', async () => {
    const ports = new Set<number | undefined>()
    await using server = await serve((request, response) => {
      ports.add(request.socket.remotePort)
      json({})(request, response)
    }, identity)
    const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve: toLoopback })
    for (let i = 0; i < 3; i++) await fetch(`https://${NAME}:${server.port}/`, { accept: ACCEPT, ca: identity.cert })
    expect(ports.size).toBe(3)
  })
})

describe('a secret', () => {
  const token = new Secret('token-of-ours')

  it('goes to its own host as bearer token', async () => {
    let sent: string | undefined
    await using server = await serve((request, response) => {
      sent = request.headers.authorization
      json({})(request, response)
    }, identity)
    const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve: toLoopback })
    const bearer = { host: `ISSUER.example:${server.port}`, token }
    await fetch(`https://${NAME}:${server.port}/`, { accept: ACCEPT, ca: identity.cert, bearer })
    expect(sent).toBe('Bearer token-of-ours')
  })

  it.each(['other.example', NAME, `${NAME}.evil.example:1`, `sub.${NAME}`])(
    'for %s is not sent elsewhere, and nothing is fetched',
    async (host) => {
      await using server = await serve(json({}), identity)
      const fetch = guardedFetch({ insecure: new Set([`${NAME}:${server.port}`]), resolve: toLoopback })
      const error = await failure(
        fetch(`https://${NAME}:${server.port}/`, { accept: ACCEPT, ca: identity.cert, bearer: { host, token } }),
      )
      expect(error.code).toBe('secret')
      expect(error.message).not.toContain('token-of-ours')
      expect(server.requests).toEqual([])
    },
  )

  it('is not sent over http', async () => {
    await using server = await serve(json({}))
    const fetch = guardedFetch({ insecure: new Set([`127.0.0.1:${server.port}`]) })
    const bearer = { host: `127.0.0.1:${server.port}`, token }
    expect((await failure(fetch(`http://127.0.0.1:${server.port}/`, { accept: ACCEPT, bearer }))).code).toBe('secret')
    expect(server.requests).toEqual([])
  })
})

describe('listed hosts', () => {
  it('may be reached over http on loopback, with exactly that port', async () => {
    await using server = await serve(json({ keys: [] }))
    const fetch = guardedFetch({ insecure: new Set([`127.0.0.1:${server.port}`]) })
    expect((await fetch(`http://127.0.0.1:${server.port}/`, { accept: ACCEPT })).body.toString()).toBe('{"keys":[]}')
    const other = guardedFetch({ insecure: new Set([`127.0.0.1:${server.port + 1}`]) })
    expect((await failure(other(`http://127.0.0.1:${server.port}/`, { accept: ACCEPT }))).code).toBe('url')
  })
})
