import { type Answer, document, type Form, type TestServer } from './cambist.ts'
import { formOf, post } from './post.ts'
import { attestationPop, dpop, type HttpSignatureChanges, httpSignature, wit, wpt } from './proofs.ts'
import { type Claims, SigningKey } from './tokens.ts'

/** A trust domain that issues JWT-SVIDs and workload identity tokens, with the bundle that verifies them (spiffe.md §3, §4). */
export class TrustDomain {
  readonly name: string
  readonly scheme: 'spiffe' | 'wimse'
  readonly svidKey = new SigningKey('ES256')
  readonly witKey = new SigningKey('ES256')
  readonly #now: () => number

  constructor(now: () => number, name = 'prod.example', scheme: 'spiffe' | 'wimse' = 'spiffe') {
    this.#now = now
    this.name = name
    this.scheme = scheme
  }

  get bundle(): { keys: Claims[] } {
    return { keys: [svidEntry(this.svidKey, 'jwt-svid'), svidEntry(this.witKey, 'wit-svid')] }
  }

  id = (path: string): string => `${this.scheme}://${this.name}/${path}`

  /** A JWT-SVID as SPIRE makes it: `iat`, no `jti`, no `iss` (S-47). */
  svid(path: string, audience: unknown, changes: Claims = {}, header: Claims = {}): string {
    const now = this.#now()
    const claims = { sub: this.id(path), aud: audience, iat: now, exp: now + 300, ...changes }
    return this.svidKey.sign(claims, { typ: 'JWT', ...header })
  }

  wit(path: string, holder: SigningKey, changes: Claims = {}, header: Claims = {}): string {
    return wit(this.witKey, holder, { subject: this.id(path), now: this.#now() }, changes, header)
  }

  /** The documents by which a server believes the trust domain: `prod` its JWT-SVIDs, `prod-wit` its workload identity tokens. */
  trusted(us: string, changes: object = {}): object[] {
    const common = { trustDomain: this.name, keys: { bundle: { inline: this.bundle } }, ...changes }
    return [
      document('TrustedIssuer', 'prod', { credential: 'spiffe-jwt-svid', audiences: [us], ...common }),
      document('TrustedIssuer', 'prod-wit', { credential: 'wit', ...common }),
    ]
  }
}

/** An entry of a bundle: its keys have no `alg` (S-49). */
function svidEntry(key: SigningKey, use: string): Claims {
  const { alg: _, ...jwk } = key.jwk
  return { ...jwk, use }
}

export type Headers = Record<string, string>

/** Sends a good exchange with members changed, and with headers that are made over the very bytes of its body. */
export function ask(
  server: TestServer,
  form: Form,
  headers: (body: string) => Headers = () => ({}),
  { path = '/token', sent = (body) => body }: { path?: string; sent?: (body: string) => string } = {},
): Promise<Answer> {
  const body = formOf(server, form).toString()
  return post(server, sent(body), headers(body), path)
}

/** `Authorization: WPT …` over a credential and a body. */
export const byWpt = (
  { issuer, clock }: TestServer,
  holder: SigningKey,
  token: string,
  body: string,
  changes: Claims = {},
  header: Claims = {},
): Headers => ({
  Authorization: `WPT ${wpt(holder, { token, audience: `${issuer}/token`, body, now: clock.seconds() }, changes, header)}`,
})

/** A credential in its header field, with a WPT. */
export const witAndWpt = (...[server, holder, token, ...rest]: Parameters<typeof byWpt>): Headers => ({
  'Workload-Identity-Token': token,
  ...byWpt(server, holder, token, ...rest),
})

/** A credential in its header field, with a message signature over the whole request. */
export function witAndSignature(
  { issuer, clock }: TestServer,
  holder: SigningKey,
  token: string,
  body: string,
  changes: HttpSignatureChanges = {},
  { path = '/token', headers = {} }: { path?: string; headers?: Headers } = {},
): Headers {
  const type = { 'Content-Type': 'application/x-www-form-urlencoded', 'Workload-Identity-Token': token, ...headers }
  const { 'content-type': _, ...signed } = httpSignature(
    holder,
    { method: 'POST', url: `${issuer}${path}`, headers: type, body },
    { audience: `${issuer}/token`, now: clock.seconds() },
    changes,
  ).headers
  return signed // post() says the type itself
}

export const byDpop = (
  { issuer, clock }: TestServer,
  key: SigningKey,
  changes: Claims = {},
  header: Claims = {},
): Headers => ({ DPoP: dpop(key, { url: `${issuer}/token`, now: clock.seconds() }, changes, header) })

/** A client attestation, or a WIT-SVID in its place, with the proof of its key. */
export const byAttestation = (
  { issuer, clock }: TestServer,
  holder: SigningKey,
  token: string,
  changes: Claims = {},
  header: Claims = {},
): Headers => ({
  'OAuth-Client-Attestation': token,
  'OAuth-Client-Attestation-PoP': attestationPop(holder, { issuer, now: clock.seconds() }, changes, header),
})
