import { connect, type SecureVersion, type TLSSocket } from 'node:tls'
import type { Chain } from './client-chain.ts'

export interface TlsAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** What a later connection could be resumed with. */
  readonly session: Buffer | undefined
}

export interface TlsRequest {
  /** What is presented; undefined presents nothing. */
  readonly chain?: Pick<Chain, 'pem' | 'key'> | undefined
  readonly version?: SecureVersion
  readonly session?: Buffer | undefined
  /** Lines of the head behind the request line and Host. */
  readonly lines?: readonly string[]
  readonly body?: string
  /** What the client does between the handshake and its request. */
  before?(socket: TLSSocket): Promise<void>
}

/** Posts to /token on a connection of its own, by TLS, with a certificate or without. The server's certificate is not checked. */
export async function postTls(url: string, request: TlsRequest): Promise<TlsAnswer> {
  const { hostname, port, host } = new URL(url)
  const { chain, version, session, lines = [], body = '', before } = request
  const socket = connect({
    host: hostname,
    port: Number(port),
    rejectUnauthorized: false,
    ...(chain === undefined ? {} : { cert: chain.pem.join(''), key: chain.key }),
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    ...(session === undefined ? {} : { session }),
  })
  let text = ''
  let resumable: Buffer | undefined
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('session', (one: Buffer) => {
    resumable = one
  })
  const closed = new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
  socket.on('secureConnect', async () => {
    await before?.(socket)
    const head = [
      'POST /token HTTP/1.1',
      `Host: ${host}`,
      'Connection: close',
      `Content-Length: ${body.length}`,
      ...lines,
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  })
  await closed
  const end = text.indexOf('\r\n\r\n')
  const fields = text
    .slice(0, end)
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(/: ?(.*)/, 2) as [string, string])
  return {
    status: Number(text.slice(9, 12)),
    headers: new Headers(fields),
    body: text.slice(end + 4),
    session: resumable,
  }
}
