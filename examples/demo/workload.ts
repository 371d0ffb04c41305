/**
 * What a workload does at the token endpoint: it writes a request, proves the keys that its credentials are bound to, and
 * sends it. Sample code, with nothing but jose and Node; take what you need.
 *
 * A proof is made for one request: it covers what is sent, so it comes last, and it is never sent twice.
 */
import { createHash, createHmac, generateKeyPairSync, type KeyObject, pbkdf2Sync, randomUUID, sign } from 'node:crypto'
import { request as httpsRequest } from 'node:https'
import { calculateJwkThumbprint, type JWK, SignJWT } from 'jose'

/** A request as it will be sent, to the byte. */
export interface TokenRequest {
  /** The token endpoint, as its metadata names it. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface TokenAnswer {
  readonly status: number
  /** `Cambist-Request-Id`: what the administrator finds the request on the record by. */
  readonly id: string
  readonly body: Readonly<Record<string, string | number | boolean>>
}

/** A client certificate, as TLS wants it and as the parameters of a request do. */
export interface TlsIdentity {
  /** PEM, leaf first. */
  readonly cert: string
  /** PEM, PKCS #8. */
  readonly key: string
  /** DER, leaf first. */
  readonly chain: readonly Buffer[]
  /** Its key with the certificate in `x5c`, for the document of a client that authenticates by it. */
  readonly jwk: JWK
}

/** A key that a workload makes for itself. It never leaves the process; what others see is `jwk`. */
export class WorkloadKey {
  readonly algorithm = 'ES256'
  readonly privateKey: KeyObject
  /** Public, with `alg`: what a WIT or an attestation has in `cnf.jwk`, and a DPoP proof in its header. */
  readonly jwk: JWK

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.privateKey = privateKey
    this.jwk = { ...publicKey.export({ format: 'jwk' }), alg: this.algorithm }
  }

  /** A JWT by this key; `header` says its `typ`. */
  async jwt(header: { readonly typ: string; readonly jwk?: JWK }, claims: Record<string, unknown>): Promise<string> {
    return await new SignJWT(claims).setProtectedHeader({ alg: this.algorithm, ...header }).sign(this.privateKey)
  }
}

const now = (): number => Math.floor(Date.now() / 1000)
const sha256 = (text: string) => createHash('sha256').update(text)

export const formRequest = (url: string, form: Readonly<Record<string, string>>): TokenRequest => ({
  url,
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(form).toString(),
})

