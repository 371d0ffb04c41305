import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCambist } from '../harness/cambist.ts'
import { TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { port, host } = new URL(server.issuer)

/** Whatever escapes a handler ends a process: none may. */
const escaped: unknown[] = []
const note = (reason: unknown) => escaped.push(reason)
beforeAll(() => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
})

const open: Socket[] = []
afterAll(() => {
  for (const socket of open) socket.destroy()
})

async function dial(): Promise<Socket> {
  const socket = connect({ port: Number(port), host: '127.0.0.1' })
  open.push(socket)
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  return socket
}

/** Sends bytes on a connection of its own, and answers with all that comes back until it is closed or the answers are there. */
async function speak(text: string | Buffer, answers = 1): Promise<string> {
  const socket = await dial()
  return new Promise((resolve) => {
    let heard = ''
    const timer = setTimeout(() => done(), 3000)
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(heard)
    }
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
      const complete = heard.match(/HTTP\/1\.1 [2-5]\d\d[\s\S]*?\r\n\r\n\{[^\n]*?\}(?=HTTP|$)/g)?.length ?? 0
      if (complete >= answers) done()
    })
    socket.on('close', done)
    socket.write(text)
  })
}
const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d\d\d)/g)].map(([, status]) => Number(status))

const good = () =>
  new URLSearchParams({
    grant_type: TYPE.exchange,
    subject_token: server.cluster.token(),
    subject_token_type: TYPE.jwt,
    audience: 'https://orders.example',
  }).toString()
const post = (body: string, headers: readonly string[] = [`Content-Length: ${body.length}`], target = '/token') =>
  [
    `POST ${target} HTTP/1.1`,
    `Host: ${host}`,
    'Content-Type: application/x-www-form-urlencoded',
    ...headers,
    '',
    body,
  ].join('\r\n')
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const works = async () => expect((await server.exchange()).status).toBe(200)

describe('bodies', () => {
  it('takes a body in chunks, each a byte, and one after Expect: 100-continue', async () => {
    const body = good()
    const chunked = post([...body].map(chunk).join('') + chunk(''), ['Transfer-Encoding: chunked'])
    expect(statuses(await speak(chunked))).toEqual([200])
    expect(statuses(await speak(post(body, [`Content-Length: ${body.length}`, 'Expect: 100-continue'])))).toEqual([
      100, 200,
    ])
    expect(statuses(await speak(post(body, [`Content-Length: ${body.length}`, 'Expect: miracles'])))).toEqual([417])
  })

  it('answers pipelined requests in their order, refused ones between granted ones', async () => {
    const bad = 'grant_type=x'
    const heard = await speak(post(good()) + post(bad) + post(good()) + post('') + post(good()), 5)
    expect(statuses(heard)).toEqual([200, 400, 200, 400, 200])
    const ids = [...heard.matchAll(/cambist-request-id: (\S+)/gi)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(5)
  })

  it('reads past a body that it refused before reading it, and takes nothing in it for a request', async () => {
    const inner = post(good())
    const refused = post(inner, [`Content-Length: ${inner.length}`, 'Authorization: Basic eDp5'])
    expect(statuses(await speak(refused + post(good()), 2))).toEqual([401, 200])
  })

  it('answers 413 to a body that is too long, announced or not, closes, and takes nothing that comes behind it for a request', async () => {
    const long = 'x'.repeat(70_000)
    for (const request of [
      post(long),
      post(chunk(long) + chunk(''), ['Transfer-Encoding: chunked']),
      post('x', ['Content-Length: 99999999999']),
    ]) {
      const heard = await speak(request + post(good()), 2)
      expect(statuses(heard)).toEqual([413])
      expect(heard).toMatch(/connection: close/i)
    }
    await works()
  })

  it.each([
    ['two lengths', ['Content-Length: 5', 'Content-Length: 6']],
    ['a length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked']],
    ['an unknown coding', ['Transfer-Encoding: gzip, chunked, identity']],
    ['a coding in disguise', ['Transfer-Encoding: xchunked']],
    ['a negative length', ['Content-Length: -1']],
    ['a length with a sign', ['Content-Length: +5']],
    ['a length that is no number', ['Content-Length: five']],
    ['a folded header', ['X: a', ' b: c', 'Content-Length: 5']],
    ['a space before the colon', ['Content-Length : 5']],
    ['a bare line feed', ['X: a\nY: b', 'Content-Length: 5']],
    ['a NUL in a header', ['X: a\0b', 'Content-Length: 5']],
  ])('refuses a request with %s, and sees no second one in it (T31)', async (_, headers) => {
    const heard = await speak(post('a=b&c', headers) + post(good()), 2)
    expect(statuses(heard).every((status) => status === 400)).toBe(true)
    expect(statuses(heard).length).toBeLessThan(2)
    expect(heard).not.toContain('access_token')
    await works()
  })

  it('refuses a wrong chunk, an endless trailer and a header beyond all measure', async () => {
    for (const request of [
      post('zz\r\nabc\r\n', ['Transfer-Encoding: chunked']),
      post('ffffffffffffffff1\r\n', ['Transfer-Encoding: chunked']),
      post('', ['Content-Length: 0', `X: ${'x'.repeat(20_000)}`]),
    ]) {
      const [status = 0] = statuses(await speak(request))
      expect([400, 413, 431]).toContain(status)
    }
    const trailer = `${chunk('a=b')}0\r\n${'x: y\r\n'.repeat(20_000)}\r\n`
    expect(
      statuses(await speak(post(trailer, ['Transfer-Encoding: chunked']))).every(
        (status) => status >= 400 && status < 500,
      ),
    ).toBe(true)
    await works()
  })
})

