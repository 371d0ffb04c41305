/** What workloads have before they come to Cambist: platforms that sign tokens and certificates, on servers of this process. */
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type JWK, SignJWT } from 'jose'
import type { Preset } from '../../src/trust/contract.ts'
import { Authority } from './certificates.ts'
import type { TlsIdentity, WorkloadKey } from './workload.ts'

export type Claims = Readonly<Record<string, unknown>>

export const seconds = (): number => Math.floor(Date.now() / 1000)

/** A key of an issuer, with its public JWK. */
export class IssuerKey {
  readonly jwk: JWK & { readonly kid: string }
  readonly #algorithm: 'ES256' | 'RS256'
  readonly #privateKey: KeyObject

  constructor(kid: string, algorithm: 'ES256' | 'RS256' = 'ES256') {
    const { privateKey, publicKey } =
      algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 })
    this.#algorithm = algorithm
    this.#privateKey = privateKey
    this.jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm }
  }

  get jwks(): { readonly keys: readonly JWK[] } {
    return { keys: [this.jwk] }
  }

  /** A token of five minutes. */
  async sign(claims: Claims, header: { readonly typ?: string } = { typ: 'JWT' }): Promise<string> {
    const at = seconds()
    return await new SignJWT({ iat: at, exp: at + 300, ...claims })
      .setProtectedHeader({ alg: this.#algorithm, kid: this.jwk.kid, ...header })
      .sign(this.#privateKey)
  }
}

/** A platform whose tokens look as its preset's captured sample does. */
export class SampledPlatform {
  readonly key: IssuerKey
  readonly #sample: Preset['sample']

  constructor({ sample }: Preset) {
    this.#sample = sample
    this.key = new IssuerKey(String(sample.header['kid']), 'RS256')
  }

  /** A fresh token for an audience. */
  async token(audience: string, changes: Claims = {}): Promise<string> {
    const { iat: _, exp: __, nbf: ___, ...claims } = this.#sample.claims
    return await this.key.sign({ ...claims, aud: audience, jti: randomUUID(), ...changes })
  }
}

/** A SPIFFE trust domain: what SPIRE is to its workloads, and to whoever validates what they bring. */
export class TrustDomain {
  readonly name: string
  readonly authority: Authority
  /** Of JWT-SVIDs and of WIT-SVIDs. */
  readonly tokens = new IssuerKey('tokens-1')
  readonly identities = new IssuerKey('identities-1')
  #sequence = 1
  #voided = false

  private constructor(name: string, authority: Authority) {
    this.name = name
    this.authority = authority
  }

  static async create(name: string): Promise<TrustDomain> {
    return new TrustDomain(name, await Authority.create(`O=${name}`, { uris: [`spiffe://${name}`] }))
  }

  id(workload: string): string {
    return `spiffe://${this.name}/${workload}`
  }

  async jwtSvid(workload: string, audience: string): Promise<string> {
    return await this.tokens.sign({ sub: this.id(workload), aud: [audience] })
  }

  /** A WIT-SVID for the holder of a key. */
  async witSvid(workload: string, holder: WorkloadKey): Promise<string> {
    return await this.identities.sign({ sub: this.id(workload), cnf: { jwk: holder.jwk } }, { typ: 'wit+jwt' })
  }

  async x509Svid(workload: string): Promise<TlsIdentity> {
    return await this.authority.issue({ uris: [this.id(workload)], ips: ['127.0.0.1'] })
  }

  /** What its bundle endpoint serves: the keys of each kind of SVID, marked for it. */
  bundle(): object {
    const root = { kty: 'EC', use: 'x509-svid', x5c: [this.authority.der.toString('base64')] }
    const keys = [root, { ...this.tokens.jwk, use: 'jwt-svid' }, { ...this.identities.jwk, use: 'wit-svid' }]
    return { spiffe_sequence: this.#sequence, spiffe_refresh_hint: 10, keys: this.#voided ? [] : keys }
  }

  /** Publishes a bundle without keys: no SVID of this domain is valid any more (S-71). */
  void(): void {
    this.#voided = true
    this.#sequence++
  }
}

/** A WIT of a trust domain that is no SPIFFE one. */
export const wit = async (key: IssuerKey, id: string, holder: WorkloadKey): Promise<string> =>
  await key.sign({ sub: id, cnf: { jwk: holder.jwk } }, { typ: 'wit+jwt' })

export interface Served {
  /** `127.0.0.1:PORT`. */
  readonly host: string
  readonly url: string
  close(): void
}

/** What a path answers, as JSON; undefined for a no. It is told the URL of its server. */
export type Handler = (request: IncomingMessage, url: string) => object | undefined

/** An https server on loopback. */
export async function serve(identity: TlsIdentity, paths: Readonly<Record<string, Handler>>): Promise<Served> {
  const server = createServer({ cert: identity.cert, key: identity.key }, (request, response) => {
    const answer = paths[request.url ?? '']?.(request, url)
    response.writeHead(answer === undefined ? 404 : 200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(answer ?? {}))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const url = `https://${host}`
  return {
    host,
    url,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
