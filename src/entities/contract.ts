/**
 * entities/ owns what is known of everybody who has taken part (UC-45): the register that is made of the record beside the
 * road, what administrators note in it, and what blocking somebody takes back. Who is blocked is asked by blocks/; the
 * record is audit/; where the register is kept is storage/.
 */
import type { ExchangeRecord } from '../audit/contract.ts'

/** Somebody who was a subject, an actor or a client. Times are milliseconds since the epoch. */
export interface Entity {
  /** The canonical id. */
  readonly id: string
  /** The TrustedIssuer that vouched last; `self` where only tokens of ours have named it. */
  readonly issuer: string
  /** The credential kind that proved it last. */
  readonly kind: string
  readonly firstSeen: number
  readonly lastSeen: number
  readonly granted: number
  readonly refused: number
  /** Rules that decided for it, at most a hundred. */
  readonly rules: readonly string[]
  /** Its last copies, newest first, at most ten. */
  readonly instances: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  /** The block in force on its id or its issuer, where there is one. */
  readonly blockedBy: string | undefined
  /** Raised with every change of labels or notes. */
  readonly revision: number
}

/** What an administrator has said of an entity. */
export interface EntityChange {
  readonly at: number
  readonly author: string
  /** Labels that were set, or with null taken away. */
  readonly labels: Readonly<Record<string, string | null>>
  readonly notes: readonly string[]
}

/** An entity matches when it matches every member that is given. */
export interface EntityFilter {
  readonly issuer?: string
  readonly status?: 'active' | 'blocked'
  readonly label?: { readonly name: string; readonly value?: string }
  /** Seen then or later; milliseconds since the epoch. */
  readonly since?: number
  /** What its id begins with. */
  readonly prefix?: string
}

/** A page of a list, and the place where the next one begins; null where there is none. */
export interface EntityPage<Item> {
  readonly items: readonly Item[]
  readonly next: string | null
}

/** Where a page begins: what an earlier one had as `next`, which is a number of at most 18 digits. */
export type Place = string | undefined

/** The register. Implemented by storage/. `now` is milliseconds since the epoch, and decides who is blocked. */
export interface EntityStore {
  /** Newest first, by their first appearance. */
  list(filter: EntityFilter, now: number, limit: number, from: Place): Promise<EntityPage<Entity>>
  get(id: string, now: number): Promise<Entity | undefined>
  /** Its exchanges, newest first. */
  records(id: string, limit: number, from: Place): Promise<EntityPage<ExchangeRecord>>
  /** What was said of it, newest first. */
  changes(id: string, limit: number): Promise<readonly EntityChange[]>
  /** Sets, takes away and adds; with `revision`, only where it is that. */
  change(id: string, change: EntityChange, revision?: number): Promise<'changed' | 'unknown' | 'stale'>
}
