import { z } from 'zod'
import { inOrder } from '../../documents/canonical.ts'
import { UNUSED_DAYS, unusedClients } from '../../documents/lint/unused-clients.ts'
import { findWarnings } from '../../documents/warnings.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { noQuery } from '../paging.ts'

const warning = z.object({ kind: z.string(), name: z.string(), path: z.string(), message: z.string() })
const linted = z.object({ version: z.int(), documents: z.int(), warnings: z.array(warning) })

/** `GET /admin/v1/lint`: what is doubtful in the documents in force, and which clients the record knows nothing of. */
export function lint({
  store,
  compiler,
  records,
  clock,
}: Pick<AdminDoor, 'store' | 'compiler' | 'records' | 'clock'>): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/admin/v1/lint',
      role: 'auditor',
      summary: `What is allowed but doubtful in the documents in force, with clients unused for ${UNUSED_DAYS} days`,
      query: noQuery,
      answers: { type: 'application/json', schema: linted },
      async handle() {
        const state = await store.load()
        const compiled = await compiler.compileInSlices(state.documents, { inForce: true })
        const unused = await unusedClients(state, compiled.nouns.clients, store, records, clock.now())
        const warnings = inOrder([...(await compiler.inSlices(findWarnings(compiled))), ...unused])
        return { json: { version: state.version, documents: state.documents.length, warnings } }
      },
    }),
  ]
}
