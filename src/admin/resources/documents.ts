import { z } from 'zod'
import { exportJson, exportYaml, sortedDocuments, written } from '../../documents/canonical.ts'
import type { DocumentKind, StoredDocument } from '../../documents/contract.ts'
import { carries, readLabelSelector } from '../../documents/labels.ts'
import { envelopeSchema } from '../../documents/read.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { cursor, decodeCursor, encodeCursor, limit, listOf, moment, noQuery, truth } from '../paging.ts'
import { Problem } from '../problem.ts'

const revision = z.object({
  version: z.int(),
  at: z.iso.datetime(),
  author: z.string(),
  message: z.string(),
  changes: z.array(z.object({ kind: z.string(), name: z.string(), action: z.string() })),
})

const filters = z.strictObject({
  label: z.string().min(1, 'is empty; write a label such as team=shop').max(300).optional(),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'is not how a name begins: lower-case letters, digits and dashes')
    .optional(),
  disabled: truth.optional(),
  limit: limit(1000, 100),
  cursor,
})

/** Which documents a list is asked for. Throws Faults. */
function chooses({ label, name = '', disabled }: z.infer<typeof filters>): (document: StoredDocument) => boolean {
  const selector = label === undefined ? undefined : readLabelSelector(label, 'label')
  return (document) =>
    document.metadata.name.startsWith(name) &&
    (selector === undefined || carries(document, selector)) &&
    (disabled === undefined || (document.spec['disabled'] === true) === disabled)
}

/** Documents as they are, all together, by kind, and their history. */
export function documents({ store, documentKinds }: Pick<AdminDoor, 'store' | 'documentKinds'>): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/admin/v1/export',
      role: 'viewer',
      summary: 'All documents as one canonical YAML stream, or as a JSON array',
      query: z.strictObject({ format: z.enum(['yaml', 'json'], 'is yaml or json').default('yaml') }),
      answers: { type: 'application/yaml', orTypes: ['application/json'] },
      async handle({ query: { format } }) {
        const { documents: all, version } = await store.load()
        const text =
          format === 'json'
            ? { type: 'application/json; charset=utf-8', body: exportJson(all) }
            : { type: 'application/yaml; charset=utf-8', body: exportYaml(all) }
        return { text, headers: { 'Cambist-Version': String(version) } }
      },
    }),
    route({
      method: 'get',
      path: '/admin/v1/history',
      role: 'viewer',
      summary: 'Versions with author, message and changes, newest first',
      query: z.strictObject({ limit: limit(500, 50), cursor }),
      answers: { type: 'application/json', schema: listOf(revision) },
      async handle({ query }) {
        const before = query.cursor === undefined ? undefined : Number(decodeCursor(query.cursor, /^[0-9]{1,15}$/))
        const revisions = await store.history(query.limit + 1, before)
        const items = revisions.slice(0, query.limit).map((each) => ({ ...each, at: moment(each.at) }))
        const last = revisions.length > query.limit ? items.at(-1) : undefined
        return { json: { items, next: last === undefined ? null : encodeCursor(String(last.version)) } }
      },
    }),
    ...documentKinds.flatMap((kind) => ofKind(kind, store)),
  ]
}

function ofKind({ kind, path }: DocumentKind, store: AdminDoor['store']): readonly AnyRoute[] {
  const all = async (): Promise<readonly StoredDocument[]> =>
    sortedDocuments((await store.load()).documents.filter((document) => document.kind === kind))
  return [
    route({
      method: 'get',
      path: `/admin/v1/${path}`,
      role: 'viewer',
      summary: `Documents of the kind ${kind}, by name: those that carry a label (team or team=shop), whose name begins so, that are disabled or not`,
      query: filters,
      answers: { type: 'application/json', schema: listOf(envelopeSchema) },
      async handle({ query }) {
        const after = query.cursor === undefined ? '' : decodeCursor(query.cursor, /^[a-z0-9-]{1,63}$/)
        const chosen = chooses(query)
        const rest = (await all()).filter((document) => document.metadata.name > after && chosen(document))
        const items = rest.slice(0, query.limit).map(written)
        const last = rest.length > query.limit ? items.at(-1) : undefined
        return { json: { items, next: last === undefined ? null : encodeCursor(last.metadata.name) } }
      },
    }),
    route({
      method: 'get',
      path: `/admin/v1/${path}/:name`,
      role: 'viewer',
      summary: `One document of the kind ${kind}, with its ETag`,
      query: noQuery,
      answers: { type: 'application/json', schema: envelopeSchema, statuses: [200, 304] },
      async handle({ parameters, headers }) {
        const found = (await all()).find(({ metadata }) => metadata.name === parameters['name'])
        if (found === undefined)
          throw new Problem(404, `There is no ${kind} of this name; GET /admin/v1/${path} lists them.`)
        // A version is never given twice, so it names one state of one document.
        const tag = `"${found.changedIn}"`
        const known = (headers['if-none-match'] ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''))
        if (known.includes(tag) || known.includes('*')) return { status: 304, headers: { ETag: tag } }
        return { json: written(found), headers: { ETag: tag } }
      },
    }),
  ]
}
