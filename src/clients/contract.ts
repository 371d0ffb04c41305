/**
 * clients/ owns who may call: registered clients, and clients that are selectors over what an issuer says of a workload,
 * so that ten thousand workloads need no row each (UC-11). How a client proves who it is is credentials/; what it may
 * have is policy/.
 */

import type { Pattern } from '../identity/pattern.ts'
import type { Principal } from '../identity/principal.ts'
import type { Condition } from '../lib/cel.ts'
import type { Certificate, NameAttribute } from '../lib/x509/contract.ts'

export const grants = ['token-exchange', 'jwt-bearer', 'client-credentials'] as const
export type Grant = (typeof grants)[number]

/** How a registered client may prove who it is (MD-04, MD-06, AB-10, SC-01). */
export const registeredMethods = [
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'spiffe_jwt',
  'spiffe_x509',
  'spiffe_wit',
  'attest_jwt_client_auth',
] as const

/** One way of being this client without registration: every member must match. */
export interface WorkloadSelector {
  readonly issuer: string
  /** Compared with the subject as its issuer names it; undefined: not restricted. */
  readonly ids: readonly Pattern[] | undefined
  readonly match: readonly (readonly [attribute: string, patterns: readonly Pattern[]])[]
  readonly condition: Condition | undefined
}

/**
 * How a registered client proves itself: its own keys (`jwks`, parsed JSON that was checked, or `jwksUri`), which for an
 * attested client are its attester's (AB-12); or a trusted issuer's word for one name in a certificate (MT-02, MT-03), or
 * for a SPIFFE ID (SC-60).
 */
export type ClientAuthentication =
  | {
      readonly method: 'private_key_jwt' | 'attest_jwt_client_auth'
      readonly jwks?: unknown
      readonly jwksUri?: string
      /** Until when (seconds since the epoch) the token endpoint's URL is taken as audience instead of the issuer (JC-11). */
      readonly tokenEndpointAudienceUntil?: number
    }
  | { readonly method: 'self_signed_tls_client_auth'; readonly certificates: readonly Certificate[] }
  | { readonly method: 'tls_client_auth'; readonly issuer: string; readonly name: CertificateName }
  | { readonly method: 'spiffe_jwt' | 'spiffe_x509' | 'spiffe_wit'; readonly issuer: string; readonly spiffeId: string }

/** The one name that a client's certificate must have (MT-03). A distinguished name is compared as one, an address as bytes. */
export type CertificateName =
  | { readonly of: 'dn'; readonly attributes: readonly NameAttribute[] }
  | { readonly of: 'dns' | 'uri' | 'email'; readonly value: string }
  | { readonly of: 'ip'; readonly bytes: Buffer }

/** A Client document, compiled. */
export interface Client {
  readonly name: string
  readonly disabled: boolean
  readonly authentication: ClientAuthentication | undefined
  readonly workloads: readonly WorkloadSelector[]
  readonly audiences: readonly string[]
  readonly grants: ReadonlySet<Grant>
  readonly defaultTarget: string | undefined
}

export interface ClientIndex {
  readonly size: number
  byName(name: string): Client | undefined
  /** Every client that the workload is, disabled ones too, in the order of their names. */
  selecting(workload: Principal): readonly Client[]
  /** Whether a client is what an audience means: by its name, or in its `audiences`. */
  isMeantBy(audience: string): boolean
  /** Disabled clients that the trusted issuer vouches for by a name in a certificate. */
  disabledOf(issuer: string): readonly Client[]
  all(): Iterable<Client>
}
