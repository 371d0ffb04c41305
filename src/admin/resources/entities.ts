import { z } from 'zod'
import type { ExchangeRecord } from '../../audit/contract.ts'
import { LABEL_KEY, LABEL_VALUE } from '../../documents/read.ts'
import type { Entity, EntityChange, EntityFilter } from '../../entities/contract.ts'
import { type Fault, Faults } from '../../lib/fault.ts'
import { readBySchema } from '../../lib/schema.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { momentOf } from '../moments.ts'
import { cursor, decodeCursor, encodeCursor, limit, listOf, moment, noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'
import { jsonObject, line } from '../written.ts'

const query = z.strictObject({
  issuer: line.optional(),
  status: z.enum(['active', 'blocked'], 'is active or blocked').optional(),
  label: line.optional(),
  since: line.optional(),
  q: line.optional(),
  limit: limit(1000, 100),
  cursor,
})

const entity = z.object({
  id: z.string(),
  issuer: z.string(),
  kind: z.string(),
  firstSeen: z.iso.datetime(),
  lastSeen: z.iso.datetime(),
  granted: z.int(),
  refused: z.int(),
  rules: z.array(z.string()),
  instances: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  status: z.enum(['active', 'blocked']),
  blockedBy: z.string().nullable(),
})

const exchange = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  outcome: z.string(),
  reason: z.string(),
  client: z.string(),
  subject: z.string(),
  targets: z.array(z.string()),
  scopes: z.array(z.string()),
  rules: z.array(z.string()),
  jti: z.string(),
  tokenHash: z.string(),
  subjectTokenHash: z.string(),
  lineage: z.string(),
})

const detail = entity.extend({
  notes: z.array(z.object({ at: z.iso.datetime(), author: z.string(), text: z.string() })),
  changes: z.array(
    z.object({
      at: z.iso.datetime(),
      author: z.string(),
      labels: z.record(z.string(), z.string().nullable()),
      notes: z.array(z.string()),
    }),
  ),
  records: listOf(exchange),
})

const MAX_LABELS = 64
/** Changes that the detail tells of: the newest. */
const CHANGES = 100

const asked = z.strictObject({
  labels: z
    .record(
      z.string().regex(LABEL_KEY),
      z
        .string('is a text, or null to take the label away')
        .regex(LABEL_VALUE, 'is at most 128 characters, no control characters')
        .nullable(),
      {
        error: ({ code }) =>
          code === 'invalid_key'
            ? 'is not the name of a label: use letters, digits, dots, dashes, underscores and slashes'
            : 'is a mapping of names to texts, such as {"team": "shop"}',
      },
    )
    .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `has more than ${MAX_LABELS} labels`)
    .optional(),
  notes: z
    .array(
      z
        .string('is a text')
        .min(1, 'is empty')
        .max(4000, 'has more than 4000 characters')
        .regex(/^(?:[^\p{Cc}\p{Cs}]|[\n\t])*$/u, 'holds control characters'),
      'is a list of texts to add',
    )
    .max(20, 'has more than 20 notes')
    .optional(),
})

const EXAMPLE = '{"labels": {"team": "shop"}, "notes": ["TEXT"]}'
const PLACE = /^[1-9][0-9]{0,17}$/

