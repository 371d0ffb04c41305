import { z } from 'zod'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { cursor, limit, listOf, moment } from '../paging.ts'

const text = z.string().min(1, 'is empty; leave it out where anything may match').max(256).optional()

const query = z.strictObject({ action: text, administrator: text, limit: limit(1000, 100), cursor })

const row = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  administrator: z.string(),
  action: z.string(),
  about: z.record(z.string(), z.unknown()),
})

/** What administrators did that changes no document: who had what explained, and what came of it. */
export function actions({ actions: log }: Pick<AdminDoor, 'actions'>): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/admin/v1/actions',
      role: 'auditor',
      summary: 'What administrators did that changes no document, such as explanations, newest first',
      query,
      answers: { type: 'application/json', schema: listOf(row) },
      async handle({ query: { limit: count, cursor: from, action, administrator } }) {
        const filter = {
          ...(action === undefined ? {} : { action }),
          ...(administrator === undefined ? {} : { administrator }),
        }
        const { items, next } = await log.list(filter, count, from)
        return { json: { items: items.map((each) => ({ ...each, at: moment(each.at) })), next } }
      },
    }),
  ]
}
