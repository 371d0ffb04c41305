import { createHmac, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { algorithms } from '../../src/lib/algorithms.ts'

export type Claims = Record<string, unknown>

export const TYPE = {
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  exchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  clientAssertion: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
} as const

/** A key pair of the algorithm, with its public JWK. */
export class SigningKey {
  readonly kid: string
  readonly algorithm: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject

  constructor(algorithm = 'RS256', kid: string = randomUUID()) {
    this.kid = kid
    this.algorithm = algorithm
    const entry = algorithms.get(algorithm)
    const pair =
      entry?.kty === 'RSA'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : entry?.kty === 'OKP'
          ? generateKeyPairSync('ed25519')
          : generateKeyPairSync('ec', { namedCurve: entry?.crv ?? 'P-256' })
    this.privateKey = pair.privateKey
    this.publicKey = pair.publicKey
  }

  get jwk(): Claims {
    return { ...this.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: this.algorithm, use: 'sig' }
  }

  get privateJwk(): Claims {
    return { ...this.privateKey.export({ format: 'jwk' }), kid: this.kid, alg: this.algorithm }
  }

  /** A compact JWS over claims (or over text that need not be JSON), with header members added or, as undefined, left out. */
  sign(claims: Claims | string, header: Claims = {}): string {
    const input = `${segment({ alg: this.algorithm, kid: this.kid, ...header })}.${typeof claims === 'string' ? Buffer.from(claims).toString('base64url') : segment(claims)}`
    const signature = algorithms.get(this.algorithm)?.sign(this.privateKey, Buffer.from(input))
    return `${input}.${signature?.toString('base64url')}`
  }
}

export const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token signed with a secret, for confusion attacks. */
export function hmacToken(header: Claims, claims: Claims, secret: string | Buffer): string {
  const input = `${segment(header)}.${segment(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** A Kubernetes API server that signs projected service-account tokens (platform-tokens.md §2). */
export class Cluster {
  readonly issuer: string
  readonly audience: string
  readonly key: SigningKey
  now: () => number

  constructor(options: { issuer?: string; audience: string; key?: SigningKey; now: () => number }) {
    this.issuer = options.issuer ?? 'https://kubernetes.test.example'
    this.audience = options.audience
    this.key = options.key ?? new SigningKey('RS256')
    this.now = options.now
  }

  get jwks(): { keys: Claims[] } {
    return { keys: [this.key.jwk] }
  }

  /** The claims of a pod's token; members set to undefined are left out. */
  claims(changes: Claims = {}, pod: { namespace?: string; serviceaccount?: string; uid?: string } = {}): Claims {
    const now = this.now()
    const { namespace = 'shop', serviceaccount = 'checkout', uid = '7f0f2c3e-8a51-4b1c-bb55-2f6a3f9f3c11' } = pod
    return {
      aud: [this.audience],
      exp: now + 3600,
      iat: now,
      iss: this.issuer,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        node: { name: 'node-1', uid: '2d0a5b8e-7c1f-4f0e-9a63-0b1c5f1d9e01' },
        pod: { name: `${serviceaccount}-6d5f7c9b8-x2x7q`, uid },
        serviceaccount: { name: serviceaccount, uid: '0c9d5d5e-57c2-4bd4-9a0c-6b8f5c6d7e21' },
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${serviceaccount}`,
      ...changes,
    }
  }

  token(changes: Claims = {}, pod: Parameters<Cluster['claims']>[1] = {}, header: Claims = {}): string {
    return this.key.sign(this.claims(changes, pod), header)
  }
}

/** A client assertion (RFC 7523 §2.2) as `private_key_jwt` clients make it. */
export function clientAssertion(
  client: string,
  key: SigningKey,
  audience: unknown,
  now: number,
  changes: Claims = {},
  header: Claims = {},
): string {
  return key.sign(
    { iss: client, sub: client, aud: audience, jti: randomUUID(), iat: now, exp: now + 60, ...changes },
    { typ: 'client-authentication+jwt', ...header },
  )
}

/** Header and claims of a token, unverified. */
export function decode(token: string): { header: Claims; claims: Claims } {
  const [header = '', claims = ''] = token.split('.')
  const read = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Claims
  return { header: read(header), claims: read(claims) }
}
