import { z } from 'zod'
import { paced } from '../../exchange/pace.ts'
import { ShadowTally } from '../../exchange/shadow-tally.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { periodOf } from '../moments.ts'
import { moment } from '../paging.ts'

const text = z.string().min(1, 'is empty; write such as 7d').max(64, 'has more than 64 characters')

const tallied = z.object({
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  rules: z.array(
    z.object({
      rule: z.string(),
      effect: z.string(),
      matched: z.int(),
      otherwise: z.int(),
      first: z.iso.datetime(),
      last: z.iso.datetime(),
      examples: z.array(z.string()),
    }),
  ),
})

/** `GET /admin/v1/shadow`: what rules in shadow would have done. */
export function shadow({ records, clock }: Pick<AdminDoor, 'records' | 'clock'>): readonly AnyRoute[] {
  return [
    route({
      method: 'get',
      path: '/admin/v1/shadow',
      role: 'auditor',
      summary:
        'What rules in shadow would have done, as the record noted it: how many decisions each matched, and how many of these went the other way (refusals that a permit matched, grants that a forbid matched), with the ids of some',
      query: z.strictObject({ since: text.default('7d'), until: text.optional() }),
      answers: { type: 'application/json', schema: tallied },
      async handle({ query, signal }) {
        const { since, until } = periodOf(query, clock.now())
        const { batches } = await records.walk({ since, until, shadowed: true })
        const tally = new ShadowTally()
        for await (const _ of paced(batches, (record) => tally.see(record), signal));
        const rules = tally.rules().map((each) => ({ ...each, first: moment(each.first), last: moment(each.last) }))
        return { json: { since: moment(since), until: moment(until), rules } }
      },
    }),
  ]
}
