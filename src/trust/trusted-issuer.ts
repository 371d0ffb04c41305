import { CLIENTS_ISSUER, RESERVED_ATTRIBUTES, SELF_ISSUER } from '../identity/principal.ts'
import { type Condition, compileCondition, compileMapping, type Mapping } from '../lib/cel.ts'
import { parseDuration } from '../lib/duration.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { readBySchema, schemaFaults } from '../lib/schema.ts'
import type { Position, Preset, TrustedIssuer } from './contract.ts'
import * as presets from './presets/index.ts'
import { DEFAULT_CLUSTER_ISSUERS } from './presets/kubernetes.ts'
import { SHARED_ISSUERS } from './shared-issuers.ts'
import { isForAdministratorsAlone } from './trust-index.ts'
import { COMMON_FIELDS, type CredentialKindForm, settingsShape, trustedIssuerSchema } from './trusted-issuer-schema.ts'
import { compileKeys, type WrittenKeys } from './written-keys.ts'
import { compileOnlineCheck, type WrittenOnlineCheck } from './written-online-check.ts'

/** What TrustedIssuer documents are compiled under. */
export interface TrustContext {
  readonly kinds: readonly CredentialKindForm[]
  readonly ourIssuer: string
  /** Handed in, a URL of keys that could not be fetched under it is a fault: lower-case `host:port` values (CAMBIST_INSECURE_FETCH). */
  readonly insecureFetch?: ReadonlySet<string>
  /** Never an audience of credentials for workloads. */
  readonly adminAudience?: string
  /** No issuer's under the scheme `wimse`. */
  readonly ourTrustDomain?: string
}

/** What `tenant`, `condition`, `subject`, `instance` and `attributes` see of a credential, where its kind does not say otherwise (interfaces.md, "CEL sees"). */
export const ISSUER_VARIABLES = ['assertion', 'header'] as const

const MAX_CLOCK_SKEW = 60 // P-2
const MAX_ATTRIBUTES = 64
const ATTRIBUTE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

const PRESETS: ReadonlyMap<string, Preset> = new Map(Object.values(presets).map((preset) => [preset.name, preset]))

/** A document's spec with its preset filled in. */
interface Written {
  readonly keys: WrittenKeys
  readonly audiences?: readonly string[] | undefined
  readonly disabled?: boolean | undefined
  readonly credential?: string | undefined
  readonly onlineCheck?: WrittenOnlineCheck | undefined
  readonly maxStale?: string | undefined
  readonly multipleAudiences?: boolean | undefined
  readonly uses?: readonly Position[] | undefined
  readonly act?: 'refuse' | 'keep' | undefined
  readonly maxLifetime?: string | undefined
  readonly maxAge?: string | undefined
  readonly clockSkew?: string | undefined
  readonly singleUse?: boolean | undefined
  readonly firstUse?: 'any' | 'bind' | undefined
  readonly tenant?: string | undefined
  readonly tenants?: readonly string[] | undefined
  readonly subject?: string | undefined
  readonly instance?: string | undefined
  readonly attributes?: Readonly<Record<string, string>> | undefined
}

