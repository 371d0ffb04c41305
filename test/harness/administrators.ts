import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { type AnyRoute, type Role, roles } from '../../src/admin/contract.ts'
import { routesOf } from '../../src/admin/door.ts'
import { documentKinds, formats } from '../../src/app.ts'
import { document, type TestServer } from './cambist.ts'
import { type Claims, SigningKey } from './tokens.ts'

export const ADMIN_AUDIENCE = 'cambist-admin'

/** Every route of the administrators' door, as the server has them. */
export const adminRoutes: readonly AnyRoute[] = routesOf({ documentKinds, formats } as never)

/** The people's OpenID provider of a company: groups say who administers. */
export class Corporate {
  readonly issuer: string
  readonly key = new SigningKey('RS256')
  readonly #now: () => number

  constructor(now: () => number, issuer = 'https://login.corporate.example') {
    this.#now = now
    this.issuer = issuer
  }

  /** A token of somebody for the administrators' door; claims set to undefined are left out. */
  token(claims: Claims = {}, header: Claims = {}): string {
    const now = this.#now()
    const usual = { iss: this.issuer, sub: 'ada', aud: ADMIN_AUDIENCE, iat: now, exp: now + 600, jti: randomUUID() }
    return this.key.sign({ ...usual, ...claims }, header)
  }

  /** A token of a member of the group that has the role. */
  of(role: Role, claims: Claims = {}): string {
    return this.token({ sub: `the-${role}`, groups: [groupOf(role)], ...claims })
  }

  /** The issuer alone, by this name. */
  trusted(name: string, changes: object = {}): object {
    return document('TrustedIssuer', name, {
      ...{ preset: 'oidc', issuer: this.issuer, keys: { jwks: { keys: [this.key.jwk] } } },
      ...{ uses: ['administrator'], ...changes },
    })
  }

  /** The issuer, with changes, and one Administrator document for each role. */
  documents(changes: object = {}): object[] {
    return [
      this.trusted('corporate', changes),
      ...roles.map((role) =>
        document('Administrator', `corporate-${role}`, {
          ...{ issuer: 'corporate', condition: `assertion.groups.exists(g, g == '${groupOf(role)}')`, role },
        }),
      ),
    ]
  }
}

const groupOf = (role: Role): string => `cambist-${role}`

export interface AdminAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly type: string
  readonly text: string
  /** Parsed where the answer is JSON of any kind. */
  readonly json: ReturnType<typeof JSON.parse>
}

export interface AdminAsking {
  readonly method?: string
  /** Of the header Authorization: one or several as they are, or a bearer token. */
  readonly authorization?: string | readonly string[]
  readonly token?: string
  readonly type?: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** One request at the administrators' door as it stands, without what fetch would repair. The bootstrap token where nothing else is said. */
export function askAdmin(server: TestServer, path: string, asking: AdminAsking = {}): Promise<AdminAnswer> {
  const { asked, answered } = requestAdmin(server, path, asking)
  asked.end(asking.body)
  return answered
}

/** The same, of which the last byte of the body is sent when `finish` is called. */
export function beginAdmin(server: TestServer, path: string, asking: AdminAsking & { readonly body: string }) {
  const { asked, answered } = requestAdmin(server, path, asking)
  const last = asking.body.length - 1
  const begun = new Promise<void>((resolve, reject) => {
    asked.on('error', reject)
    // By the time that a later request is answered, what has been sent before it has been looked at.
    asked.write(
      asking.body.slice(0, last),
      () => void askAdmin(server, '/admin/v1/export').then(() => resolve(), reject),
    )
  })
  const finish = () => {
    asked.end(asking.body.slice(last))
    return answered
  }
  return { begun, finish }
}

function requestAdmin(server: TestServer, path: string, asking: AdminAsking) {
  const { method = 'GET', token = server.adminToken, type, body, headers = {} } = asking
  const { authorization = `Bearer ${token}` } = asking
  const { hostname, port, host } = new URL(server.admin)
  const lines = [
    ...('Host' in headers ? [] : ['Host', host]),
    ...[authorization].flat().flatMap((value) => (value === '' ? [] : ['Authorization', value])),
    ...(type === undefined ? [] : ['Content-Type', type]),
    ...(body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(body))]),
    ...Object.entries(headers).flat(),
  ]
  const asked = request({ hostname, port, path, method, agent: false, headers: lines })
  const answered = new Promise<AdminAnswer>((resolve, reject) => {
    asked.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(parts).toString('utf8')
        const contentType = String(response.headers['content-type'] ?? '')
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          type: contentType.split(';')[0] ?? '',
          text,
          json: /json/.test(contentType) && text !== '' ? JSON.parse(text) : undefined,
        })
      })
    })
    asked.on('error', reject)
  })
  return { asked, answered }
}

/** The version of the documents in force, of the whole. */
export async function versionOf(server: TestServer): Promise<number> {
  const { headers } = await askAdmin(server, '/admin/v1/export')
  return Number(headers['cambist-version'])
}
