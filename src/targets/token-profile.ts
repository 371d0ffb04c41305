import { z } from 'zod'
import { algorithms } from '../lib/algorithms.ts'
import { compileMapping, type Mapping } from '../lib/cel.ts'
import { formatDuration, parseDuration } from '../lib/duration.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { bindings, MAX_TOKEN_LIFETIME, type TokenKindForm, type TokenProfile } from './contract.ts'

/** What `subject` and `claims` can see (interfaces.md, "CEL sees"). */
const TOKEN_VARIABLES = ['subject', 'actor', 'client', 'target', 'request'] as const

const DEFAULT_LIFETIME = 300

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

const lifetime = z.string().refine((text) => {
  const seconds = parseDuration(text)
  return seconds !== undefined && seconds <= MAX_TOKEN_LIFETIME
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

/** An entry of a Target's `tokens`, for a kind: what it says of its signature and of its key as far as the kind lets it. */
export function profileSchema({ name, settings, ...kind }: TokenKindForm) {
  const { algorithms: signed = new Set(algorithms.keys()), bindings: bindable = bindings } = kind
  return z.strictObject({
    kind: z.literal(name).describe('What it is'),
    ...profileFields,
    algorithm: z
      .enum([...signed], `an algorithm is one of ${[...signed].join(', ')}`)
      .optional()
      .describe('What it is signed with; ES256 where nothing is said'),
    binding: z
      .enum(bindable, `a binding is one of ${bindable.join(', ')}`)
      .optional()
      .describe('Proof of a key that the request must bring'),
    ...(settings instanceof z.ZodObject ? settings.shape : {}),
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

/** Puts what is wrong with it among the faults. */
export function compileProfile(
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
  const { standard, most } = form?.lifetime ?? { standard: DEFAULT_LIFETIME, most: MAX_TOKEN_LIFETIME }
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
