import { z } from 'zod'
import { approve, withdraw } from '../../documents/approving.ts'
import type { StoredState } from '../../documents/contract.ts'
import { removalOf } from '../../documents/intent.ts'
import { type PendingChange, pendingStates } from '../../documents/pending.ts'
import { propose } from '../../documents/proposal.ts'
import { answerOf, applied, auditedChange, type ChangingDoor } from '../changing.ts'
import { type AnyRoute, mayActAs, route } from '../contract.ts'
import { cursor, decodeCursor, encodeCursor, limit, listOf, moment, noQuery, truth } from '../paging.ts'
import { Problem } from '../problem.ts'
import { changedDocument, documentsOf } from './history.ts'

const pendingChange = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  author: z.string(),
  principal: z.string(),
  message: z.string(),
  baseVersion: z.int(),
  changes: z.array(auditedChange),
  confirmed: z.boolean(),
  state: z.enum(pendingStates),
  decidedBy: z.string().nullable(),
  decidedAt: z.iso.datetime().nullable(),
  version: z.int().nullable(),
})

/** Changes that wait for a second person, and their end. */
export function changes(door: ChangingDoor): readonly AnyRoute[] {
  const found = async (id: string | undefined): Promise<PendingChange> => {
    const change = await door.store.pending.get(id ?? '')
    if (change === undefined) throw new Problem(404, 'There is no change of this id; GET /admin/v1/changes lists them.')
    return change
  }
  return [
    route({
      method: 'get',
      path: '/admin/v1/changes',
      role: 'viewer',
      summary: 'Changes that wait or waited for the approval of a second administrator, newest first',
      query: z.strictObject({
        state: z.enum(pendingStates, `is one of ${pendingStates.join(', ')}`).optional(),
        limit: limit(500, 50),
        cursor,
      }),
      answers: { type: 'application/json', schema: listOf(pendingChange) },
      async handle({ query }) {
        const before = query.cursor === undefined ? undefined : decodeCursor(query.cursor, /^[0-9a-f-]{36}$/)
        const list = await door.store.pending.list(query.limit + 1, query.state, before)
        const items = list.slice(0, query.limit).map(shown)
        const last = list.length > query.limit ? items.at(-1) : undefined
        return { json: { items, next: last === undefined ? null : encodeCursor(last.id) } }
      },
    }),
    route({
      method: 'get',
      path: '/admin/v1/changes/:id',
      role: 'viewer',
      summary: 'One of them, with the documents that it changes as they were and as they would be',
      query: noQuery,
      answers: { type: 'application/json', schema: pendingChange.extend({ documents: z.array(changedDocument) }) },
      async handle({ parameters }) {
        const change = await found(parameters['id'])
        const before = await door.store.at(change.baseVersion)
        return {
          json: { ...shown(change), documents: documentsOf(change.changes, before, await after(change, before, door)) },
        }
      },
    }),
    route({
      method: 'post',
      path: '/admin/v1/changes/:id/approve',
      role: 'admin',
      summary: 'Put it in force, as somebody else than its author; answers as apply',
      query: z.strictObject({ confirm: truth.optional() }),
      answers: { type: 'application/json', schema: applied },
      async handle({ administrator, parameters, query: { confirm = false } }) {
        const change = await found(parameters['id'])
        const outcome = await approve(door, change, administrator, confirm)
        return answerOf(outcome, `${change.author}, approved by ${administrator.name}`, door)
      },
    }),
    route({
      method: 'post',
      path: '/admin/v1/changes/:id/withdraw',
      role: 'editor',
      summary: 'Take it back, as its author or as an administrator of the role admin',
      query: noQuery,
      answers: { type: 'application/json', schema: pendingChange },
      async handle({ administrator, parameters }) {
        const change = await found(parameters['id'])
        if (change.principal !== administrator.principal && !mayActAs(administrator, 'admin'))
          throw new Problem(403, 'This change is somebody else’s: its author or the role admin can withdraw it.')
        await withdraw(door, change, administrator.name)
        return { json: shown(await found(change.id)) }
      },
    }),
  ]
}

function shown({ intent: _, at, decidedBy, decidedAt, version, ...rest }: PendingChange) {
  return {
    ...rest,
    at: moment(at),
    decidedBy: decidedBy ?? null,
    decidedAt: decidedAt === undefined ? null : moment(decidedAt),
    version: version ?? null,
  }
}

/** The documents as the change would leave them, of the state that it was worked out against. */
async function after({ intent }: PendingChange, before: StoredState | undefined, { compiler }: ChangingDoor) {
  const proposing = propose(before?.documents ?? [], intent.documents, removalOf(intent))
  return { documents: (await compiler.inSlices(proposing)).whole }
}
