/**
 * The floor: what any server must pay for one exchange, and nothing else. A bare node:http POST (node:https where the
 * credential comes by TLS), the form parsed, the signatures of the credential and its proofs verified, an ES256
 * signature, or what the token says. Started as a child with the list of kinds; prints the port of each.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type ParsedUrlQuery, parse } from 'node:querystring'

/** A signature to verify: of a JWS in a field of the form or the head; without a place, of a text of the same length. */
export interface Verification {
  readonly in?: 'form' | 'head'
  readonly field?: string
  /** Public. */
  readonly jwk: object
}

export interface FloorKind {
  readonly verifications: readonly Verification[]
  /** It answers by what a token says, and signs nothing. */
  readonly unsigned?: boolean
  /** PEM of the server, which asks for a certificate. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'floor', typ: 'at+jwt' })).toString('base64url')
const sample = Buffer.alloc(900, 'a signature base')
const sampleSignature = sign('sha256', sample, key)

const holds = (publicOf: KeyObject, signed: Buffer, signature: Buffer): boolean =>
  publicOf.asymmetricKeyType === 'rsa'
    ? verify('sha256', signed, publicOf, signature)
    : verify('sha256', signed, { key: publicOf, dsaEncoding: 'ieee-p1363' }, signature)

function signed(claims: object): string {
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`
}

type Verified = (message: IncomingMessage, form: ParsedUrlQuery) => boolean

function verifier({ in: place, field = '', jwk }: Verification): Verified {
  if (place === undefined) return () => holds(publicKey, sample, sampleSignature)
  const publicOf = createPublicKey({ key: jwk, format: 'jwk' })
  return ({ headers }, form) => {
    const written = String((place === 'form' ? form : headers)[field])
    const token = written.slice(written.lastIndexOf(' ') + 1)
    const last = token.lastIndexOf('.')
    return holds(publicOf, Buffer.from(token.slice(0, last)), Buffer.from(token.slice(last + 1), 'base64url'))
  }
}

function listener({ verifications, unsigned = false }: FloorKind): RequestListener {
  const verifiers = verifications.map(verifier)
  return (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const form = parse(Buffer.concat(chunks).toString())
      let good = true
      for (const one of verifiers) good = one(request, form) && good
      const token = String(form['subject_token'])
      const claims = token.startsWith('eyJ')
        ? JSON.parse(Buffer.from(token.slice(token.indexOf('.') + 1, token.lastIndexOf('.')), 'base64url').toString())
        : { sub: 'spiffe://prod.example/shop/checkout' }
      const now = Math.floor(Date.now() / 1000)
      const issued = {
        iss: 'http://127.0.0.1',
        sub: claims.sub,
        aud: form['audience'],
        scope: form['scope'],
        iat: now,
        exp: now + 300,
        jti: 'x',
        client_id: 'checkout',
      }
      const body = JSON.stringify(
        unsigned
          ? { active: good, token_type: 'Bearer', ...issued }
          : { access_token: signed(issued), token_type: 'Bearer', expires_in: 300 },
      )
      response.writeHead(good ? 200 : 400, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
      })
      response.end(body)
    })
  }
}

async function start(kind: FloorKind): Promise<number> {
  const server =
    kind.tls === undefined
      ? createServer(listener(kind))
      : createTlsServer({ ...kind.tls, requestCert: true, rejectUnauthorized: false }, listener(kind))
  server.keepAliveTimeout = 600_000
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return (server.address() as AddressInfo).port
}

const kinds: readonly FloorKind[] = JSON.parse(process.argv[2] ?? '[]')
const ports = await Promise.all(kinds.map(start))
process.stdout.write(`${JSON.stringify(ports)}\n`)
