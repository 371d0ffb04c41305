import { z } from 'zod'
import { parseDuration } from '../lib/duration.ts'
import { nearestName } from '../lib/nearest.ts'
import { BUNDLE_NAME } from './bundles-dir.ts'
import { type KeyMember, type KeySource, type KeyUse, positions } from './contract.ts'
import * as presets from './presets/index.ts'
import { SECRET_NAME } from './secrets-dir.ts'

/** What of a credential kind a TrustedIssuer document depends on; credentials/ hands its kinds in. */
export interface CredentialKindForm {
  readonly name: string
  readonly tokenTypes: readonly string[]
  /** An object schema: what an issuer of this kind says beside what all say. */
  readonly settings: z.ZodType
  /** Which keys of a SPIFFE bundle are its own; an ordinary key set has those of use `sig`. */
  readonly keyUse?: KeyUse
  /** Members of a document's `keys` that it takes; `discovery`, `jwksUri` and `jwks` where it does not say. */
  readonly sources?: readonly KeyMember[]
  /** Declared types in the position `client`. */
  readonly clientTypes?: ReadonlyMap<string, string>
  /** Declared types in the position `assertion`. */
  readonly assertionTypes?: readonly string[]
  /** Its credentials name no audience. */
  readonly audience?: 'none'
  /** Strangers share every issuer of it. */
  readonly sharedIssuer?: true
  readonly variables?: readonly string[]
  readonly subject?: string
  readonly maxAge?: number
  readonly maxLifetime?: number
  /** Common fields that say nothing of its credentials, and are refused in its documents. */
  readonly without?: readonly string[]
  /** No document says it. */
  readonly builtIn?: true
  authority(settings: never): string
  lookUp?(keys: KeySource): readonly string[]
}

const text = (max: number) =>
  z
    .string('is a text; put a number or a date in quotes')
    .min(1, 'is empty')
    .max(max, `is longer than ${max} characters`)
    .refine((value) => !/\p{Cc}/u.test(value) && value.isWellFormed(), 'has control characters or half a character')
function oneOf<const Name extends string>(names: readonly Name[]) {
  return z.enum(names, {
    error: ({ input }) => {
      const near = typeof input === 'string' ? nearestName(input, names) : undefined
      return `${JSON.stringify(input) ?? 'nothing'} is not one of ${names.join(', ')}${near === undefined ? '' : `; did you mean ${near}?`}`
    },
  })
}

const flag = z.boolean('is true or false')
const duration = z.string('is a duration such as 90s, 5m or 1h').refine((value) => parseDuration(value) !== undefined, {
  error: ({ input }) => `${JSON.stringify(input)} is not a duration; write one such as 90s, 5m or 1h`,
})
const expression = z.string('is a CEL expression, in quotes').min(1, 'is empty')

const certificates = z.string('is PEM text').max(262_144, 'is longer than 262144 characters')
const secret = z.strictObject({
  secret: z
    .string('is a name')
    .regex(SECRET_NAME, 'is the name of a secret in CAMBIST_SECRETS_DIR: lower-case letters, digits and -'),
})

/** Where and how an issuer is asked about its credentials (UC-106). */
const onlineCheck = z.strictObject(
  {
    tokenReview: z
      .strictObject(
        { url: text(2048), ca: certificates.optional(), bearerToken: secret },
        'says url, bearerToken and, where it is private, ca',
      )
      .optional(),
    introspection: z
      .strictObject(
        { url: text(2048), ca: certificates.optional(), bearerToken: secret.optional() },
        'says url and, where they are needed, ca and bearerToken',
      )
      .optional(),
    maxAge: duration.optional(),
  },
  'says how the issuer is asked: one of tokenReview and introspection',
)

const bundleKeys = z.looseObject(
  { keys: z.array(z.unknown(), 'is a list of JWKs') },
  'is a SPIFFE bundle: an object with a list named keys',
)

const keys = z.strictObject(
  {
    discovery: z.literal(true, 'is true, or the field is left out').optional().describe('In its own metadata'),
    jwksUri: text(2048).optional().describe('At this URL'),
    jwks: z
      .looseObject(
        { keys: z.array(z.unknown(), 'is a list of JWKs') },
        'is a JWK Set: an object with a list named keys',
      )
      .optional()
      .describe('Written here; follows no rotation'),
    bundle: z
      .strictObject(
        {
          url: text(2048).optional(),
          profile: oneOf(['https_web', 'https_spiffe']).optional(),
          endpointSpiffeId: text(2048).optional(),
          inline: bundleKeys.optional(),
          file: z
            .string('is a name')
            .regex(BUNDLE_NAME, 'is the name of a file in CAMBIST_BUNDLES_DIR: letters, digits, dots, - and _, no path')
            .optional(),
        },
        'says where the SPIFFE bundle is: url, inline or file',
      )
      .optional()
      .describe('A SPIFFE bundle'),
    roots: certificates.optional().describe('Certificates of authorities, in PEM'),
    intermediates: certificates.optional().describe('Certificates between the roots and those that come, in PEM'),
    sts: text(2048).optional().describe('No keys: the platform’s own service at this origin judges'),
    ca: certificates.optional().describe('Certificates, in PEM, by which the server of the keys is known'),
    bearerToken: secret.optional().describe('The name of the secret that it is asked with'),
  },
  'says where the keys are: one of discovery, jwksUri, jwks, bundle, roots and sts',
)

