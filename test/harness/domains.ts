import { randomUUID } from 'node:crypto'
import { type Answer, document, type Form, startCambist, TestClock, type TestServer } from './cambist.ts'
import { type Claims, clientAssertion, decode, SigningKey, TYPE } from './tokens.ts'
import { byDpop } from './workload.ts'

export const GRANT_TYP = 'cambist-authorization-grant+jwt'
export const ID_JAG = 'urn:ietf:params:oauth:token-type:id-jag'
/** APIs of the foreign domains, as their owners name them. */
export const ORDERS_API = 'https://orders.b.example/api'

/** The servers of two domains, under one clock: A makes grants, and B has the keys of A from A itself. */
export interface Domains {
  readonly a: TestServer
  readonly b: TestServer
  /** How `a-checkout` authenticates at B. */
  readonly key: SigningKey
  /** A user of A's identity provider, whose ID token for the application `web` this is. */
  readonly idp: IdentityProvider
  /** How `web` authenticates at A, and `a-web` at B. */
  readonly web: SigningKey
}

export class IdentityProvider {
  readonly issuer = 'https://idp.example'
  readonly key = new SigningKey('ES256')
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  idToken(changes: Claims = {}): string {
    const now = this.#now()
    const claims = { iss: this.issuer, sub: 'johndoe', aud: 'web-at-the-idp', iat: now, exp: now + 600 }
    return this.key.sign({ ...claims, jti: randomUUID(), email: 'john@a.example', auth_time: now - 30, ...changes })
  }
}

/** A target of A that is the server at `issuer`, with every kind of grant. */
export const peer = (name: string, issuer: string, changes: object = {}): object =>
  document('Target', name, {
    audience: issuer,
    resources: [issuer, ORDERS_API],
    scopes: ['orders:read', 'orders:write'],
    tokens: [
      { kind: 'authorization-grant' },
      { kind: 'id-jag', claims: { email: 'subject.email', auth_time: 'subject.auth_time' } },
    ],
    clientIds: { checkout: 'a-checkout', web: 'a-web' },
    ...changes,
  })

export async function startDomains(): Promise<Domains> {
  const clock = new TestClock()
  const [key, web] = [new SigningKey('ES256'), new SigningKey('ES256')]
  const idp = new IdentityProvider(clock.seconds)
  const a = await startCambist({ clock, env: { CAMBIST_TRUST_DOMAIN: 'a.example' } })
  const b = await startCambist({
    clock,
    env: { CAMBIST_TRUST_DOMAIN: 'b.example', CAMBIST_INSECURE_FETCH: new URL(a.issuer).host },
  })
  await a.apply(
    document('TrustedIssuer', 'idp', {
      ...{ credential: 'jwt', issuer: idp.issuer, keys: { jwks: { keys: [idp.key.jwk] } } },
      ...{ audiences: ['web-at-the-idp', a.issuer], uses: ['subject'] },
      attributes: { email: 'assertion.email', auth_time: 'assertion.auth_time' },
    }),
    document('Client', 'web', {
      authentication: { method: 'private_key_jwt', jwks: { keys: [web.jwk] } },
      audiences: ['web-at-the-idp'],
    }),
    peer('b', b.issuer),
    document('Policy', 'to-b', {
      ...{ clients: ['checkout', 'web'], targets: ['b'], scopes: ['orders:read', 'orders:write'] },
      delegation: { mode: 'delegate' },
    }),
  )
  await b.apply(trusted(a, b), ...foreignClients({ key, web }))
  return { a, b, key, idp, web }
}

/** A as B believes it. */
export const trusted = (a: TestServer, b: TestServer, changes: object = {}): object =>
  document('TrustedIssuer', 'a', {
    ...{ credential: 'authorization-grant', issuer: a.issuer, audiences: [b.issuer] },
    keys: { jwksUri: `${a.issuer}/jwks` },
    ...changes,
  })

const foreignClients = ({ key, web }: Pick<Domains, 'key' | 'web'>): object[] => [
  document('Client', 'a-checkout', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } },
    grants: ['jwt-bearer', 'token-exchange'],
  }),
  document('Client', 'a-web', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [web.jwk] } },
    grants: ['jwt-bearer'],
  }),
  document('Target', 'orders', {
    audience: 'https://orders.b.example',
    resources: [ORDERS_API],
    scopes: ['orders:read', 'orders:write', 'orders:delete'],
    defaultScopes: ['orders:delete'],
  }),
  document('Target', 'stock', {
    ...{ audience: 'https://stock.b.example', resources: ['https://stock.b.example/api'], scopes: ['orders:read'] },
  }),
  document('Policy', 'a-reads-orders', {
    ...{ clients: ['a-checkout', 'a-web'], targets: ['orders', 'stock'] },
    ...{ subject: { issuers: ['a'] }, grants: ['jwt-bearer'] },
    ...{ scopes: ['orders:read', 'orders:delete'], delegation: { mode: 'delegate' } },
  }),
]

/** The workload at A asks for a grant for B. */
export const grantOf = ({ a, b }: Domains, form: Form = {}, dpop?: SigningKey): Promise<Answer> =>
  a.exchange({ audience: b.issuer, scope: 'orders:read', ...form }, dpop === undefined ? {} : byDpop(a, dpop))

/** The application at A asks for its user. */
export const grantOfUser = (domains: Domains, form: Form = {}, dpop?: SigningKey): Promise<Answer> => {
  const { a, idp, web } = domains
  return grantOf(
    domains,
    {
      ...{
        subject_token: idp.idToken(),
        subject_token_type: TYPE.idToken,
        client_assertion_type: TYPE.clientAssertion,
      },
      client_assertion: clientAssertion('web', web, a.issuer, a.clock.seconds()),
      ...form,
    },
    dpop,
  )
}

/** A client of B brings an assertion: `a-checkout`, where the form does not authenticate another. */
export const redeem = ({ b, key }: Domains, assertion: string, form: Form = {}, dpop?: SigningKey): Promise<Answer> =>
  b.token(
    {
      ...{ grant_type: TYPE.jwtBearer, assertion },
      ...asClient(b, 'a-checkout', key),
      ...form,
    },
    dpop === undefined ? {} : byDpop(b, dpop),
  )

export const asClient = (server: TestServer, name: string, key: SigningKey): Form => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion(name, key, server.issuer, server.clock.seconds()),
})

export const issued = ({ body }: Answer): string => String(body['access_token'])
export const claimsOf = (answer: Answer): Claims => decode(issued(answer)).claims
