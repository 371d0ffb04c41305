/**
 * The floor: what any server must pay for one exchange, and nothing else. A bare node:http POST, the form parsed, an RS256
 * verification, an ES256 signature. Started as a child by main.ts; prints its port.
 */
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { createServer } from 'node:http'
import { parse } from 'node:querystring'

const subjectKey = createPublicKey({ key: JSON.parse(process.argv[2] ?? '{}'), format: 'jwk' })
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'floor', typ: 'at+jwt' })).toString('base64url')

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const form = parse(Buffer.concat(chunks).toString())
    const token = String(form['subject_token'])
    const last = token.lastIndexOf('.')
    const good = verify(
      'sha256',
      Buffer.from(token.slice(0, last)),
      subjectKey,
      Buffer.from(token.slice(last + 1), 'base64url'),
    )
    const claims = JSON.parse(Buffer.from(token.slice(token.indexOf('.') + 1, last), 'base64url').toString())
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
    const input = `${header}.${Buffer.from(JSON.stringify(issued)).toString('base64url')}`
    const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString(
      'base64url',
    )
    const body = JSON.stringify({ access_token: `${input}.${signature}`, token_type: 'Bearer', expires_in: 300 })
    response.writeHead(good ? 200 : 400, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    })
    response.end(body)
  })
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${JSON.stringify({ port: typeof address === 'object' ? address?.port : 0 })}\n`)
})
