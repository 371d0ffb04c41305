import { z } from 'zod'
import { API_VERSION, type DocumentKind, type Formats } from '../documents/contract.ts'
import { envelopeSchema } from '../documents/read.ts'
import type { AnyRoute, Route } from './contract.ts'

type JsonSchema = Record<string, unknown>

const ADMINISTRATOR =
  'The bootstrap token, or a JWT of a trusted issuer with administrator in its uses, for the audience of this door'

const PROBLEM: JsonSchema = {
  type: 'object',
  description: 'RFC 9457. `faults` name each place, and say what to write instead.',
  required: ['type', 'title', 'status', 'detail', 'instance'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'The request id' },
    version: { type: 'integer', description: 'The version in force, in a conflict' },
    doubts: {
      type: 'array',
      description: 'What a change asks a yes for: say confirm=true where it is meant',
      items: {
        type: 'object',
        required: ['what', 'message'],
        properties: {
          what: { enum: ['lock-out', 'no-approver', 'denials'] },
          message: { type: 'string' },
          looked: { type: 'integer', description: 'Granted exchanges of the last 7 days that were judged again' },
          denied: { type: 'integer' },
          groups: {
            type: 'array',
            items: {
              type: 'object',
              required: ['client', 'targets', 'count', 'examples'],
              properties: {
                client: { type: 'string' },
                targets: { type: 'array', items: { type: 'string' } },
                count: { type: 'integer' },
                examples: { type: 'array', items: { type: 'string' }, description: 'Ids of records' },
              },
            },
          },
        },
      },
    },
    faults: {
      type: 'array',
      items: {
        type: 'object',
        required: ['kind', 'name', 'path', 'message'],
        properties: {
          kind: { type: 'string' },
          name: { type: 'string' },
          path: { type: 'string' },
          message: { type: 'string' },
          document: { type: 'integer' },
          line: { type: 'integer' },
        },
      },
    },
  },
}

/** OpenAPI 3.1 of the routes, with the schema of every kind of document. */
export function describe(
  routes: readonly AnyRoute[],
  { documentKinds, formats }: { readonly documentKinds: readonly DocumentKind[]; readonly formats: Formats },
): JsonSchema {
  const paths: Record<string, JsonSchema> = {}
  for (const row of routes as unknown as readonly Route<unknown>[]) {
    const path = row.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [row.method]: operation(row) }
  }
  const kinds = Object.fromEntries(documentKinds.map((kind) => [kind.kind, documentSchema(kind, formats)]))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cambist, the administrators’ door',
      version: 'v1',
      description:
        'Documents, the record of exchanges, and signing keys. Each operation names the least role that may use it (x-role).',
    },
    paths,
    components: {
      securitySchemes: { administrator: { type: 'http', scheme: 'bearer', description: ADMINISTRATOR } },
      schemas: {
        Problem: PROBLEM,
        Document: { oneOf: documentKinds.map(({ kind }) => ({ $ref: `#/components/schemas/${kind}` })) },
        ...kinds,
      },
    },
  }
}

function operation(row: Route<unknown>): JsonSchema {
  return {
    summary: row.summary,
    operationId: `${row.method}${row.path.replace(/[^A-Za-z0-9]+(\w)?/g, (_, first: string | undefined) => (first ?? '').toUpperCase())}`,
    'x-role': row.role,
    security: row.role === 'nobody' ? [] : [{ administrator: [] }],
    parameters: [...pathParameters(row.path), ...queryParameters(row.query)],
    ...(row.takes === undefined ? {} : { requestBody: bodyOf(row) }),
    responses: responsesOf(row),
  }
}

function responsesOf({ role, answers }: Route<unknown>): JsonSchema {
  const { schema, type, orTypes = [], statuses = [200] } = answers
  const content = {
    [type]: { schema: schema === undefined ? {} : jsonSchema(schema, 'output') },
    ...Object.fromEntries(orTypes.map((each) => [each, { schema: {} }])),
  }
  const good = statuses.map((status) => [
    status,
    WITHOUT_BODY.has(status) ? { description: 'Nothing new' } : { description: 'Answered', content },
  ])
  const shut =
    role === 'nobody' ? [] : Object.entries(SHUT).map(([status, description]) => [status, refused(description)])
  return Object.fromEntries([...good, ...shut, ['default', refused('Refused, with what to do about it')]])
}

const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 304])

/** How every route with a role answers whoever may not use it. */
const SHUT: Readonly<Record<number, string>> = {
  401: 'The token is not an administrator’s',
  403: 'The administrator’s role is less than x-role',
}

const refused = (description: string): JsonSchema => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

function bodyOf({ takes = [], path, bodySchema }: Route<unknown>): JsonSchema {
  const document = { $ref: '#/components/schemas/Document' }
  const schema = path.endsWith('/apply')
    ? { oneOf: [document, { type: 'array', items: document }] }
    : bodySchema === undefined
      ? { type: 'object' }
      : jsonSchema(bodySchema, 'input')
  return { content: Object.fromEntries(takes.map((type) => [type, { schema }])) }
}

function pathParameters(path: string): readonly JsonSchema[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters(query: z.ZodType): readonly JsonSchema[] {
  const { properties = {} } = jsonSchema(query, 'input') as { properties?: Record<string, unknown> }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }))
}

/** The JSON Schema of a kind of document, for editors too. */
export function documentSchema(kind: DocumentKind, formats: Formats): JsonSchema {
  const envelope = jsonSchema(envelopeSchema, 'input') as { properties: Record<string, unknown> }
  return {
    ...envelope,
    description: kind.summary,
    properties: {
      ...envelope.properties,
      apiVersion: { const: API_VERSION },
      kind: { const: kind.kind },
      spec: jsonSchema(kind.schema(formats), 'input'),
    },
  }
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as JsonSchema
  return rest
}
