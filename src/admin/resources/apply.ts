import { z } from 'zod'
import { apply } from '../../documents/apply.ts'
import { DocumentFaults } from '../../documents/faults.ts'
import { readWithPlaces } from '../../documents/read.ts'
import { type AdminDoor, type AnyRoute, mayActAs, route } from '../contract.ts'
import { truth } from '../paging.ts'

const query = z.strictObject({
  dryRun: truth.optional(),
  prune: z.string().min(1, 'is empty; write a label such as team=shop').max(300).optional(),
  baseVersion: z
    .string()
    .regex(/^[0-9]{1,15}$/, 'is the number of a version')
    .transform(Number)
    .optional(),
  message: z
    .string()
    .max(1000, 'has more than 1000 characters')
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'is one line')
    .optional(),
  confirm: truth.optional(),
})

const change = z.object({
  kind: z.string(),
  name: z.string(),
  action: z.enum(['created', 'updated', 'deleted', 'unchanged']),
})
const warning = z.object({ kind: z.string(), name: z.string(), path: z.string(), message: z.string() })
const applied = z.object({ version: z.int(), changes: z.array(change), warnings: z.array(warning) })

/** `POST /admin/v1/apply`: documents in, whole and atomic. */
export function applying(
  door: Pick<AdminDoor, 'store' | 'compiler' | 'newKeys' | 'snapshots' | 'documentKinds' | 'events'>,
): readonly AnyRoute[] {
  const writtenByAdmin = new Set(
    door.documentKinds.filter(({ writtenBy }) => writtenBy === 'admin').map(({ kind }) => kind),
  )
  return [
    route({
      method: 'post',
      path: '/admin/v1/apply',
      role: 'editor',
      summary: 'Put documents, all of them or, where one cannot be taken, none',
      query,
      takes: ['application/yaml', 'application/json'],
      answers: { type: 'application/json', schema: applied },
      async handle({ administrator, body, query: { dryRun = false, prune, baseVersion, message = '' } }) {
        const { type, text } = await body()
        const reading = readWithPlaces(text, type === 'application/json' ? type : 'application/yaml')
        const options = {
          author: administrator.name,
          message,
          dryRun,
          mayWrite: (kind: string) => !writtenByAdmin.has(kind) || mayActAs(administrator, 'admin'),
          ...(prune === undefined ? {} : { prune }),
          ...(baseVersion === undefined ? {} : { baseVersion }),
        }
        try {
          const answer = await apply(door, reading.documents, options)
          if (!dryRun && answer.changes.some(({ action }) => action !== 'unchanged')) {
            door.events.changed(answer.version, administrator.name, summaryOf(answer.changes))
            // So that whoever applies and then reads here sees what was applied; the change stands either way.
            await door.snapshots.atLeast(answer.version).catch(() => undefined)
          }
          return { json: answer }
        } catch (error) {
          if (error instanceof DocumentFaults) throw new DocumentFaults(error.faults.map(reading.place))
          throw error
        }
      },
    }),
  ]
}

function summaryOf(changes: readonly { readonly action: string }[]): string {
  const count = (action: string) => changes.filter((each) => each.action === action).length
  return `${count('created')} created, ${count('updated')} updated, ${count('deleted')} deleted`
}
