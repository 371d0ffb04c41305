import { z } from 'zod'
import { type Fault, Faults } from '../lib/fault.ts'
import { readBySchema } from '../lib/schema.ts'
import { compileDetailTypes, detailTypesSchema } from './authorization-details.ts'
import type { Target, TokenKindForm } from './contract.ts'
import { resourceKey } from './resource.ts'
import { compileProfile, profileSchema } from './token-profile.ts'

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name has lower-case letters, digits and - only, 63 at most')
/** RFC 6749 §3.3 scope-token. */
const scope = z
  .string()
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
    'a scope has printable ASCII without space, " and \\, 256 characters at most',
  )
const audience = z
  .string()
  .regex(/^[\x21-\x7e]{1,1024}$/, 'an audience has printable ASCII without spaces, 1024 characters at most')
const resource = z
  .string()
  .refine(
    (text) => text.length <= 2048 && resourceKey(text) !== undefined,
    'a resource is an absolute URI without fragment and without user name',
  )
/** The `spec` of a Target document, for the token kinds that there are. It costs more than a document that is read by it, so each register has one. */
export function targetSchema(tokenKinds: readonly TokenKindForm[]): TargetSchema {
  const schema = schemas.get(tokenKinds) ?? schemaFor(tokenKinds)
  schemas.set(tokenKinds, schema)
  return schema
}

type TargetSchema = ReturnType<typeof schemaFor>
const schemas = new WeakMap<readonly TokenKindForm[], TargetSchema>()

function schemaFor(tokenKinds: readonly TokenKindForm[]) {
  const kindNames = tokenKinds.map((kind) => kind.name).join(', ')
  const [first, ...others] = tokenKinds.map(profileSchema)
  if (first === undefined) throw new Error('a target needs at least one token kind')
  return z.strictObject({
    disabled: z.boolean().optional().describe('Nobody has a token for it'),
    audience: audience.optional().describe('Its name in aud'),
    audiences: z.array(audience).min(1, 'is an empty list').optional().describe('Instead of audience: several names'),
    resources: z.array(resource).optional().describe('URLs by which a request may mean it (RFC 8707)'),
    scopes: z.array(scope).max(1000, 'has more than 1000 members').optional().describe('Scopes that it knows'),
    defaultScopes: z
      .array(scope)
      .optional()
      .describe('Granted, as far as policy permits, where a request names no scope'),
    authorizationDetails: detailTypesSchema
      .optional()
      .describe('Types of authorization details that it knows (RFC 9396)'),
    tokens: z
      .array(z.discriminatedUnion('kind', [first, ...others], `\`kind\` is one of ${kindNames}`))
      .min(1, 'is an empty list; leave it out for access tokens')
      .optional()
      .describe('How its tokens look; the first is the default, requested_token_type selects'),
    clients: z.array(name).optional().describe('Who may ask at all; whomever a policy names where nothing is said'),
    clientIds: z
      .record(name, z.string().min(1))
      .optional()
      .describe('Ids of our clients at a foreign authorization server, by name of the Client'),
  })
}

/** A Target document, compiled and frozen. Throws Faults with every one. */
export function compileTarget(targetName: string, spec: unknown, tokenKinds: readonly TokenKindForm[]): Target {
  const written = readBySchema(targetSchema(tokenKinds), spec, 'spec')
  const faults: Fault[] = []
  if ((written.audience === undefined) === (written.audiences === undefined)) {
    faults.push({
      path: 'spec',
      message: 'a target says `audience` or, for several names of one service, `audiences`: exactly one of them',
    })
  }
  const scopes = new Set(written.scopes ?? [])
  for (const [index, each] of (written.defaultScopes ?? []).entries()) {
    if (!scopes.has(each))
      faults.push({ path: `spec.defaultScopes[${index}]`, message: `${each} is not among the target's \`scopes\`` })
  }
  const tokens = (written.tokens ?? [{ kind: 'access-token' }]).map((each, index) =>
    compileProfile(each, tokenKinds, `spec.tokens[${index}]`, faults),
  )
  const authorizationDetails = compileDetailTypes(written.authorizationDetails, 'spec.authorizationDetails', faults)
  const tokenTypes = new Map<string, number>()
  const grantsUnasked = (written.defaultScopes ?? []).length > 0
  for (const [index, { kind, tokenType }] of tokens.entries()) {
    if (grantsUnasked && tokenKinds.find(({ name }) => name === kind)?.withoutScopes === true) {
      faults.push({
        path: `spec.tokens[${index}].kind`,
        message: `a ${kind} says no scopes, so there is none to be had where \`defaultScopes\` grants some unasked; leave them out, and have requests name the scopes that they want`,
      })
    }
    const earlier = tokenTypes.get(tokenType)
    if (earlier !== undefined) {
      faults.push({
        path: `spec.tokens[${index}].kind`,
        message: `${kind} is asked for by ${tokenType}, and so is spec.tokens[${earlier}]; one request could mean both`,
      })
    }
    tokenTypes.set(tokenType, index)
  }
  if (faults.length > 0) throw new Faults(faults)
  return Object.freeze({
    name: targetName,
    disabled: written.disabled ?? false,
    audiences: Object.freeze([
      ...new Set(written.audiences ?? (written.audience === undefined ? [] : [written.audience])),
    ]),
    resources: Object.freeze([...(written.resources ?? [])]),
    scopes,
    defaultScopes: Object.freeze([...new Set(written.defaultScopes ?? [])]),
    authorizationDetails,
    tokens: Object.freeze(tokens),
    clients: written.clients === undefined ? undefined : new Set(written.clients),
    clientIds: new Map(Object.entries(written.clientIds ?? {})),
  })
}
