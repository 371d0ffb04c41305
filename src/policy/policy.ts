import { z } from 'zod'
import { grants, registeredMethods } from '../clients/contract.ts'
import { MAX_ACTORS } from '../identity/actor.ts'
import { compileSelector, type Selector } from '../identity/selector.ts'
import { parseWorkloadId } from '../identity/spiffe-id.ts'
import { type Condition, compileCondition } from '../lib/cel.ts'
import { parseDuration } from '../lib/duration.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { readBySchema } from '../lib/schema.ts'
import { type Binding, bindings } from '../targets/contract.ts'
import { POLICY_VARIABLES } from './case.ts'
import { type Clause, conditionsOf } from './clauses.ts'
import { type ChangeClass, changeClasses } from './contract.ts'

/** How a client may have proved who it is, for `authentication`. */
export const authenticationMethods = [
  ...registeredMethods,
  'attest_jwt_client_auth_dpop',
  'client_assertion',
  'workload_identity_token',
  'actor_token',
  'subject_token',
  'assertion',
] as const

/** Names of token kinds (interfaces.md), also of those that this server has not: a misspelt one in a forbid would let all pass. */
const tokenKindNames = [
  'access-token',
  'opaque',
  'jwt-svid',
  'wit',
  'transaction-token',
  'authorization-grant',
  'id-jag',
] as const

/** Which subjects or actors a rule is about; an absent member does not restrict. */
export interface Party extends Selector {
  readonly issuers: ReadonlySet<string> | undefined
  /** What a token of ours must hold (interfaces.md, "Narrowing"); undefined: the rule says nothing of it. */
  readonly scopes: readonly string[] | undefined
  readonly condition: Condition | undefined
}

/** What a Policy document says. A set that is undefined does not restrict. */
export interface RuleFields {
  readonly name: string
  readonly effect: 'permit' | 'forbid'
  readonly mode: 'enforce' | 'shadow'
  readonly disabled: boolean
  readonly clients: ReadonlySet<string> | undefined
  readonly targets: ReadonlySet<string> | undefined
  readonly subject: Party | undefined
  readonly actor: Party | undefined
  readonly grants: ReadonlySet<string> | undefined
  /** In a permit what may be granted, in a forbid what may not; undefined: none, and all. */
  readonly scopes: ReadonlySet<string> | undefined
  /** Names of token kinds. */
  readonly tokenTypes: ReadonlySet<string> | undefined
  /** Seconds. */
  readonly lifetime: number | undefined
  readonly binding: Binding
  /** Empty: any will do. */
  readonly authentication: ReadonlySet<string>
  readonly delegation: {
    readonly mode: 'none' | 'delegate' | 'impersonate'
    readonly maxDepth: number
    readonly requireMayAct: boolean
  }
  readonly changes: ReadonlySet<ChangeClass>
  readonly condition: Condition | undefined
}

/** A Policy document, compiled. */
export interface Policy extends RuleFields {
  /** Its own, its subject's and its actor's, in the order in which they are asked. */
  readonly conditions: readonly Clause[]
}

export const DEFAULT_DEPTH = 3
const DEFAULT_CHANGES = ['format', 'scope', 'authority'] as const

const documentName = z.string().regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|\*)$/, "is a document's name, or * for all")
const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name has lower-case letters, digits and - only, 63 at most')
const empty = 'is an empty list, which nothing would match; leave the field out where anything may'
const texts = z.array(z.string('is a text; put a number in quotes').min(1, 'is empty')).min(1, empty)
const scopes = z.array(
  z
    .string()
    .regex(
      /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
      'a scope has printable ASCII without space, " and \\, 256 characters at most',
    ),
)

const party = {
  issuers: z
    .array(name)
    .min(1, empty)
    .optional()
    .describe('Trusted issuers whose word is taken; self for tokens of ours'),
  ids: texts.optional().describe('Subjects as their issuer names them; * is one segment, ** at the end one or more'),
  match: z
    .record(z.string(), texts)
    .optional()
    .describe('Attributes that the issuer maps, each with the patterns that fit'),
  condition: z.string().optional().describe('CEL, about this party'),
}

