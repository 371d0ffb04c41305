/**
 * oauth/ owns the workloads' door: requests in, answers and errors out, keys and metadata. It translates between HTTP and
 * exchange/, and decides nothing itself. The engine behind it is engine.ts and nothing else.
 */
import type { RequestListener } from 'node:http'
import Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { Road } from '../exchange/contract.ts'
import type { Keyring } from '../keys/contract.ts'
import { newId } from '../lib/ids.ts'
import { createEngine } from './engine.ts'
import { metadata } from './metadata.ts'
import { tokenEndpoint } from './token-endpoint.ts'

export interface WorkloadsDoor {
  readonly road: Road
  /** Lower-case `Host` values that are answered. */
  readonly hosts: ReadonlySet<string>
  onFailure(id: string, error: unknown): void
}

export function workloadsDoor({ road, hosts, onFailure }: WorkloadsDoor): RequestListener {
  const engine = createEngine(road.issuer)
  const routes = routesOf(road)
  engine.use(front(hosts, onFailure))
  engine.use(routes.routes() as unknown as Middleware)
  engine.use(closed(routes))
  const callback = engine.callback()
  return (message, response) => void callback(message, response)
}

/**
 * First of all: an id, an origin-form target, a Host that is ours; and the last catch. Koa believes an absolute target
 * and any Host, and would name them in metadata (T6, T32, engine.md §3.1).
 */
function front(hosts: ReadonlySet<string>, onFailure: WorkloadsDoor['onFailure']): Middleware {
  return async (ctx, next) => {
    const id = newId()
    ctx.state.id = id
    const { url = '', headers } = ctx.req
    if (!url.startsWith('/')) return problem(ctx, id, 400, 'The request target must begin with a slash.')
    if (!hosts.has((headers.host ?? '').toLowerCase())) {
      return problem(ctx, id, 421, 'This host name is not served here. Use the one of the issuer, or have the administrator add it to CAMBIST_HOSTS.')
    }
    try {
      await next()
    } catch (error) {
      onFailure(id, error)
      if (!ctx.res.headersSent) problem(ctx, id, 500, 'An error of the server. Ask the administrator with this request id.', 'server_error')
      else ctx.res.destroy()
    }
  }
}

function routesOf(road: Road): Router {
  const router = new Router({ sensitive: true, strict: true })
  const exchangeToken = tokenEndpoint(road)
  router.post('/token', (ctx) => {
    ctx.respond = false
    return exchangeToken(ctx.req, ctx.res, ctx.state['id'])
  })

  const described = {
    issuer: road.issuer,
    subjectTokenTypes: [...road.credentialKinds.keys()].filter((type) => type.includes(':token-type:')).sort(),
    issuedTokenTypes: [...road.tokenKinds.values()].map((kind) => kind.tokenType).sort(),
  }
  const metadataOf = perKeyring((keyring) => JSON.stringify(metadata(described, keyring)))
  const jwksOf = perKeyring((keyring) => JSON.stringify(keyring.published))
  for (const name of ['oauth-authorization-server', 'openid-configuration']) {
    router.get(`/.well-known/${name}`, (ctx) => publish(ctx as unknown as Context, metadataOf(road.snapshots.current().keyring), 'application/json', 3600))
  }
  router.get('/jwks', (ctx) => publish(ctx as unknown as Context, jwksOf(road.snapshots.current().keyring), 'application/jwk-set+json', 300))
  router.get('/authorize', (ctx) =>
    problem(ctx as unknown as Context, ctx.state['id'], 400, 'No grant with a user is configured here; workloads use the token endpoint.', 'unsupported_response_type'),
  )
  return router
}

/** Texts that change with the signing keys alone are made once for each set. */
function perKeyring(text: (keyring: Keyring) => string): (keyring: Keyring) => string {
  const made = new WeakMap<Keyring, string>()
  return (keyring) => {
    const known = made.get(keyring) ?? text(keyring)
    made.set(keyring, known)
    return known
  }
}

/** What anybody may read from anywhere, for so many seconds (MD-08). */
function publish(ctx: Context, body: string, type: string, maxAge: number): void {
  ctx.set({ 'Access-Control-Allow-Origin': '*', 'Cache-Control': `public, max-age=${maxAge}`, 'Cambist-Request-Id': ctx.state['id'] })
  ctx.type = type
  ctx.body = body
}

/** What the router did not name goes no further: the engine answers nothing that we did not ask it to (default deny). */
function closed(router: Router): Middleware {
  const methods = new Map<string, string>()
  for (const layer of router.stack) methods.set(String(layer.path), [...new Set([...(methods.get(String(layer.path))?.split(', ') ?? []), ...layer.methods])].join(', '))
  return (ctx) => {
    const { id } = ctx.state
    const allow = methods.get(ctx.path)
    if (allow === undefined) return problem(ctx, id, 404, 'Nothing is served at this path. The metadata names the paths.')
    ctx.set('Allow', allow)
    return problem(ctx, id, 405, `This path answers ${allow} only.`)
  }
}

function problem(ctx: Context, id: string, status: number, description: string, error = 'invalid_request'): void {
  ctx.status = status
  ctx.set({ 'Cache-Control': 'no-store', 'Cambist-Request-Id': id })
  ctx.type = 'application/json'
  ctx.body = JSON.stringify({ error, error_description: description, request_id: id })
}
