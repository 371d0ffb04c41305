import { connect } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { listen } from '../../../src/server/listen.ts'

const server = await listen({ host: '127.0.0.1', port: 0, tls: undefined }, (_message, response) =>
  response.end('answered'),
)
afterAll(() => server.close(100))

/** Sends bytes and answers with everything that comes until the peer closes. */
const say = (bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes))
    let heard = ''
    socket.on('data', (chunk) => {
      heard += chunk.toString()
    })
    socket.on('close', () => resolve(heard))
    socket.on('error', reject)
  })

describe('what is no request', () => {
  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH\r\n\r\n', '400 Bad Request'],
    [
      'a header that is too large',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      '431 Request Header Fields Too Large',
    ],
    [
      'two lengths of one body',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      '400 Bad Request',
    ],
    [
      'a length and chunks (T31)',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '400 Bad Request',
    ],
  ])('%s is answered with an id, and cut', async (_what, bytes, status) => {
    const heard = await say(bytes)
    expect(heard.split('\r\n')[0]).toBe(`HTTP/1.1 ${status}`)
    const id = /^Cambist-Request-Id: ([0-9a-f-]{36})\r$/m.exec(heard)?.[1]
    expect(JSON.parse(heard.slice(heard.indexOf('\r\n\r\n')))).toEqual({
      error: 'invalid_request',
      error_description: expect.any(String),
      request_id: id,
    })
    expect(heard).toContain('Connection: close')
  })

  it('says which address cannot be had', async () => {
    await expect(listen({ host: '127.0.0.1', port: server.port, tls: undefined }, () => {})).rejects.toThrow(
      `cannot listen on 127.0.0.1:${server.port}: another program listens there`,
    )
  })
})