/** The `spec` of a Policy document. */
export const policySchema = z.strictObject({
  disabled: z.boolean().optional().describe('As if the document were not there'),
  effect: z
    .enum(['permit', 'forbid'], 'is permit or forbid')
    .optional()
    .describe('A forbid that matches wins; permit where nothing is said'),
  mode: z
    .enum(['enforce', 'shadow'], 'is enforce or shadow')
    .optional()
    .describe('In shadow the rule is recorded and changes nothing'),
  clients: z.array(documentName).min(1, empty).optional().describe("Clients that it is about; ['*'] for all"),
  subject: z
    .strictObject({
      ...party,
      scopes: scopes
        .optional()
        .describe('What a token of ours must hold to be exchanged for another audience; [] for nothing'),
    })
    .optional()
    .describe('For whom the token is'),
  actor: z.strictObject(party).optional().describe('Who acts for the subject'),
  grants: z
    .array(z.enum(grants, `is one of ${grants.join(', ')}`))
    .min(1, empty)
    .optional()
    .describe('OAuth grants that it is about; all where nothing is said'),
  targets: z.array(documentName).min(1, empty).optional().describe("Targets that it is about; ['*'] for all"),
  scopes: scopes.optional().describe('What may be granted, in a forbid what may not'),
  tokenTypes: z
    .array(z.enum(tokenKindNames, `is one of ${tokenKindNames.join(', ')}`))
    .min(1, empty)
    .optional()
    .describe('Kinds of token that it is about'),
  lifetime: z
    .string()
    .refine((text) => parseDuration(text) !== undefined, 'a lifetime is a duration such as 90s, 5m or 1h')
    .optional()
    .describe('Ceiling; the least of all rules, the target and the credential counts'),
  binding: z
    .enum(bindings, `is one of ${bindings.join(', ')}`)
    .optional()
    .describe('Proof of a key that the request must bring'),
  authentication: z
    .array(z.enum(authenticationMethods, `is one of ${authenticationMethods.join(', ')}`))
    .optional()
    .describe('How the client must have proved who it is'),
  delegation: z
    .strictObject({
      mode: z
        .enum(['none', 'delegate', 'impersonate'], 'is none, delegate or impersonate')
        .optional()
        .describe('delegate: the token names the actor; impersonate: it does not'),
      maxDepth: z
        .int()
        .min(1)
        .max(MAX_ACTORS, `is ${MAX_ACTORS} at most`)
        .optional()
        .describe('Most actors in a chain; 3 where nothing is said'),
      requireMayAct: z.boolean().optional().describe('The subject token must say in may_act who may act'),
    })
    .optional()
    .describe('Whether somebody may act for the subject'),
  changes: z
    .array(z.enum(changeClasses, `is one of ${changeClasses.join(', ')}`))
    .optional()
    .describe('What the exchange may change; format, scope and authority where nothing is said'),
  condition: z.string().optional().describe('CEL, about subject, actor, client, target and request'),
})

type Written = z.infer<typeof policySchema>

