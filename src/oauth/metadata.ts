import { registeredMethods } from '../clients/contract.ts'
import { GRANTS } from '../exchange/grants.ts'
import type { Keyring } from '../keys/contract.ts'
import { algorithms } from '../lib/algorithms.ts'

export interface MetadataInput {
  readonly issuer: string
  /** Declared types that some credential kind answers to, and token types that some token kind issues. */
  readonly subjectTokenTypes: readonly string[]
  readonly issuedTokenTypes: readonly string[]
  /** Names of client authentication methods by which some credential kind comes in. */
  readonly authenticationMethods: readonly string[]
  /** Whether client certificates come in at all, and the base URL where they are asked for. */
  readonly certificates: boolean
  readonly mtlsUrl: string | undefined
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
  const signing = [...new Set(keyring.stored.map((key) => key.algorithm))].sort()
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    grant_types_supported: GRANTS.map(({ type }) => type),
    // `none`: a workload whose subject token proves which client it is authenticates with nothing else.
    token_endpoint_auth_methods_supported: [
      ...STANDARD_METHODS.filter((name) => authenticationMethods.includes(name) && (certificates || !BY_TLS.has(name))),
      'none',
    ],
    token_endpoint_auth_signing_alg_values_supported: [...algorithms.keys()],
    client_attestation_signing_alg_values_supported: [...algorithms.keys()],
    client_attestation_pop_signing_alg_values_supported: [...algorithms.keys()],
    dpop_signing_alg_values_supported: [...algorithms.keys()],
    // CB-06, CB-07. The issuer is the same at the alias, and so is the audience of assertions (CB-08).
    ...(certificates ? { tls_client_certificate_bound_access_tokens: true } : {}),
    ...(mtlsUrl === undefined ? {} : { mtls_endpoint_aliases: { token_endpoint: `${mtlsUrl}/token` } }),
    cambist_subject_token_types_supported: subjectTokenTypes,
    cambist_issued_token_types_supported: issuedTokenTypes,
    authorization_endpoint: `${issuer}/authorize`,
    response_types_supported: [],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: signing.length > 0 ? signing : ['ES256'],
  }
}
