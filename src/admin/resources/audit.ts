import { z } from 'zod'
import type { ExchangeRecord } from '../../audit/contract.ts'
import type { RecordFilter } from '../../audit/reading.ts'
import { storedFacts } from '../../audit/record.ts'
import { type Fault, Faults } from '../../lib/fault.ts'
import { isId } from '../../lib/ids.ts'
import { nearestName } from '../../lib/nearest.ts'
import { reasons } from '../../refusal.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { momentOf } from '../moments.ts'
import { cursor, limit, listOf, moment, noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'

const text = z
  .string()
  .min(1, 'is empty; leave it out where anything may match')
  .max(2048, 'has more than 2048 characters')
  .regex(/^[^\0\p{Cs}]*$/u, 'holds a character that no record has')
  .optional()

const query = z.strictObject({
  outcome: z.enum(['granted', 'refused', 'failed'], 'is granted, refused or failed').optional(),
  reason: z.enum([...reasons, 'granted'], { error: ({ input }) => unknownReason(String(input)) }).optional(),
  client: text,
  subject: text,
  target: text,
  jti: text,
  lineage: text,
  shadow: text,
  since: text,
  until: text,
  limit: limit(1000, 100),
  cursor,
})

/** A row as it is answered: moments as RFC 3339, all else as interfaces.md names it. */
const row = z.looseObject({
  id: z.string(),
  at: z.iso.datetime(),
  decidedAt: z.iso.datetime(),
  outcome: z.string(),
  reason: z.string(),
})

/** The record of exchanges: hashes and never tokens (I8). */
export function audit({ records, clock }: Pick<AdminDoor, 'records' | 'clock'>): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/admin/v1/audit',
      role: 'auditor',
      summary:
        'Exchanges, newest first; since and until are RFC 3339 moments or durations back, such as 24h; shadow is the name of a rule in shadow that would have decided, and takes since',
      query,
      answers: { type: 'application/json', schema: listOf(row) },
      async handle({ query: { limit: count, cursor: from, since, until, ...fields } }) {
        const faults: Fault[] = []
        const times = {
          since: momentOf(since, 'since', clock.now(), faults),
          until: momentOf(until, 'until', clock.now(), faults),
        }
        if (fields.shadow !== undefined && since === undefined) faults.push(UNBOUNDED)
        if (faults.length > 0) throw new Faults(faults)
        const filter = Object.fromEntries(
          Object.entries({ ...fields, ...times }).filter(([, value]) => value !== undefined),
        ) as RecordFilter
        const { items, next } = await (from === undefined
          ? records.list(filter, count)
          : records.list(filter, count, from))
        return { json: { items: items.map(shown), next } }
      },
    }),
    route({
      method: 'get',
      path: '/admin/v1/audit/:id',
      role: 'auditor',
      summary: 'One exchange by its request id',
      query: noQuery,
      answers: { type: 'application/json', schema: row },
      async handle({ parameters: { id = '' } }) {
        const found = isId(id) ? await records.get(id) : undefined
        if (found === undefined) {
          throw new Problem(
            404,
            'There is no record of this id. It is the Cambist-Request-Id of an answer at /token; refusals of unverified callers beyond a rate are counted only.',
          )
        }
        return { json: shown(found) }
      },
    }),
  ]
}

/** Shadow rules have no index: without a beginning, all that was ever recorded would be looked through. */
const UNBOUNDED: Fault = {
  path: 'since',
  message: 'is missing; what a rule in shadow would have done is looked for in a time, so write one such as 7d',
}

const shown = (record: ExchangeRecord) => ({
  ...record,
  at: moment(record.at),
  decidedAt: moment(record.decidedAt),
  facts: storedFacts(record.facts) ?? null,
})

function unknownReason(input: string): string {
  const near = nearestName(input, reasons)
  return `there is no reason ${JSON.stringify(input.slice(0, 64))}${near === undefined ? '' : `; did you mean ${near}?`}`
}
