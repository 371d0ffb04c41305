import type { AnyRoute } from '../../src/admin/contract.ts'
import { documentHash } from '../../src/documents/canonical.ts'
import type { Document } from '../../src/documents/contract.ts'
import { newId } from '../../src/lib/ids.ts'
import { type AdminAsking, askAdmin, type Corporate } from './administrators.ts'
import { baseDocuments, document, type TestServer } from './cambist.ts'

/** A good request of a route: what stands in the place of its parameters and query, and its body. */
export interface AdminSample extends Pick<AdminAsking, 'type' | 'body' | 'headers' | 'token'> {
  readonly parameters?: Readonly<Record<string, string>>
  readonly query?: string
}

/** What stands in the world of the samples: the base documents, those of a Corporate, and one exchange. */
export interface SampleWorld {
  readonly server: TestServer
  /** The id of an exchange that was granted. */
  readonly record: string
  readonly corporate: Corporate
}

type Samples = Readonly<Record<string, (world: SampleWorld) => AdminSample | Promise<AdminSample>>>

const json = (value: unknown) => ({ type: 'application/json', body: JSON.stringify(value) })
const named = (name: string) => () => ({ parameters: { name } })

/** Somebody whom the register knows: the subject of the exchange. */
async function seen({ server, record }: SampleWorld): Promise<AdminSample> {
  await server.project()
  const { json: found } = await askAdmin(server, `/admin/v1/audit/${record}`)
  return { parameters: { id: encodeURIComponent(found.subject.id) } }
}

/** A document that no other names, of each kind, under the name `sample`. */
const SPECS: Readonly<Record<string, readonly [kind: string, spec: object]>> = {
  administrators: ['Administrator', { issuer: 'corporate', condition: 'assertion.sub == "x"', role: 'viewer' }],
  approvals: ['Approval', { disabled: true }],
  clients: ['Client', { workloads: [{ issuer: 'cluster', ids: ['x'] }] }],
  policies: ['Policy', { clients: ['checkout'], targets: ['orders'] }],
  targets: ['Target', { audience: 'https://sample.example' }],
  'trusted-issuers': [
    'TrustedIssuer',
    {
      preset: 'oidc',
      issuer: 'https://sample.example',
      keys: { discovery: true },
      audiences: ['https://cambist.sample.example'],
    },
  ],
}

const sampleDocument = (path: string): Document => {
  const [kind = '', spec = {}] = SPECS[path] ?? []
  return document(kind, 'sample', spec) as Document
}

const put = (path: string) => () => ({
  parameters: { name: 'sample' },
  query: '?dryRun=true',
  ...json(sampleDocument(path)),
  headers: { 'If-None-Match': '*' },
})

const remove =
  (path: string) =>
  async ({ server }: SampleWorld) => {
    await server.apply(sampleDocument(path))
    const { headers } = await askAdmin(server, `/admin/v1/${path}/sample`)
    return { parameters: { name: 'sample' }, headers: { 'If-Match': String(headers['etag']) } }
  }

/** A change that waits, as somebody else has proposed it. */
async function waiting({ server, corporate }: SampleWorld): Promise<AdminSample> {
  const id = newId()
  const waits = document('Target', `waits-${id}`, { audience: `https://${id}.example` }) as Document
  const changes = [{ kind: waits.kind, name: waits.metadata.name, action: 'created', after: documentHash(waits) }]
  const intent = { documents: [waits] }
  await server.database.query(
    `INSERT INTO cambist.pending_changes (id, author, principal, message, base_version, intent, changes, confirmed)
     VALUES ($1, 'eve', 'eve', '', 0, $2, $3, false)`,
    [id, JSON.stringify(intent), JSON.stringify(changes)],
  )
  return { parameters: { id }, token: corporate.of('admin') }
}

/** One for every route that has parameters or a body; the others need none. */
const SAMPLES: Samples = {
  'post /admin/v1/apply': ({ server }) => ({ ...json(baseDocuments(server.cluster)), query: '?dryRun=true' }),
  'get /admin/v1/administrators/:name': named('corporate-admin'),
  'get /admin/v1/clients/:name': named('checkout'),
  'get /admin/v1/policies/:name': named('checkout-reads-orders'),
  'get /admin/v1/targets/:name': named('orders'),
  'get /admin/v1/trusted-issuers/:name': named('cluster'),
  'get /admin/v1/approvals/:name': async ({ server }) => {
    await server.apply(document('Approval', 'off', { disabled: true }))
    return { parameters: { name: 'off' } }
  },
  ...Object.fromEntries(Object.keys(SPECS).map((path) => [`put /admin/v1/${path}/:name`, put(path)])),
  ...Object.fromEntries(Object.keys(SPECS).map((path) => [`delete /admin/v1/${path}/:name`, remove(path)])),
  'post /admin/v1/rollback': () => json({ version: 1, dryRun: true }),
  'get /admin/v1/history/:version': () => ({ parameters: { version: '1' } }),
  'get /admin/v1/changes/:id': waiting,
  'post /admin/v1/changes/:id/approve': waiting,
  'post /admin/v1/changes/:id/withdraw': waiting,
  'get /admin/v1/audit/:id': ({ record }) => ({ parameters: { id: record } }),
  'post /admin/v1/keys/rotate': () => json({ algorithm: 'ES256' }),
  'post /admin/v1/blocks': () => json({ match: { instance: 'a-sample' }, reason: 'a sample' }),
  'delete /admin/v1/blocks/:id': async ({ server }) => {
    const { json: made } = await server.adminSend('POST', '/admin/v1/blocks', {
      ...{ match: { instance: 'another-sample' }, reason: 'a sample' },
    })
    return { parameters: { id: (made as { block: { id: string } }).block.id } }
  },
  'get /admin/v1/entities/:id': seen,
  'patch /admin/v1/entities/:id': async (world) => ({ ...(await seen(world)), ...json({ labels: { team: 'shop' } }) }),
  'post /admin/v1/explain': ({ record }) => json({ audit: record }),
  'post /admin/v1/replay': ({ server }) => json({ documents: baseDocuments(server.cluster), since: '7d' }),
  'post /admin/v1/revocations': () => json({ jti: 'somebody', reason: 'a sample' }),
}

/** Throws where a route that needs a sample has none: whoever adds a route adds its sample. */
export async function sampleOf(route: AnyRoute, world: SampleWorld): Promise<AdminSample> {
  const name = `${route.method} ${route.path}`
  const sample = SAMPLES[name]
  if (sample !== undefined) return sample(world)
  if (route.takes === undefined && !route.path.includes(':') && route.method === 'get') return {}
  throw new Error(`there is no good request of ${name}; add one to SAMPLES in test/harness/admin-samples.ts`)
}
