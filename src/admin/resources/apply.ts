import { z } from 'zod'
import { apply } from '../../documents/apply.ts'
import { DocumentFaults } from '../../documents/faults.ts'
import { readWithPlaces } from '../../documents/read.ts'
import { APPLIED, answerOf, type ChangingDoor, changing, madeBy, version } from '../changing.ts'
import { type AnyRoute, route } from '../contract.ts'

const query = z.strictObject({
  ...changing,
  prune: z.string().min(1, 'is empty; write a label such as team=shop').max(300).optional(),
  baseVersion: version.optional(),
})

/** `POST /admin/v1/apply`: documents in, whole and atomic. */
export function applying(door: ChangingDoor): readonly AnyRoute[] {
  return [
    route({
      method: 'post',
      path: '/admin/v1/apply',
      role: 'editor',
      summary: 'Put documents, all of them or, where one cannot be taken, none',
      query,
      takes: ['application/yaml', 'application/json'],
      answers: APPLIED,
      async handle({ administrator, body, query: { dryRun = false, prune, baseVersion, message = '', confirm } }) {
        const { type, text } = await body()
        const reading = readWithPlaces(text, type === 'application/json' ? type : 'application/yaml')
        const options = {
          ...madeBy(administrator, door),
          message,
          dryRun,
          confirmed: confirm === true,
          ...(prune === undefined ? {} : { prune }),
          ...(baseVersion === undefined ? {} : { baseVersion }),
        }
        try {
          const outcome = await apply(door, reading.documents, options)
          return dryRun ? { json: outcome } : answerOf(outcome, administrator.name, door)
        } catch (error) {
          if (error instanceof DocumentFaults) throw new DocumentFaults(error.faults.map(reading.place))
          throw error
        }
      },
    }),
  ]
}
