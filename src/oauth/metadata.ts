import { registeredMethods } from '../clients/contract.ts'
import { GRANTS } from '../exchange/grants.ts'
import { algorithmOfAnswers } from '../issued/signed-answer.ts'
import type { Keyring } from '../keys/contract.ts'
import { algorithms } from '../lib/algorithms.ts'
import { type Bases, endpointsAt } from './endpoints.ts'

export interface MetadataInput extends Bases {
  /** Declared types that some credential kind answers to, and token types that some token kind issues. */
  readonly subjectTokenTypes: readonly string[]
  readonly issuedTokenTypes: readonly string[]
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
  { issuer, subjectTokenTypes, issuedTokenTypes, authenticationMethods, certificates, mtlsUrl }: MetadataInput,
  keyring: Keyring,
): Record<string, unknown> {
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
    cambist_subject_token_types_supported: subjectTokenTypes,
    cambist_issued_token_types_supported: issuedTokenTypes,
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
