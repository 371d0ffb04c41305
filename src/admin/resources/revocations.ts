import { z } from 'zod'
import { type IssuedToken, isFirst, revokeWithAll } from '../../issued/revoking.ts'
import { Faults } from '../../lib/fault.ts'
import { readBySchema } from '../../lib/schema.ts'
import { MAX_TOKEN_LIFETIME } from '../../targets/contract.ts'
import { type Revocable, type Revocation, revocable } from '../../tokens/revocations.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'
import { jsonObject, line as text } from '../written.ts'

const asked = z.strictObject({
  jti: text.optional(),
  tokenHash: text
    .regex(/^[A-Za-z0-9_-]{43}$/, 'is the SHA-256 of a token in base64url, as the record has it')
    .optional(),
  lineage: text.optional(),
  client: text.optional(),
  subject: text.optional(),
  reason: text.max(1000, 'has more than 1000 characters'),
})

const revoked = z.object({ version: z.int(), revoked: z.int() })

/** `POST /admin/v1/revocations`: tokens of ours that count no longer, in force on every node when it is answered (I3). */
export function revocations({
  store,
  snapshots,
  records,
  clock,
  events,
}: Pick<AdminDoor, 'store' | 'snapshots' | 'records' | 'clock' | 'events'>): readonly AnyRoute[] {
  return [
    route({
      method: 'post',
      path: '/admin/v1/revocations',
      role: 'editor',
      summary:
        'Revoke tokens by one of jti, tokenHash, lineage, client and subject, with a reason; one token with everything that was made from it; of a client or subject, those issued until now. Answers how many unexpired ones that were',
      query: noQuery,
      takes: ['application/json'],
      bodySchema: asked,
      answers: { type: 'application/json', schema: revoked },
      async handle({ administrator, body }) {
        const { reason, ...names } = readBySchema(asked, await jsonObject(body, '{"lineage": "ID", "reason": "TEXT"}'))
        const [what, value] = only(names)
        const now = clock.now()
        const token = await issuedAs(what, value, now, records)
        if (what === 'tokenHash' && token === undefined)
          throw new Problem(
            404,
            'No token with this hash was issued that has not expired. A token that came back is written with the hash it came with: name it by its jti, the first of `parents` in that record, or by its lineage.',
          )
        const at = Math.floor(now / 1000)
        const author = administrator.name
        const message = `tokens of ${what} ${value} revoked: ${reason}`
        const named = (by: Revocable, as: string): Revocation => {
          return { what: by, value: as, at, until: at + MAX_TOKEN_LIFETIME, reason, author }
        }
        const { version, under } = await revokeWithAll(
          [named(what, value), ...namesOf(token, what).map(([by, as]) => named(by, as))],
          token,
          { author, reason, message, at },
          { store, snapshots, records },
          { again: true },
        )
        events.changed(version, author, message)
        const all =
          token !== undefined && isFirst(token) ? (['lineage', token.lineage] as const) : ([what, value] as const)
        return { json: { version, revoked: under + (await records.unexpired(...all, now)) } }
      },
    }),
  ]
}

/** The one token that is meant, as its record knows it; undefined where it is none, or has expired. */
async function issuedAs(
  what: Revocable,
  value: string,
  now: number,
  records: AdminDoor['records'],
): Promise<IssuedToken | undefined> {
  if (what !== 'jti' && what !== 'tokenHash') return undefined
  const { items } = await records.list({ [what]: value, outcome: 'granted', since: now - MAX_TOKEN_LIFETIME * 1000 }, 1)
  return items[0] === undefined ? undefined : { id: items[0].jti, lineage: items[0].lineage }
}

/** What else names it: its jti, since an ECDSA signature has two spellings, and so has the token (T11); its lineage, where all of that was made from it. */
function namesOf(token: IssuedToken | undefined, what: Revocable): readonly (readonly [Revocable, string])[] {
  if (token === undefined) return []
  return [
    ...(what === 'tokenHash' ? [['jti', token.id] as const] : []),
    ...(isFirst(token) ? [['lineage', token.lineage] as const] : []),
  ]
}

function only(names: Readonly<Partial<Record<Revocable, string | undefined>>>): readonly [Revocable, string] {
  const said = revocable.flatMap((what) => {
    const value = names[what]
    return value === undefined ? [] : [[what, value] as const]
  })
  const [first, second] = said
  if (first === undefined || second !== undefined) {
    throw new Faults([
      {
        path: '',
        message: `names ${said.length === 0 ? 'nothing' : said.map(([what]) => what).join(' and ')}; write exactly one of ${revocable.join(', ')}`,
      },
    ])
  }
  return first
}
