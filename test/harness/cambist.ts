import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { administration, openApp, openWorkloads, workloadsListeners } from '../../src/app.ts'
import { readConfig } from '../../src/config/config.ts'
import type { Environment } from '../../src/config/environment.ts'
import type { Formats } from '../../src/documents/contract.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { Secret } from '../../src/lib/secret.ts'
import { listen } from '../../src/server/listen.ts'
import { projectEntities } from '../../src/storage/entity-projection.ts'
import { createLogger, type Logger } from '../../src/telemetry/logger.ts'
import type { Resolve } from '../../src/trust/guarded-fetch.ts'
import { type TestDatabase, testDatabase } from './database.ts'
import { freePorts } from './ports.ts'
import { Cluster, TYPE } from './tokens.ts'

/** A clock that a test moves. It starts at a fixed moment and stands still, unless it is one that goes on with the real time. */
export class TestClock implements Clock {
  #now: number
  readonly #since: number | undefined

  constructor(start = Date.UTC(2026, 10, 24, 12), since?: number) {
    this.#now = start
    this.#since = since
  }

  /** For clients that have no clock but the real one, and make proofs by it. */
  static real(): TestClock {
    const now = Date.now()
    return new TestClock(now, now)
  }

  now = (): number => this.#now + (this.#since === undefined ? 0 : Date.now() - this.#since)
  monotonic = (): number => this.now()
  /** Seconds since the epoch. */
  seconds = (): number => Math.floor(this.now() / 1000)
  advance(seconds: number): void {
    this.#now += seconds * 1000
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
  readonly id: string
}

export interface AdminAnswer {
  readonly status: number
  readonly headers: Headers
  readonly json: Record<string, unknown>
}

export type Form = Record<string, string | readonly string[] | undefined>

export interface TestServer {
  readonly issuer: string
  /** Base URL of the workloads' listener, which is the issuer's only where no other node has it. */
  readonly workloads: string
  /** Base URL of the listener that asks for client certificates; '' where there is none. */
  readonly mtls: string
  readonly admin: string
  readonly adminToken: string
  readonly clock: TestClock
  readonly database: TestDatabase
  /** The cluster that the base documents believe. */
  readonly cluster: Cluster
  /** Posts a form to /token. */
  token(form: Form, headers?: Record<string, string>): Promise<Answer>
  /** A token exchange with everything a good one needs; members given replace, undefined leaves out. */
  exchange(form?: Form, headers?: Record<string, string>): Promise<Answer>
  /** Applies documents (objects) at the administrators' door, meaning it; throws with the problem where that refuses. */
  apply(...documents: object[]): Promise<{ version: number }>
  /** The row of an exchange. */
  record(id: string): Promise<Record<string, unknown>>
  get(path: string, headers?: Record<string, string>): Promise<Response>
  adminGet(path: string): Promise<Response>
  /** A request at the administrators' door with a JSON body, where one is given. */
  adminSend(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<AdminAnswer>
  /** Brings the register of entities up to now, which a server does every few seconds. Answers how many records it has read. */
  project(): Promise<number>
}

export interface TestServerOptions {
  readonly env?: Environment
  readonly formats?: Formats
  readonly logger?: Logger
  readonly database?: TestDatabase
  readonly clock?: TestClock
  /** PEM of a server: with it there is a second listener that asks for client certificates. */
  readonly mtls?: { readonly cert: string; readonly key: string }
  /** PEM of a server: with it the first listener speaks TLS, and the issuer is https. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** How names are resolved on the way out. */
  readonly resolve?: Resolve
  /** Documents instead of the base ones. */
  readonly documents?: readonly object[]
  /** The cluster of the base documents. */
  readonly cluster?: Cluster
  /** 32 bytes each; the first makes, all are taken. */
  readonly keyEncryptionKeys?: readonly Buffer[]
}

const KEY_ENCRYPTION_KEYS = [Buffer.alloc(32, 7)]

export const document = (kind: string, name: string, spec: object) => ({
  apiVersion: 'cambist/v1',
  kind,
  metadata: { name },
  spec,
})

/** One cluster, one workload client, one target with two scopes, one rule: what most tests begin with. */
export function baseDocuments(cluster: Cluster): object[] {
  return [
    document('TrustedIssuer', 'cluster', {
      preset: 'kubernetes',
      issuer: cluster.issuer,
      audiences: [cluster.audience],
      keys: { jwks: cluster.jwks },
    }),
    document('Client', 'checkout', {
      workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['checkout'] } }],
    }),
    document('Target', 'orders', {
      audience: 'https://orders.example',
      resources: ['https://orders.example/api'],
      scopes: ['orders:read', 'orders:write'],
      defaultScopes: ['orders:read'],
      tokens: [{ kind: 'access-token', lifetime: '5m' }],
    }),
    document('Policy', 'checkout-reads-orders', {
      clients: ['checkout'],
      targets: ['orders'],
      scopes: ['orders:read'],
    }),
  ]
}