/** A token exchange (RFC 8693) with these parameters. */
export const tokenRequest = (url: string, form: Readonly<Record<string, string>>): TokenRequest =>
  formRequest(url, { grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', ...form })

/** RFC 9449: the token that is issued is then bound to this key, and good for nobody else. */
export async function withDpop(request: TokenRequest, key: WorkloadKey): Promise<TokenRequest> {
  const proof = await key.jwt(
    { typ: 'dpop+jwt', jwk: key.jwk },
    { jti: randomUUID(), htm: 'POST', htu: request.url, iat: now() },
  )
  return withHeaders(request, { DPoP: proof })
}

/**
 * draft-ietf-wimse-wpt-02: the proof of the key in a workload identity token, wherever in the request that stands. The
 * claim `cambist_bh` hashes the body, which nothing else in a WPT protects; a DPoP proof is made before it, and covered by `oth`.
 */
export async function withWorkloadProof(request: TokenRequest, key: WorkloadKey, wit: string): Promise<TokenRequest> {
  const { DPoP: dpop } = request.headers
  const proof = await key.jwt(
    { typ: 'wpt+jwt' },
    {
      aud: request.url,
      exp: now() + 60,
      jti: randomUUID(),
      wth: sha256(wit).digest('base64url'),
      cambist_bh: sha256(request.body).digest('base64url'),
      ...(dpop === undefined ? {} : { oth: { dpop: sha256(dpop).digest('base64url') } }),
    },
  )
  return withHeaders(request, { Authorization: `WPT ${proof}` })
}

/** The workload identity token that authenticates the client; a WPT or a message signature proves it. */
export const withIdentityToken = (request: TokenRequest, wit: string): TokenRequest =>
  withHeaders(request, { 'Workload-Identity-Token': wit })

/** What a message signature covers, where the request has it (draft-ietf-wimse-http-signature-07 §3). */
// The profile's own, and the DPoP proof: it says to whose key the answer is bound.
const COVERED = ['content-type', 'content-digest', 'authorization', 'txn-token', 'workload-identity-token', 'dpop']

/** The request signed by the key of its workload identity token, as RFC 9421 has it. The last thing before it is sent. */
export function withMessageSignature(request: TokenRequest, key: WorkloadKey): TokenRequest {
  const headers = { ...request.headers, 'Content-Digest': `sha-256=:${sha256(request.body).digest('base64')}:` }
  const fields = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const { pathname, search, origin } = new URL(request.url)
  const components = new Map([
    ['@method', 'POST'],
    ['@path', pathname],
    ['@query', search === '' ? '?' : search],
    ...COVERED.flatMap((name) => (fields.has(name) ? [[name, fields.get(name) ?? ''] as const] : [])),
  ])
  const created = now()
  const input = [
    `(${[...components.keys()].map((name) => `"${name}"`).join(' ')})`,
    `created=${created}`,
    `expires=${created + 60}`,
    `nonce="${randomUUID()}"`,
    'tag="wimse-workload-to-workload"',
    `wimse-aud="${origin}${pathname}"`,
  ].join(';')
  const base = [...components, ['@signature-params', input]].map(([name, value]) => `"${name}": ${value}`).join('\n')
  const signature = sign('sha256', Buffer.from(base), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return {
    ...request,
    headers: {
      ...headers,
      'Signature-Input': `wimse=${input}`,
      Signature: `wimse=:${signature.toString('base64')}:`,
    },
  }
}

/**
 * draft-ietf-oauth-attestation-based-client-auth-11: a client attestation, or a WIT-SVID in its place, with the proof of
 * its key. `issuer` is the authorization server's.
 */
export async function withAttestation(
  request: TokenRequest,
  key: WorkloadKey,
  attestation: string,
  issuer: string,
): Promise<TokenRequest> {
  const proof = await key.jwt(
    { typ: 'oauth-client-attestation-pop+jwt' },
    { aud: issuer, jti: randomUUID(), iat: now() },
  )
  return withHeaders(request, { 'OAuth-Client-Attestation': attestation, 'OAuth-Client-Attestation-PoP': proof })
}

/** `client_assertion` of a client that is registered with `private_key_jwt` (RFC 7523); once for each request. */
export async function clientAssertion(key: WorkloadKey, client: string, issuer: string): Promise<string> {
  const at = now()
  return await key.jwt(
    { typ: 'client-authentication+jwt' },
    { iss: client, sub: client, aud: issuer, jti: randomUUID(), iat: at, exp: at + 60 },
  )
}

/** A certificate as a token: what `subject_token` and `actor_token` of type `…:token-type:mtls` are. */
export const certificateToken = ({ chain }: TlsIdentity): string =>
  JSON.stringify(chain.map((certificate) => certificate.toString('base64')))

/**
 * The nonce that a virtual machine of Azure asks attested data for: it binds the data to the authorization server and to
 * the DPoP key of the request that brings it, so that nobody else can enrol another key by it.
 */
export async function azureNonce(key: WorkloadKey, issuer: string): Promise<string> {
  const digest = pbkdf2Sync(await calculateJwkThumbprint(key.jwk), issuer, 20_000, 32, 'sha256').toString('hex')
  return (BigInt(`0x${digest.slice(0, 15)}`) % 10_000_000_000n).toString().padStart(10, '0')
}

export interface AwsCredentials {
  readonly id: string
  readonly secret: string
  readonly region: string
}

const CALLER_IDENTITY = 'Action=GetCallerIdentity&Version=2011-06-15'

/**
 * A signed request for AWS GetCallerIdentity that is not sent: the authorization server sends it, and learns whose it is.
 * The signed header `x-cambist-audience` says for whom it is made.
 */
export function awsCallerRequest(credentials: AwsCredentials, sts: string, issuer: string): string {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const signed = { host: new URL(sts).host, 'x-amz-date': date, 'x-cambist-audience': issuer }
  const names = Object.keys(signed).sort()
  const signature = awsSignature(credentials, names, (name) => new Map(Object.entries(signed)).get(name) ?? '')
  const authorization = [
    `AWS4-HMAC-SHA256 Credential=${credentials.id}/${awsScope(credentials, date)}`,
    `SignedHeaders=${names.join(';')}`,
    `Signature=${signature}`,
  ].join(', ')
  const headers = Object.entries({ ...signed, authorization }).map(([key, value]) => ({ key, value }))
  return JSON.stringify({ url: `${sts}/`, method: 'POST', headers, body: CALLER_IDENTITY })
}

const awsScope = ({ region }: AwsCredentials, date: string): string => `${date.slice(0, 8)}/${region}/sts/aws4_request`

/** AWS Signature Version 4 of that request, over the headers of these names, in their order. */
export function awsSignature(
  credentials: AwsCredentials,
  names: readonly string[],
  header: (name: string) => string,
): string {
  const date = header('x-amz-date')
  const scope = awsScope(credentials, date)
  const headers = names.map((name) => `${name}:${header(name)}`)
  const hashed = sha256(CALLER_IDENTITY).digest('hex')
  const canonical = ['POST', '/', '', ...headers, '', names.join(';'), hashed].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical).digest('hex')].join('\n')
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${credentials.secret}`)
  return hmac(key, toSign).toString('hex')
}

/** Sends the request, on a connection with the client certificate where one is given. */
export async function send({ url, headers, body }: TokenRequest, identity?: TlsIdentity): Promise<TokenAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<TokenAnswer>()
  const options = identity === undefined ? {} : { cert: identity.cert, key: identity.key }
  const message = httpsRequest(url, { method: 'POST', headers, ...options }, async (response) => {
    try {
      response.setEncoding('utf8')
      let text = ''
      for await (const chunk of response) text += chunk
      const id = String(response.headers['cambist-request-id'] ?? '')
      resolve({ status: response.statusCode ?? 0, id, body: JSON.parse(text) })
    } catch (error) {
      reject(error)
    }
  })
  message.once('error', reject)
  message.end(body)
  return await promise
}

const withHeaders = (request: TokenRequest, headers: Readonly<Record<string, string>>): TokenRequest => ({
  ...request,
  headers: { ...request.headers, ...headers },
})
