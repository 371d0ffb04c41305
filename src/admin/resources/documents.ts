import { z } from 'zod'
import { exportJson, exportYaml, sortedDocuments, written } from '../../documents/canonical.ts'
import type { DocumentKind, StoredDocument } from '../../documents/contract.ts'
import { carries, readLabelSelector } from '../../documents/labels.ts'
import { envelopeSchema } from '../../documents/read.ts'
import type { ChangingDoor } from '../changing.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { cursor, decodeCursor, encodeCursor, limit, listOf, truth } from '../paging.ts'
import { oneOf } from './document.ts'

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

/** Documents as they are, all together, by kind, and one by one. */
export function documents(door: ChangingDoor): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/admin/v1/export',
      role: 'viewer',
      summary: 'All documents as one canonical YAML stream, or as a JSON array',
      query: z.strictObject({ format: z.enum(['yaml', 'json'], 'is yaml or json').default('yaml') }),
      answers: { type: 'application/yaml', orTypes: ['application/json'] },
      async handle({ query: { format } }) {
        const { documents: all, version } = await door.store.load()
        const text =
          format === 'json'
            ? { type: 'application/json; charset=utf-8', body: exportJson(all) }
            : { type: 'application/yaml; charset=utf-8', body: exportYaml(all) }
        return { text, headers: { 'Cambist-Version': String(version) } }
      },
    }),
    ...door.documentKinds.flatMap((kind) => [listed(kind, door), ...oneOf(kind, door)]),
  ]
}

function listed({ kind, path }: DocumentKind, { store }: Pick<AdminDoor, 'store'>): AnyRoute {
  return route({
    method: 'get',
    path: `/admin/v1/${path}`,
    role: 'viewer',
    summary: `Documents of the kind ${kind}, by name: those that carry a label (team or team=shop), whose name begins so, that are disabled or not`,
    query: filters,
    answers: { type: 'application/json', schema: listOf(envelopeSchema) },
    async handle({ query }) {
      const after = query.cursor === undefined ? '' : decodeCursor(query.cursor, /^[a-z0-9-]{1,63}$/)
      const ofKind = (await store.load()).documents.filter((document) => document.kind === kind)
      const chosen = chooses(query)
      const rest = sortedDocuments(ofKind).filter((document) => document.metadata.name > after && chosen(document))
      const items = rest.slice(0, query.limit).map(written)
      const last = rest.length > query.limit ? items.at(-1) : undefined
      return { json: { items, next: last === undefined ? null : encodeCursor(last.metadata.name) } }
    },
  })
}
