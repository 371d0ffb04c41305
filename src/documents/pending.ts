import type { AuditedChange } from './contract.ts'
import type { Intent } from './intent.ts'

export const pendingStates = ['open', 'approved', 'withdrawn', 'stale'] as const
export type PendingState = (typeof pendingStates)[number]

/** A change that waits for a second person. */
export interface PendingChange {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly author: string
  /** Who the author is, whatever the name: nobody approves what is their own. */
  readonly principal: string
  readonly message: string
  /** The version that it was worked out against. */
  readonly baseVersion: number
  readonly intent: Intent
  /** What it would have changed there; it is approved as long as it would change just that. */
  readonly changes: readonly AuditedChange[]
  /** Whether the author has said yes to what is in doubt about it. */
  readonly confirmed: boolean
  readonly state: PendingState
  readonly decidedBy?: string
  readonly decidedAt?: number
  /** The version that it became. */
  readonly version?: number
}

/** What is known of it when it is proposed. */
export type Proposed = Omit<PendingChange, 'at' | 'state' | 'decidedBy' | 'decidedAt' | 'version'>

/** Where pending changes live. Implemented by storage/. An approval is written by StateStore.change, with what it approves. */
export interface PendingChanges {
  propose(pending: Proposed): Promise<void>
  get(id: string): Promise<PendingChange | undefined>
  /** Newest first, from before an id. */
  list(limit: number, state?: PendingState, before?: string): Promise<readonly PendingChange[]>
  /** Answers whether it was open until now. */
  close(id: string, state: 'withdrawn' | 'stale', by: string): Promise<boolean>
}
