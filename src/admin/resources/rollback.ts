import { z } from 'zod'
import { applyIntent } from '../../documents/apply.ts'
import { written } from '../../documents/canonical.ts'
import { parseJsonObjectText } from '../../lib/json.ts'
import { readBySchema } from '../../lib/schema.ts'
import { APPLIED, answerOf, type ChangingDoor, madeBy, message } from '../changing.ts'
import { type AnyRoute, route } from '../contract.ts'
import { noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'

const asked = z.strictObject({
  version: z
    .int({ error: ({ input }) => `${input === undefined ? 'is missing; write' : 'is not'} the number of a version` })
    .min(0, 'is not the number of a version'),
  message,
  confirm: z.boolean().optional(),
  dryRun: z.boolean().optional(),
})

/** `POST /admin/v1/rollback`: all documents as they were. What was revoked, blocked or rotated stays so (I3). */
export function rollback(door: ChangingDoor): readonly AnyRoute[] {
  return [
    route({
      method: 'post',
      path: '/admin/v1/rollback',
      role: 'admin',
      summary: 'Put all documents back as they were at a version, as a new version; keys, blocks and revocations stay',
      query: noQuery,
      takes: ['application/json'],
      bodySchema: asked,
      answers: APPLIED,
      async handle({ administrator, body }) {
        const { version, confirm = false, dryRun = false, ...given } = readBySchema(asked, await object(body))
        const past = await door.store.at(version)
        if (past === undefined)
          throw new Problem(404, `There is no version ${version}; GET /admin/v1/history lists them.`)
        const outcome = await applyIntent(
          door,
          { documents: past.documents.map(written), whole: true },
          {
            ...madeBy(administrator, door),
            message: given.message ?? `rolled back to version ${version}`,
            dryRun,
            confirmed: confirm,
          },
        )
        return dryRun ? { json: outcome } : answerOf(outcome, administrator.name, door)
      },
    }),
  ]
}

async function object(body: () => Promise<{ readonly text: string }>): Promise<unknown> {
  const value = parseJsonObjectText((await body()).text)
  if (value === undefined)
    throw new Problem(400, 'The body is not a JSON object; send such as {"version": 7, "message": "TEXT"}.')
  return value
}
