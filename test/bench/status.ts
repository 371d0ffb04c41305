/**
 * Status lists: how large one of a million living tokens is, what it takes to make and to read it, how soon it says what was
 * revoked, and what an exchange costs more whose token has a place in one.
 */
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import * as backends from '../../src/keys/backends/index.ts'
import { Keys } from '../../src/keys/keyring.ts'
import { keyEncryption } from '../../src/keys/wrapping.ts'
import { systemClock } from '../../src/lib/clock.ts'
import type { RevokedStatus } from '../../src/tokens/revoked-statuses.ts'
import { BLOCK_SIZE, LIST_SIZE, StatusIndexes } from '../../src/tokens/status-indexes.ts'
import { StatusLists } from '../../src/tokens/status-lists.ts'
import { readStatusList } from '../harness/status-list.ts'
import type { Measuring } from './exchange.ts'
import { formOf, httpRequest } from './kinds.ts'
import { median } from './load.ts'
import { waited } from './pauses.ts'
import { medianOf, ratioOf, type Sample, sample, written } from './sample.ts'
import type { Server } from './servers.ts'

const ISSUER = 'https://cambist.example'
const URI = `${ISSUER}/status-lists/0`
/** Of the living tokens: the share that was revoked. */
const SHARES = [0, 0.0001, 0.01, 0.1, 0.5]
const CHECKS = 100_000

interface Reading {
  /** Milliseconds. */
  readonly verified: number
  readonly inflated: number
  readonly check: number
}

/** A list of a million places, by how many of them are revoked, in this process. */
export async function measureStatusLists(rounds: number): Promise<Record<string, unknown>> {
  process.stdout.write(
    `A status list of ${LIST_SIZE} living tokens; medians of ${rounds} rounds. Made: searched (without the database), compressed, signed;\n` +
      'again: signed with nothing changed. Read as a relying party does: verified once and inflated once for each list, then a check a token.\n',
  )
  process.stdout.write(
    '  revoked      lst KiB   token KiB   made ms   again ms   verified ms   inflated ms   check µs\n',
  )
  const figures: Record<string, unknown> = {}
  for (const share of SHARES) {
    const made: number[] = []
    const again: number[] = []
    const readings: Reading[] = []
    let [size, whole] = [0, 0]
    for (let round = 0; round < rounds; round++) {
      const { lists, jwks, expire } = listsWith(Math.round(share * LIST_SIZE))
      const first = await timed(() => lists.get('0'), made)
      expire()
      const second = await timed(() => lists.get('0'), again)
      if (first === undefined || second === undefined || first === second)
        throw new Error('the list was not signed anew')
      const { lst, reading } = await read(second.token, jwks)
      readings.push(reading)
      size = lst.length
      whole = second.token.length
    }
    const row = {
      lstBytes: size,
      tokenBytes: whole,
      madeMs: median(made),
      againMs: median(again),
      verifiedMs: median(readings.map(({ verified }) => verified)),
      inflatedMs: median(readings.map(({ inflated }) => inflated)),
      checkMs: median(readings.map(({ check }) => check)),
    }
    figures[share] = row
    process.stdout.write(
      `  ${`${(share * 100).toFixed(2)} %`.padEnd(10)} ${(size / 1024).toFixed(1).padStart(9)} ${(whole / 1024).toFixed(1).padStart(11)} ${row.madeMs.toFixed(1).padStart(9)} ${row.againMs.toFixed(1).padStart(10)} ${row.verifiedMs.toFixed(2).padStart(13)} ${row.inflatedMs.toFixed(2).padStart(13)} ${(row.checkMs * 1000).toFixed(3).padStart(10)}\n`,
    )
  }
  const atOnePercent = figures[0.01] as { lstBytes: number; checkMs: number; inflatedMs: number; verifiedMs: number }
  const firstCheck = atOnePercent.verifiedMs + atOnePercent.inflatedMs + atOnePercent.checkMs
  process.stdout.write(
    `  goals at 1 %: under 150 KB, ${(atOnePercent.lstBytes / 1000).toFixed(1)} KB; a check under 1 ms, ${atOnePercent.checkMs.toFixed(6)} ms, the first of a list ${firstCheck.toFixed(2)} ms\n`,
  )
  return { ...figures, firstCheckMs: firstCheck, index: await measureIndexes(rounds) }
}

