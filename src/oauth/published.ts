import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import Router from '@koa/router'
import type { Context } from 'koa'
import type { ClientCertificates } from '../config/client-certificates.ts'
import { assertionKindsOf, authenticationMethodsOf, grantProfilesOf } from '../credentials/look-up.ts'
import type { Snapshot } from '../documents/contract.ts'
import type { Road } from '../exchange/contract.ts'
import type { Keyring } from '../keys/contract.ts'
import { type StatusLists, type StatusListToken, TTL } from '../tokens/status-lists.ts'
import { bundle, REFRESH_HINT } from './bundle.ts'
import { entraMetadata, entraPaths } from './entra.ts'
import { metadata } from './metadata.ts'
import { idOf, problem } from './problem.ts'

/** What is published, and for which tenant the metadata is once more in the shape of Entra's; undefined: for none. */
export interface Publishing {
  readonly road: Pick<Road, 'issuer' | 'snapshots' | 'credentialKinds' | 'tokenKinds'>
  readonly statusLists: Pick<StatusLists, 'get'>
  /** How client certificates come in. */
  readonly certificates: ClientCertificates
  readonly entraTenant: string | undefined
}

type Asked = Context & { readonly params: Readonly<Record<string, string>> }

/** What anybody may GET: metadata, the keys that validate what we sign, and status lists. */
export function publishedBy({ road, statusLists, certificates, entraTenant }: Publishing): Router {
  const router = new Router({ sensitive: true, strict: true })
  const get = (path: string, answer: (ctx: Asked) => void | Promise<void>) =>
    router.get(path, (ctx) => answer(ctx as unknown as Asked)) // the router's own context, which is Koa's and its parameters
  const described = {
    issuer: road.issuer,
    presentedTokenTypes: [...road.credentialKinds.ofTokens.keys()].sort(),
    assertionKinds: assertionKindsOf(road.credentialKinds),
    grantProfiles: grantProfilesOf(road.credentialKinds),
    authenticationMethods: authenticationMethodsOf(road.credentialKinds),
    tokenKinds: [...road.tokenKinds.values()],
    certificates: certificates.listen !== undefined || certificates.header !== undefined,
    mtlsUrl: certificates.url,
  }
  const metadataOf = once((snapshot: Snapshot) => JSON.stringify(metadata(described, snapshot)))
  const jwksOf = once((keyring: Keyring) => JSON.stringify(keyring.published))
  const bundleOf = once((snapshot: Snapshot) => JSON.stringify(bundle(snapshot)))
  for (const name of ['oauth-authorization-server', 'openid-configuration']) {
    get(`/.well-known/${name}`, (ctx) => publish(ctx, metadataOf(road.snapshots.current()), 'application/json', 3600))
  }
  if (entraTenant !== undefined) {
    const { metadata: path, token } = entraPaths(entraTenant)
    const belowTenant = once((snapshot: Snapshot) =>
      JSON.stringify(entraMetadata(metadata(described, snapshot), `${road.issuer}${token}`)),
    )
    get(path, (ctx) => publish(ctx, belowTenant(road.snapshots.current()), 'application/json', 3600))
  }
  get('/jwks', (ctx) => publish(ctx, jwksOf(road.snapshots.current().keyring), 'application/jwk-set+json', 300))
  get('/bundle', (ctx) => publish(ctx, bundleOf(road.snapshots.current()), 'application/json', REFRESH_HINT))
  get('/status-lists/:id', (ctx) => publishStatusList(ctx, ctx.params['id'] ?? '', statusLists))
  get('/authorize', (ctx) =>
    problem(
      ctx,
      400,
      'No grant with a user is configured here; workloads use the token endpoint.',
      'unsupported_response_type',
    ),
  )
  return router
}

/** Texts are made once for each set of signing keys, or each snapshot, that they change with. */
function once<Of extends object, Made>(make: (of: Of) => Made): (of: Of) => Made {
  const made = new WeakMap<Of, Made>()
  return (of) => {
    const known = made.get(of) ?? make(of)
    made.set(of, known)
    return known
  }
}

const gzipped = once(({ token }: StatusListToken) => promisify(gzip)(token))

/** Of the list there is the present alone, whenever somebody wants it to be of (draft-ietf-oauth-status-list-20 §8). */
async function publishStatusList(ctx: Context, id: string, lists: Publishing['statusLists']): Promise<void> {
  if (new URLSearchParams(ctx.querystring).has('time'))
    return problem(ctx, 501, 'A status list is served as it is now. Leave the parameter time out.')
  const list = await lists.get(id)
  if (list === undefined)
    return problem(ctx, 404, 'There is no such status list. A token names its own in status.status_list.uri.')
  ctx.vary('Accept-Encoding')
  const compressed = ctx.acceptsEncodings('gzip', 'identity') === 'gzip'
  if (compressed) ctx.set('Content-Encoding', 'gzip')
  publish(ctx, compressed ? await gzipped(list) : list.token, 'application/statuslist+jwt', TTL)
}

/** What anybody may read from anywhere, for so many seconds (MD-08). */
function publish(ctx: Context, body: string | Buffer, type: string, maxAge: number): void {
  ctx.set({
    'Access-Control-Allow-Origin': '*',
    'Cache-Control': `public, max-age=${maxAge}`,
    'Cambist-Request-Id': idOf(ctx),
  })
  ctx.type = type
  ctx.body = body
}