/** The register of everybody who has taken part (UC-45). Labels and notes change no decision, so they are no version of the documents. */
export function entities({ entities: store, clock }: Pick<AdminDoor, 'entities' | 'clock'>): readonly AnyRoute[] {
  const detailOf = async (id: string, count: number, from?: string) => {
    const found = await store.get(id, clock.now())
    if (found === undefined)
      throw new Problem(
        404,
        'Nobody of this id has been seen. It is the `subject.id` of a record, percent-encoded in the path; the register follows the record within seconds.',
      )
    const [records, changes] = await Promise.all([store.records(id, count, from), store.changes(id, CHANGES)])
    const json: z.infer<typeof detail> = {
      ...shown(found),
      notes: changes.flatMap(({ at, author, notes }) => notes.map((text) => ({ at: moment(at), author, text }))),
      changes: changes.map((each) => ({
        ...each,
        labels: { ...each.labels },
        notes: [...each.notes],
        at: moment(each.at),
      })),
      records: {
        items: records.items.map(shownRecord),
        next: records.next === null ? null : encodeCursor(records.next),
      },
    }
    return { json, headers: { ETag: tagOf(found) } }
  }
  return [
    route({
      method: 'get',
      path: '/admin/v1/entities',
      role: 'auditor',
      summary:
        'Everybody who has taken part, newest first; q is what the id begins with, label is NAME or NAME=VALUE, since a moment or a duration back',
      query,
      answers: { type: 'application/json', schema: listOf(entity) },
      async handle({ query: { limit: count, cursor: from, since, label, q, issuer, status } }) {
        const faults: Fault[] = []
        const seen = momentOf(since, 'since', clock.now(), faults)
        if (faults.length > 0) throw new Faults(faults)
        const filter: EntityFilter = {
          ...(issuer === undefined ? {} : { issuer }),
          ...(status === undefined ? {} : { status }),
          ...(label === undefined ? {} : { label: labelOf(label) }),
          ...(seen === undefined ? {} : { since: seen }),
          ...(q === undefined ? {} : { prefix: q }),
        }
        const place = from === undefined ? undefined : decodeCursor(from, PLACE)
        const { items, next } = await store.list(filter, clock.now(), count, place)
        return { json: { items: items.map(shown), next: next === null ? null : encodeCursor(next) } }
      },
    }),
    route({
      method: 'get',
      path: '/admin/v1/entities/:id',
      role: 'auditor',
      summary: 'One of them by its id, with notes and exchanges, newest first; limit and cursor are of the exchanges',
      query: z.strictObject({ limit: limit(500, 20), cursor }),
      answers: { type: 'application/json', schema: detail },
      handle: ({ parameters: { id = '' }, query: { limit: count, cursor: from } }) =>
        detailOf(id, count, from === undefined ? undefined : decodeCursor(from, PLACE)),
    }),
    route({
      method: 'patch',
      path: '/admin/v1/entities/:id',
      role: 'editor',
      summary:
        'Set labels, or take them away with null, and add notes; with If-Match, only where nobody else did meanwhile',
      query: noQuery,
      takes: ['application/json'],
      answers: { type: 'application/json', schema: detail },
      async handle({ administrator, parameters: { id = '' }, headers, body }) {
        const { labels = {}, notes = [] } = readBySchema(asked, await jsonObject(body, EXAMPLE))
        if (Object.keys(labels).length === 0 && notes.length === 0)
          throw new Faults([{ path: '', message: `says nothing; send labels, notes or both, such as ${EXAMPLE}` }])
        const change: EntityChange = { at: clock.now(), author: administrator.name, labels, notes }
        const outcome = await store.change(id, change, revisionIn(headers['if-match']))
        if (outcome === 'stale')
          throw new Problem(
            412,
            'Somebody has changed the labels or notes meanwhile; read them again, and take the new ETag.',
          )
        return detailOf(id, 20)
      },
    }),
  ]
}

const tagOf = ({ revision }: Entity): string => `"${revision}"`

function revisionIn(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch === '*') return undefined
  const revision = /^"([0-9]{1,9})"$/.exec(ifMatch)?.[1]
  if (revision === undefined)
    throw new Problem(400, 'If-Match is not an ETag of this door; take it from the answer before.')
  return Number(revision)
}

function labelOf(text: string): NonNullable<EntityFilter['label']> {
  const at = text.indexOf('=')
  return at < 0 ? { name: text } : { name: text.slice(0, at), value: text.slice(at + 1) }
}

function shown({ revision: _, firstSeen, lastSeen, blockedBy, ...rest }: Entity): z.infer<typeof entity> {
  return {
    ...rest,
    rules: [...rest.rules],
    instances: [...rest.instances],
    labels: { ...rest.labels },
    firstSeen: moment(firstSeen),
    lastSeen: moment(lastSeen),
    status: blockedBy === undefined ? 'active' : 'blocked',
    blockedBy: blockedBy ?? null,
  }
}

/** The few members by which a history is read; the whole is at /admin/v1/audit/ID. Hashes, never tokens (I8). */
const shownRecord = (record: ExchangeRecord): z.infer<typeof exchange> => ({
  id: record.id,
  at: moment(record.at),
  outcome: record.outcome,
  reason: record.reason,
  client: record.client,
  subject: record.subject?.id ?? '',
  targets: [...(record.granted?.targets ?? [...record.requested.audiences, ...record.requested.resources])],
  scopes: [...(record.granted?.scopes ?? record.requested.scopes)],
  rules: [...record.rules],
  jti: record.jti,
  tokenHash: record.tokenHash,
  subjectTokenHash: record.subjectTokenHash,
  lineage: record.lineage,
})
