/**
 * oauth/ owns the workloads' door: requests in, answers and errors out, and what is published: metadata, keys, status
 * lists. It translates between HTTP and exchange/ or issued/, and decides nothing itself. The engine behind it is engine.ts
 * and nothing else.
 */
import type { RequestListener } from 'node:http'
import type Router from '@koa/router'
import type { Context, Middleware } from 'koa'
import type { Road } from '../exchange/contract.ts'
import { newId } from '../lib/ids.ts'
import { Refusal } from '../refusal.ts'
import { endpoints } from './endpoints.ts'
import { createEngine } from './engine.ts'
import { entra, entraPaths } from './entra.ts'
import { introspectionEndpoint, revocationEndpoint } from './inquiry-endpoints.ts'
import type { Endpoint } from './posted-form.ts'
import { idOf, ids, problem, say } from './problem.ts'
import { type Publishing, publishedBy } from './published.ts'
import { wireOf } from './refusals.ts'
import { tokenEndpoint } from './token-endpoint.ts'

export interface WorkloadsDoor extends Publishing {
  readonly road: Road
  /** What answers about tokens that are out. */
  readonly introspection: Parameters<typeof introspectionEndpoint>[0]
  readonly revocation: Parameters<typeof revocationEndpoint>[0]
  /** Lower-case `Host` values that are answered. */
  readonly hosts: ReadonlySet<string>
  onFailure(id: string, error: unknown): void
}

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
  const routes = publishedBy(door)
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
