/** The description of the administrators' door, against its routes and against what they answer. */
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { AnyRoute, Route } from '../../src/admin/contract.ts'
import { sampleOf } from '../harness/admin-samples.ts'
import { type AdminAnswer, adminRoutes, askAdmin, Corporate } from '../harness/administrators.ts'
import { startCambist } from '../harness/cambist.ts'
import { resolved, type Schema, schemaFaults } from '../harness/json-schema.ts'

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly 'x-role': string
  readonly security: readonly object[]
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >
}

const server = await startCambist()
const corporate = new Corporate(server.clock.seconds)
await server.apply(...corporate.documents())
const world = { server, corporate, record: (await server.exchange()).id }
const description = (await askAdmin(server, '/admin/v1/openapi.json')).json as Schema & {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}
const pathOf = ({ path }: AnyRoute): string => path.replace(/:(\w+)/g, '{$1}')

function operationOf(route: AnyRoute): Operation {
  const operation = description.paths[pathOf(route)]?.[route.method]
  if (operation === undefined) throw new Error(`${route.method} ${route.path} is not described`)
  return operation
}

/** What an answer has against its own description. */
function faultsOf(route: AnyRoute, { status, type, json, text }: AdminAnswer): readonly string[] {
  const { responses } = operationOf(route)
  const { content } = responses[status] ?? responses['default'] ?? {}
  if (content === undefined) return text === '' ? [] : [`${status} has a body and is described without`]
  const described = content[type]
  return described === undefined
    ? [`${status} is ${type}, and described as ${Object.keys(content)}`]
    : schemaFaults(described.schema, json, description)
}

const rows = adminRoutes.map((route) => [route.method.toUpperCase(), route.path, route] as const)

describe('the description', () => {
  it('has exactly the routes of the table', () => {
    const described = Object.entries(description.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    )
    expect(described.toSorted()).toEqual(adminRoutes.map((route) => `${route.method} ${pathOf(route)}`).toSorted())
    const ids = adminRoutes.map((route) => operationOf(route).operationId)
    expect(new Set(ids).size).toBe(ids.length)
  })

  it.each(rows)('of %s %s says role, parameters, body and problems', (_method, _path, route) => {
    const operation = operationOf(route)
    const { query } = route as unknown as Route<unknown>
    expect(operation['x-role']).toBe(route.role)
    expect(operation.summary).toMatch(/.{10}/)
    expect(operation.security).toEqual(route.role === 'nobody' ? [] : [{ administrator: [] }])
    const names = (place: string) => operation.parameters.filter((each) => each.in === place).map(({ name }) => name)
    expect(names('path')).toEqual([...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name))
    expect(query).toBeInstanceOf(z.ZodObject)
    expect(names('query')).toEqual(Object.keys((query as z.ZodObject).shape))
    expect(Object.keys(operation.requestBody?.content ?? {})).toEqual(route.takes ?? [])
    const closed = route.role === 'nobody' ? [] : ['401', '403']
    for (const status of [...closed, 'default'])
      expect(Object.keys(operation.responses[status]?.content ?? {})).toEqual(['application/problem+json'])
  })

  it('has no reference that leads nowhere', () => {
    const references = [...JSON.stringify(description).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference)
    expect(references.length).toBeGreaterThan(20)
    for (const reference of references) expect(resolved(String(reference), description)).toBeTypeOf('object')
  })
})

describe('every answer is as it is described', () => {
  it.each(rows)('%s %s', async (method, path, route) => {
    const { parameters = {}, query = '', ...asking } = await sampleOf(route, world)
    const filled = path.replace(/:(\w+)/g, (_, name: string) => parameters[name] ?? '')
    const good = await askAdmin(server, `${filled}${query}`, { method, ...asking })
    expect([good.text.slice(0, 300), good.status < 400]).toEqual([expect.any(String), true])
    expect(faultsOf(route, good)).toEqual([])
    if (route.role === 'nobody') return
    const refused = [
      await askAdmin(server, filled, { method, ...asking, authorization: '' }),
      await askAdmin(server, filled, { method, ...asking, token: corporate.token() }),
      await askAdmin(server, `${filled}?no-such-member=1`, { method, ...asking }),
      await askAdmin(server, filled, { method, ...asking, headers: { Host: 'evil.example' } }),
    ]
    expect(refused.map(({ status }) => status)).toEqual([401, 403, 400, 421])
    for (const each of refused) expect(faultsOf(route, each)).toEqual([])
  })

  it('also where it is short: 304 for what has not changed', async () => {
    const route = adminRoutes.find(({ path }) => path === '/admin/v1/targets/:name')
    const { headers } = await askAdmin(server, '/admin/v1/targets/orders')
    const again = await askAdmin(server, '/admin/v1/targets/orders', {
      headers: { 'If-None-Match': `${headers['etag']}` },
    })
    expect(again.status).toBe(304)
    expect(route === undefined ? 'no route' : faultsOf(route, again)).toEqual([])
  })

  it('also in another media type that the query asks for', async () => {
    const route = adminRoutes.find(({ path }) => path === '/admin/v1/export')
    const json = await askAdmin(server, '/admin/v1/export?format=json')
    expect([json.status, json.type]).toEqual([200, 'application/json'])
    expect(route === undefined ? 'no route' : faultsOf(route, json)).toEqual([])
  })

  it('and is found wrong where it is not', () => {
    const route = adminRoutes.find(({ path }) => path === '/livez') as AnyRoute
    const answer = { status: 200, headers: {}, type: 'application/json', text: '{}', json: { live: 'yes' } }
    expect(faultsOf(route, answer)).toEqual(['it.live: is string, not boolean', 'it.live: is not true'])
    expect(faultsOf(route, { ...answer, type: 'text/plain' })).toHaveLength(1)
    expect(faultsOf(route, { ...answer, status: 500 })).toHaveLength(1)
  })
})

describe('HEAD and OPTIONS', () => {
  it.each(rows.filter(([method]) => method === 'GET'))(
    'HEAD is %s %s without its body',
    async (_method, path, route) => {
      const { parameters = {} } = await sampleOf(route, world)
      const filled = path.replace(/:(\w+)/g, (_, name: string) => parameters[name] ?? '')
      const head = await askAdmin(server, filled, { method: 'HEAD' })
      expect([head.status, head.text]).toEqual([200, ''])
      if (route.role === 'nobody') return
      expect((await askAdmin(server, filled, { method: 'HEAD', authorization: '' })).status).toBe(401)
      expect((await askAdmin(server, filled, { method: 'HEAD', token: corporate.token() })).status).toBe(403)
    },
  )

  it.each([...new Set(adminRoutes.map(({ path }) => path))])('OPTIONS opens no origin: %s', async (path) => {
    const preflight = { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' }
    const { status, headers } = await askAdmin(server, path, {
      method: 'OPTIONS',
      headers: preflight,
      authorization: '',
    })
    expect(status).toBe(405)
    const methods = adminRoutes.filter((route) => route.path === path).map(({ method }) => method.toUpperCase())
    const allowed = String(headers['allow']).split(', ')
    expect(allowed.filter((method) => method !== 'HEAD').toSorted()).toEqual(methods.toSorted())
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })
})
