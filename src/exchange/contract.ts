/**
 * exchange/ owns the road of every grant: what a request asks, who its parties are, and exchange() itself: identify,
 * decide, mint, record. It knows no HTTP, no SQL and no oidc-provider; oauth/ brings the parameters and writes the answer.
 */

import type { Ledger } from '../audit/contract.ts'
import type { Grant } from '../clients/contract.ts'
import type { Carried, References } from '../credentials/contract.ts'
import type { CredentialKinds } from '../credentials/look-up.ts'
import type { DpopNonces } from '../credentials/proofs/contract.ts'
import type { Snapshot } from '../documents/contract.ts'
import type { Clock } from '../lib/clock.ts'
import type { Refusal } from '../refusal.ts'
import type { Minted, TokenKinds } from '../tokens/mint.ts'
import type { StatusIndexes } from '../tokens/status-indexes.ts'
import type { CredentialSource, KeyFinder, StatusChecks } from '../trust/contract.ts'

/** Parameters of a request: every name once, `audience` and `resource` as often as they came; empty values are left out (TE-08, TE-15). */
export type Parameters = ReadonlyMap<string, readonly string[]>

/** A request as a door hands it over. Times are milliseconds since the epoch. */
export interface Asked {
  readonly id: string
  readonly receivedAt: number
  readonly startedAt: number
  /** The caller's address, for the record. */
  readonly remote: string
  /** W3C trace id, '' where none came. */
  readonly traceId: string
  readonly parameters: Parameters
  readonly carried: Carried
  /** Set where the door itself must refuse (a body it cannot read, an Authorization scheme nobody offers): recorded like any other. */
  readonly refusal?: Refusal
}

/** `grant` is '' where the request was refused before it was read. */
export type Answer =
  | { readonly granted: true; readonly id: string; readonly grant: Grant; readonly token: Minted }
  | { readonly granted: false; readonly id: string; readonly grant: Grant | ''; readonly refusal: Refusal }

/** The current documents, compiled. */
export interface Snapshots {
  current(): Snapshot
  /** Rejects with Refusal `snapshot_unavailable`. */
  atLeast(version: number): Promise<Snapshot>
}

/** The documents as far as a decision needs them: signing keys are for the token after it. */
export type DecidingSnapshot = Omit<Snapshot, 'keyring' | 'administrators' | 'revocations'>

/** What is told of the business as it happens: one call per event (telemetry/events.ts). */
export interface ExchangeEvents {
  closed(outcome: 'granted' | 'refused' | 'failed', reason: string, grant: string, durationMs: number): void
  /** A credential that only an explicit leniency has let pass, as the record has it (P-10). */
  lenient(leniency: string): void
  /** A refusal of a caller about whom nothing is verified, beyond the rate that is recorded: counted alone (T38). */
  uncounted(reason: string): void
  /** An OAuth parameter that nobody here knows. */
  unknownParameter(): void
  failed(id: string, error: unknown): void
}

/** Everything the road needs, joined in app.ts. */
export interface Road {
  readonly issuer: string
  /** Our own URLs of the token endpoint: what proofs of possession are made for (W-42, DP-03). From configuration, never from a request. */
  readonly endpoints: readonly string[]
  readonly nonces: DpopNonces
  readonly trustDomain: string
  readonly clock: Clock
  readonly snapshots: Snapshots
  readonly keys: KeyFinder
  readonly source: CredentialSource
  readonly status: StatusChecks
  readonly references: References
  readonly credentialKinds: CredentialKinds
  readonly tokenKinds: TokenKinds
  /** Where the statuses of revocable tokens stand. */
  readonly statuses: Pick<StatusIndexes, 'take'>
  readonly ledger: Ledger
  /** Whether a refusal of an unverified caller at this address still gets a row. */
  readonly admitsUnverified: (remote: string) => boolean
  readonly events: ExchangeEvents
}
