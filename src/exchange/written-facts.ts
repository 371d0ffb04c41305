/**
 * Facts as people write them: in a policy test, and to the administrators' door where something is to be explained that
 * nobody has asked yet. What is left out is what a plain exchange would have there.
 */
import { z } from 'zod'
import { grants } from '../clients/contract.ts'
import { MAX_ACTORS } from '../identity/actor.ts'
import type { AttributeValue } from '../identity/principal.ts'
import type { Json } from '../lib/json.ts'
import { parseMoment } from '../lib/moment.ts'
import { type AuthorizationDetails, readDetails } from '../targets/authorization-details.ts'

export const writtenText = z
  .string({ error: ({ input }) => (input === undefined ? 'is missing; write a text' : 'is a text; put it in quotes') })
  .min(1, 'is empty')
  .max(2048, 'has more than 2048 characters')
const text = writtenText
export const writtenName = text.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "is a document's name")
const name = writtenName
const texts = z.array(text).max(100, 'has more than 100 members')

const attribute: z.ZodType<AttributeValue> = z.lazy(() =>
  z.union([z.string(), z.number(), z.boolean(), z.array(attribute), z.record(z.string(), attribute)], {
    error: 'is what an attribute can be: a text, a number, true or false, or a list or mapping of these',
  }),
)

const party = z.strictObject(
  {
    issuer: name,
    subject: text,
    id: text.optional(),
    kind: text.optional(),
    key: z.boolean().optional(),
    instance: z.string().max(1024, 'has more than 1024 characters').optional(),
    scopes: texts.optional(),
    attributes: z.record(z.string(), attribute).optional(),
  },
  { error: 'is a mapping such as {issuer: prod, subject: checkout}' },
)

/** As a request has them, and as a token of ours does. */
export const writtenDetails = z.custom<AuthorizationDetails>().superRefine((value, context) => {
  const read = readDetails(value as Json)
  if (typeof read === 'string') context.addIssue({ code: 'custom', message: `cannot be read: ${read}` })
})

/** As a grant conveys them: one that speaks of scopes alone conveys none, and says so by an empty list. */
const heldDetails = z.union([z.tuple([]), writtenDetails], {
  error: ({ input }) => `cannot be read: ${readDetails(input as Json)}`,
})

/** A name alone, or what the record has: all the clients that the caller is, and how it proved it. */
const client = z.preprocess(
  (value) => (typeof value === 'string' ? { name: value } : value),
  z.strictObject(
    {
      name: name.optional(),
      candidates: z.array(name).min(1, 'is an empty list').optional(),
      named: name.optional(),
      authentication: text.optional(),
      principal: party.optional(),
    },
    { error: 'is the name of a client, or a mapping such as {name: checkout, authentication: private_key_jwt}' },
  ),
)

export const writtenTime = z.union(
  [
    z.int().min(0),
    z.string().transform((written, context) => {
      const at = parseMoment(written)
      if (at !== undefined) return Math.floor(at / 1000)
      context.addIssue({ code: 'custom', message: WRONG_TIME })
      return z.NEVER
    }),
  ],
  { error: 'is a moment such as 2026-11-24T12:00:00Z, or seconds since the epoch' },
)
const WRONG_TIME = 'is a moment such as 2026-11-24T12:00:00Z, or seconds since the epoch'

/** The facts of a case. Members have the names of policy's Facts, so that those of a record can be pasted. */
export const writtenFactsSchema = z.strictObject(
  {
    grant: z.enum(grants, `is one of ${grants.join(', ')}`).optional(),
    client: client.optional(),
    subject: party,
    actor: party.optional(),
    actors: z
      .array(z.strictObject({ sub: text, iss: text.optional() }))
      .max(MAX_ACTORS, `names more than ${MAX_ACTORS}`)
      .optional(),
    mayAct: z
      .strictObject({
        members: z.record(z.string(), z.unknown()),
        issuer: text.optional(),
        actorIssuer: text.optional(),
      })
      .optional(),
    subjectAudiences: texts.optional(),
    subjectClient: name.optional(),
    subjectUnproven: z.boolean('is true or false').optional(),
    madeFor: text.optional(),
    conveys: texts.optional(),
    onlyResources: texts.optional(),
    issuedTo: texts.optional(),
    path: texts.optional(),
    audiences: texts.optional(),
    resources: texts.optional(),
    scopes: texts.optional(),
    authorizationDetails: writtenDetails.optional(),
    subjectDetails: heldDetails.optional(),
    tokenType: text.optional(),
    binding: z.enum(['none', 'dpop', 'mtls'], 'is none, dpop or mtls').optional(),
    format: text.optional(),
    time: writtenTime.optional(),
  },
  { error: 'is a mapping such as {client: checkout, subject: {issuer: prod, subject: checkout}, audiences: [orders]}' },
)

export type WrittenFacts = z.output<typeof writtenFactsSchema>
export type WrittenParty = z.output<typeof party>
export type WrittenClient = z.output<typeof client>
