import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'koa'
import { newId } from '../lib/ids.ts'

/** Ids of requests on their way through the engine's application. */
export const ids = new WeakMap<IncomingMessage, string>()

export const idOf = (ctx: Pick<Context, 'req'>): string => ids.get(ctx.req) ?? newId()

/** What is wrong with a request that goes through the engine's application. */
export function problem(ctx: Context, status: number, description: string, error = 'invalid_request'): void {
  ctx.respond = false
  say(ctx.res, idOf(ctx), status, description, error, ctx.response.headers)
}

/** The same, of any. */
export function say(
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
