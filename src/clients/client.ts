import { z } from 'zod'
import { compileSelector } from '../identity/selector.ts'
import { type Condition, compileCondition } from '../lib/cel.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { readJwks } from '../lib/jwk.ts'
import { readBySchema } from '../lib/schema.ts'
import { type Client, type ClientAuthentication, grants, type WorkloadSelector } from './contract.ts'

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name has lower-case letters, digits and - only, 63 at most')
const texts = z
  .array(z.string('is a text; put a number or a date in quotes').min(1, 'is empty'))
  .min(1, 'is an empty list, which nothing would match; leave the field out')

const authentication = z.strictObject({
  method: z.enum(
    ['private_key_jwt'],
    'clients authenticate by private_key_jwt; a workload with a credential of its platform needs no registration: select it under `workloads`',
  ),
  jwks: z
    .strictObject({
      keys: z
        .array(z.looseObject({}))
        .min(1, 'a client without a key could never authenticate')
        .max(100, 'has more than 100 keys'),
    })
    .optional(),
  jwksUri: z.url({ protocol: /^https$/, error: 'is an https URL' }).optional(),
  tokenEndpointAudienceUntil: z.iso.date('is a date such as 2027-06-30').optional(),
})

const workload = z.strictObject({
  issuer: name,
  ids: texts.optional(),
  match: z.record(z.string(), texts).optional(),
  condition: z.string().optional(),
})

/** The `spec` of a Client document. */
export const clientSchema = z.strictObject({
  disabled: z.boolean().optional(),
  authentication: authentication.optional(),
  workloads: z
    .array(workload)
    .min(1, 'is an empty list: nobody would be this client')
    .max(1000, 'has more than 1000 members')
    .optional(),
  audiences: texts.optional(),
  grants: z.array(z.enum(grants, `is one of ${grants.join(', ')}`)).optional(),
  defaultTarget: name.optional(),
})

/** What a condition of a workload can see (interfaces.md, "CEL sees"). */
export const WORKLOAD_VARIABLES = ['workload'] as const

/** A Client document, compiled and frozen. Throws Faults with every one. */
export function compileClient(clientName: string, spec: unknown): Client {
  const written = readBySchema(clientSchema, spec, 'spec')
  const faults: Fault[] = []
  if ((written.authentication === undefined) === (written.workloads === undefined)) {
    faults.push({
      path: 'spec',
      message:
        'a client has either `authentication` (it is registered) or `workloads` (it is whoever matches): exactly one of them',
    })
  }
  const workloads = (written.workloads ?? []).map((each, index) =>
    compileWorkload(each, `spec.workloads[${index}]`, faults),
  )
  const client: Client = Object.freeze({
    name: clientName,
    disabled: written.disabled ?? false,
    authentication:
      written.authentication === undefined ? undefined : compileAuthentication(written.authentication, faults),
    workloads: Object.freeze(workloads),
    audiences: Object.freeze([...(written.audiences ?? [])]),
    grants: new Set(written.grants ?? (['token-exchange'] as const)),
    defaultTarget: written.defaultTarget,
  })
  if (faults.length > 0) throw new Faults(faults)
  return client
}

function compileWorkload(written: z.infer<typeof workload>, path: string, faults: Fault[]): WorkloadSelector {
  const selector = compileSelector(written, path, faults)
  return Object.freeze({
    ...selector,
    issuer: written.issuer,
    condition: compileWritten(written.condition, `${path}.condition`, faults),
  })
}

function compileWritten(source: string | undefined, path: string, faults: Fault[]): Condition | undefined {
  if (source === undefined) return undefined
  try {
    return compileCondition(source, WORKLOAD_VARIABLES)
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    faults.push(...error.faults.map(({ message }) => ({ path, message })))
    return undefined
  }
}

function compileAuthentication(written: z.infer<typeof authentication>, faults: Fault[]): ClientAuthentication {
  const { method, jwks, jwksUri, tokenEndpointAudienceUntil } = written
  if ((jwks === undefined) === (jwksUri === undefined)) {
    faults.push({
      path: 'spec.authentication',
      message: 'the keys of the client stand in `jwks` or at `jwksUri`: exactly one of them',
    })
  }
  if (jwks !== undefined) {
    for (const { at, message } of readJwks(jwks).faults) {
      const path = at === '' ? 'spec.authentication.jwks' : `spec.authentication.jwks.${at}`
      faults.push({ path, message: at === '' ? `the set ${message}` : `the key ${message}` })
    }
  }
  return Object.freeze({
    method,
    ...(jwks === undefined ? {} : { jwks }),
    ...(jwksUri === undefined ? {} : { jwksUri }),
    // the day that is named still counts
    ...(tokenEndpointAudienceUntil === undefined
      ? {}
      : { tokenEndpointAudienceUntil: Date.parse(`${tokenEndpointAudienceUntil}T23:59:59Z`) / 1000 }),
  })
}

/**
 * Keys that two registered clients share (T17): whoever holds one could speak as both. `at` and `with` are client names.
 * Keys behind a `jwksUri` are not seen here.
 */
export function sharedKeys(
  clients: Iterable<Client>,
): readonly { readonly at: string; readonly with: string; readonly thumbprint: string }[] {
  const owners = new Map<string, string>()
  const shared: { at: string; with: string; thumbprint: string }[] = []
  for (const client of clients) {
    for (const thumbprint of thumbprintsOf(client)) {
      const owner = owners.get(thumbprint)
      if (owner === undefined) owners.set(thumbprint, client.name)
      else if (owner !== client.name) shared.push({ at: client.name, with: owner, thumbprint })
    }
  }
  return shared
}

function thumbprintsOf(client: Client): readonly string[] {
  const jwks = client.authentication?.jwks
  return jwks === undefined ? [] : readJwks(jwks).keys.map(({ thumbprint }) => thumbprint)
}