const common = {
  disabled: flag.optional().describe('Its credentials are refused'),
  preset: oneOf(Object.values(presets).map(({ name }) => name))
    .optional()
    .describe('Fills in what a platform has in common; every field can be said otherwise'),
  keys: keys.describe('Where its keys are: one of discovery, jwksUri, jwks, bundle, roots and sts'),
  onlineCheck: onlineCheck.optional().describe('Asks the issuer whether a credential still holds'),
  maxStale: duration.optional().describe('How long the last good keys serve while their source fails'),
  audiences: z
    .array(text(1024), 'is a list of texts: what credentials for us have in aud')
    .min(1, 'is empty, so no credential could be meant for us')
    .max(64, 'has more than 64 members')
    .optional()
    .describe('What credentials for us have in aud'),
  multipleAudiences: flag.optional().describe('Takes credentials that have other audiences as well'),
  uses: z
    .array(oneOf(positions), `is a list of ${positions.join(', ')}`)
    .min(1, 'is empty, so the credential could be presented nowhere; leave the field out or say disabled: true')
    .optional()
    .describe('Where its credentials may be presented'),
  act: oneOf(['refuse', 'keep']).optional().describe('Whether it may say who acts for its subjects'),
  maxLifetime: duration.optional().describe('Credentials that live longer are refused'),
  maxAge: duration.optional().describe('Credentials that were issued longer ago are refused'),
  clockSkew: duration.optional().describe('How far its clock may differ; 30s where nothing is said'),
  singleUse: flag.optional().describe('Each credential is taken once'),
  firstUse: oneOf(['any', 'bind'])
    .optional()
    .describe('bind: a credential is good only with the key it was first used with'),
  tenant: expression.optional().describe('CEL: the immutable id of the customer, where strangers share the issuer'),
  tenants: z
    .array(text(1024), 'is a list of texts; put numbers in quotes')
    .min(1, 'is empty, so every credential would be refused')
    .optional()
    .describe('Values of tenant that are ours'),
  condition: expression.optional().describe('CEL that must hold of a credential'),
  subject: expression.optional().describe('CEL: who the credential is about'),
  instance: expression.optional().describe('CEL: which copy of the workload'),
  attributes: z
    .record(z.string(), expression, 'is an object: attribute names and CEL expressions')
    .optional()
    .describe('CEL by name: what policies see of it'),
}

/** Names of the fields that documents of every credential kind have. */
export const COMMON_FIELDS: ReadonlySet<string> = new Set([...Object.keys(common), 'credential'])

/** The `spec` of a TrustedIssuer document as written. Which fields a document must have is decided once its preset is filled in. */
export function trustedIssuerSchema(kinds: readonly CredentialKindForm[]) {
  const names = kinds.flatMap((kind) => (kind.builtIn ? [] : kind.name))
  return z.strictObject({
    ...settingsFields(kinds.filter((kind) => kind.builtIn !== true)),
    credential: oneOf(names).optional().describe('What its credentials are, where no preset says it'),
    ...common,
  })
}

/** The members that a kind's settings have, by name. */
export function settingsShape(kind: CredentialKindForm): Readonly<Record<string, z.ZodType>> {
  return kind.settings instanceof z.ZodObject ? kind.settings.shape : {}
}

/** What any kind's settings can say, as written: no defaults, nothing transformed, nothing required. */
function settingsFields(kinds: readonly CredentialKindForm[]): Record<string, z.ZodOptional> {
  const fields: Record<string, z.ZodType[]> = {}
  const words: Record<string, string | undefined> = {}
  for (const kind of kinds) {
    for (const [name, field] of Object.entries(settingsShape(kind))) {
      fields[name] = [...new Set([...(fields[name] ?? []), asWritten(field)])]
      words[name] ??= field.description
    }
  }
  return Object.fromEntries(
    Object.entries(fields).map(([name, [first, ...more]]) => {
      const field = z.optional(
        more.length === 0 || first === undefined ? (first ?? z.unknown()) : z.union([first, ...more]),
      )
      const said = words[name]
      return [name, said === undefined ? field : field.describe(said)]
    }),
  )
}

function asWritten(field: z.ZodType): z.ZodType {
  if (field instanceof z.ZodPipe) return asWritten(field.in as z.ZodType)
  if (field instanceof z.ZodDefault || field instanceof z.ZodOptional) return asWritten(field.unwrap() as z.ZodType)
  return field
}
