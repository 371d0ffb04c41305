import { z } from 'zod'
import { exportJson, exportYaml, sortedDocuments, written } from '../../documents/canonical.ts'
import type { DocumentKind } from '../../documents/contract.ts'
import { envelopeSchema } from '../../documents/read.ts'
import type { ChangingDoor } from '../changing.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { cursor, decodeCursor, encodeCursor, limit, listOf } from '../paging.ts'
import { oneOf } from './document.ts'

/** Documents as they are, all together, by kind, and one by one. */
export function documents(door: ChangingDoor): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/admin/v1/export',
      role: 'viewer',
      summary: 'All documents as one canonical YAML stream, or as a JSON array',
      query: z.strictObject({ format: z.enum(['yaml', 'json'], 'is yaml or json').default('yaml') }),
      answers: { type: 'application/yaml' },
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
    summary: `Documents of the kind ${kind}, by name`,
    query: z.strictObject({ limit: limit(1000, 100), cursor }),
    answers: { type: 'application/json', schema: listOf(envelopeSchema) },
    async handle({ query }) {
      const after = query.cursor === undefined ? '' : decodeCursor(query.cursor, /^[a-z0-9-]{1,63}$/)
      const ofKind = (await store.load()).documents.filter((document) => document.kind === kind)
      const rest = sortedDocuments(ofKind).filter(({ metadata }) => metadata.name > after)
      const items = rest.slice(0, query.limit).map(written)
      const last = rest.length > query.limit ? items.at(-1) : undefined
      return { json: { items, next: last === undefined ? null : encodeCursor(last.metadata.name) } }
    },
  })
}
