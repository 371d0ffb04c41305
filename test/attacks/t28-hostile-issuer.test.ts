/** T28, T44: whatever a key server sends, it ends in one FetchFailure, and in nothing that nobody catches. */
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FetchFailure } from '../../src/trust/fetch-failure.ts'
import { guardedFetch } from '../../src/trust/guarded-fetch.ts'

const uncaught: unknown[] = []
const note = (error: unknown) => void uncaught.push(error)
beforeAll(() => {
  process.on('uncaughtExceptionMonitor', note)
  process.on('unhandledRejection', note)
})
afterAll(() => {
  process.off('uncaughtExceptionMonitor', note)
  process.off('unhandledRejection', note)
})

/** A server of bytes: what it does with a connection is all there is. */
async function raw(behave: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    behave(socket)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const behaviours: [string, (socket: Socket) => void][] = [
  ['resets', (s) => void s.resetAndDestroy()],
  ['resets after the request', (s) => void s.once('data', () => s.resetAndDestroy())],
  ['sends noise', (s) => void s.end(randomBytes(100_000))],
  ['ends in the headers', (s) => void s.end('HTTP/1.1 200 OK\r\ncontent-ty')],
  ['ends in a chunk', (s) => void s.end(`${OK}transfer-encoding: chunked\r\n\r\nff\r\n{`)],
  ['has a broken chunk length', (s) => void s.end(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n`)],
  [
    'has an endless chunk extension',
    (s) => void s.write(`${OK}transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(100_000)}`),
  ],
  [
    'has endless trailers',
    (s) => void s.write(`${OK}transfer-encoding: chunked\r\n\r\n0\r\n${'x: y\r\n'.repeat(100_000)}`),
  ],
  ['has both lengths', (s) => void s.end(`${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}`)],
  ['has a negative length', (s) => void s.end(`${OK}content-length: -1\r\n\r\n{}`)],
  ['has a line end in a header', (s) => void s.end(`${OK}x: a\rb\r\n\r\n{}`)],
  ['stacks encodings', (s) => void s.end(`${OK}content-encoding: ${Array(5000).fill('gzip').join(', ')}\r\n\r\n`)],
  ['sends many headers', (s) => void s.end(`${OK}${'a: b\r\n'.repeat(20_000)}\r\n{}`)],
  ['answers as HTTP/2', (s) => void s.end(Buffer.from('00000004000000000000', 'hex'))],
  [
    'upgrades',
    (s) => void s.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nx'),
  ],
  ['answers before it is asked, and twice', (s) => void s.end(`${OK}content-length: 3\r\n\r\n{}`)],
]

describe('a server that', () => {
  it.each(behaviours)('%s', async (_what, behave) => {
    await using server = await raw(behave)
    const address = `127.0.0.1:${server.port}`
    const fetch = guardedFetch({ insecure: new Set([address]), milliseconds: 200 })
    // The same bytes instead of HTTP, and instead of TLS.
    for (const scheme of ['http', 'https']) {
      const error = await fetch(`${scheme}://${address}/`, { accept: 'application/json' }).catch(
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(FetchFailure)
    }
    await new Promise(setImmediate)
    expect(uncaught).toEqual([])
  })

  it('ends at the moment we end has no say either', async () => {
    await using server = await raw((socket) => void socket.write(`${OK}\r\n`))
    const address = `127.0.0.1:${server.port}`
    const fetch = guardedFetch({ insecure: new Set([address]) })
    const ending = new AbortController()
    const fetching = fetch(`http://${address}/`, { accept: 'application/json', signal: ending.signal })
    setImmediate(() => ending.abort(new FetchFailure('closed', 'over')))
    await expect(fetching).rejects.toMatchObject({ code: 'closed' })
    const late = fetch(`http://${address}/`, { accept: 'application/json', signal: ending.signal })
    await expect(late).rejects.toMatchObject({ code: 'closed' })
    expect(uncaught).toEqual([])
  })
})
