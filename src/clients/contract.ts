/**
 * clients/ owns who may call: registered clients, and clients that are selectors over what an issuer says of a workload,
 * so that ten thousand workloads need no row each (UC-11). How a client proves who it is is credentials/; what it may
 * have is policy/.
 */

import type { Pattern } from '../identity/pattern.ts'
import type { Principal } from '../identity/principal.ts'
import type { Condition } from '../lib/cel.ts'

export const grants = ['token-exchange', 'jwt-bearer', 'client-credentials'] as const
export type Grant = (typeof grants)[number]

/** One way of being this client without registration: every member must match. */
export interface WorkloadSelector {
  readonly issuer: string
  /** Compared with the subject as its issuer names it; undefined: not restricted. */
  readonly ids: readonly Pattern[] | undefined
  readonly match: readonly (readonly [attribute: string, patterns: readonly Pattern[]])[]
  readonly condition: Condition | undefined
}

/** How a registered client proves itself. */
export interface ClientAuthentication {
  readonly method: 'private_key_jwt'
  /** The document's `jwks` (parsed JSON, already checked) or its `jwksUri`; exactly one. */
  readonly jwks?: unknown
  readonly jwksUri?: string
  /** Until when (seconds since the epoch) the token endpoint's URL is taken as audience instead of the issuer (JC-11). */
  readonly tokenEndpointAudienceUntil?: number
}

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
  all(): Iterable<Client>
}
