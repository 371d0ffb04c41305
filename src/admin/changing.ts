import { z } from 'zod'
import type { Applying } from '../documents/apply.ts'
import type { Applied, Change } from '../documents/contract.ts'
import { type AdminAnswer, type AdminDoor, type Administrator, mayActAs } from './contract.ts'
import { truth } from './paging.ts'

/** What every way to change documents works with. */
export type ChangingDoor = Applying & Pick<AdminDoor, 'snapshots' | 'documentKinds' | 'events'>

export const message = z
  .string()
  .max(1000, 'has more than 1000 characters')
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'is one line')
  .optional()

export const version = z
  .string()
  .regex(/^[0-9]{1,15}$/, 'is the number of a version')
  .transform(Number)

/** Members of the query that every change takes. */
export const changing = { dryRun: truth.optional(), message, confirm: truth.optional() }

/** A change as answers show it. */
export const change = z.object({
  kind: z.string(),
  name: z.string(),
  action: z.enum(['created', 'updated', 'deleted', 'unchanged']),
  renamedFrom: z.string().optional(),
})

/** The same with the hashes that the history keeps. */
export const auditedChange = change.extend({ before: z.string().optional(), after: z.string().optional() })

export const applied = z.object({
  version: z.int(),
  changes: z.array(change),
  warnings: z.array(z.object({ kind: z.string(), name: z.string(), path: z.string(), message: z.string() })),
  pending: z.object({ id: z.string() }).optional(),
})

/** In force, or waiting for somebody else. */
export const APPLIED = { type: 'application/json', schema: applied, statuses: [200, 202] } as const

/** What a change is made with: who makes it, and of which kinds they may change documents. */
export function madeBy(
  { name, principal, ...rest }: Administrator,
  { documentKinds }: Pick<AdminDoor, 'documentKinds'>,
): { readonly author: string; readonly principal: string; readonly mayWrite: (kind: string) => boolean } {
  const mayWriteAll = mayActAs({ name, principal, ...rest }, 'admin')
  const byAdmins = new Set(documentKinds.filter(({ writtenBy }) => writtenBy === 'admin').map(({ kind }) => kind))
  return { author: name, principal, mayWrite: (kind) => mayWriteAll || !byAdmins.has(kind) }
}

/** Answers once whoever changes and then reads here sees what was changed; the change stands either way. */
export async function answerOf(
  outcome: Applied,
  author: string,
  { snapshots, events }: Pick<AdminDoor, 'snapshots' | 'events'>,
): Promise<AdminAnswer> {
  if (outcome.pending !== undefined) return { status: 202, json: outcome }
  if (outcome.changes.some(({ action }) => action !== 'unchanged')) {
    events.changed(outcome.version, author, summaryOf(outcome.changes))
    await snapshots.atLeast(outcome.version).catch(() => undefined)
  }
  return { json: outcome }
}

function summaryOf(changes: readonly Change[]): string {
  const count = (action: string) => changes.filter((each) => each.action === action).length
  return `${count('created')} created, ${count('updated')} updated, ${count('deleted')} deleted`
}
