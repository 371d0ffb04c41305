import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Document } from '../../src/documents/contract.ts'
import { readDocuments } from '../../src/documents/read.ts'
import {
  type Answer,
  baseDocuments,
  type Form,
  startCambist,
  type TestServer,
  type TestServerOptions,
} from './cambist.ts'
import { type Claims, clientAssertion, decode, SigningKey, TYPE } from './tokens.ts'

export const TRANSACTION_PAGE = readFileSync(
  join(import.meta.dirname, '..', '..', 'docs', 'transaction-tokens.md'),
  'utf8',
)

/** The trust domain of the page, and of the server. */
export const DOMAIN = 'shop.example'

/** The documents of docs/transaction-tokens.md, in force in a server of its trust domain, and those who send requests there. */
export interface Shop {
  readonly server: TestServer
  /** A user's access token at the issuer `people`. */
  user(changes?: Claims, header?: Claims): string
  /** What authenticates a client of the page. */
  as(client: string): Form
  /** Asks as a client for a transaction token, with members changed or left out. */
  ask(client: string, form?: Form): Promise<Answer>
  /** A transaction that the gateway begins. */
  begin(form?: Form): Promise<string>
}

export async function startShop(more: readonly object[] = [], options: TestServerOptions = {}): Promise<Shop> {
  const server = await startCambist({ ...options, env: { CAMBIST_TRUST_DOMAIN: DOMAIN, ...options.env } })
  const { clock, issuer } = server
  const people = new SigningKey('ES256')
  const keys = new Map<string, SigningKey>()
  const keyOf = (name: string): SigningKey => {
    const key = keys.get(name) ?? new SigningKey('ES256')
    keys.set(name, key)
    return key
  }
  const [, page = ''] = /```yaml\n([\s\S]*?)```/.exec(TRANSACTION_PAGE) ?? []
  const documents = readDocuments(page, 'application/yaml').map((document) => withKeys(document, people, keyOf, issuer))
  await server.apply(...baseDocuments(server.cluster), ...documents, ...more)

  const shop: Shop = {
    server,
    user(changes = {}, header = {}) {
      const now = clock.seconds()
      const claims = { iss: 'https://idp.example', sub: 'user-77', aud: issuer, iat: now, exp: now + 600 }
      return people.sign({ ...claims, jti: randomUUID(), ...changes }, { typ: 'at+jwt', ...header })
    },
    as: (client) => ({
      client_assertion: clientAssertion(client, keyOf(client), issuer, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
    }),
    ask: (client, form = {}) =>
      server.token({
        grant_type: TYPE.exchange,
        requested_token_type: TYPE.transactionToken,
        audience: DOMAIN,
        scope: 'orders.place',
        subject_token_type: TYPE.jwt,
        request_details: JSON.stringify({ order: 'A-1' }),
        ...('subject_token' in form ? {} : { subject_token: shop.user() }),
        ...shop.as(client),
        ...form,
      }),
    begin: async (form = {}) => tokenOf(server, await shop.ask('gateway', form)),
  }
  return shop
}

/** Keys here instead of URLs that nobody answers at. */
function withKeys(
  { spec, ...document }: Document,
  people: SigningKey,
  keyOf: (client: string) => SigningKey,
  issuer: string,
): object {
  if (document.kind === 'TrustedIssuer')
    return { ...document, spec: { ...spec, audiences: [issuer], keys: { jwks: { keys: [people.jwk] } } } }
  if (document.kind !== 'Client') return { ...document, spec }
  const authentication = { method: 'private_key_jwt', jwks: { keys: [keyOf(document.metadata.name).jwk] } }
  return { ...document, spec: { ...spec, authentication } }
}

/** The token of an answer; throws with what the record says where there is none. */
export async function tokenOf(server: TestServer, answer: Answer): Promise<string> {
  if (answer.status !== 200) throw new Error(String((await server.record(answer.id))['detail']))
  return String(answer.body['access_token'])
}

/** A transaction token as what a request is for. */
export const brought = (token: string): Form => ({
  subject_token: token,
  subject_token_type: TYPE.transactionToken,
  request_details: undefined,
})

export const claimsOf = (token: string): Claims => decode(token).claims
