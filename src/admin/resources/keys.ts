import { z } from 'zod'
import { type SigningUse, type StoredKey, signingUses } from '../../keys/contract.ts'
import { algorithms } from '../../lib/algorithms.ts'
import { parseJsonObjectText } from '../../lib/json.ts'
import { readBySchema } from '../../lib/schema.ts'
import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { listOf, moment, noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'

const uses = Object.keys(signingUses) as [SigningUse, ...SigningUse[]]

const key = z.object({
  kid: z.string(),
  use: z.enum(uses),
  algorithm: z.string(),
  backend: z.string(),
  state: z.enum(['published', 'signing', 'retired']),
  createdAt: z.iso.datetime(),
  activeAt: z.iso.datetime(),
  retiredAt: z.iso.datetime().nullable(),
  removeAt: z.iso.datetime().nullable(),
  publicJwk: z.record(z.string(), z.unknown()),
})

const rotation = z.strictObject({
  algorithm: z
    .string()
    .refine((name) => algorithms.has(name), `is one of ${[...algorithms.keys()].join(', ')}`)
    .optional(),
  use: z.enum(uses, `is one of ${uses.join(', ')}`).optional(),
})

/** Signing keys: which there are, and a new one. Private parts never leave, wrapped or not. */
export function signingKeys({ keys, clock }: Pick<AdminDoor, 'keys' | 'clock'>): readonly AnyRoute[] {
  const list = (stored: readonly StoredKey[]) => ({
    items: stored.map((each) => shown(each, clock.now() / 1000)),
    next: null,
  })
  return [
    route({
      method: 'get',
      path: '/admin/v1/keys',
      role: 'viewer',
      summary: 'Signing keys that are published, and what each is doing',
      query: noQuery,
      answers: { type: 'application/json', schema: listOf(key) },
      handle: () => ({ json: list(keys.list()) }),
    }),
    route({
      method: 'post',
      path: '/admin/v1/keys/rotate',
      role: 'admin',
      summary:
        'Make successors now, of one algorithm, for one use, or of all there are; each is published before it signs. Answers the keys made',
      query: noQuery,
      takes: ['application/json'],
      bodySchema: rotation,
      answers: { type: 'application/json', schema: listOf(key) },
      async handle({ administrator, headers, body }) {
        const empty =
          headers['content-type'] === undefined &&
          (headers['content-length'] ?? '0') === '0' &&
          headers['transfer-encoding'] === undefined
        const choice = empty ? {} : readBySchema(rotation, await object(body))
        return { json: list(await keys.rotate(administrator.name, choice)) }
      },
    }),
  ]
}

async function object(body: () => Promise<{ readonly text: string }>): Promise<unknown> {
  const { text } = await body()
  const value = text === '' ? {} : parseJsonObjectText(text)
  if (value === undefined)
    throw new Problem(400, 'The body is not a JSON object; send {} or {"algorithm": "ES256"}, or no body at all.')
  return value
}

/** A stored key for administrators. Named members alone, so that nothing of a private part can slip in (K-6, T39). */
function shown(stored: StoredKey, now: number): z.infer<typeof key> {
  const { kid, use, algorithm, backend, publicJwk, createdAt, activeAt, retiredAt, removeAt } = stored
  const at = (seconds: number) => moment(seconds * 1000)
  return {
    kid,
    use,
    algorithm,
    backend,
    state: activeAt > now ? 'published' : retiredAt === undefined ? 'signing' : 'retired',
    createdAt: at(createdAt),
    activeAt: at(activeAt),
    retiredAt: retiredAt === undefined ? null : at(retiredAt),
    removeAt: removeAt === undefined ? null : at(removeAt),
    publicJwk,
  }
}
