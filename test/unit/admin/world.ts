import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { afterAll } from 'vitest'
import type { AdminDoor, AdministratorTrust } from '../../../src/admin/contract.ts'
import { adminDoor } from '../../../src/admin/door.ts'
import { roleBindings } from '../../../src/administrators/role-bindings.ts'
import type { ExchangeRecord } from '../../../src/audit/contract.ts'
import type { RecordFilter } from '../../../src/audit/reading.ts'
import { NO_BLOCKS } from '../../../src/blocks/block-index.ts'
import { credentialKinds } from '../../../src/credentials/look-up.ts'
import { administrator } from '../../../src/documents/kinds/administrator.ts'
import { client } from '../../../src/documents/kinds/client.ts'
import { policy } from '../../../src/documents/kinds/policy.ts'
import { target } from '../../../src/documents/kinds/target.ts'
import { trustedIssuer } from '../../../src/documents/kinds/trusted-issuer.ts'
import type { EntityStore } from '../../../src/entities/contract.ts'
import type { RoadToDecision } from '../../../src/exchange/identified.ts'
import { Secret } from '../../../src/lib/secret.ts'
import { Refusal } from '../../../src/refusal.ts'
import { trustIndex } from '../../../src/trust/trust-index.ts'
import { MemoryActionLog } from '../../fakes/memory-action-log.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { compiler, context, ISSUER, key, newKeys } from '../documents/world.ts'

export const TOKEN = 'cambist_admin_0123456789012345678901234567890123456789012'
export const NOW = Date.UTC(2026, 10, 24, 12)
const unreached = (): never => {
  throw new Error('no test here gets as far as this')
}

/** No request is explained over fakes that has anything to verify. */
const road: RoadToDecision = {
  issuer: 'https://cambist.example',
  endpoints: [],
  trustDomain: 'cambist.example',
  clock: { now: () => NOW, monotonic: () => 0 },
  keys: { find: unreached, anchors: unreached },
  source: { present: unreached },
  status: { check: unreached },
  tokenKinds: new Map(),
  credentialKinds: { ofTokens: new Map(), ofClients: new Map(), ofAssertions: new Map() },
  events: { unknownParameter: () => undefined },
}
const roads = { road, roadWithoutNetwork: () => road }

export const RECORD_ID = '01900000-0000-7000-8000-000000000001'

export const record: ExchangeRecord = {
  id: RECORD_ID,
  at: NOW - 1000,
  decidedAt: NOW - 999,
  outcome: 'refused',
  reason: 'denied',
  detail: 'no policy lets client checkout ask for orders:write at orders',
  grant: 'token-exchange',
  client: 'checkout',
  authentication: 'subject_token',
  subject: { issuer: 'prod', id: 'wimse://cambist.example/prod/a', kind: 'jwt', instance: '' },
  actors: [],
  requested: { scopes: ['orders:write'], audiences: ['https://orders.example'], resources: [], tokenType: '' },
  granted: null,
  rules: [],
  shadow: [],
  changes: [],
  errors: [],
  leniencies: [],
  snapshotVersion: 1,
  facts: null,
  jti: '',
  txn: '',
  tokenHash: '',
  subjectTokenHash: 'HASH',
  actorTokenHash: '',
  clientTokenHash: '',
  credentials: [],
  keys: [],
  parents: [],
  lineage: RECORD_ID,
  traceId: '',
  remote: '127.0.0.1',
  durationMs: 1.5,
}

export interface World {
  readonly url: string
  readonly host: string
  readonly states: MemoryStateStore
  /** What the record was asked. */
  readonly asked: { filter: RecordFilter; limit: number; cursor: string | undefined }[]
  readonly failures: unknown[]
  readonly changes: string[]
  /** Why tokens did not open the door. */
  readonly shutOut: string[]
  readonly rotations: (string | undefined)[]
  door: Partial<AdminDoor>
}

/** Documents that make nobody an administrator. */
const trustNobody: AdministratorTrust = {
  version: 0,
  kinds: credentialKinds(context.credentialKinds),
  issuers: trustIndex([]),
  administrators: roleBindings([]),
  keys: {
    find: () => {
      throw new Error('no issuer is trusted')
    },
    anchors: () => {
      throw new Error('no issuer is trusted')
    },
  },
  source: { present: () => Promise.reject(new Error('no issuer is trusted')) },
  status: { check: () => undefined },
  revoked: () => undefined,
  blocked: NO_BLOCKS,
  ourIssuer: ISSUER,
  adminAudience: 'cambist-admin',
  trustDomain: 'cambist.example',
  now: NOW / 1000,
}

