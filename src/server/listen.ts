/**
 * server/ owns sockets and processes: listeners with their limits and deadlines, TLS, graceful stop, worker processes.
 * What is answered on them belongs to the doors.
 */
import { constants, type X509Certificate } from 'node:crypto'
import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
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
  /** Asks every client for its certificate (W-73); whose it is and whether it is believed is not settled here. Needs `tls`. */
  readonly clientCertificates?: boolean
  /** Bytes that the head of a request may have; 16 KiB where it is not said. */
  readonly headerBytes?: number
  /** Milliseconds that a handshake may take (L10); as long as a head where it is not said. */
  readonly handshakeMs?: number
}

/** Enough of what a peer presented to see that it is too much. */
const PRESENTED_AT_MOST = 11
const presented = new WeakMap<Socket, readonly Buffer[]>()

/**
 * The certificates of the peer, DER, leaf first, as it sent them in the handshake of this connection, which proved the
 * leaf's key; empty where it sent none, and undefined where the listener does not ask. At most one more than is taken.
 */
export const peerCertificates = (socket: Socket): readonly Buffer[] | undefined => presented.get(socket)

/** Not getPeerCertificate(): that puts the chain in order and completes it from the system's store (MT-06). */
function noteCertificates(socket: TLSSocket): void {
  const chain: Buffer[] = []
  for (
    let certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
    certificate !== undefined && chain.length < PRESENTED_AT_MOST;
    certificate = certificate.issuerCertificate
  )
    chain.push(certificate.raw)
  presented.set(socket, chain)
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

/**
 * Every chain passes the handshake and is judged by our own rules later (MT-04, MT-07). Nothing is resumed: a session
 * keeps the leaf and forgets the certificates behind it, and a resumed handshake proves no key. Nothing is renegotiated:
 * what was noted of a connection stays true of it.
 */
const ASKING = {
  requestCert: true,
  rejectUnauthorized: false,
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
}

function create(
  { tls, clientCertificates = false, headerBytes = 16_384, handshakeMs = 10_000 }: ListenOptions,
  door: RequestListener,
): Server {
  const limits = {
    maxHeaderSize: headerBytes,
    headersTimeout: 10_000,
    requestTimeout: 15_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5_000,
    insecureHTTPParser: false,
    // A door says itself what is wrong with a Host (421), so that it can say it in its own words.
    requireHostHeader: false,
  }
  const handshake = { minVersion: 'TLSv1.2', handshakeTimeout: handshakeMs } as const
  const server =
    tls === undefined
      ? createPlainServer(limits, door)
      : createTlsServer({ ...limits, ...tls, ...handshake, ...(clientCertificates ? ASKING : {}) }, door)
  if (clientCertificates) server.prependListener('secureConnection', noteCertificates)
  server.on('clientError', unreadable)
  // Whoever has not come through the handshake can be told nothing, and an answer would wait for it for ever.
  server.prependListener('tlsClientError', (_error: Error, socket: TLSSocket) => socket.destroy())
  server.maxHeadersCount = 100
  server.maxRequestsPerSocket = 0
  return server
}

const UNREADABLE: Readonly<Record<string, readonly [status: string, sentence: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The header of the request is too large.'],
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
