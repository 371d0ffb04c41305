import { z } from 'zod'
import { algorithms } from '../lib/algorithms.ts'
import { compileMapping, type Mapping } from '../lib/cel.ts'
import { formatDuration, parseDuration } from '../lib/duration.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { readBySchema } from '../lib/schema.ts'
import { compileDetailTypes, detailTypesSchema } from './authorization-details.ts'
import { type Binding, bindings, type Target, type TokenProfile } from './contract.ts'
import { resourceKey } from './resource.ts'

/** What of a token kind a Target document depends on; tokens/ hands its kinds in. */
export interface TokenKindForm {
  readonly name: string
  /** The token type URI. */
  readonly tokenType: string
  /** `reference`: it is not signed, and says nothing by itself. */
  readonly form?: 'reference'
  /** `jwt` where it says nothing. */
  readonly format?: string
  readonly unbound?: true
  /** Seconds; 5m and a day where it says nothing. */
  readonly lifetime?: { readonly standard: number; readonly most: number }
  /** An object schema: what an entry of this kind may say beside what all say. */
  readonly settings: z.ZodType
  /** Claim names that the kind writes itself. */
  readonly ownClaims?: readonly string[]
  /** Those that it may be signed with; all where it says nothing. */
  readonly algorithms?: ReadonlySet<string>
  /** How it can be bound, by default the first; in every way where it says nothing. */
  readonly bindings?: readonly Binding[]
  /** It says no scopes. */
  readonly withoutScopes?: true
}

/** What `subject` and `claims` can see (interfaces.md, "CEL sees"). */
export const TOKEN_VARIABLES = ['subject', 'actor', 'client', 'target', 'request'] as const

const DEFAULT_LIFETIME = 300
const MAX_LIFETIME = 86_400

/** Claims that say whose a token is and what it is good for; only mint() and the token kind write them. */
const OUR_CLAIMS: ReadonlySet<string> = new Set([
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'client_id',
  'scope',
  'authorization_details',
  'act',
  'may_act',
  'cnf',
  'txn',
  'azp',
  'status',
])

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
const lifetime = z.string().refine((text) => {
  const seconds = parseDuration(text)
  return seconds !== undefined && seconds <= MAX_LIFETIME
}, 'a lifetime is a duration such as 90s, 5m or 1h, and 24h at most')

const profileFields = {
  lifetime: lifetime.optional().describe('Of the token; 5m where nothing is said, 60s for an authorization-grant'),
  revocable: z
    .boolean()
    .optional()
    .describe('Whether each token names its place in a status list, which says whether it was revoked'),
  subject: z.string().optional().describe('CEL: the issued sub; subject.id where nothing is said'),
  claims: z
    .record(
      z.string().regex(/^[\x21-\x7e]{1,128}$/, 'a claim name has printable ASCII, 128 characters at most'),
      z.string(),
    )
    .optional()
    .describe('CEL by claim name: what else stands in the token'),
}

/** What an entry says of its signature and of its key, as far as its kind lets it. */
function fieldsOf({ algorithms: signed = new Set(algorithms.keys()), bindings: bindable = bindings }: TokenKindForm) {
  return {
    algorithm: z
      .enum([...signed], `an algorithm is one of ${[...signed].join(', ')}`)
      .optional()
      .describe('What it is signed with; ES256 where nothing is said'),
    binding: z
      .enum(bindable, `a binding is one of ${bindable.join(', ')}`)
      .optional()
      .describe('Proof of a key that the request must bring'),
  }
}

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
  const profiles = tokenKinds.map((kind) =>
    z.strictObject({
      kind: z.literal(kind.name),
      ...profileFields,
      ...fieldsOf(kind),
      ...(kind.settings instanceof z.ZodObject ? kind.settings.shape : {}),
    }),
  )
  const [first, ...others] = profiles
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

interface WrittenProfile {
  readonly kind: string
  readonly lifetime?: string | undefined
  readonly algorithm?: string | undefined
  readonly binding?: TokenProfile['binding'] | undefined
  readonly revocable?: boolean | undefined
  readonly subject?: string | undefined
  readonly claims?: Readonly<Record<string, string>> | undefined
}

function compileProfile(
  written: WrittenProfile,
  tokenKinds: readonly TokenKindForm[],
  path: string,
  faults: Fault[],
): TokenProfile {
  const { kind, lifetime: life, algorithm, binding, revocable, subject, claims, ...settings } = written
  const form = tokenKinds.find((each) => each.name === kind)
  if (form === undefined)
    faults.push({
      path: `${path}.kind`,
      message: `there is no token kind ${kind}; there are ${tokenKinds.map((each) => each.name).join(', ')}`,
    })
  if (revocable === true && form?.form === 'reference')
    faults.push({
      path: `${path}.revocable`,
      message: `a token of kind ${kind} names no status list: its service asks by introspection, which says at once what was revoked. Leave it out`,
    })
  const mapped: (readonly [string, Mapping])[] = []
  for (const [claim, source] of Object.entries(claims ?? {})) {
    const at = `${path}.claims.${claim}`
    if (OUR_CLAIMS.has(claim) || claim.startsWith('cambist_') || form?.ownClaims?.includes(claim)) {
      faults.push({
        path: at,
        message: `the claim ${claim} is written by Cambist alone; choose another name, such as one under your own URL`,
      })
    } else {
      const mapping = compileWritten(source, at, faults)
      if (mapping !== undefined) mapped.push([claim, mapping])
    }
  }
  const { standard, most } = form?.lifetime ?? { standard: DEFAULT_LIFETIME, most: MAX_LIFETIME }
  const seconds = parseDuration(life ?? '') ?? standard
  if (seconds > most)
    faults.push({
      path: `${path}.lifetime`,
      message: `${life} is too long for a token of kind ${kind}, which lives ${formatDuration(most)} at most`,
    })
  return Object.freeze({
    kind,
    tokenType: form?.tokenType ?? '',
    format: form?.format ?? 'jwt',
    lifetime: seconds,
    algorithm: algorithm ?? 'ES256',
    binding: binding ?? form?.bindings?.[0] ?? 'none',
    bindings: form?.bindings ?? bindings,
    revocable: revocable ?? false,
    subject: subject === undefined ? undefined : compileWritten(subject, `${path}.subject`, faults),
    claims: Object.freeze(mapped),
    settings: Object.freeze(readSettings(form, settings)),
  })
}

function readSettings(
  form: TokenKindForm | undefined,
  settings: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const read = form?.settings.safeParse(settings)
  return read?.success === true ? { ...(read.data as Record<string, unknown>) } : {}
}

function compileWritten(source: string, path: string, faults: Fault[]): Mapping | undefined {
  try {
    return compileMapping(source, TOKEN_VARIABLES)
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    faults.push(...error.faults.map(({ message }) => ({ path, message })))
    return undefined
  }
}