/** What an index costs, with all that its block takes but the round trip. */
async function measureIndexes(rounds: number): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    let block = 0
    const indexes = new StatusIndexes({ next: async () => block++ })
    await timed(async () => {
      for (let count = 0; count < LIST_SIZE; count++) {
        const one = indexes.take()
        if (one instanceof Promise || count % 1000 === 0) await one
      }
    }, times)
  }
  const microseconds = (median(times) / LIST_SIZE) * 1000
  process.stdout.write(`  an index: ${microseconds.toFixed(3)} µs, its block counted in\n\n`)
  return microseconds
}

/** Lists of which one has so many revoked tokens, drawn by chance. */
function listsWith(revoked: number) {
  let now = Date.now()
  const keys = new Keys(Object.values(backends), keyEncryption([Buffer.alloc(32, 1)]))
  const keyring = keys.open([keys.create({ use: 'sig', algorithm: 'ES256' }, Math.floor(now / 1000), 0)])
  const statuses = drawn(revoked).map((index): RevokedStatus => ({ list: 0, index, until: now / 1000 + 300 }))
  const revocation = { what: 'jti', value: '', at: 0, until: 0, reason: '', author: '' } as const
  const inForce = { keyring, revocations: [revocation] }
  const lists = new StatusLists({
    issuer: ISSUER,
    clock: { now: () => now, monotonic: systemClock.monotonic },
    snapshots: { current: () => inForce, newest: async () => inForce },
    blocks: { taken: async () => LIST_SIZE / BLOCK_SIZE },
    search: { revokedStatuses: async (_, __, found) => found(statuses) },
    onTrouble: () => {},
  })
  const expire = () => {
    now += 31_000
  }
  return { lists, jwks: keyring.published as JSONWebKeySet, expire }
}

function drawn(count: number): readonly number[] {
  const all = new Set<number>()
  while (all.size < count) all.add(Math.floor(Math.random() * LIST_SIZE))
  return [...all]
}

async function read(token: string, jwks: JSONWebKeySet): Promise<{ lst: string; reading: Reading }> {
  const keys = createLocalJWKSet(jwks)
  const verify = () =>
    jwtVerify(token, keys, { subject: URI, typ: 'statuslist+jwt', currentDate: new Date(Date.now() + 31_000) })
  await verify() // the key is imported once
  const [verified, inflated, checked]: [number[], number[], number[]] = [[], [], []]
  const { payload } = await timed(verify, verified)
  const claim = payload['status_list'] as { lst: string }
  const list = await timed(() => readStatusList({ ...claim }), inflated)
  const revoked = await timed(() => {
    let found = 0
    for (let check = 0; check < CHECKS; check++) found += list.at((check * 7919) % LIST_SIZE) ?? 0
    return found
  }, checked)
  if (revoked > CHECKS) throw new Error('more than all are revoked')
  const reading = { verified: verified[0] ?? 0, inflated: inflated[0] ?? 0, check: (checked[0] ?? 0) / CHECKS }
  return { lst: claim.lst, reading }
}

/** What the work took in milliseconds, without what other processes of the machine took of this thread. */
async function timed<T>(work: () => T | Promise<T>, times: number[] = []): Promise<T> {
  const begin = performance.now() - waited()
  const result = await work()
  times.push(performance.now() - waited() - begin)
  return result
}

const TARGETS = ['plain', 'revocable'] as const
const audienceOf = (target: string): string => `https://${target}.example`

const revocableDocuments = [
  ...TARGETS.map((name) => ({
    apiVersion: 'cambist/v1',
    kind: 'Target',
    metadata: { name },
    spec: {
      ...{ audience: audienceOf(name), scopes: ['orders:read'] },
      tokens: [{ kind: 'access-token', lifetime: '1h', revocable: name === 'revocable' }],
    },
  })),
  {
    apiVersion: 'cambist/v1',
    kind: 'Policy',
    metadata: { name: 'checkout-reads-both' },
    spec: { clients: ['checkout'], targets: [...TARGETS], scopes: ['orders:read'] },
  },
]

