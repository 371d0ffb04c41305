import { createHash, randomUUID } from 'node:crypto'
import { algorithms } from '../../src/lib/algorithms.ts'
import type { SignedMessage } from '../../src/lib/message-signature.ts'
import type { Claims, SigningKey } from './tokens.ts'

/** Makers of good proofs. `changes` and `header` replace members; undefined leaves one out. */

export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('base64url')

/** The public JWK of a workload's key as it stands in `cnf` or in a DPoP header: with `alg`, without `kid` and `use`. */
export function proofJwk(key: SigningKey): Claims {
  const { kid: _kid, use: _use, ...jwk } = key.jwk
  return jwk
}

/** The RFC 7638 thumbprint of an elliptic-curve key. */
export function thumbprintOf(key: SigningKey): string {
  const { crv, kty, x, y } = key.publicKey.export({ format: 'jwk' })
  return sha256(JSON.stringify({ crv, kty, x, y }))
}

/** A WIT of a trust domain for the holder of a key (wimse.md §3). */
export function wit(
  domain: SigningKey,
  holder: SigningKey,
  { subject, now }: { subject: string; now: number },
  changes: Claims = {},
  header: Claims = {},
): string {
  return domain.sign(
    { sub: subject, exp: now + 3600, iat: now, jti: randomUUID(), cnf: { jwk: proofJwk(holder) }, ...changes },
    { typ: 'wit+jwt', ...header },
  )
}

export interface WptFor {
  readonly token: string
  readonly audience: string
  readonly body: string | Buffer
  readonly now: number
  readonly transactionToken?: string
  /** The DPoP proof beside it. */
  readonly dpop?: string | undefined
}

/** A WPT, the token68 of `Authorization: WPT` (wimse.md §4). */
export function wpt(
  holder: SigningKey,
  { token, audience, body, now, transactionToken, dpop }: WptFor,
  changes: Claims = {},
  header: Claims = {},
): string {
  return holder.sign(
    {
      aud: audience,
      exp: now + 60,
      jti: randomUUID(),
      wth: sha256(token),
      tth: transactionToken === undefined ? undefined : sha256(transactionToken),
      oth: dpop === undefined ? undefined : { dpop: sha256(dpop) },
      cambist_bh: sha256(body),
      ...changes,
    },
    { kid: undefined, typ: 'wpt+jwt', ...header },
  )
}

/** A DPoP proof (binding.md §5). */
export function dpop(
  key: SigningKey,
  { url, now, method = 'POST' }: { url: string; now: number; method?: string },
  changes: Claims = {},
  header: Claims = {},
): string {
  return key.sign(
    { jti: randomUUID(), htm: method, htu: url, iat: now, ...changes },
    { kid: undefined, typ: 'dpop+jwt', jwk: proofJwk(key), ...header },
  )
}

/** A client attestation for the holder of a key (binding.md §6). */
export function attestation(
  attester: SigningKey,
  holder: SigningKey,
  { client, now }: { client: string; now: number },
  changes: Claims = {},
  header: Claims = {},
): string {
  return attester.sign(
    { sub: client, iat: now, exp: now + 3600, cnf: { jwk: proofJwk(holder) }, ...changes },
    { typ: 'oauth-client-attestation+jwt', ...header },
  )
}

/** The proof beside a client attestation or a WIT-SVID, `OAuth-Client-Attestation-PoP` (AB-03). */
export function attestationPop(
  holder: SigningKey,
  { issuer, now }: { issuer: string; now: number },
  changes: Claims = {},
  header: Claims = {},
): string {
  return holder.sign(
    { aud: issuer, jti: randomUUID(), iat: now, ...changes },
    { kid: undefined, typ: 'oauth-client-attestation-pop+jwt', ...header },
  )
}

export interface HttpRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface HttpSignatureChanges {
  /** Covered components, instead of those that the profile demands for this request. */
  readonly covered?: readonly string[]
  /** Parameters, spelt as they stand in the field, '' for true in short; undefined leaves one out. */
  readonly parameters?: Readonly<Record<string, string | undefined>>
  readonly label?: string
  /** Of `Content-Digest`. */
  readonly digest?: 'sha-256' | 'sha-512'
}

const IF_PRESENT = ['content-type', 'content-digest', 'authorization', 'txn-token', 'workload-identity-token']

/**
 * The request with the headers `Content-Digest`, `Signature-Input` and `Signature` (wimse.md §5). It builds what is signed
 * by itself, so that it can tell when the verifier builds something else.
 */
export function httpSignature(
  holder: SigningKey,
  request: HttpRequest,
  { audience, now }: { audience: string; now: number },
  { covered, parameters = {}, label = 'wimse', digest = 'sha-256' }: HttpSignatureChanges = {},
): HttpRequest {
  const body = createHash(digest.replace('-', '')).update(request.body).digest('base64')
  const headers: Record<string, string> = { 'content-digest': `${digest}=:${body}:` }
  for (const [name, value] of Object.entries(request.headers)) headers[name.toLowerCase()] = value
  const components = covered ?? ['@method', '@path', '@query', ...IF_PRESENT.filter((name) => name in headers)]
  const written = {
    created: `${now}`,
    expires: `${now + 60}`,
    nonce: `"${randomUUID()}"`,
    tag: '"wimse-workload-to-workload"',
    'wimse-aud': `"${audience}"`,
    ...parameters,
  }
  const input = `(${components.map((name) => `"${name}"`).join(' ')})${Object.entries(written)
    .map(([name, value]) => (value === undefined ? '' : `;${name}${value === '' ? '' : `=${value}`}`))
    .join('')}`
  const { pathname, search } = new URL(request.url)
  const derived: Record<string, string> = {
    '@method': request.method,
    '@path': pathname,
    '@query': search || '?',
    '@authority': new URL(request.url).host,
    '@request-target': `${pathname}${search}`,
    '@target-uri': request.url,
  }
  const base = [
    ...components.map((name) => `"${name}": ${derived[name] ?? headers[name]}`),
    `"@signature-params": ${input}`,
  ].join('\n')
  const signature = algorithms.get(holder.algorithm)?.sign(holder.privateKey, Buffer.from(base))
  headers['signature-input'] = `${label}=${input}`
  headers['signature'] = `${label}=:${signature?.toString('base64')}:`
  return { ...request, headers }
}

/** A request as a verifier of signatures sees it. */
export function signedMessage({ method, url, headers }: Omit<HttpRequest, 'body'>): SignedMessage {
  const { pathname, search } = new URL(url)
  const fields = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()]))
  return { method, path: pathname, query: search || '?', field: (name) => fields.get(name) }
}
