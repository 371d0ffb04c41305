import { document, type Form, type TestServer } from './cambist.ts'
import { clientAssertion, SigningKey, TYPE } from './tokens.ts'

/** An answer of /introspect or /revoke, whatever it holds. */
export interface Inquired {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly id: string
  /** The body as JSON; {} where it is none. */
  readonly body: Record<string, unknown>
}

export async function inquire(
  server: Pick<TestServer, 'workloads'>,
  path: string,
  form: Form,
  headers: Record<string, string> = {},
): Promise<Inquired> {
  const pairs = Object.entries(form).flatMap(([name, value]) => [value ?? []].flat().map((one) => [name, one]))
  const response = await fetch(`${server.workloads}${path}`, {
    method: 'POST',
    body: new URLSearchParams(pairs),
    headers,
  })
  const text = await response.text()
  const isJson = response.headers.get('Content-Type') === 'application/json'
  return {
    status: response.status,
    headers: response.headers,
    text,
    id: response.headers.get('Cambist-Request-Id') ?? '',
    body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
  }
}

const ORDERS = 'https://orders.example'
const STOCK = 'https://stock.example'
const NAMES = ['web', 'orders-api', 'stock-api', 'stranger'] as const
export type Registered = (typeof NAMES)[number]

/**
 * Registered clients around two services: `web` is given tokens for orders, `orders-api` gets them and goes on to stock,
 * `stock-api` gets those, and a `stranger` may do what web may and has no business with either. The target `vault` is like
 * orders, with opaque tokens.
 */
export class Services {
  readonly keys: Readonly<Record<Registered, SigningKey>> = {
    web: new SigningKey('ES256'),
    'orders-api': new SigningKey('ES256'),
    'stock-api': new SigningKey('ES256'),
    stranger: new SigningKey('ES256'),
  }
  readonly #server: Pick<TestServer, 'issuer' | 'clock'>

  constructor(server: Pick<TestServer, 'issuer' | 'clock'>) {
    this.#server = server
  }

  documents(): object[] {
    const audiences: Partial<Record<Registered, readonly string[]>> = {
      'orders-api': [ORDERS, 'https://vault.example'],
      'stock-api': [STOCK],
    }
    return [
      ...NAMES.map((name) =>
        document('Client', name, {
          authentication: { method: 'private_key_jwt', jwks: { keys: [this.keys[name].jwk] } },
          ...(audiences[name] === undefined ? {} : { audiences: audiences[name] }),
        }),
      ),
      document('Target', 'stock', {
        audience: STOCK,
        scopes: ['stock:read'],
        defaultScopes: ['stock:read'],
        tokens: [{ kind: 'access-token', claims: { team: 'subject.namespace' } }],
      }),
      document('Target', 'vault', {
        audience: 'https://vault.example',
        scopes: ['vault:open'],
        defaultScopes: ['vault:open'],
        tokens: [{ kind: 'opaque', lifetime: '5m', claims: { team: 'subject.namespace' } }],
      }),
      document('Policy', 'services', {
        clients: [...NAMES],
        targets: ['orders', 'stock', 'vault'],
        scopes: ['orders:read', 'stock:read', 'vault:open'],
        subject: { scopes: [] },
        delegation: { mode: 'delegate', maxDepth: 8 },
      }),
    ]
  }

  /** An assertion of the client, good for one request. */
  as(name: Registered): Form {
    const { issuer, clock } = this.#server
    return {
      client_assertion: clientAssertion(name, this.keys[name], issuer, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
    }
  }
}

/** A token that is given to a client, for one of the targets. */
export async function tokenFor(server: TestServer, form: Form, headers: Record<string, string> = {}): Promise<string> {
  const answer = await server.exchange(form, headers)
  if (answer.status !== 200) throw new Error(String((await server.record(answer.id))['detail']))
  return String(answer.body['access_token'])
}

/** A token of ours as a subject token. */
export const brought = (token: string): Form => ({ subject_token: token, subject_token_type: TYPE.accessToken })