/** An exchange with and without a place in a list, by turns; then how soon a list says what was revoked of so many records. */
export async function measureRevocable(
  server: Server,
  token: () => string,
  { rounds, milliseconds }: Measuring,
  records: number,
): Promise<Record<string, unknown>> {
  await server.apply(revocableDocuments)
  const requests = Object.fromEntries(
    TARGETS.map((target) => [
      target,
      Array.from({ length: 64 }, () =>
        httpRequest(
          `127.0.0.1:${server.port}`,
          formOf({
            subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
            subject_token: token(),
            audience: audienceOf(target),
          }),
        ),
      ),
    ]),
  )
  const samples: Record<(typeof TARGETS)[number], Sample[]> = { plain: [], revocable: [] }
  for (let round = 0; round <= rounds; round++) {
    // Who comes second in a round comes first in the next.
    for (const target of round % 2 === 0 ? TARGETS : TARGETS.toReversed()) {
      const first = requests[target] ?? []
      const window = { pid: server.pid, place: { port: server.port }, connections: 16, milliseconds }
      const one = await sample({ ...window, first, requests: first })
      // The first round warms up.
      if (round > 0) samples[target].push(one)
    }
    process.stderr.write(`status: round ${round} of ${rounds}\n`)
  }
  const [plain, revocable] = TARGETS.map((target) => ({
    nodeMicroseconds: medianOf(samples[target], (one) => one.node),
    postgresMicroseconds: medianOf(samples[target], (one) => one.postgres),
  }))
  const ratio = ratioOf(
    samples.revocable.map(({ node }) => node),
    samples.plain.map(({ node }) => node),
  )
  process.stdout.write(
    `An exchange whose token has a place in a status list, beside one whose token has none: CPU of Node ${revocable?.nodeMicroseconds.toFixed(0)} µs and ${plain?.nodeMicroseconds.toFixed(0)} µs, ratio ${written(ratio)}; of PostgreSQL ${revocable?.postgresMicroseconds.toFixed(0)} µs and ${plain?.postgresMicroseconds.toFixed(0)} µs.\n`,
  )
  return { plain, revocable, ratio, ...(await measureSearch(server, records)) }
}

/** From the answer to a revocation until the list that says so, with what the search reads. */
async function measureSearch(server: Server, records: number): Promise<Record<string, unknown>> {
  await server.sql(COPIES, [records])
  const living = await server.sql<{ jti: string }>(
    `SELECT jti FROM cambist.records WHERE outcome = 'granted' AND strpos(granted, '"status":') > 0 ORDER BY seq DESC LIMIT 7`,
  )
  const list = async (): Promise<number> => {
    const begin = performance.now()
    const response = await fetch(`${server.issuer}/status-lists/0`)
    if (!response.ok) throw new Error(`the list was answered with ${response.status}`)
    await response.arrayBuffer()
    return performance.now() - begin
  }
  await list()
  const byToken: number[] = []
  for (const { jti } of living) {
    await revoke(server, { jti })
    byToken.push(await list())
  }
  await revoke(server, { client: 'checkout' })
  const byClient = await list()
  const kept = await list()
  process.stdout.write(
    `From the answer to a revocation until the list that has it, over ${records} records and more: one token ${median(byToken).toFixed(1)} ms, all tokens of a client ${byClient.toFixed(0)} ms; a list with nothing changed ${kept.toFixed(1)} ms.\n\n`,
  )
  return { records, byTokenMs: median(byToken), byClientMs: byClient, keptMs: kept }
}

async function revoke(server: Server, match: Record<string, string>): Promise<void> {
  const response = await fetch(`${server.admin}/admin/v1/revocations`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...server.authorization() },
    body: JSON.stringify({ ...match, reason: 'measured' }),
  })
  if (!response.ok) throw new Error(`the revocation was answered with ${response.status}: ${await response.text()}`)
}

/** More of the newest record that has a place in a list, each with a place of its own. */
const COPIES = `
  INSERT INTO cambist.records (at, decided_at, snapshot_version, id, outcome, reason, client, subject_issuer, subject_id,
    lineage, jti, token_hash, targets, detail, granted, body)
  SELECT r.at, r.decided_at, r.snapshot_version, c.id, r.outcome, r.reason, r.client, r.subject_issuer, r.subject_id,
    NULL, c.id::text, c.id::text, r.targets, r.detail,
    regexp_replace(r.granted, '"index":[0-9]+', '"index":' || (c.number % 1048576)), r.body
  FROM (SELECT * FROM cambist.records WHERE outcome = 'granted' AND strpos(granted, '"status":') > 0 ORDER BY seq DESC LIMIT 1) r
  CROSS JOIN (SELECT number, gen_random_uuid() AS id FROM generate_series(1, $1::int) number) c`
