/** Key servers on loopback, good and bad. Every test stops what it starts. */
import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https'
import { type AddressInfo, isIP } from 'node:net'

export interface Identity {
  readonly cert: string
  readonly key: string
}

/** A self-signed server certificate (RFC 5280), which is its own trust anchor. `name` is a DNS name or an IPv4 address. */
export function identityFor(name: string, { notAfter = '21000101000000Z' } = {}): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = der(0x30, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')))
  const commonName = der(0x30, der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from(name)))
  const subject = der(0x30, der(0x31, commonName))
  const isAddress = isIP(name) !== 0
  const alternative = isAddress ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name))
  const extension = (id: string, value: Buffer) =>
    der(0x30, der(0x06, Buffer.from(id, 'hex')), der(0x04, der(0x30, value)))
  const extensions = [extension('551d13', der(0x01, Buffer.from([0xff]))), extension('551d11', alternative)]
  const toSign = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    subject,
    der(0x30, der(0x18, Buffer.from('20200101000000Z')), der(0x18, Buffer.from(notAfter))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensions)),
  )
  const signature = sign('sha256', toSign, privateKey)
  const certificate = der(0x30, toSign, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature))
  return {
    cert: new X509Certificate(certificate).toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  const { length } = body
  const header =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), body])
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface KeyServer extends AsyncDisposable {
  readonly port: number
  /** Paths of the requests so far. */
  readonly requests: readonly string[]
  /** Has another identity from now on. */
  become(identity: Identity): void
}

/** Serves on 127.0.0.1, over TLS where an identity is given; on a port that is known before where it must be. */
export async function serve(
  handler: Handler,
  identity?: Identity,
  { port = 0, ...tls }: { port?: number; maxVersion?: 'TLSv1.2' } = {},
): Promise<KeyServer> {
  const requests: string[] = []
  const heard: Handler = (request, response) => {
    requests.push(request.url ?? '')
    response.on('error', () => {})
    handler(request, response)
  }
  const server = identity === undefined ? createHttpServer(heard) : createHttpsServer({ ...identity, ...tls }, heard)
  server.on('tlsClientError', () => {})
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening))
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    become(other) {
      if (server instanceof HttpsServer) server.setSecureContext(other)
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

/** Written once, before anybody asks: a deadline under test is not for the writing of a huge answer. */
export const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): Handler => {
  const body = JSON.stringify(value)
  return (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body)
}
