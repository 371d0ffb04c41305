/**
 * oauth/ owns the workloads' door: requests in, answers and errors out, keys and metadata. It translates between HTTP and
 * exchange/, and decides nothing itself. The engine behind it is engine.ts and nothing else.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { ClientCertificates } from '../config/client-certificates.ts'
import { assertionKindsOf, authenticationMethodsOf, grantProfilesOf } from '../credentials/look-up.ts'
import type { Snapshot } from '../documents/contract.ts'
import type { Road } from '../exchange/contract.ts'
import type { Keyring } from '../keys/contract.ts'
import { newId } from '../lib/ids.ts'
import { Refusal } from '../refusal.ts'
import { type StatusLists, type StatusListToken, TTL } from '../tokens/status-lists.ts'
import { bundle, REFRESH_HINT } from './bundle.ts'
import { endpoints } from './endpoints.ts'
import { createEngine } from './engine.ts'
import { entra, entraMetadata, entraPaths } from './entra.ts'
import { type Endpoint, introspectionEndpoint, revocationEndpoint } from './inquiry-endpoints.ts'
import { metadata } from './metadata.ts'
import { wireOf } from './refusals.ts'
import { tokenEndpoint } from './token-endpoint.ts'

export interface WorkloadsDoor {
  readonly road: Road
  readonly statusLists: Pick<StatusLists, 'get'>
  /** What answers about tokens that are out. */
  readonly introspection: Parameters<typeof introspectionEndpoint>[0]
  readonly revocation: Parameters<typeof revocationEndpoint>[0]
  /** Lower-case `Host` values that are answered. */
  readonly hosts: ReadonlySet<string>
  /** How client certificates come in. */
  readonly certificates: ClientCertificates
  /** The tenant below which the token endpoint is answered in the shape of Entra's; undefined: nowhere. */
  readonly entraTenant: string | undefined
  onFailure(id: string, error: unknown): void
}

/** Ids of requests on their way through the engine's application. */
const ids = new WeakMap<IncomingMessage, string>()

/**
 * First of all, for every request: an id, an origin-form target, a Host that is ours. Koa believes an absolute target and
 * any Host, and would name them in metadata (T6, T32, engine.md §3.1). What is posted is answered before Koa, by the
 * same checks, since Koa's context costs a tenth of an exchange (engine.md §1); everything else goes through it.
 */
