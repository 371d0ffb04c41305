import { z } from 'zod'
import { written } from '../../documents/canonical.ts'
import type { AuditedChange, Document, Revision, StoredState } from '../../documents/contract.ts'
import { envelopeSchema } from '../../documents/read.ts'
import { auditedChange, version } from '../changing.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { cursor, decodeCursor, encodeCursor, limit, listOf, moment, noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'

const revisionSchema = z.object({
  version: z.int(),
  at: z.iso.datetime(),
  author: z.string(),
  message: z.string(),
  approvedBy: z.string().optional(),
  changes: z.array(auditedChange),
})

/** A document before and after a change; null where there was none. */
export const changedDocument = z.object({
  kind: z.string(),
  name: z.string(),
  before: envelopeSchema.nullable(),
  after: envelopeSchema.nullable(),
})

/** Who has changed what, when and why. */
export function history({ store }: Pick<AdminDoor, 'store'>): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/admin/v1/history',
      role: 'viewer',
      summary:
        'Versions with author, message, and what changed with the hashes of each document before and after, newest first',
      query: z.strictObject({ limit: limit(500, 50), cursor }),
      answers: { type: 'application/json', schema: listOf(revisionSchema) },
      async handle({ query }) {
        const before = query.cursor === undefined ? undefined : Number(decodeCursor(query.cursor, /^[0-9]{1,15}$/))
        const revisions = await store.history(query.limit + 1, before)
        const items = revisions.slice(0, query.limit).map(shown)
        const last = revisions.length > query.limit ? items.at(-1) : undefined
        return { json: { items, next: last === undefined ? null : encodeCursor(String(last.version)) } }
      },
    }),
    route({
      method: 'get',
      path: '/admin/v1/history/:version',
      role: 'viewer',
      summary: 'One version, with the documents that it changed as they were before and after',
      query: noQuery,
      answers: {
        type: 'application/json',
        schema: revisionSchema.extend({ documents: z.array(changedDocument) }),
      },
      async handle({ parameters }) {
        const { data: asked } = version.safeParse(parameters['version'])
        const [found] = asked === undefined ? [] : await store.history(1, asked + 1)
        if (found === undefined || found.version !== asked)
          throw new Problem(404, 'There is no version of this number; GET /admin/v1/history lists them.')
        const [before, after] = await Promise.all([store.at(asked - 1), store.at(asked)])
        return { json: { ...shown(found), documents: documentsOf(found.changes, before, after) } }
      },
    }),
  ]
}

const shown = (revision: Revision) => ({ ...revision, at: moment(revision.at) })

interface ChangedDocument {
  readonly kind: string
  readonly name: string
  readonly before: Document | null
  readonly after: Document | null
}

/** The documents of the changes in two states. */
export function documentsOf(
  changes: readonly AuditedChange[],
  before: Pick<StoredState, 'documents'> | undefined,
  after: { readonly documents: readonly Document[] } | undefined,
): readonly ChangedDocument[] {
  const [old, fresh] = [byName(before?.documents ?? []), byName(after?.documents ?? [])]
  return changes.map(({ kind, name }) => ({
    kind,
    name,
    before: old(kind, name),
    after: fresh(kind, name),
  }))
}

function byName(documents: readonly Document[]): (kind: string, name: string) => Document | null {
  const all = new Map(documents.map((document) => [`${document.kind}/${document.metadata.name}`, document]))
  return (kind, name) => {
    const found = all.get(`${kind}/${name}`)
    return found === undefined ? null : written(found)
  }
}
