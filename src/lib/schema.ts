import type { z } from 'zod'
import { type Fault, Faults } from './fault.ts'
import { nearestName } from './nearest.ts'

/** What the schema makes of a value that a person wrote. Throws Faults, every one of them, each under `path` (`spec.keys.jwksUri`). */
export function readBySchema<T>(schema: z.ZodType<T>, value: unknown, path = ''): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new Faults(schemaFaults(result.error, schema, path))
}

/** What zod found, in sentences, with the known name nearest to a misspelt one. */
export function schemaFaults(error: z.ZodError, schema: z.ZodType, path = ''): readonly Fault[] {
  return error.issues.flatMap((issue) => {
    const at = issue.path.filter((step) => typeof step !== 'symbol')
    if (issue.code !== 'unrecognized_keys') return [{ path: join(path, at), message: sentence(issue) }]
    const known = memberNames(schema, at)
    return issue.keys.map((key) => ({ path: join(path, [...at, key]), message: unknownField(key, known) }))
  })
}

const MEANT: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'a mapping of fields',
  record: 'a mapping of names',
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
}

/** What a schema says that has no words of its own for it. */
function sentence(issue: z.core.$ZodIssue): string {
  const { message } = issue
  if (!message.startsWith('Invalid input')) return message
  if (issue.code === 'invalid_union') {
    const said = new Set(issue.errors.flat().map(sentence))
    return said.size === 0 ? 'is nothing that is known here' : [...said].join('; or ')
  }
  if (issue.code !== 'invalid_type') return message
  const meant = MEANT[issue.expected] ?? issue.expected
  const received = /received (\w+)/.exec(message)?.[1] ?? ''
  if (received === 'undefined') return `is missing; write ${meant}`
  return `is ${received === 'null' ? 'empty' : (MEANT[received] ?? received)}; write ${meant}`
}

function unknownField(key: string, known: readonly string[]): string {
  const near = nearestName(key, known)
  if (near !== undefined) return `there is no field \`${key}\` here; did you mean \`${near}\`?`
  return `there is no field \`${key}\` here${known.length > 0 ? `; there are ${known.join(', ')}` : ''}`
}

function join(prefix: string, steps: readonly (string | number)[]): string {
  let path = prefix
  for (const step of steps)
    path = typeof step === 'number' ? `${path}[${step}]` : path === '' ? step : `${path}.${step}`
  return path
}

/** Names of the members that the schema knows at a place; [] where it takes any. */
function memberNames(schema: z.ZodType, steps: readonly (string | number)[]): readonly string[] {
  const inner = unwrapped(schema)
  const [step, ...rest] = steps
  if (inner === undefined) return []
  if (inner.options !== undefined) return [...new Set(inner.options.flatMap((option) => memberNames(option, steps)))]
  if (step === undefined) return inner.shape === undefined ? [] : Object.keys(inner.shape)
  const next = inner.shape?.[step] ?? inner.element
  return next === undefined ? [] : memberNames(next, rest)
}

interface Inner {
  readonly shape?: Readonly<Record<string, z.ZodType>>
  readonly element?: z.ZodType
  /** The members of a union. */
  readonly options?: readonly z.ZodType[]
}

function unwrapped(schema: z.ZodType): Inner | undefined {
  let current: unknown = schema
  for (let guard = 0; guard < 16; guard++) {
    if (typeof current !== 'object' || current === null) return undefined
    const { def } = current as { def?: { innerType?: unknown; in?: unknown; out?: unknown } }
    // What is read after something was made of it is what it was made into.
    const next = def?.innerType ?? (isTransform(def?.in) ? def?.out : def?.in)
    if (next === undefined) return current as Inner
    current = next
  }
  return undefined
}

const isTransform = (schema: unknown): boolean =>
  typeof schema === 'object' && schema !== null && (schema as { def?: { type?: unknown } }).def?.type === 'transform'