export async function workloadsDoor(door: WorkloadsDoor): Promise<RequestListener> {
  const { hosts, onFailure } = door
  const posted = postedTo(door)
  const throughEngine = await application(door, posted.keys())
  return (message, response) => {
    const id = newId()
    const { url = '', method, headers } = message
    if (!url.startsWith('/')) return say(response, id, 400, 'The request target must begin with a slash.')
    if (!hosts.has((headers.host ?? '').toLowerCase())) {
      return say(
        response,
        id,
        421,
        'This host name is not served here. Use the one of the issuer, or have the administrator add it to CAMBIST_HOSTS.',
      )
    }
    const endpoint = method === 'POST' ? posted.get(pathOf(url)) : undefined
    if (endpoint !== undefined) {
      endpoint(message, response, id).catch((error: unknown) => {
        onFailure(id, error)
        if (response.headersSent) response.destroy()
        else say(response, id, 500, FAILURE, 'server_error')
      })
      return
    }
    ids.set(message, id)
    throughEngine(message, response)
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

const FAILURE = 'An error of the server. Ask the administrator with this request id.'

/** What is asked by POST, by its path. */
function postedTo({ road, certificates, entraTenant, ...door }: WorkloadsDoor): ReadonlyMap<string, Endpoint> {
  return new Map([
    [endpoints.token_endpoint, tokenEndpoint(road, certificates)],
    [endpoints.introspection_endpoint, introspectionEndpoint(door.introspection, certificates)],
    [endpoints.revocation_endpoint, revocationEndpoint(door.revocation, certificates)],
    ...(entraTenant === undefined
      ? []
      : [[entraPaths(entraTenant).token, tokenEndpoint(road, certificates, entra)] as const]),
  ])
}

async function application(door: WorkloadsDoor, posted: Iterable<string>): Promise<RequestListener> {
  const { road, onFailure } = door
  const engine = await createEngine(road.issuer)
  const routes = routesOf(door)
  engine.use(caught(onFailure))
  engine.use(routes.routes() as unknown as Middleware)
  engine.use(closed(routes, new Set(posted)))
  const callback = engine.callback()
  return (message, response) => void callback(message, response)
}

/** The last catch: Koa's own answers in text/plain without our headers (engine.md §3.12). */
function caught(onFailure: WorkloadsDoor['onFailure']): Middleware {
  return async (ctx, next) => {
    try {
      await next()
    } catch (error) {
      if (error instanceof Refusal && !ctx.res.headersSent) return refused(ctx, error)
      onFailure(idOf(ctx), error)
      if (ctx.res.headersSent) ctx.res.destroy()
      else problem(ctx, 500, FAILURE, 'server_error')
    }
  }
}

/** No documents in force, for one: the caller's turn to come back, and no failure of ours (I7). */
function refused(ctx: Context, refusal: Refusal): void {
  const { status, error, description } = wireOf(refusal)
  if (status === 503) ctx.set('Retry-After', String(refusal.retryAfter ?? 1))
  problem(ctx, status, description, error)
}

const idOf = (ctx: Pick<Context, 'req'>): string => ids.get(ctx.req) ?? newId()

function routesOf({ road, statusLists, certificates, entraTenant }: WorkloadsDoor): Router {
  const router = new Router({ sensitive: true, strict: true })
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
    router.get(`/.well-known/${name}`, (ctx) =>
      publish(ctx as unknown as Context, metadataOf(road.snapshots.current()), 'application/json', 3600),
    )
  }
  if (entraTenant !== undefined) {
    const { metadata: path, token } = entraPaths(entraTenant)
    const belowTenant = once((snapshot: Snapshot) =>
      JSON.stringify(entraMetadata(metadata(described, snapshot), `${road.issuer}${token}`)),
    )
    router.get(path, (ctx) =>
      publish(ctx as unknown as Context, belowTenant(road.snapshots.current()), 'application/json', 3600),
    )
  }
  router.get('/jwks', (ctx) =>
    publish(ctx as unknown as Context, jwksOf(road.snapshots.current().keyring), 'application/jwk-set+json', 300),
  )
  router.get('/bundle', (ctx) =>
    publish(ctx as unknown as Context, bundleOf(road.snapshots.current()), 'application/json', REFRESH_HINT),
  )
  router.get('/status-lists/:id', (ctx) =>
    publishStatusList(ctx as unknown as Context, ctx.params['id'] ?? '', statusLists),
  )
  router.get('/authorize', (ctx) =>
    problem(
      ctx as unknown as Context,
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
async function publishStatusList(ctx: Context, id: string, lists: WorkloadsDoor['statusLists']): Promise<void> {
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

/** What the router did not name goes no further: the engine answers nothing that we did not ask it to (default deny). */
function closed(router: Router, posted: ReadonlySet<string>): Middleware {
  return (ctx) => {
    const allow = posted.has(ctx.path)
      ? 'POST'
      : router.stack.find((layer) => layer.match(ctx.path))?.methods.join(', ')
    if (allow === undefined) return problem(ctx, 404, 'Nothing is served at this path. The metadata names the paths.')
    ctx.set('Allow', allow)
    return problem(ctx, 405, `This path answers ${allow} only.`)
  }
}

function problem(ctx: Context, status: number, description: string, error = 'invalid_request'): void {
  ctx.respond = false
  say(ctx.res, idOf(ctx), status, description, error, ctx.response.headers)
}

function say(
  response: ServerResponse,
  id: string,
  status: number,
  description: string,
  error = 'invalid_request',
  more: object = {},
): void {
  const body = JSON.stringify({ error, error_description: description, request_id: id })
  response.writeHead(status, {
    ...more,
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'Cambist-Request-Id': id,
  })
  response.end(body)
}
