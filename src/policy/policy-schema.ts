import { z } from 'zod'
import { grants, registeredMethods } from '../clients/contract.ts'
import { MAX_ACTORS } from '../identity/actor.ts'
import { parseDuration } from '../lib/duration.ts'
import { bindings } from '../targets/contract.ts'
import { detailLimitsSchema } from './authorization-details.ts'
import { changeClasses } from './contract.ts'

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

export const proofsOfPossession = ['required', 'waived'] as const

const documentName = z.string().regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|\*)$/, "is a document's name, or * for all")
const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name has lower-case letters, digits and - only, 63 at most')
export const empty = 'is an empty list, which nothing would match; leave the field out where anything may'
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
      proofOfPossession: z
        .enum(proofsOfPossession, `is one of ${proofsOfPossession.join(', ')}`)
        .optional()
        .describe(
          'waived: a token of ours that is bound to a key may come without a proof of it, from an audience of the token; required where nothing is said',
        ),
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
  authorizationDetails: detailLimitsSchema
    .optional()
    .describe('Authorization details that may be granted (RFC 9396), with the most that each member may say'),
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

export type WrittenPolicy = z.infer<typeof policySchema>
