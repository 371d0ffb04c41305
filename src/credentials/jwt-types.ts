/** Media types in JWT headers that have a meaning of their own, in their normal form (RFC 8725 §3.11, assertions.md §6). */

/** Of proofs, and of what is said about tokens: nobody's credential, and a bearer's where one took them (S-63, P-14). */
const PROOFS = [
  ...['wit+jwt', 'wpt+jwt', 'dpop+jwt', 'client-authentication+jwt', 'secevent+jwt', 'token-introspection+jwt'],
  ...['oauth-client-attestation+jwt', 'oauth-client-attestation-pop+jwt', 'logout+jwt', 'statuslist+jwt'],
] as const

/** Authorization grants, which are good at one authorization server, as a grant (JG-10). */
export const OUR_GRANT_TYPE = 'cambist-authorization-grant+jwt'
export const TXN_CHAIN_TYPE = 'txn-chain+jwt'
export const ID_JAG_TYPE = 'oauth-id-jag+jwt'
const GRANTS = [OUR_GRANT_TYPE, TXN_CHAIN_TYPE, ID_JAG_TYPE] as const

/** Types that are never those of a platform's token. */
export const NO_PLATFORM_TOKEN: ReadonlySet<string> = new Set([...PROOFS, ...GRANTS, 'txntoken+jwt'])

/** Types that are never those of an authorization grant that may have a type of its own (IJ-40, JG-10). */
export const NO_GRANT: ReadonlySet<string> = new Set([...PROOFS, ID_JAG_TYPE, 'at+jwt', 'txntoken+jwt'])
