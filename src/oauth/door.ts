/**
 * oauth/ owns the workloads' door: requests in, answers and errors out, keys and metadata. It translates between HTTP and
 * exchange/, and decides nothing itself. The engine behind it is engine.ts and nothing else.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { ClientCertificates } from '../config/client-certificates.ts'
import { authenticationMethodsOf } from '../credentials/look-up.ts'
import type { Snapshot } from '../documents/contract.ts'
import type { Road } from '../exchange/contract.ts'
import type { Keyring } from '../keys/contract.ts'
import { newId } from '../lib/ids.ts'
import { Refusal } from '../refusal.ts'
import { bundle, REFRESH_HINT } from './bundle.ts'
import { type Dialect, standard } from './dialect.ts'
import { createEngine } from './engine.ts'
import { entra, entraMetadata, entraPaths } from './entra.ts'
import { metadata } from './metadata.ts'
import { wireOf } from './refusals.ts'
import { tokenEndpoint } from './token-endpoint.ts'

export interface WorkloadsDoor {
  readonly road: Road
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
 * any Host, and would name them in metadata (T6, T32, engine.md §3.1). The token endpoint is answered before Koa, by the
 * same checks, since Koa's context costs a tenth of an exchange (engine.md §1); everything else goes through it.
 */
export async function workloadsDoor(options: WorkloadsDoor): Promise<RequestListener> {
  const { road, hosts, certificates, entraTenant, onFailure } = options
  const exchangeToken = tokenEndpoint(road, certificates)
  const dialects = dialectsOf(entraTenant)
  const throughEngine = await application(options)
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
    const dialect = method === 'POST' ? dialects.get(pathOf(url)) : undefined
    if (dialect !== undefined) {
      exchangeToken(message, response, id, dialect).catch((error: unknown) => {
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

const TOKEN_PATH = '/token'
const FAILURE = 'An error of the server. Ask the administrator with this request id.'

/** Where tokens are asked for, and how. */
const dialectsOf = (entraTenant: string | undefined): ReadonlyMap<string, Dialect> =>
  new Map<string, Dialect>([
    [TOKEN_PATH, standard],
    ...(entraTenant === undefined ? [] : [[entraPaths(entraTenant).token, entra] as const]),
  ])

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query < 0 ? url : url.slice(0, query)
}

async function application({ road, certificates, entraTenant, onFailure }: WorkloadsDoor): Promise<RequestListener> {
  const engine = await createEngine(road.issuer)
  const routes = routesOf(road, certificates, entraTenant)
  engine.use(caught(onFailure))
  engine.use(routes.routes() as unknown as Middleware)
  engine.use(closed(routes, dialectsOf(entraTenant).keys()))
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

function routesOf(road: Road, certificates: ClientCertificates, entraTenant: string | undefined): Router {
  const router = new Router({ sensitive: true, strict: true })
  const described = {
    issuer: road.issuer,
    subjectTokenTypes: [...road.credentialKinds.ofTokens.keys()].sort(),
    authenticationMethods: authenticationMethodsOf(road.credentialKinds),
    issuedTokenTypes: [...road.tokenKinds.values()].map((kind) => kind.tokenType).sort(),
    certificates: certificates.listen !== undefined || certificates.header !== undefined,
    mtlsUrl: certificates.url,
  }
  const metadataOf = once((keyring: Keyring) => JSON.stringify(metadata(described, keyring)))
  const jwksOf = once((keyring: Keyring) => JSON.stringify(keyring.published))
  const bundleOf = once((snapshot: Snapshot) => JSON.stringify(bundle(snapshot)))
  for (const name of ['oauth-authorization-server', 'openid-configuration']) {
    router.get(`/.well-known/${name}`, (ctx) =>
      publish(ctx as unknown as Context, metadataOf(road.snapshots.current().keyring), 'application/json', 3600),
    )
  }
  if (entraTenant !== undefined) {
    const { metadata: path, token } = entraPaths(entraTenant)
    const belowTenant = once((keyring: Keyring) =>
      JSON.stringify(entraMetadata(metadata(described, keyring), `${road.issuer}${token}`)),
    )
    router.get(path, (ctx) =>
      publish(ctx as unknown as Context, belowTenant(road.snapshots.current().keyring), 'application/json', 3600),
    )
  }
  router.get('/jwks', (ctx) =>
    publish(ctx as unknown as Context, jwksOf(road.snapshots.current().keyring), 'application/jwk-set+json', 300),
  )
  router.get('/bundle', (ctx) =>
    publish(ctx as unknown as Context, bundleOf(road.snapshots.current()), 'application/json', REFRESH_HINT),
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
function once<Of extends object>(text: (of: Of) => string): (of: Of) => string {
  const made = new WeakMap<Of, string>()
  return (of) => {
    const known = made.get(of) ?? text(of)
    made.set(of, known)
    return known
  }
}

/** What anybody may read from anywhere, for so many seconds (MD-08). */
function publish(ctx: Context, body: string, type: string, maxAge: number): void {
  ctx.set({
    'Access-Control-Allow-Origin': '*',
    'Cache-Control': `public, max-age=${maxAge}`,
    'Cambist-Request-Id': idOf(ctx),
  })
  ctx.type = type
  ctx.body = body
}

/** What the router did not name goes no further: the engine answers nothing that we did not ask it to (default deny). */
function closed(router: Router, tokenPaths: Iterable<string>): Middleware {
  const methods = new Map(Array.from(tokenPaths, (path) => [path, 'POST']))
  for (const { path, methods: allowed } of router.stack) methods.set(String(path), allowed.join(', '))
  return (ctx) => {
    const allow = methods.get(ctx.path)
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
