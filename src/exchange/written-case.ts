/**
 * Cases of policy tests as people write them: what is asked, as facts or as a request with sample tokens, and what must
 * come of it.
 */
import { z } from 'zod'
import { parseDuration } from '../lib/duration.ts'
import { type ChangeClass, changeClasses } from '../policy/contract.ts'
import { type Reason, reasons } from '../refusal.ts'
import { writtenDetails, writtenFactsSchema, writtenName, writtenText, writtenTime } from './written-facts.ts'

const texts = z.array(writtenText, 'is a list of texts').max(100, 'has more than 100 members')
const oneOrMore = z.union([writtenText, texts], 'is a text, or a list of texts')
const members = z.record(z.string(), z.unknown(), 'is a mapping')

/** What a token says: it is signed when the case is run, with a key that is thrown away, so that no secret lies in git. */
const sampleToken = z.union(
  [
    z.string().regex(/^eyJ[\w-]*\.[\w-]+\.[\w-]*$/, 'is not a compact token'),
    z
      .strictObject({
        issuer: writtenName.optional(),
        client: writtenName.optional(),
        claims: members.default({}),
        header: members.default({}),
      })
      .refine(({ issuer, client }) => (issuer === undefined) !== (client === undefined), {
        error:
          'names who signs it by exactly one of issuer (a TrustedIssuer) and client (a Client with keys of its own)',
      }),
  ],
  {
    error: ({ input }) =>
      typeof input === 'object' && input !== null
        ? undefined
        : 'is a compact token, or a mapping with issuer and claims',
  },
)

/** Parameters of the token endpoint, by their own names; `grant_type` follows from the token that the request brings. */
const request = z
  .strictObject(
    {
      grant_type: writtenText.optional(),
      subject_token: sampleToken.optional(),
      subject_token_type: writtenText.optional(),
      assertion: sampleToken.optional(),
      actor_token: sampleToken.optional(),
      actor_token_type: writtenText.optional(),
      client_assertion: sampleToken.optional(),
      client_assertion_type: writtenText.optional(),
      audience: oneOrMore.optional(),
      resource: oneOrMore.optional(),
      scope: z.string('is a text: scopes, separated by spaces').optional(),
      authorization_details: writtenDetails.optional(),
      requested_token_type: writtenText.optional(),
      request_details: members.optional(),
      request_context: members.optional(),
      client_id: writtenText.optional(),
      time: writtenTime.optional(),
    },
    { error: 'is a mapping such as {subject_token: {issuer: prod, claims: {sub: checkout}}, audience: orders}' },
  )
  .refine(
    ({ grant_type, subject_token, assertion }) =>
      grant_type !== undefined || (subject_token === undefined) !== (assertion === undefined),
    'has exactly one of subject_token and assertion, or says its grant_type, such as client_credentials',
  )

const lifetime = z.string('is a duration such as 5m').transform((written, context) => {
  const seconds = parseDuration(written)
  if (seconds !== undefined) return seconds
  context.addIssue({ code: 'custom', message: 'is a duration such as 90s, 5m or 1h' })
  return z.NEVER
})

/** What a refusal cannot have, and what only one has. */
const OF_PERMITS = ['scopes', 'subject', 'actors', 'lifetime'] as const

const expectation = z
  .strictObject(
    {
      verdict: z.enum(['permitted', 'refused'], 'is permitted or refused'),
      reason: z.enum(reasons, 'is no reason for a refusal; docs/errors.md lists them').optional(),
      client: writtenName.optional(),
      rule: writtenName.optional(),
      rules: z.array(writtenName, 'is a list of names of rules').optional(),
      scopes: texts.optional(),
      subject: writtenText.optional(),
      actors: texts.optional(),
      lifetime: lifetime.optional(),
      changes: z.array(z.enum(changeClasses, `is one of ${changeClasses.join(', ')}`)).optional(),
      shadow: z.array(writtenName, 'is a list of names of rules').optional(),
    },
    { error: 'is a mapping such as {verdict: permitted, scopes: [orders:read]}' },
  )
  .superRefine((expected, context) => {
    const wrong = expected.verdict === 'refused' ? OF_PERMITS : (['reason'] as const)
    for (const name of wrong)
      if (expected[name] !== undefined)
        context.addIssue({
          code: 'custom',
          path: [name],
          message: `is nothing that a request has that is ${expected.verdict}`,
        })
  })

const writtenCase = z
  .strictObject({
    name: writtenText,
    facts: writtenFactsSchema.optional(),
    request: request.optional(),
    expect: expectation,
  })
  .refine(({ facts, request: asked }) => (facts === undefined) !== (asked === undefined), {
    error: 'says what is asked by exactly one of facts and request',
  })

/** A file of cases. */
export const writtenCasesSchema = z.strictObject(
  {
    cases: z
      .array(writtenCase, 'is a list of cases')
      .min(1, 'has no case')
      .superRefine((cases, context) => {
        const first = new Map<string, number>()
        for (const [index, { name }] of cases.entries()) {
          const other = first.get(name)
          if (other === undefined) first.set(name, index)
          else
            context.addIssue({
              code: 'custom',
              path: [index, 'name'],
              message: `is the name of cases[${other}] already`,
            })
        }
      }),
  },
  { error: 'is a mapping with a list of cases' },
)

export type WrittenCase = z.output<typeof writtenCase>
export type WrittenSample = z.output<typeof sampleToken>
export type SampleRequest = z.output<typeof request>

export interface Expectation {
  readonly verdict: 'permitted' | 'refused'
  readonly reason?: Reason | undefined
  readonly client?: string | undefined
  /** One of the deciding rules; `rules` are all of them. */
  readonly rule?: string | undefined
  readonly rules?: readonly string[] | undefined
  readonly scopes?: readonly string[] | undefined
  readonly subject?: string | undefined
  readonly actors?: readonly string[] | undefined
  /** Seconds. */
  readonly lifetime?: number | undefined
  readonly changes?: readonly ChangeClass[] | undefined
  readonly shadow?: readonly string[] | undefined
}
