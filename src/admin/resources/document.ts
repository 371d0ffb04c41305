import { z } from 'zod'
import { applyIntent } from '../../documents/apply.ts'
import { written } from '../../documents/canonical.ts'
import type { Document, DocumentKind, StoredDocument } from '../../documents/contract.ts'
import { DocumentFaults } from '../../documents/faults.ts'
import { envelopeSchema, type Reading, readWithPlaces } from '../../documents/read.ts'
import { APPLIED, answerOf, type ChangingDoor, changing, madeBy } from '../changing.ts'
import { isKnown, type Seen, seenBy, tagOf } from '../conditional.ts'
import { type AnyRoute, route } from '../contract.ts'
import { noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'

const query = z.strictObject(changing)

/** One document of a kind: read it, put it, delete it. Writing goes the road of apply, for the state that the writer has seen. */
export function oneOf({ kind, path, writtenBy }: DocumentKind, door: ChangingDoor): readonly AnyRoute[] {
  const at = `/admin/v1/${path}/:name`
  const missing = () => new Problem(404, `There is no ${kind} of this name; GET /admin/v1/${path} lists them.`)
  const find = (documents: readonly StoredDocument[], name: string | undefined) =>
    documents.find((document) => document.kind === kind && document.metadata.name === name)
  const asSeen = (name: string, seen: Seen) => (documents: readonly StoredDocument[]) => seen(find(documents, name))
  return [
    route({
      method: 'get',
      path: at,
      role: 'viewer',
      summary: `One document of the kind ${kind}, with its ETag`,
      query: noQuery,
      answers: { type: 'application/json', schema: envelopeSchema, statuses: [200, 304] },
      async handle({ parameters, headers }) {
        const found = find((await door.store.load()).documents, parameters['name'])
        if (found === undefined) throw missing()
        const tag = tagOf(found)
        if (isKnown(headers, tag)) return { status: 304, headers: { ETag: tag } }
        return { json: written(found), headers: { ETag: tag } }
      },
    }),
    route({
      method: 'put',
      path: at,
      role: writtenBy,
      summary: `Put one document of the kind ${kind}, as apply does; with If-Match and its ETag, or If-None-Match: * for a new one`,
      query,
      takes: ['application/yaml', 'application/json'],
      bodySchema: envelopeSchema,
      answers: { ...APPLIED, statuses: [200, 201, 202] },
      async handle({ administrator, parameters: { name = '' }, headers, body, query: asked }) {
        const seen = seenBy(headers)
        const { type, text } = await body()
        const reading = readWithPlaces(text, type === 'application/json' ? type : 'application/yaml')
        const document = theOne(reading, kind, name)
        const options = { ...optionsOf(asked), ...madeBy(administrator, door), precondition: asSeen(name, seen) }
        try {
          const outcome = await applyIntent(door, { documents: [document] }, options)
          if (asked.dryRun === true) return { json: outcome }
          const answer = await answerOf(outcome, administrator.name, door)
          if (outcome.pending !== undefined) return answer
          const created = outcome.changes.some(({ action }) => action === 'created')
          return { ...answer, status: created ? 201 : 200, headers: await tagged(door, outcome.version, name) }
        } catch (error) {
          if (error instanceof DocumentFaults) throw new DocumentFaults(error.faults.map(reading.place))
          throw error
        }
      },
    }),
    route({
      method: 'delete',
      path: at,
      role: writtenBy,
      summary: `Delete one document of the kind ${kind} that no other names; with If-Match and its ETag`,
      query,
      answers: APPLIED,
      async handle({ administrator, parameters: { name = '' }, headers, query: asked }) {
        const seen = seenBy(headers)
        const precondition = (documents: readonly StoredDocument[]) => {
          if (find(documents, name) === undefined) throw missing()
          seen(find(documents, name))
        }
        const options = { ...optionsOf(asked), ...madeBy(administrator, door), precondition }
        const outcome = await applyIntent(door, { documents: [], delete: [{ kind, name }] }, options)
        return asked.dryRun === true ? { json: outcome } : answerOf(outcome, administrator.name, door)
      },
    }),
  ]

  /** The tag of what this change has left, where no other has come since. */
  async function tagged({ store }: ChangingDoor, version: number, name: string): Promise<Record<string, string>> {
    const found = find((await store.load()).documents, name)
    return found === undefined || found.changedIn > version ? {} : { ETag: tagOf(found) }
  }
}

function optionsOf({ dryRun = false, message = '', confirm = false }: z.infer<typeof query>) {
  return { dryRun, message, confirmed: confirm }
}

/** The document of the path, and no other. Throws Faults. */
function theOne({ documents, place }: Reading, kind: string, name: string): Document {
  const [document, ...more] = documents
  const fault = (path: string, message: string, of = { kind, name }) =>
    new DocumentFaults([place({ ...of, path, message })])
  if (document === undefined || more.length > 0)
    throw fault('', `the body holds ${documents.length} documents; send the one that the path names, or all to apply`)
  const { kind: said, metadata } = document
  const of = { kind: said, name: metadata.name }
  if (said !== kind) throw fault('kind', `is ${said}, and the path names a ${kind}; write the same in both`, of)
  if (metadata.name !== name)
    throw fault('metadata.name', `is ${metadata.name}, and the path names ${name}; write the same in both`, of)
  return document
}