/** A whole server in this process, on ports of its own, over a database of its own; stopped when the test file is done. */
export async function startCambist(options: TestServerOptions = {}): Promise<TestServer> {
  const database = options.database ?? (await testDatabase())
  const clock = options.clock ?? new TestClock()
  const [port, adminPort, mtlsPort] = await freePorts(options.mtls === undefined ? 2 : 3)
  const directory = mkdtempSync(join(tmpdir(), 'cambist-test-'))
  const issuer = options.env?.CAMBIST_ISSUER ?? `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  const config = readConfig({
    CAMBIST_ISSUER: issuer,
    CAMBIST_HOSTS: `127.0.0.1:${port}`,
    CAMBIST_LISTEN: `127.0.0.1:${port}`,
    CAMBIST_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
    CAMBIST_DATA_DIR: directory,
    CAMBIST_WORKERS: '1',
    ...(options.mtls === undefined
      ? {}
      : {
          CAMBIST_MTLS_LISTEN: `127.0.0.1:${mtlsPort}`,
          CAMBIST_MTLS_URL: `https://127.0.0.1:${mtlsPort}`,
          CAMBIST_TLS_CERT: 'as given',
          CAMBIST_TLS_KEY: 'as given',
        }),
    ...options.env,
  })
  const adminToken = `cambist_admin_${randomBytes(32).toString('base64url')}`
  const app = await openApp({
    config,
    secrets: {
      keyEncryptionKeys: options.keyEncryptionKeys ?? KEY_ENCRYPTION_KEYS,
      adminToken: new Secret(adminToken),
      adminTokenFile: 'admin-token',
      tls: options.mtls,
      adminTls: undefined,
    },
    address: database.address,
    clock,
    logger: options.logger ?? createLogger('silent', 'test'),
    bundlePollMs: 50,
    ...(options.formats === undefined ? {} : { formats: options.formats }),
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  })
  const { door, ledger } = await openWorkloads(app, database.address)
  // The first listener of most tests is plain; the second cannot be.
  const [first, second] = workloadsListeners(config, options.mtls)
  const workloads = await listen({ ...first, tls: options.tls }, door)
  const mtls = second === undefined ? undefined : await listen(second, door)
  const administrators = await listen(
    { ...config.admin.listen, tls: undefined },
    await administration(app, { metrics: () => app.metrics.registry.metrics(), listening: () => true }),
  )
  afterAll(async () => {
    await workloads.close(500)
    await mtls?.close(500)
    await administrators.close(500)
    await ledger.close()
    await app.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const authorization = { Authorization: `Bearer ${adminToken}` }
  const cluster = options.cluster ?? new Cluster({ audience: issuer, now: clock.seconds })
  const server: TestServer = {
    issuer,
    workloads: workloads.url,
    mtls: mtls?.url ?? '',
    admin: administrators.url,
    adminToken,
    clock,
    database,
    cluster,
    async token(form, headers = {}) {
      const response = await fetch(`${workloads.url}/token`, { method: 'POST', body: encode(form), headers })
      return {
        status: response.status,
        headers: response.headers,
        body: (await response.json()) as Record<string, unknown>,
        id: response.headers.get('Cambist-Request-Id') ?? '',
      }
    },
    exchange: (form = {}, headers) =>
      server.token(
        {
          grant_type: TYPE.exchange,
          subject_token_type: TYPE.jwt,
          subject_token: 'subject_token' in form ? form['subject_token'] : cluster.token(),
          audience: 'https://orders.example',
          ...form,
        },
        headers,
      ),
    async apply(...documents) {
      const response = await fetch(`${administrators.url}/admin/v1/apply?confirm=true`, {
        method: 'POST',
        headers: { ...authorization, 'Content-Type': 'application/json' },
        body: JSON.stringify(documents),
      })
      const body = await response.json()
      if (!response.ok) throw new Error(`apply answered ${response.status}: ${JSON.stringify(body)}`)
      return body as { version: number }
    },
    async record(id) {
      const response = await fetch(`${administrators.url}/admin/v1/audit/${id}`, { headers: authorization })
      if (!response.ok) throw new Error(`no record ${id}: ${response.status}`)
      return (await response.json()) as Record<string, unknown>
    },
    get: (path, headers = {}) => fetch(`${workloads.url}${path}`, { headers }),
    async adminSend(method, path, body, headers = {}) {
      const response = await fetch(`${administrators.url}${path}`, {
        method,
        headers: {
          ...authorization,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const { status, headers: answered } = response
      return { status, headers: answered, json: (await response.json()) as Record<string, unknown> }
    },
    project: () => projectEntities(app.database.pool),
    adminGet: (path) => fetch(`${administrators.url}${path}`, { headers: authorization }),
  }
  const documents = options.documents ?? baseDocuments(cluster)
  if (documents.length > 0) await server.apply(...documents)
  return server
}

/** Another node of the same deployment: one issuer, one database with the documents that are there, one clock. */
export const anotherNode = (
  { issuer, database, clock, cluster }: TestServer,
  { env, keyEncryptionKeys }: Pick<TestServerOptions, 'env' | 'keyEncryptionKeys'> = {},
): Promise<TestServer> =>
  startCambist({
    ...{ database, clock, cluster, documents: [] },
    env: { ...env, CAMBIST_ISSUER: issuer },
    ...(keyEncryptionKeys === undefined ? {} : { keyEncryptionKeys }),
  })

function encode(form: Form): URLSearchParams {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(form)) {
    if (value === undefined) continue
    for (const one of typeof value === 'string' ? [value] : value) body.append(name, one)
  }
  return body
}
