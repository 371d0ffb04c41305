import type { Grant } from '../clients/contract.ts'
import { JWT_BEARER_GRANT } from '../credentials/contract.ts'

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const CLIENT_CREDENTIALS = 'client_credentials'

/** What a request of any grant may say: who asks, and for what (AF-03, AF-06, RI-04). */
const COMMON = [
  'grant_type',
  'client_id',
  'client_assertion',
  'client_assertion_type',
  'audience',
  'resource',
  'scope',
  'authorization_details',
] as const

/** A grant of the token endpoint: how requests name it, and the parameters that it takes. */
interface GrantForm {
  readonly name: Grant
  /** `grant_type`. */
  readonly type: string
  readonly taken: ReadonlySet<string>
}

/** The grants that are answered by the road; all of them, in the order in which metadata lists them: assertion grants are offered first. */
export const GRANTS: readonly GrantForm[] = [
  { name: 'jwt-bearer', type: JWT_BEARER_GRANT, taken: new Set([...COMMON, 'assertion']) },
  {
    name: 'token-exchange',
    type: TOKEN_EXCHANGE,
    taken: new Set([
      ...COMMON,
      'subject_token',
      'subject_token_type',
      'actor_token',
      'actor_token_type',
      'requested_token_type',
      'request_context',
      'request_details',
    ]),
  },
  { name: 'client-credentials', type: CLIENT_CREDENTIALS, taken: new Set(COMMON) },
]

/**
 * Parameters that Cambist knows and no grant here takes: refused, never dropped, since what is dropped silently turns one
 * request into another (T24). `client_secret` is known and never taken: no client here has one (UC-04).
 */
const TAKEN_BY_NONE = [
  'auth_req_id',
  'client_secret',
  'code',
  'code_verifier',
  'device_code',
  'password',
  'redirect_uri',
  'refresh_token',
  'requested_token_use',
  'username',
] as const

const KNOWN: ReadonlySet<string> = new Set([...TAKEN_BY_NONE, ...GRANTS.flatMap(({ taken }) => [...taken])])

export const isKnownParameter = (name: string): boolean => KNOWN.has(name)

const BY_TYPE: ReadonlyMap<string, GrantForm> = new Map(GRANTS.map((form) => [form.type, form]))

export const grantOfType = (type: string): GrantForm | undefined => BY_TYPE.get(type)
