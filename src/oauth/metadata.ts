import { registeredMethods } from '../clients/contract.ts'
import type { Snapshot } from '../documents/contract.ts'
import { GRANTS } from '../exchange/grants.ts'
import { algorithmOfAnswers } from '../issued/signed-answer.ts'
import type { Keyring } from '../keys/contract.ts'
import { algorithms } from '../lib/algorithms.ts'
import type { TokenKind } from '../tokens/contract.ts'
import { type Bases, endpointsAt } from './endpoints.ts'

export interface MetadataInput extends Bases {
  /** Declared types that some credential kind answers to as subject or actor token. */
  readonly presentedTokenTypes: readonly string[]
  /** Names of credential kinds that are taken as assertion, and profiles of authorization grants among them. */
  readonly assertionKinds: readonly string[]
  readonly grantProfiles: readonly string[]
  readonly tokenKinds: readonly Pick<TokenKind, 'tokenType' | 'chains'>[]
  /** Names of client authentication methods by which some credential kind comes in. */
  readonly authenticationMethods: readonly string[]
  /** Whether client certificates come in at all. */
  readonly certificates: boolean
}

/** Registered names, and those that drafts register (MD-04, MD-06, AB-10, SC-01); ways in that have none are not listed. */
const STANDARD_METHODS = [...registeredMethods, 'attest_jwt_client_auth_dpop']
const BY_TLS: ReadonlySet<string> = new Set(['tls_client_auth', 'self_signed_tls_client_auth', 'spiffe_x509'])

/**
 * Authorization server metadata (RFC 8414 §2, MD-01 to MD-06), equal under both well-known names. The members below
 * `response_types_supported` say nothing of workloads; real relying parties refuse a document without them (interfaces.md).
 */
export function metadata(
  { issuer, presentedTokenTypes, assertionKinds, grantProfiles, tokenKinds, ...input }: MetadataInput,
  { keyring, targets }: Pick<Snapshot, 'keyring' | 'targets'>,
): Record<string, unknown> {
  const { authenticationMethods, certificates, mtlsUrl } = input
  const methods = STANDARD_METHODS.filter(
    (name) => authenticationMethods.includes(name) && (certificates || !BY_TLS.has(name)),
  )
  const signing = [
    ...new Set(keyring.published.keys.flatMap(({ alg }) => (typeof alg === 'string' ? [alg] : []))),
  ].sort()
  return {
    issuer,
    ...endpointsAt(issuer),
    jwks_uri: `${issuer}/jwks`,
    grant_types_supported: GRANTS.map(({ type }) => type),
    // `none`: a workload whose subject token proves which client it is authenticates with nothing else.
    token_endpoint_auth_methods_supported: [...methods, 'none'],
    token_endpoint_auth_signing_alg_values_supported: [...algorithms.keys()],
    ...aboutTokens(methods, keyring),
    client_attestation_signing_alg_values_supported: [...algorithms.keys()],
    client_attestation_pop_signing_alg_values_supported: [...algorithms.keys()],
    dpop_signing_alg_values_supported: [...algorithms.keys()],
    // CB-06, CB-07. The issuer is the same at the alias, and so is the audience of assertions (CB-08).
    ...(certificates ? { tls_client_certificate_bound_access_tokens: true } : {}),
    ...(mtlsUrl === undefined ? {} : { mtls_endpoint_aliases: endpointsAt(mtlsUrl) }),
    // IC-11, IJ-37. Whom we believe, and for whom, is nobody's to read here.
    ...listed('identity_chaining_requested_token_types_supported', typesOf(tokenKinds.filter(({ chains }) => chains))),
    ...listed('authorization_grant_profiles_supported', grantProfiles),
    ...listed('authorization_details_types_supported', detailTypesOf(targets)),
    cambist_subject_token_types_supported: presentedTokenTypes,
    cambist_actor_token_types_supported: presentedTokenTypes,
    cambist_assertion_kinds_supported: assertionKinds,
    cambist_issued_token_types_supported: typesOf(tokenKinds),
    authorization_endpoint: `${issuer}/authorize`,
    response_types_supported: [],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: signing.length > 0 ? signing : ['ES256'],
  }
}

/** What is asked of tokens that are out, and done to them: by authenticated clients alone (MD-04, MD-05, JI-05). */
function aboutTokens(methods: readonly string[], keyring: Keyring): Record<string, unknown> {
  const signing = [...algorithms.keys()]
  return {
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: signing,
    introspection_signing_alg_values_supported: [algorithmOfAnswers(keyring) ?? 'ES256'],
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: signing,
  }
}

const typesOf = (kinds: MetadataInput['tokenKinds']): readonly string[] =>
  [...new Set(kinds.map(({ tokenType }) => tokenType))].sort()

/** Types of authorization details that some target knows (RA-04). */
const detailTypesOf = (targets: Snapshot['targets']): readonly string[] => {
  const types = new Set<string>()
  for (const { disabled, authorizationDetails } of targets.all())
    if (!disabled) for (const type of authorizationDetails.keys()) types.add(type)
  return [...types].sort()
}

/** A member with values; a list of none says no more than its absence. */
const listed = (name: string, values: readonly string[]): Record<string, readonly string[]> =>
  values.length === 0 ? {} : { [name]: values }