/** A Policy document, compiled and frozen. Throws Faults with every one. */
export function compilePolicy(policyName: string, spec: unknown): Policy {
  const written = readBySchema(policySchema, spec, 'spec')
  const faults: Fault[] = []
  const effect = written.effect ?? 'permit'
  if (effect === 'permit') permitFaults(written, faults)
  else forbidFaults(written, faults)
  const rule: RuleFields = {
    name: policyName,
    effect,
    mode: written.mode ?? 'enforce',
    disabled: written.disabled ?? false,
    clients: namedOrAll(written.clients, 'spec.clients', faults),
    targets: namedOrAll(written.targets, 'spec.targets', faults),
    subject: compileParty(written.subject, 'spec.subject', faults),
    actor: compileParty(written.actor, 'spec.actor', faults),
    grants: optionalSet(written.grants),
    scopes: optionalSet(written.scopes),
    tokenTypes: optionalSet(written.tokenTypes),
    lifetime: written.lifetime === undefined ? undefined : parseDuration(written.lifetime),
    binding: written.binding ?? 'none',
    authentication: new Set(written.authentication ?? []),
    delegation: Object.freeze({
      mode: written.delegation?.mode ?? 'none',
      maxDepth: written.delegation?.maxDepth ?? DEFAULT_DEPTH,
      requireMayAct: written.delegation?.requireMayAct ?? false,
    }),
    changes: new Set(written.changes ?? DEFAULT_CHANGES),
    condition: compileWritten(written.condition, 'spec.condition', faults),
  }
  if (faults.length > 0) throw new Faults(faults)
  return Object.freeze({ ...rule, conditions: conditionsOf(rule) })
}

function permitFaults(written: Written, faults: Fault[]): void {
  for (const field of ['clients', 'targets'] as const) {
    if (written[field] === undefined)
      faults.push({ path: `spec.${field}`, message: `a permit names its ${field}; ['*'] means all of them` })
  }
}

/** A forbid says when, never how: it has nothing to put a ceiling on. */
function forbidFaults(written: Written, faults: Fault[]): void {
  for (const field of ['lifetime', 'binding', 'authentication', 'delegation', 'changes'] as const) {
    if (written[field] !== undefined)
      faults.push({
        path: `spec.${field}`,
        message: `a forbid has no \`${field}\`: it says what must not be; put limits into the permits`,
      })
  }
  if (written.scopes?.length === 0) faults.push({ path: 'spec.scopes', message: empty })
}

function namedOrAll(
  names: readonly string[] | undefined,
  path: string,
  faults: Fault[],
): ReadonlySet<string> | undefined {
  if (names === undefined) return undefined
  if (!names.includes('*')) return new Set(names)
  if (names.length > 1) faults.push({ path, message: '* means all, so it stands alone' })
  return undefined
}

const optionalSet = (members: readonly string[] | undefined): ReadonlySet<string> | undefined =>
  members === undefined ? undefined : new Set(members)

/** SPIFFE and WIMSE ids are unique over all issuers; any other subject is unique within its issuer alone. */
const GLOBAL_ID = /^(?:spiffe|wimse):\/\/[^/*]+(?:\/|$)/

function compileParty(written: Written['subject'], path: string, faults: Fault[]): Party | undefined {
  if (written === undefined) return undefined
  if (written.issuers === undefined) checkGlobal(written.ids ?? [], `${path}.ids`, faults)
  return Object.freeze({
    ...compileSelector(written, path, faults),
    issuers: optionalSet(written.issuers),
    scopes: written.scopes,
    condition: compileWritten(written.condition, `${path}.condition`, faults),
  })
}

/** An id that no workload can ever have is a mistake: in a permit nobody is meant by it, and in a forbid everybody gets by (T15). */
function checkGlobal(ids: readonly string[], path: string, faults: Fault[]): void {
  if (ids.some((id) => !GLOBAL_ID.test(id))) {
    faults.push({
      path,
      message:
        'two issuers may name two workloads alike; name the `issuers` beside the ids, or use SPIFFE or WIMSE ids only',
    })
    return
  }
  for (const [index, id] of ids.entries()) {
    if (parseWorkloadId(id.replace(/\*\*?/g, 'x')) === undefined)
      faults.push({
        path: `${path}[${index}]`,
        message: `${JSON.stringify(id.slice(0, 120))} can be the id of no workload; write a SPIFFE or WIMSE id as its trust domain gives it, such as spiffe://prod.example/checkout`,
      })
  }
}

function compileWritten(source: string | undefined, path: string, faults: Fault[]): Condition | undefined {
  if (source === undefined) return undefined
  try {
    return compileCondition(source, POLICY_VARIABLES)
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    faults.push(...error.faults.map(({ message }) => ({ path, message })))
    return undefined
  }
}
