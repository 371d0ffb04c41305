import { z } from 'zod'
import { type Block, type Blockable, blockable } from '../../blocks/contract.ts'
import type { Formats, Snapshot } from '../../documents/contract.ts'
import { block, LineagesNotRevoked, unblock } from '../../entities/blocking.ts'
import { CLIENTS_ISSUER, SELF_ISSUER } from '../../identity/principal.ts'
import { type Fault, Faults } from '../../lib/fault.ts'
import { isId, newId } from '../../lib/ids.ts'
import { nearestName } from '../../lib/nearest.ts'
import { readBySchema } from '../../lib/schema.ts'
import { type AdminDoor, type Administrator, type AnyRoute, mayActAs, route } from '../contract.ts'
import { endOf } from '../moments.ts'
import { cursor, decodeCursor, encodeCursor, limit, listOf, moment, noQuery } from '../paging.ts'
import { Problem } from '../problem.ts'
import { jsonObject, line } from '../written.ts'

const digest = (what: string) => line.regex(/^[A-Za-z0-9_-]{43}$/, `is ${what}, SHA-256 in base64url`)

const match = z.strictObject({
  subject: line.optional(),
  instance: line.optional(),
  client: line.optional(),
  lineage: line.optional(),
  key: digest('the thumbprint of a key (RFC 7638) or of a certificate (x5t#S256)').optional(),
  issuer: line.optional(),
  jti: line.optional(),
  tokenHash: digest('the hash of a token, as the record has it').optional(),
})

const asked = z.strictObject({
  match,
  reason: line.max(1000, 'has more than 1000 characters'),
  expires: line.optional(),
})

const shape = z.object({
  id: z.string(),
  match: z.record(z.string(), z.string()),
  reason: z.string(),
  author: z.string(),
  at: z.iso.datetime(),
  expires: z.iso.datetime().nullable(),
})

const EXAMPLE = '{"match": {"subject": "ID"}, "reason": "TEXT", "expires": "24h"}'

type Door = Pick<AdminDoor, 'store' | 'snapshots' | 'records' | 'clock' | 'events' | 'formats'>

/** Who and what may not take part: in force on every node when it is answered, with the tokens taken back that were issued (I3, UC-46). */
export function blocks(door: Door): readonly AnyRoute[] {
  const { store, clock, events } = door
  return [
    route({
      method: 'get',
      path: '/admin/v1/blocks',
      role: 'auditor',
      summary: 'Blocks that are in force, newest first',
      query: z.strictObject({ limit: limit(1000, 100), cursor }),
      answers: { type: 'application/json', schema: listOf(shape) },
      async handle({ query }) {
        const before = query.cursor === undefined ? undefined : decodeCursor(query.cursor, /^[0-9a-f-]{36}$/)
        const rest = (await store.load()).blocks
          .filter(
            ({ id, until }) =>
              (until === undefined || until * 1000 > clock.now()) && (before === undefined || id < before),
          )
          .toSorted((one, other) => (one.id < other.id ? 1 : -1))
        const items = rest.slice(0, query.limit)
        const last = rest.length > query.limit ? items.at(-1) : undefined
        return { json: { items: items.map(shown), next: last === undefined ? null : encodeCursor(last.id) } }
      },
    }),
    route({
      method: 'post',
      path: '/admin/v1/blocks',
      role: 'editor',
      summary:
        'Block one subject, instance, client, lineage, key, issuer, or credential (issuer with jti or tokenHash), with a reason; expires is a moment or a duration. Answers how many living tokens, of how many lineages, that took back',
      query: noQuery,
      takes: ['application/json'],
      answers: {
        type: 'application/json',
        schema: z.object({ version: z.int(), block: shape, revoked: z.int(), lineages: z.int() }),
      },
      async handle({ administrator, body }) {
        const written = readBySchema(asked, await jsonObject(body, EXAMPLE))
        const now = clock.now()
        const faults: Fault[] = []
        const end = endOf(written.expires, 'expires', now, faults)
        const named = namedBy(written.match, faults)
        const snapshot = await door.snapshots.atLeast(0)
        if (named !== undefined) checkNames(named, snapshot, door.formats, faults)
        if (faults.length > 0 || named === undefined) throw new Faults(faults)
        checkAdministrators(named, administrator, snapshot)
        const made: Block = {
          id: newId(),
          ...named,
          reason: written.reason,
          author: administrator.name,
          at: Math.floor(now / 1000),
          until: end === undefined ? undefined : Math.ceil(end / 1000),
        }
        const { version, tokens, lineages } = await putInForce(made, now, door)
        events.changed(version, made.author, `block ${made.id}: ${made.what} ${made.value}`)
        return { json: { version, block: shown(made), revoked: tokens, lineages } }
      },
    }),
    route({
      method: 'delete',
      path: '/admin/v1/blocks/:id',
      role: 'editor',
      summary: 'Lift a block. Tokens that it took back stay taken back',
      query: noQuery,
      answers: { type: 'application/json', schema: z.object({ version: z.int(), block: shape }) },
      async handle({ administrator, parameters: { id = '' } }) {
        const standing = (await store.load()).blocks.find((one) => one.id === id)
        if (standing !== undefined) checkAdministrators(standing, administrator, await door.snapshots.atLeast(0))
        const done = isId(id) ? await unblock(id, administrator.name, door) : undefined
        if (done === undefined) throw new Problem(404, 'There is no block of this id; GET /admin/v1/blocks lists them.')
        events.changed(done.version, administrator.name, `block ${id} lifted`)
        return { json: { version: done.version, block: shown(done.block) } }
      },
    }),
  ]
}

