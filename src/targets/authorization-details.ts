/**
 * Authorization details (RFC 9396): rights that a request asks for as objects of a type, where a scope says too little. A
 * target says which types it knows and what each may have; which values are granted is policy/.
 */
import { z } from 'zod'
import type { Fault } from '../lib/fault.ts'
import { isJsonObject, type Json } from '../lib/json.ts'

/** Flat, so that a rule can limit every value that there is. */
export type DetailValue = string | number | boolean | readonly string[]

export interface AuthorizationDetail {
  readonly type: string
  readonly [member: string]: DetailValue
}

export type AuthorizationDetails = readonly AuthorizationDetail[]

export const NO_DETAILS: AuthorizationDetails = Object.freeze([])

const memberKinds = ['text', 'texts', 'number', 'boolean'] as const
type MemberKind = (typeof memberKinds)[number]

/** A type of authorization details as a target knows it: closed, so that a member nobody has thought of grants nothing (RA-02). */
export interface DetailType {
  readonly type: string
  readonly members: ReadonlyMap<string, MemberKind>
  readonly required: ReadonlySet<string>
}

export type DetailTypes = ReadonlyMap<string, DetailType>

/** What the members are whose meaning RFC 9396 §2.2 gives. */
const COMMON: ReadonlyMap<string, MemberKind> = new Map([
  ['locations', 'texts'],
  ['actions', 'texts'],
  ['datatypes', 'texts'],
  ['identifier', 'text'],
  ['privileges', 'texts'],
])

const MAX = { details: 20, members: 32, texts: 100, text: 1024 } as const
const MEMBER = /^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$/

export const detailTypeName = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/, 'a type has printable ASCII without spaces, 256 characters at most')
export const detailMemberName = z
  .string()
  .regex(MEMBER, 'a member begins with a letter and has letters, digits, _, ., :, / and - only')
  .refine((name) => name !== 'type', 'type is what the entry says first')

export const detailTypesSchema = z
  .array(
    z.strictObject({
      type: detailTypeName.describe('The type, as requests name it'),
      members: z
        .record(detailMemberName, z.enum(memberKinds, `is one of ${memberKinds.join(', ')}`))
        .optional()
        .describe('What an object of this type may have beside type, and what each is; nothing else is taken'),
      required: z.array(z.string()).optional().describe('Members that may not be left out'),
    }),
  )
  .min(1, 'is an empty list; leave the field out')

export function compileDetailTypes(
  written: z.infer<typeof detailTypesSchema> | undefined,
  path: string,
  faults: Fault[],
): DetailTypes {
  const types = new Map<string, DetailType>()
  for (const [index, { type, members = {}, required = [] }] of (written ?? []).entries()) {
    const at = `${path}[${index}]`
    if (types.has(type)) faults.push({ path: `${at}.type`, message: `${type} is described above already` })
    for (const [name, kind] of Object.entries(members)) {
      const meant = COMMON.get(name)
      if (meant !== undefined && meant !== kind)
        faults.push({ path: `${at}.members.${name}`, message: `${name} is ${meant} in every type (RFC 9396 §2.2)` })
    }
    for (const [place, name] of required.entries())
      if (!Object.hasOwn(members, name))
        faults.push({ path: `${at}.required[${place}]`, message: `${name} is not among the \`members\`` })
    types.set(type, Object.freeze({ type, members: new Map(Object.entries(members)), required: new Set(required) }))
  }
  return types
}

/** A value as authorization details, or a sentence about why it is none. */
export function readDetails(value: Json | undefined): AuthorizationDetails | string {
  if (!Array.isArray(value) || value.length === 0) return 'it is not a JSON array of objects'
  if (value.length > MAX.details) return `it has ${value.length} objects, at most ${MAX.details} are read`
  const details: AuthorizationDetail[] = []
  for (const [index, each] of value.entries()) {
    const detail = isJsonObject(each) ? readDetail(each) : 'is not an object'
    if (typeof detail === 'string') return `its member ${index} ${detail}`
    details.push(detail)
  }
  return details
}

function readDetail(value: Readonly<Record<string, Json>>): AuthorizationDetail | string {
  const { type } = value
  if (!isText(type)) return 'has no type'
  const members = Object.entries(value)
  if (members.length > MAX.members) return `has ${members.length} members, at most ${MAX.members} are read`
  const detail: Record<string, DetailValue> & { type: string } = { type }
  for (const [name, member] of members) {
    if (!MEMBER.test(name)) return 'has a member that no type has'
    if (!isDetailValue(member))
      return `has ${name}, which is not a text of 1 to ${MAX.text} characters, a number, true or false, or a list of such texts`
    detail[name] = member
  }
  return detail
}

const isText = (value: Json | undefined): value is string =>
  typeof value === 'string' && value !== '' && value.length <= MAX.text

/** An empty list could be read as nothing, and as anything. */
const isDetailValue = (value: Json): value is DetailValue =>
  isText(value) ||
  (typeof value === 'number' && Number.isFinite(value)) ||
  typeof value === 'boolean' ||
  (Array.isArray(value) && value.length > 0 && value.length <= MAX.texts && value.every(isText))

/** What is wrong with a detail by the types that a target knows; undefined where nothing is. */
export function detailFault(detail: AuthorizationDetail, types: DetailTypes): string | undefined {
  const known = types.get(detail.type)
  const shown = JSON.stringify(detail.type.slice(0, 120))
  if (known === undefined) return `knows no authorization details of type ${shown}`
  for (const [name, value] of Object.entries(detail)) {
    if (name === 'type') continue
    const kind = known.members.get(name)
    if (kind === undefined) return `knows no member ${name} in authorization details of type ${shown}`
    if (kindOf(value) !== kind) return `wants ${name} of authorization details of type ${shown} to be ${kind}`
  }
  for (const name of known.required)
    if (!Object.hasOwn(detail, name)) return `demands ${name} in authorization details of type ${shown}`
  return undefined
}

function kindOf(value: DetailValue): MemberKind {
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number') return 'number'
  return typeof value === 'boolean' ? 'boolean' : 'texts'
}
