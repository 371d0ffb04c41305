import type { AnyRoute } from '../../src/admin/contract.ts'
import type { AdminAsking } from './administrators.ts'
import { baseDocuments, type TestServer } from './cambist.ts'

/** A good request of a route: what stands in the place of its parameters and query, and its body. */
export interface AdminSample extends Pick<AdminAsking, 'type' | 'body' | 'headers'> {
  readonly parameters?: Readonly<Record<string, string>>
  readonly query?: string
}

/** What stands in the world of the samples: the base documents, those of a Corporate, and one exchange. */
export interface SampleWorld {
  readonly server: TestServer
  /** The id of an exchange that was granted. */
  readonly record: string
}

type Samples = Readonly<Record<string, (world: SampleWorld) => AdminSample | Promise<AdminSample>>>

const json = (value: unknown) => ({ type: 'application/json', body: JSON.stringify(value) })
const named = (name: string) => () => ({ parameters: { name } })

/** One for every route that has parameters or a body; the others need none. */
const SAMPLES: Samples = {
  'post /admin/v1/apply': ({ server }) => ({ ...json(baseDocuments(server.cluster)), query: '?dryRun=true' }),
  'get /admin/v1/administrators/:name': named('corporate-admin'),
  'get /admin/v1/clients/:name': named('checkout'),
  'get /admin/v1/policies/:name': named('checkout-reads-orders'),
  'get /admin/v1/targets/:name': named('orders'),
  'get /admin/v1/trusted-issuers/:name': named('cluster'),
  'get /admin/v1/audit/:id': ({ record }) => ({ parameters: { id: record } }),
  'post /admin/v1/keys/rotate': () => json({ algorithm: 'ES256' }),
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