async function putInForce(made: Block, now: number, door: Door) {
  try {
    return await block(made, now, door)
  } catch (error) {
    if (!(error instanceof LineagesNotRevoked)) throw error
    door.events.failed(made.id, error.cause)
    throw new Problem(
      503,
      `The block is in force as ${made.id}, but the tokens that were issued before it have not been taken back. Ask for the same block again.`,
      { headers: { 'Retry-After': '1' } },
    )
  }
}

type Match = z.output<typeof match>
type NamedThing = Pick<Block, 'what' | 'value' | 'issuer'>

const EXACTLY =
  'write exactly one of subject, instance, client, lineage, key and issuer, or issuer with one of jti and tokenHash'

/** The one thing that a match names. */
function namedBy(written: Match, faults: Fault[]): NamedThing | undefined {
  const said = blockable.flatMap((what) => {
    const value = written[what]
    return value === undefined ? [] : [[what, value] as const]
  })
  const credential = said.filter(([what]) => isOfCredential(what))
  const others = said.filter(([what]) => !isOfCredential(what))
  const [[what, value] = [undefined, '']] = credential.length > 0 ? credential : others
  const ofOne = credential.length === 1 && others.length === 1 && written.issuer !== undefined
  if (what !== undefined && (ofOne || (credential.length === 0 && others.length === 1)))
    return { what, value, issuer: ofOne ? (written.issuer ?? '') : '' }
  const names = said.length === 0 ? 'nothing' : said.map(([name]) => name).join(' and ')
  faults.push({ path: 'match', message: `names ${names}; ${EXACTLY}` })
  return undefined
}

const isOfCredential = (what: Blockable): boolean => what === 'jti' || what === 'tokenHash'

/** A misspelt name would be acknowledged and block nobody: documents that are named must be there. */
function checkNames(
  { what, value, issuer }: NamedThing,
  { clients, issuers }: Pick<Snapshot, 'clients' | 'issuers'>,
  { credentialKinds }: Formats,
  faults: Fault[],
): void {
  if (what === 'client' && clients.byName(value) === undefined)
    faults.push(
      unknown(
        'client',
        'Client',
        value,
        [...clients.all()].map(({ name }) => name),
      ),
    )
  const of = what === 'issuer' ? value : issuer
  if (of === '' || of === SELF_ISSUER || of === CLIENTS_ISSUER) return
  const found = issuers.byName(of)
  if (found === undefined) {
    faults.push(
      unknown(
        'issuer',
        'TrustedIssuer',
        of,
        [...issuers.all()].map(({ name }) => name),
      ),
    )
    return
  }
  // Only a signed token has one spelling, or two that are known (T11).
  const format = credentialKinds.find(({ name }) => name === found.credential)?.format ?? ''
  if (what === 'tokenHash' && !SIGNED_TOKENS.has(format))
    faults.push({
      path: 'match.tokenHash',
      message: `a credential of the kind ${found.credential} can be written in many ways, and a hash names one of them; block its key, its jti as the record has it, or its subject`,
    })
}

/**
 * Whoever vouches for administrators vouches for those above an editor, too: to keep them out, or to let them in again, takes
 * the role admin (T36).
 */
function checkAdministrators(
  { what, value, issuer }: NamedThing,
  administrator: Administrator,
  snapshot: Snapshot,
): void {
  if (mayActAs(administrator, 'admin')) return
  for (const { name, uses, authority } of snapshot.issuers.all()) {
    if (!uses.has('administrator')) continue
    // A canonical id has the name of the document behind the trust domain, a SPIFFE ID its own authority.
    const isOf = value.startsWith(`${authority}/`) || value.split('/')[3] === name
    if ((what === 'issuer' ? value : issuer) !== name && !(what === 'subject' && isOf)) continue
    throw new Problem(
      403,
      `Trusted issuer ${name} vouches for administrators, so that this could keep one of them out, or let one in again: it takes the role admin, and yours is ${administrator.role}.`,
    )
  }
}

const SIGNED_TOKENS: ReadonlySet<string> = new Set(['jwt', 'wit'])

function unknown(member: string, kind: string, name: string, names: readonly string[]): Fault {
  const near = nearestName(name, names)
  return {
    path: `match.${member}`,
    message: `there is no ${kind} ${JSON.stringify(name.slice(0, 64))}; ${near === undefined ? 'take the name of a document that is there' : `did you mean ${near}?`}`,
  }
}

const shown = ({ id, what, value, issuer, reason, author, at, until }: Block): z.infer<typeof shape> => ({
  id,
  match: issuer === '' ? { [what]: value } : { issuer, [what]: value },
  reason,
  author,
  at: moment(at * 1000),
  expires: until === undefined ? null : moment(until * 1000),
})
