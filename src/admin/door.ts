import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import Router from '@koa/router'
import Koa, { type Context } from 'koa'
import { newId } from '../lib/ids.ts'
import { readBySchema } from '../lib/schema.ts'
import { Refusal } from '../refusal.ts'
import { type Authenticate, authenticator } from './authenticate.ts'
import { readBody } from './body.ts'
import {
  type AdminAnswer,
  type AdminDoor,
  type Administrator,
  type AnyRoute,
  LINES,
  mayActAs,
  type Route,
} from './contract.ts'
import { Problem, problemOf } from './problem.ts'
import * as resources from './resources/index.ts'

/** Every route of the door with the role that it takes (T36): what is not in this table is not there. */
export function routesOf(door: AdminDoor): readonly AnyRoute[] {
  const table: AnyRoute[] = []
  table.push(
    ...resources.health(door),
    ...resources.applying(door),
    ...resources.rollback(door),
    ...resources.changes(door),
    ...resources.history(door),
    ...resources.documents(door),
    ...resources.lint(door),
    ...resources.audit(door),
    ...resources.actions(door),
    ...resources.explain(door),
    ...resources.replay(door),
    ...resources.shadow(door),
    ...resources.signingKeys(door),
    ...resources.revocations(door),
    ...resources.blocks(door),
    ...resources.entities(door),
    ...resources.openapi(door, () => table),
  )
  return table
}

/** The administrators' door, for a listener of its own. */
export function adminDoor(door: AdminDoor): RequestListener {
  return doorOver(routesOf(door), { ...door, authenticate: authenticator(door) })
}

/** The same over any table and any way to say who somebody is. */
export function doorOver(
  routes: readonly AnyRoute[],
  { hosts, authenticate, events }: Pick<AdminDoor, 'hosts' | 'events'> & { readonly authenticate: Authenticate },
): RequestListener {
  const app = new Koa()
  app.silent = true
  const router = new Router({ sensitive: true, strict: true })
  for (const row of routes as unknown as readonly Route<unknown>[]) {
    router[row.method](row.path, async (context) => {
      const ctx = context as unknown as Context & { params: Record<string, string> }
      // Probes and scrapers come by address; everything else by a name that is ours, so that no page can rebind to us (T27, T32).
      if (row.role !== 'nobody') checkHost(ctx.req, hosts)
      const administrator =
        row.role === 'nobody' ? NOBODY : admitted(await authenticate(ctx.req.headers.authorization), row.role)
      const query = row.role === 'nobody' ? undefined : readBySchema(row.query, queryOf(ctx.querystring))
      const { takes = [] } = row
      const body = async () => {
        const read = await readBody(ctx.req, takes)
        // It may have been long on its way, and nobody keeps a role longer by sending slowly (T36, T41).
        if (row.role !== 'nobody') admitted(await authenticate(ctx.req.headers.authorization), administrator.role)
        return read
      }
      const id = ctx.response.get(REQUEST_ID)
      const { signal } = leaving(ctx.res)
      const { params: parameters, req } = ctx
      const asked = { id, administrator, parameters, query, headers: req.headers, body, signal }
      write(ctx, await row.handle(asked), events)
    })
  }
  app.use(guard(events))
  app.use(router.routes() as unknown as Koa.Middleware)
  app.use(nothingElse(router, hosts))
  const callback = app.callback()
  return (message, response) => void callback(message, response)
}

const REQUEST_ID = 'Cambist-Request-Id'

/** Who asks where no token is asked for; may do nothing that a role is named for. */
const NOBODY: Administrator = Object.freeze({ name: 'nobody', principal: '', role: 'viewer', bootstrap: false })

function admitted(administrator: Administrator, role: Exclude<Route['role'], 'nobody'>): Administrator {
  if (mayActAs(administrator, role)) return administrator
  throw new Problem(403, `This takes the role ${role}, and yours is ${administrator.role}.`)
}

/** Aborts when the connection of the answer ends. */
function leaving(response: ServerResponse): AbortController {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  return gone
}

