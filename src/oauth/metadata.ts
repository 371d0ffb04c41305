import { TOKEN_EXCHANGE } from '../exchange/request.ts'
import type { Keyring } from '../keys/contract.ts'
import { algorithms } from '../lib/algorithms.ts'

export interface MetadataInput {
  readonly issuer: string
  /** Declared types that some credential kind answers to, and token types that some token kind issues. */
  readonly subjectTokenTypes: readonly string[]
  readonly issuedTokenTypes: readonly string[]
  /** Whether client certificates come in at all, and the base URL where they are asked for. */
  readonly certificates: boolean
  readonly mtlsUrl: string | undefined
}

/**
 * Authorization server metadata (RFC 8414 §2, MD-01 to MD-06), equal under both well-known names. The members below
 * `response_types_supported` say nothing of workloads; real relying parties refuse a document without them (interfaces.md).
 */
export function metadata(
  { issuer, subjectTokenTypes, issuedTokenTypes, certificates, mtlsUrl }: MetadataInput,
  keyring: Keyring,
): Record<string, unknown> {
  const signing = [...new Set(keyring.stored.map((key) => key.algorithm))].sort()
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    grant_types_supported: [TOKEN_EXCHANGE],
    // `none`: a workload whose subject token proves which client it is authenticates with nothing else.
    token_endpoint_auth_methods_supported: ['private_key_jwt', 'none'],
    token_endpoint_auth_signing_alg_values_supported: [...algorithms.keys()],
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