/** A TrustedIssuer document, compiled and frozen. Throws Faults with every one; their paths begin with `spec`, but for the name. */
export function compileTrustedIssuer(name: string, spec: unknown, context: TrustContext): TrustedIssuer {
  const faults: Fault[] = []
  if (name === SELF_ISSUER || name === CLIENTS_ISSUER) {
    faults.push({
      path: 'metadata.name',
      message: `${name} is the name of an issuer that Cambist has built in; choose another`,
    })
  }
  const schema = trustedIssuerSchema(context.kinds)
  const own = collected(() => readBySchema(schema, spec, 'spec'), faults)
  if (own === undefined) throw new Faults(faults)
  const preset = own.preset === undefined ? undefined : PRESETS.get(own.preset)
  // The schema has checked what the document says, and a test what the presets say.
  const written = {
    ...preset?.fills,
    ...own,
    attributes: { ...(preset?.fills['attributes'] as Record<string, string> | undefined), ...own.attributes },
  } as Written & Readonly<Record<string, unknown>>

  const kind = kindOf(written, context.kinds, faults)
  const settings = kind === undefined ? undefined : settingsOf(kind, written, faults)
  const authority = kind === undefined || settings === undefined ? '' : kind.authority(settings as never)
  if (settings !== undefined) checkAuthority(authority, written, context, faults)
  const source = compileKeys(written.keys, { ...kind, authority, insecure: context.insecureFetch }, faults)
  const seconds = (field: 'maxStale' | 'maxLifetime' | 'maxAge' | 'clockSkew', fallback: number): number => {
    const value = written[field]
    return value === undefined ? fallback : (parseDuration(value) ?? fallback)
  }
  const clockSkew = seconds('clockSkew', 30)
  if (clockSkew > MAX_CLOCK_SKEW) {
    faults.push({ path: 'spec.clockSkew', message: `${written.clockSkew} is too much; ${MAX_CLOCK_SKEW}s is the most` })
  }
  const variables = kind?.variables ?? ISSUER_VARIABLES
  const issuer = {
    name,
    disabled: written.disabled ?? false,
    credential: kind?.name ?? '',
    settings,
    authority,
    lookUp: source === undefined ? [] : (kind?.lookUp?.(source) ?? [authority]),
    variables,
    tokenTypes: [...(kind?.tokenTypes ?? []), ...(kind?.clientTypes?.keys() ?? []), ...(kind?.assertionTypes ?? [])],
    keys: source,
    keyUse: kind?.keyUse ?? 'sig',
    maxStale: seconds('maxStale', 3600),
    onlineCheck: compileOnlineCheck(written.onlineCheck, context.insecureFetch, faults),
    audiences: audiencesOf(written, kind, faults),
    multipleAudiences: written.multipleAudiences ?? false,
    uses: new Set(written.uses ?? (['client', 'subject', 'actor', 'assertion'] as const)),
    act: written.act ?? 'refuse',
    maxLifetime: seconds('maxLifetime', kind?.maxLifetime ?? 86_400),
    maxAge: seconds('maxAge', kind?.maxAge ?? 3600),
    clockSkew,
    singleUse: written.singleUse ?? false,
    firstUse: written.firstUse ?? 'any',
    tenant: tenantOf(written, sharedBecause(preset, kind, authority), variables, faults),
    conditions: Object.freeze([
      ...conditionsOf(preset?.fills['condition'], variables, faults),
      ...conditionsOf(own.condition, variables, faults),
    ]),
    subject: mapping(written.subject ?? kind?.subject ?? 'assertion.sub', 'spec.subject', variables, faults),
    instance:
      written.instance === undefined ? undefined : mapping(written.instance, 'spec.instance', variables, faults),
    attributes: attributesOf(written.attributes ?? {}, variables, faults),
    renameable: preset?.renameable ?? presetOfIssuer(authority)?.renameable ?? {},
  }
  const { keys, subject } = issuer
  if (faults.length > 0 || keys === undefined || subject === undefined) throw new Faults(faults)
  return Object.freeze({ ...issuer, keys, subject })
}

function kindOf(
  written: Written,
  kinds: readonly CredentialKindForm[],
  faults: Fault[],
): CredentialKindForm | undefined {
  const kind = kinds.find((one) => one.name === written.credential && one.builtIn !== true)
  if (kind === undefined) {
    const known = kinds.flatMap((one) => (one.builtIn ? [] : one.name)).join(', ')
    faults.push({
      path: 'spec.credential',
      message: `is missing; say what the issuer's credentials are (${known}), or name a preset`,
    })
  }
  return kind
}

/** The settings of the kind, with its defaults; undefined where they have faults. */
function settingsOf(kind: CredentialKindForm, written: Readonly<Record<string, unknown>>, faults: Fault[]): unknown {
  const shape = settingsShape(kind)
  const settings: Record<string, unknown> = {}
  const before = faults.length
  for (const [field, value] of Object.entries(written)) {
    if (Object.hasOwn(shape, field)) settings[field] = value
    else if (!COMMON_FIELDS.has(field) || (kind.without?.includes(field) && value !== undefined))
      faults.push({ path: `spec.${field}`, message: `is not a field of credential ${kind.name}` })
  }
  for (const [field, schema] of Object.entries(shape)) {
    if (settings[field] === undefined && !schema.safeParse(undefined).success) {
      faults.push({ path: `spec.${field}`, message: `is missing; an issuer of credential ${kind.name} must say it` })
    }
  }
  if (faults.length > before) return undefined
  const result = kind.settings.safeParse(settings)
  if (result.success) return result.data
  faults.push(...schemaFaults(result.error, kind.settings, 'spec'))
  return undefined
}

function checkAuthority(authority: string, written: Written, context: TrustContext, faults: Fault[]): void {
  if (/[\p{Cc}\p{Zs}]/u.test(authority)) {
    faults.push({
      path: 'spec.issuer',
      message: `${JSON.stringify(authority)} has spaces or control characters; write the exact iss of the credentials`,
    })
  }
  if (authority === context.ourIssuer) {
    faults.push({
      path: 'spec.issuer',
      message: `${authority} is our own issuer; tokens of ours belong to the built-in issuer ${SELF_ISSUER}`,
    })
  }
  // canonicalId() makes ids there, of other issuers' names and their subjects (UC-55).
  if (context.ourTrustDomain !== undefined && authority === `wimse://${context.ourTrustDomain}`) {
    faults.push({
      path: 'spec.trustDomain',
      message: `${context.ourTrustDomain} is our own trust domain, in which every workload of every issuer has an id (wimse://${context.ourTrustDomain}/ISSUER/SUBJECT), so that this one could name itself as any of them; give one of the two another trust domain (CAMBIST_TRUST_DOMAIN)`,
    })
  }
  for (const [index, audience] of (written.audiences ?? []).entries()) {
    const path = `spec.audiences[${index}]`
    if (audience === authority || DEFAULT_CLUSTER_ISSUERS.has(audience)) {
      faults.push({
        path,
        message: `${JSON.stringify(audience)} means the issuer itself, so every credential for its own interface could be exchanged here; have credentials made for an audience that means us, such as ${context.ourIssuer}`,
      })
    }
    if (audience === context.adminAudience) {
      faults.push({
        path,
        message: `${JSON.stringify(audience)} is the audience of the administrators' door, where it is taken by itself and no other; choose another, or with uses: [administrator] leave the field out`,
      })
    }
  }
}

