import { z } from 'zod'
import { compileSelector } from '../identity/selector.ts'
import { type Condition, compileCondition } from '../lib/cel.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { readJwk, readJwks } from '../lib/jwk.ts'
import { onceEach } from '../lib/once-each.ts'
import { readBySchema } from '../lib/schema.ts'
import type { Steps } from '../lib/slices.ts'
import { compileAuthentication } from './client-authentication.ts'
import { type Client, type ClientAuthentication, grants, registeredMethods, type WorkloadSelector } from './contract.ts'

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a name has lower-case letters, digits and - only, 63 at most')
const texts = z
  .array(
    z.string('is a text; put a number or a date in quotes').min(1, 'is empty'),
    'is a list of texts, such as [shop]',
  )
  .min(1, 'is an empty list, which nothing would match; leave the field out')

const authentication = z.strictObject({
  method: z.enum(
    registeredMethods,
    `is one of ${registeredMethods.join(', ')}; a workload with a credential of its platform needs no registration: select it under \`workloads\``,
  ),
  jwks: z
    .strictObject({
      keys: z
        .array(z.looseObject({}))
        .min(1, 'a client without a key could never authenticate')
        .max(100, 'has more than 100 keys'),
    })
    .optional()
    .describe('Its public keys; for self_signed_tls_client_auth with certificates in x5c'),
  jwksUri: z
    .url({ protocol: /^https$/, error: 'must be a URL that begins with https://' })
    .optional()
    .describe('Where its public keys are'),
  tokenEndpointAudienceUntil: z.iso
    .date('is a date such as 2027-06-30')
    .optional()
    .describe('Until when the URL of the token endpoint is taken as audience'),
  issuer: name.optional().describe('The trusted issuer that vouches for it'),
  subjectDn: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe('Distinguished name of its certificate, as RFC 4514 writes it'),
  sanDns: z.string().min(1).max(253).optional().describe('DNS name in its certificate; no pattern'),
  sanUri: z.string().min(1).max(2048).optional().describe('URI in its certificate'),
  sanIp: z.string().min(1).max(64).optional().describe('Address in its certificate'),
  sanEmail: z.string().min(1).max(320).optional().describe('Mail address in its certificate'),
  spiffeId: z.string().min(1).max(2048).optional().describe('Its SPIFFE ID; segments of the path may be *'),
})

const workload = z.strictObject({
  issuer: name.describe('The trusted issuer of its credential'),
  ids: texts.optional().describe('Subjects as the issuer names them; * is one segment, ** at the end one or more'),
  match: z
    .record(z.string(), texts)
    .optional()
    .describe('Attributes that the issuer maps, each with the patterns that fit'),
  condition: z.string().optional().describe('CEL, about workload'),
})

/** The `spec` of a Client document. */
export const clientSchema = z.strictObject({
  disabled: z.boolean().optional().describe('Whoever is this client is refused, whatever else it is'),
  authentication: authentication.optional().describe('How a registered client proves who it is'),
  workloads: z
    .array(workload)
    .min(1, 'is an empty list: nobody would be this client')
    .max(1000, 'has more than 1000 members')
    .optional()
    .describe('Instead of authentication: every workload that matches one of these is this client'),
  audiences: texts
    .optional()
    .describe('Audiences that mean this client: tokens of ours for them it may exchange and introspect'),
  grants: z
    .array(z.enum(grants, `is one of ${grants.join(', ')}`))
    .optional()
    .describe('OAuth grants that it may use; token-exchange where nothing is said'),
  defaultTarget: name.optional().describe('Meant where a request names neither audience nor resource'),
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
  const registered =
    written.authentication === undefined ? undefined : compileAuthentication(written.authentication, faults)
  const workloads =
    registered !== undefined && 'spiffeId' in registered
      ? [spiffeWorkload(registered, faults)]
      : (written.workloads ?? []).map((each, index) => compileWorkload(each, `spec.workloads[${index}]`, faults))
  const client: Client = Object.freeze({
    name: clientName,
    disabled: written.disabled ?? false,
    authentication: registered,
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

/** A client that is registered by a SPIFFE ID is the workload of that ID, and comes by its method alone (exchange/client.ts). */
function spiffeWorkload(
  { issuer, spiffeId }: Extract<ClientAuthentication, { readonly spiffeId: string }>,
  faults: Fault[],
): WorkloadSelector {
  const selector = compileSelector({ ids: [spiffeId] }, 'spec.authentication.spiffeId', faults)
  return Object.freeze({ ...selector, issuer, condition: undefined })
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

/**
 * Keys that two registered clients share (T17): whoever holds one could speak as both. `at` and `with` are client names.
 * Keys behind a `jwksUri` are not seen here.
 */
export function* sharedKeys(
  clients: Iterable<Client>,
): Steps<readonly { readonly at: string; readonly with: string; readonly thumbprint: string }[]> {
  const owners = new Map<string, string>()
  const shared: { at: string; with: string; thumbprint: string }[] = []
  for (const client of clients) {
    for (const thumbprint of thumbprintsOf(client)) {
      const owner = owners.get(thumbprint)
      if (owner === undefined) owners.set(thumbprint, client.name)
      else if (owner !== client.name) shared.push({ at: client.name, with: owner, thumbprint })
    }
    yield
  }
  return shared
}

const thumbprintsOf = onceEach(({ authentication }: Client): readonly string[] => {
  if (authentication === undefined) return []
  // The key, and not the certificate: many can be made of one key.
  if ('certificates' in authentication) {
    return authentication.certificates.flatMap(({ publicKey, fingerprint }) => {
      const reading = readJwk(publicKey.export({ format: 'jwk' }))
      return 'key' in reading ? reading.key.thumbprint : fingerprint
    })
  }
  // An attester vouches for many clients by one key, each by name.
  if (authentication.method !== 'private_key_jwt' || authentication.jwks === undefined) return []
  return readJwks(authentication.jwks).keys.map(({ thumbprint }) => thumbprint)
})