/** A register in which nobody has been seen. */
const noEntities: EntityStore = {
  list: async () => ({ items: [], next: null }),
  get: async () => undefined,
  records: async () => ({ items: [], next: null }),
  changes: async () => [],
  change: async () => 'unknown',
}

/** The administrators' door on a port of its own over fakes, closed when the test file is done. */
export async function open(overrides: Partial<AdminDoor> = {}): Promise<World> {
  const states = new MemoryStateStore()
  const hosts = new Set<string>()
  const world = {
    states,
    asked: [],
    failures: [],
    changes: [],
    shutOut: [],
    rotations: [],
    door: overrides,
    url: '',
    host: '',
  } as World & { url: string; host: string }
  const door = adminDoor({
    store: states,
    records: {
      async list(filter, limit, cursor) {
        world.asked.push({ filter, limit, cursor })
        return { items: [record], next: 'NEXT' }
      },
      get: async (id) => (id === RECORD_ID ? record : undefined),
      walk: async () => ({ atMost: 1, whole: true, batches: Readable.from([[record]]) }),
      unexpired: async () => 3,
      liveLineages: async () => [{ lineage: RECORD_ID, tokens: 2, until: NOW / 1000 + 300 }],
      clientsGrantedSince: async () => new Set(['checkout']),
    },
    entities: noEntities,
    actions: new MemoryActionLog(),
    compiler: compiler(),
    snapshots: {
      atLeast: async () => compiler().snapshot(await states.load()),
      current() {
        throw new Refusal('snapshot_unavailable', 'nothing is in force here', { retryAfter: 1 })
      },
    },
    ...roads,
    documentKinds: [administrator, client, policy, target, trustedIssuer],
    formats: context,
    newKeys,
    judgeTraffic: async () => ({ looked: 0, denied: 0, groups: [] }),
    keys: {
      list: () => [key('ES256')],
      rotate: async (_author, algorithm) => {
        world.rotations.push(algorithm)
        return [{ ...key(algorithm ?? 'ES256'), kid: 'successor', activeAt: NOW / 1000 + 3600 }]
      },
    },
    metrics: async () => '# HELP cambist_x x\ncambist_x 1\n',
    ready: async () => ({ ready: true, checks: { database: true } }),
    clock: { now: () => NOW },
    adminToken: new Secret(TOKEN),
    trust: { current: () => trustNobody, newerThan: async () => undefined },
    hosts,
    events: {
      changed: (version, author, what) => world.changes.push(`${version} ${author}: ${what}`),
      failed: (_id, error) => world.failures.push(error),
      shutOut: (_id, _remote, refusal) => world.shutOut.push(refusal.reason),
    },
    ...overrides,
  })
  const server = createServer({ requireHostHeader: false }, door)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  world.host = `127.0.0.1:${port}`
  world.url = `http://${world.host}`
  hosts.add(world.host)
  afterAll(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return world
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: ReturnType<typeof JSON.parse>
}

export interface Asking {
  readonly method?: string
  readonly token?: string | null
  readonly type?: string
  readonly body?: string | Buffer
  readonly headers?: Record<string, string | string[]>
}

/** One request as it stands, without what fetch would repair. */
export function ask(
  world: World,
  path: string,
  { method = 'GET', token = TOKEN, type, body, headers = {} }: Asking = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: Number(world.host.split(':')[1]),
        path,
        method,
        agent: false,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(type === undefined ? {} : { 'content-type': type }),
          ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
          ...headers,
        },
      },
      (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8')
          const isJson = /[/+]json/.test(response.headers['content-type'] ?? '')
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: isJson && text !== '' ? JSON.parse(text) : undefined,
          })
        })
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
}

/** The status line's number for a request that is sent as it is written, line by line. */
export function askRaw(world: World, ...lines: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(world.host.split(':')[1]), '127.0.0.1')
    let answer = ''
    socket.on('data', (part: Buffer) => {
      answer += part.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])))
    socket.write(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`)
  })
}