/** The preset that an issuer of public name has, whether or not its document names one. */
function presetOfIssuer(authority: string): Preset | undefined {
  return Object.values(presets).find(({ fills }) => fills['issuer'] === authority)
}

/** Credentials of most kinds say whom they are for, and those of the others are bound to a key instead. Administrators' are for their door, by configuration. */
function audiencesOf(
  { audiences, uses }: Written,
  kind: CredentialKindForm | undefined,
  faults: Fault[],
): readonly string[] {
  if (kind?.audience !== 'none') {
    if (audiences === undefined && (uses === undefined || !isForAdministratorsAlone(uses)))
      faults.push({
        path: 'spec.audiences',
        message: 'is missing; say what credentials that are meant for us have in aud',
      })
  } else if (audiences !== undefined) {
    faults.push({
      path: 'spec.audiences',
      message: `is not a field of credential ${kind.name}: its credentials name no audience, and are bound to a key instead`,
    })
  }
  return Object.freeze([...new Set(audiences)])
}

/** Why strangers share the issuer; undefined where they do not. */
function sharedBecause(
  preset: Preset | undefined,
  kind: CredentialKindForm | undefined,
  authority: string,
): string | undefined {
  if (preset?.sharedIssuer === true) return `preset ${preset.name}`
  if (kind?.sharedIssuer === true) return `credential ${kind.name}`
  return SHARED_ISSUERS.has(authority) ? authority : undefined
}

function tenantOf(
  written: Written,
  shared: string | undefined,
  variables: readonly string[],
  faults: Fault[],
): TrustedIssuer['tenant'] {
  const { tenant, tenants } = written
  if (tenant === undefined || tenants === undefined) {
    if (tenant !== undefined) {
      const why = shared === undefined ? '' : `, and strangers share the issuer (${shared})`
      faults.push({
        path: 'spec.tenants',
        message: `is missing${why}: tenant reads ${tenant}, so list those of its values that are ours`,
      })
    } else if (shared !== undefined) {
      faults.push({
        path: 'spec.tenant',
        message: `is missing, and strangers share the issuer (${shared}): say in tenant which claim is the immutable id of the customer, and in tenants which of them are ours`,
      })
    } else if (tenants !== undefined) {
      faults.push({ path: 'spec.tenant', message: 'is missing: tenant and tenants stand together, or not at all' })
    }
    return undefined
  }
  const compiled = mapping(tenant, 'spec.tenant', variables, faults)
  return compiled === undefined ? undefined : Object.freeze({ mapping: compiled, allowed: new Set(tenants) })
}

function attributesOf(
  written: Readonly<Record<string, string>>,
  variables: readonly string[],
  faults: Fault[],
): TrustedIssuer['attributes'] {
  const attributes: (readonly [string, Mapping])[] = []
  const names = Object.keys(written)
  if (names.length > MAX_ATTRIBUTES)
    faults.push({ path: 'spec.attributes', message: `has ${names.length} members; ${MAX_ATTRIBUTES} is the most` })
  for (const name of names) {
    const path = `spec.attributes.${name}`
    if (RESERVED_ATTRIBUTES.has(name))
      faults.push({ path, message: `${name} is a name that every principal has already; choose another` })
    else if (!ATTRIBUTE_NAME.test(name))
      faults.push({
        path,
        message: `${JSON.stringify(name)} is not a name: letters, digits and _, a letter first, 64 at most`,
      })
    const compiled = mapping(written[name] ?? '', path, variables, faults)
    if (compiled !== undefined) attributes.push(Object.freeze([name, compiled] as const))
  }
  return Object.freeze(attributes)
}

function conditionsOf(source: unknown, variables: readonly string[], faults: Fault[]): readonly Condition[] {
  if (typeof source !== 'string') return []
  const compiled = collected(() => compileCondition(source, variables), faults, 'spec.condition')
  return compiled === undefined ? [] : [compiled]
}

function mapping(source: string, path: string, variables: readonly string[], faults: Fault[]): Mapping | undefined {
  return collected(() => compileMapping(source, variables), faults, path)
}

/** What `make` makes, or undefined with its faults collected. `path` is where they are, if they do not know it themselves. */
function collected<T>(make: () => T, faults: Fault[], path?: string): T | undefined {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    faults.push(...error.faults.map((fault) => (path === undefined ? fault : { path, message: fault.message })))
    return undefined
  }
}

export { trustedIssuerSchema } from './trusted-issuer-schema.ts'