describe('targets', () => {
  it.each([
    '/token/',
    '//token',
    '/Token',
    '/token;x',
    '/%74oken',
    '/token%00',
    '/token%2f',
    '/./token',
    '/x/../token',
    '/token/../token',
    '/%',
    '/[',
    '/\\',
    '/#',
    '/token#x',
    '/jwks/',
    '/JWKS',
    '/engine/jwks',
    '/auth',
  ])('does not take %s for the token endpoint, nor for anything else', async (target) => {
    const [status = 0] = statuses(await speak(post(good(), undefined, target)))
    // A fragment is cut off, and then this is not the way to write the path.
    expect(target.includes('#') ? [400, 404, 405] : [400, 404]).toContain(status)
  })

  it.each(['http://evil.example/token', 'evil.example:443', '*', 'token', '?x', `http://${'x'}`])(
    'refuses the request target %s',
    async (target) => {
      expect(statuses(await speak(post(good(), undefined, target)))).toEqual([400])
    },
  )

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'M-SEARCH'])(
    'answers %s at the token endpoint by 405 with Allow',
    async (method) => {
      const heard = await speak(post('').replace('POST', method))
      expect(statuses(heard)).toEqual([405])
      expect(heard).toMatch(/allow: POST/i)
    },
  )

  it('does not upgrade, does not connect through, and takes no method in a header', async () => {
    const body = good()
    const upgrade = await speak(
      post(body, [`Content-Length: ${body.length}`, 'Connection: Upgrade', 'Upgrade: websocket']),
    )
    expect(statuses(upgrade)).not.toContain(101)
    expect(statuses(await speak(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`))).not.toContain(200)
    const hidden = await speak(`GET /token HTTP/1.1\r\nHost: ${host}\r\nX-HTTP-Method-Override: POST\r\n\r\n`)
    expect(statuses(hidden)).toEqual([405])
    await works()
  })

  it.each([
    ['of a stranger', 'evil.example'],
    ['of ours with a user name', `x@${host}`],
    ['of ours with a path', `${host}/x`],
    ['of ours with a dot', host.replace(':', '.:')],
    ['of two', `${host},evil.example`],
    ['of ours without its port', '127.0.0.1'],
  ])('answers 421 to a Host %s, whatever a proxy is said to have seen', async (_, name) => {
    const heard = await speak(
      post(good()).replace(`Host: ${host}`, `Host: ${name}\r\nX-Forwarded-Host: ${host}\r\nForwarded: host=${host}`),
    )
    expect(statuses(heard)).toEqual([421])
    for (const path of ['/jwks', '/.well-known/openid-configuration']) {
      const read = await speak(`GET ${path} HTTP/1.1\r\nHost: ${name}\r\n\r\n`)
      expect(statuses(read)).toEqual([421])
      expect(read).not.toContain(String(name) === 'evil.example' ? 'evil.example' : 'jwks_uri')
    }
  })

  it('answers 421 without a Host, and to HTTP/1.0 without one', async () => {
    expect(statuses(await speak(post(good()).replace(`Host: ${host}\r\n`, '')))).toEqual([421])
    expect(statuses(await speak('GET /jwks HTTP/1.0\r\n\r\n'))).toEqual([421])
  })
})

describe('callers who go away', () => {
  it('in the middle of the head, of the body, before the answer, and in its middle', async () => {
    const body = good()
    const whole = post(body)
    for (let round = 0; round < 5; round++) {
      for (const length of [20, whole.length - body.length - 2, whole.length - 100, whole.length - 1, whole.length]) {
        const socket = await dial()
        socket.write(whole.slice(0, length))
        if (round % 2 === 0) socket.destroy()
        else socket.resetAndDestroy()
      }
    }
    const halfClosed = await dial()
    halfClosed.end(whole.slice(0, whole.length - 10))
    await works()
    await server.database.query('SELECT pg_sleep(0.05)')
    expect(escaped).toEqual([])
  })

  it('leave a row also where they did not wait for their token: what was decided is on the record (I1)', async () => {
    const marker = `urn:x:${crypto.randomUUID()}`
    const body = `${good()}&resource=${encodeURIComponent(marker)}`
    const socket = await dial()
    socket.end(post(body))
    socket.destroySoon()
    const rows = await eventually(() =>
      server.database.query('SELECT reason FROM cambist.records WHERE body LIKE $1', [`%${marker}%`]),
    )
    expect(rows).toEqual([{ reason: 'target_unknown' }])
  })

  it('and hold their bodies back: they do not take the places of those who do not (L5)', async () => {
    const body = good()
    const slow = await Promise.all(
      Array.from({ length: 1100 }, async () => {
        const socket = await dial()
        socket.write(post(body, ['Content-Length: 5000']))
        return socket
      }),
    )
    await works()
    for (const socket of slow) socket.destroy()
    await works()
    expect(escaped).toEqual([])
  }, 30_000)
})

async function eventually<T>(look: () => Promise<T[]>): Promise<T[]> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const found = await look()
    if (found.length > 0) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
  return []
}

it('nothing escaped', () => {
  expect(escaped).toEqual([])
})
