/**
 * server/ owns sockets and processes: listeners with their limits and deadlines, TLS, graceful stop, worker processes.
 * What is answered on them belongs to the doors.
 */
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { newId } from '../lib/ids.ts'

export interface Listening {
  /** Where it listens really, `http://127.0.0.1:8400`. */
  readonly url: string
  readonly port: number
  /** Stops accepting, lets what is under way finish for at most so many milliseconds, then cuts. */
  close(graceMs: number): Promise<void>
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** PEM; with it the listener speaks TLS only. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
}

/** A door's listener. Slow and idle peers are cut by the server itself (L10). Rejects with a sentence where the address cannot be had. */
export async function listen(options: ListenOptions, door: RequestListener): Promise<Listening> {
  const server = create(options, door)
  await bound(server, options)
  const { port } = server.address() as AddressInfo
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    port,
    close: (graceMs) => closed(server, graceMs),
  }
}

function create({ tls }: ListenOptions, door: RequestListener): Server {
  const limits = {
    maxHeaderSize: 16_384,
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5_000,
    insecureHTTPParser: false,
    // A door says itself what is wrong with a Host (421), so that it can say it in its own words.
    requireHostHeader: false,
  }
  const server =
    tls === undefined
      ? createPlainServer(limits, door)
      : createTlsServer({ ...limits, ...tls, minVersion: 'TLSv1.2' }, door)
  server.on('clientError', unreadable)
  server.maxHeadersCount = 100
  server.maxRequestsPerSocket = 0
  return server
}

const UNREADABLE: Readonly<Record<string, readonly [status: string, sentence: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The header of the request is larger than 16 KiB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time.'],
}
const NO_HTTP = ['400 Bad Request', 'This is not a request of HTTP/1.1.'] as const

/** What cannot be read as HTTP reaches no door: it is answered here, with an id like every other request, and cut. */
function unreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const [status, sentence] = UNREADABLE[error.code ?? ''] ?? NO_HTTP
  const id = newId()
  const body = JSON.stringify({ error: 'invalid_request', error_description: sentence, request_id: id })
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Cache-Control: no-store',
    `Cambist-Request-Id: ${id}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function bound(server: Server, { host, port }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? 'another program listens there; stop it or choose another port'
          : (error.code ?? error.message)
      reject(new Error(`cannot listen on ${host}:${port}: ${why}`, { cause: error }))
    })
    server.listen({ host, port, backlog: 1024 }, () => {
      server.removeAllListeners('error')
      resolve()
    })
  })
}

function closed(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    cut.unref()
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}