/** First and last: an id, headers that hold for every answer, and what to say of whatever is thrown. */
function guard(events: AdminDoor['events']): Koa.Middleware {
  return async (ctx, next) => {
    const id = newId()
    ctx.set({ [REQUEST_ID]: id, 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
    try {
      checkTarget(ctx.req)
      await next()
    } catch (error) {
      const problem = toldOf(error, id, ctx.req.socket.remoteAddress ?? '', events)
      ctx.set(problem.headers)
      ctx.status = problem.status
      ctx.body = JSON.stringify(problem.body(id))
      ctx.type = 'application/problem+json'
    }
    // What has not been read of a refused body would be taken for the next request.
    if (hasBody(ctx.req) && !ctx.req.complete) ctx.set('Connection', 'close')
  }
}

/** What is said of anything that was thrown; the log has what is not. */
function toldOf(error: unknown, id: string, remote: string, events: AdminDoor['events']): Problem {
  const problem = problemOf(error)
  if (problem?.cause instanceof Refusal) events.shutOut(id, remote, problem.cause)
  if (problem !== undefined) return problem
  events.failed(id, error)
  return new Problem(500, 'An error of the server; its log has more under this request id.')
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

/** A request has one target, of our own form, one Host and one Authorization (T31, T32). */
function checkTarget(message: IncomingMessage): void {
  if (!(message.url ?? '').startsWith('/')) throw new Problem(400, 'The request target must begin with a slash.')
  const names = message.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  for (const single of ['host', 'authorization', 'content-type']) {
    if (names.indexOf(single) !== names.lastIndexOf(single))
      throw new Problem(400, `The header ${single} is there twice.`)
  }
}

function checkHost(message: IncomingMessage, hosts: ReadonlySet<string>): void {
  if (!hosts.has((message.headers.host ?? '').toLowerCase())) {
    throw new Problem(
      421,
      'This host name is not served here. Use the address of CAMBIST_ADMIN_LISTEN, or add the name to CAMBIST_ADMIN_HOSTS.',
    )
  }
}

/** Query members as texts; a repeated one has no meaning (T31). */
function queryOf(querystring: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null)
  for (const [name, value] of new URLSearchParams(querystring)) {
    if (name in query) throw new Problem(400, `The query names ${JSON.stringify(name.slice(0, 64))} twice.`)
    query[name] = value
  }
  return { ...query }
}

function write(
  ctx: Context,
  { status = 200, headers = {}, json, text, lines }: AdminAnswer,
  events: AdminDoor['events'],
): void {
  ctx.status = status
  ctx.set({ ...headers })
  if (lines !== undefined) {
    ctx.body = Readable.from(written(lines, ctx, events))
    ctx.set('Content-Type', LINES)
    return
  }
  if (text !== undefined) {
    ctx.body = text.body
    ctx.set('Content-Type', text.type)
  } else if (json !== undefined) {
    ctx.body = JSON.stringify(json)
    ctx.set('Content-Type', 'application/json; charset=utf-8')
  }
}

/** The status has left when a line fails: what there is to say of that is the last one. */
async function* written(
  lines: AsyncIterable<unknown>,
  ctx: Context,
  events: AdminDoor['events'],
): AsyncGenerator<string> {
  const id = ctx.response.get(REQUEST_ID)
  try {
    for await (const line of lines) yield `${JSON.stringify(line)}\n`
  } catch (error) {
    yield `${JSON.stringify({ problem: toldOf(error, id, ctx.req.socket.remoteAddress ?? '', events).body(id) })}\n`
  }
}

/** Unknown paths and methods (T36: default deny). */
function nothingElse(router: Router, hosts: ReadonlySet<string>): Koa.Middleware {
  return (ctx) => {
    checkHost(ctx.req, hosts)
    const matching = router.stack.filter((layer) => layer.match(ctx.path))
    if (matching.length === 0)
      throw new Problem(404, 'Nothing is served at this path; GET /admin/v1/openapi.json names the paths.')
    const allow = [...new Set(matching.flatMap((layer) => layer.methods))].join(', ')
    throw new Problem(405, `This path answers ${allow} only.`, { headers: { Allow: allow } })
  }
}
