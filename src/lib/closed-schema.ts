/**
 * The small part of JSON Schema in which an administrator says what strangers may write in a place. Everything is closed:
 * an object has no member that is not named, a text and a list have an end also where none is written. There are no
 * patterns, since a hostile text makes some of them slow (T33), and no references, so that a schema is read from top to
 * bottom.
 */
import { z } from 'zod'
import { isJsonObject, type Json } from './json.ts'
import { schemaFaults } from './schema.ts'

/** Where a schema says nothing: characters of a text, members of a list. */
const MAX_LENGTH = 256
const MAX_ITEMS = 32
const MAX_PROPERTIES = 64

export type ClosedSchema = ClosedObject | ClosedArray | ClosedText | ClosedNumber | ClosedBoolean

interface Described {
  readonly description?: string | undefined
}

export interface ClosedObject extends Described {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, ClosedSchema>>
  readonly required?: readonly string[] | undefined
  /** For readers who know JSON Schema: nothing else can be said. */
  readonly additionalProperties?: false | undefined
}

interface ClosedArray extends Described {
  readonly type: 'array'
  readonly items: ClosedSchema
  readonly minItems?: number | undefined
  readonly maxItems?: number | undefined
}

interface ClosedText extends Described {
  readonly type: 'string'
  readonly enum?: readonly string[] | undefined
  readonly minLength?: number | undefined
  readonly maxLength?: number | undefined
}

interface ClosedNumber extends Described {
  readonly type: 'number' | 'integer'
  readonly minimum?: number | undefined
  readonly maximum?: number | undefined
}

interface ClosedBoolean extends Described {
  readonly type: 'boolean'
}

const description = z.string().max(1000).optional()
const memberName = z
  .string()
  .regex(/^[\x21-\x7e]{1,128}$/, 'is a member name in printable ASCII, 128 characters at most')
const size = z.int().min(0)

const objectForm = z
  .strictObject({
    type: z.literal('object', 'is object: what stands here is a JSON object'),
    description,
    get properties() {
      return z
        .record(memberName, closedSchema)
        .refine((named) => Object.keys(named).length <= MAX_PROPERTIES, `names more than ${MAX_PROPERTIES} members`)
    },
    required: z.array(memberName).optional(),
    additionalProperties: z.literal(false, 'is false: members that are not named are refused').optional(),
  })
  .refine(({ properties, required = [] }) => required.every((name) => Object.hasOwn(properties, name)), {
    path: ['required'],
    error: 'lists a member that `properties` does not name',
  })

const closedSchema: z.ZodType<ClosedSchema> = z.discriminatedUnion(
  'type',
  [
    objectForm,
    z.strictObject({
      type: z.literal('array'),
      description,
      get items() {
        return closedSchema
      },
      minItems: size.optional(),
      maxItems: size.max(1000).optional(),
    }),
    z.strictObject({
      type: z.literal('string'),
      description,
      enum: z.array(z.string()).min(1, 'is an empty list').optional(),
      minLength: size.optional(),
      maxLength: size.max(4096).optional(),
    }),
    z.strictObject({
      type: z.enum(['number', 'integer']),
      description,
      minimum: z.number().optional(),
      maximum: z.number().optional(),
    }),
    z.strictObject({ type: z.literal('boolean'), description }),
  ],
  '`type` is one of object, array, string, number, integer and boolean',
)

/**
 * How a closed schema of an object is written. Published it is any object: what refers to itself cannot be put into the
 * schemas of documents as they are.
 */
export const closedObject = z.record(z.string(), z.unknown()).transform((written, context): ClosedObject => {
  const read = objectForm.safeParse(written)
  if (read.success) return read.data
  for (const { path, message } of schemaFaults(read.error, objectForm))
    context.addIssue({ code: 'custom', path: path === '' ? [] : [path], message })
  return z.NEVER
})

/** What is wrong with the first thing that is; undefined where the value is as the schema says. The sentence names places of the schema, and nothing of the value. */
export function violation(schema: ClosedSchema, value: Json | undefined, at: string): string | undefined {
  switch (schema.type) {
    case 'object':
      return violationOfObject(schema, value, at)
    case 'array':
      return violationOfArray(schema, value, at)
    case 'string':
      return isText(schema, value) ? undefined : `${at} is not ${textSaid(schema)}`
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${at} is not true or false`
    default:
      return isNumber(schema, value) ? undefined : `${at} is not ${numberSaid(schema)}`
  }
}

function violationOfObject(
  { properties, required = [] }: ClosedObject,
  value: Json | undefined,
  at: string,
): string | undefined {
  if (!isJsonObject(value)) return `${at} is not an object`
  for (const name of required) if (!Object.hasOwn(value, name)) return `${at} lacks ${name}`
  for (const name of Object.keys(value)) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (schema === undefined) return `${at} has a member that is not named; there are ${namesOf(properties)}`
    const found = violation(schema, value[name], `${at}.${name}`)
    if (found !== undefined) return found
  }
  return undefined
}

const namesOf = (properties: ClosedObject['properties']): string => Object.keys(properties).join(', ') || 'none'

function violationOfArray(
  { items, minItems = 0, maxItems = MAX_ITEMS }: ClosedArray,
  value: Json | undefined,
  at: string,
): string | undefined {
  if (!Array.isArray(value) || value.length < minItems || value.length > maxItems)
    return `${at} is not a list of ${minItems} to ${maxItems} members`
  for (const [index, item] of value.entries()) {
    const found = violation(items, item, `${at}[${index}]`)
    if (found !== undefined) return found
  }
  return undefined
}

function isText({ enum: listed, minLength = 0, maxLength = MAX_LENGTH }: ClosedText, value: Json | undefined): boolean {
  if (typeof value !== 'string' || value.length < minLength || value.length > maxLength) return false
  return listed?.includes(value) ?? true
}

const textSaid = ({ enum: listed, minLength = 0, maxLength = MAX_LENGTH }: ClosedText): string =>
  listed === undefined ? `a text of ${minLength} to ${maxLength} characters` : `one of ${listed.join(', ')}`

/** An integer is one that every reader reads alike. */
const isNumber = ({ type, minimum, maximum }: ClosedNumber, value: Json | undefined): boolean =>
  typeof value === 'number' &&
  (type === 'number' || Number.isSafeInteger(value)) &&
  value >= (minimum ?? Number.NEGATIVE_INFINITY) &&
  value <= (maximum ?? Number.POSITIVE_INFINITY)

function numberSaid({ type, minimum, maximum }: ClosedNumber): string {
  const what = type === 'integer' ? 'an integer' : 'a number'
  if (minimum === undefined) return maximum === undefined ? what : `${what} of ${maximum} at most`
  return maximum === undefined ? `${what} of ${minimum} at least` : `${what} of ${minimum} to ${maximum}`
}
