/**
 * What a value has against a JSON Schema: as much of the language as OpenAPI descriptions made by zod use. A keyword that
 * is not known here is an error, so that nothing is passed over in silence.
 */
export type Schema = Readonly<Record<string, unknown>>

/** Keywords that say nothing of which values are valid. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  'description',
  'default',
  'title',
  'examples',
  '$id',
  'id',
  '$schema',
  '$defs',
])

type Check = (said: never, value: unknown, at: string, context: Context) => readonly string[]

interface Context {
  readonly root: Schema
  /** The schema that the keyword stands in. */
  readonly beside: Schema
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value

const FORMATS: Readonly<Record<string, RegExp>> = {
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  uri: /^[a-z][a-z0-9+.-]*:\S+$/i,
}

const when = (wrong: boolean, at: string, message: string): readonly string[] => (wrong ? [`${at}: ${message}`] : [])

const CHECKS: Readonly<Record<string, Check>> = {
  type: (said: string | readonly string[], value, at) => {
    const types = [said].flat()
    const is = typeOf(value)
    return when(!types.includes(is) && !(is === 'integer' && types.includes('number')), at, `is ${is}, not ${types}`)
  },
  const: (said: unknown, value, at) => when(value !== said, at, `is not ${JSON.stringify(said)}`),
  enum: (said: readonly unknown[], value, at) => when(!said.includes(value), at, `is none of ${JSON.stringify(said)}`),
  minimum: (said: number, value, at) => when(typeof value === 'number' && value < said, at, `is below ${said}`),
  maximum: (said: number, value, at) => when(typeof value === 'number' && value > said, at, `is above ${said}`),
  minLength: (said: number, value, at) => when(typeof value === 'string' && value.length < said, at, 'is too short'),
  maxLength: (said: number, value, at) => when(typeof value === 'string' && value.length > said, at, 'is too long'),
  minItems: (said: number, value, at) => when(Array.isArray(value) && value.length < said, at, 'has too few items'),
  maxItems: (said: number, value, at) => when(Array.isArray(value) && value.length > said, at, 'has too many items'),
  pattern: (said: string, value, at) =>
    when(typeof value === 'string' && !new RegExp(said, 'u').test(value), at, `does not match ${said}`),
  format: (said: string, value, at) => {
    const format = FORMATS[said]
    if (format === undefined) throw new Error(`format ${said} is not known here`)
    return when(typeof value === 'string' && !format.test(value), at, `is no ${said}`)
  },
  required: (said: readonly string[], value, at) =>
    isObject(value) ? said.flatMap((name) => when(!Object.hasOwn(value, name), at, `has no ${name}`)) : [],
  properties: (said: Readonly<Record<string, Schema>>, value, at, { root }) =>
    isObject(value)
      ? Object.entries(said).flatMap(([name, schema]) =>
          Object.hasOwn(value, name) ? schemaFaults(schema, value[name], root, `${at}.${name}`) : [],
        )
      : [],
  additionalProperties: (said: boolean | Schema, value, at, { root, beside }) => {
    if (!isObject(value) || said === true) return []
    const known = Object.keys((beside['properties'] ?? {}) as object)
    return Object.keys(value)
      .filter((name) => !known.includes(name))
      .flatMap((name) =>
        said === false ? [`${at}: has ${name}`] : schemaFaults(said, value[name], root, `${at}.${name}`),
      )
  },
  propertyNames: (said: Schema, value, at, { root }) =>
    isObject(value) ? Object.keys(value).flatMap((name) => schemaFaults(said, name, root, `${at}: name ${name}`)) : [],
  items: (said: Schema, value, at, { root }) =>
    Array.isArray(value) ? value.flatMap((item, index) => schemaFaults(said, item, root, `${at}[${index}]`)) : [],
  allOf: (said: readonly Schema[], value, at, { root }) =>
    said.flatMap((schema) => schemaFaults(schema, value, root, at)),
  anyOf: (said: readonly Schema[], value, at, { root }) => {
    const each = said.map((schema) => schemaFaults(schema, value, root, at))
    return each.some((faults) => faults.length === 0) ? [] : each.flat()
  },
  oneOf: (said: readonly Schema[], value, at, { root }) => {
    const each = said.map((schema) => schemaFaults(schema, value, root, at))
    const fitting = each.filter((faults) => faults.length === 0).length
    return fitting === 1 ? [] : fitting === 0 ? each.flat() : [`${at}: fits ${fitting} of oneOf`]
  },
  $ref: (said: string, value, at, { root }) => schemaFaults(resolved(said, root), value, root, at),
}

/** The schema that a reference within the document names. */
export function resolved(reference: string, root: Schema): Schema {
  const found = reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((place, step) => (isObject(place) ? place[step] : undefined), root)
  if (!isObject(found)) throw new Error(`${reference} leads nowhere`)
  return found
}

/** Everything that is wrong with the value; `root` is the document that references are of. */
export function schemaFaults(schema: Schema, value: unknown, root: Schema, at = 'it'): readonly string[] {
  return Object.entries(schema).flatMap(([keyword, said]) => {
    if (ANNOTATIONS.has(keyword)) return []
    const check = CHECKS[keyword]
    if (check === undefined) throw new Error(`keyword ${keyword} is not known here`)
    return check(said as never, value, at, { root, beside: schema })
  })
}
