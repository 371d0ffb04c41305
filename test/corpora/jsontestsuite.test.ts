import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { algorithms } from '../../src/lib/algorithms.ts'
import { type KeySetEvent, KeySets } from '../../src/trust/key-sets.ts'
import { startCambist, type TestServer } from '../harness/cambist.ts'
import { corpus } from '../harness/corpora.ts'
import type { SigningKey } from '../harness/tokens.ts'
import { ecJwk, HandClock, issuerWith } from '../unit/trust/test-keys.ts'

interface Row {
  readonly name: string
  readonly expect?: 'accept' | 'reject' | 'either'
  readonly b64: string
}

const directory = corpus('jsontestsuite')
const suite =
  directory === undefined
    ? { parsing: [], transform: [] }
    : (JSON.parse(readFileSync(join(directory, 'jsontestsuite.json'), 'utf8')) as { parsing: Row[]; transform: Row[] })
const rows = [...suite.parsing, ...suite.transform]

/** A JWS over segments of any bytes, signed as it should be. */
function signed(key: SigningKey, header: Buffer, payload: Buffer): string {
  const input = `${header.toString('base64url')}.${payload.toString('base64url')}`
  return `${input}.${algorithms.get(key.algorithm)?.sign(key.privateKey, Buffer.from(input)).toString('base64url')}`
}

/** What a row became: status, and reason by the record. */
async function outcomes(server: TestServer, tokens: readonly (readonly [name: string, token: string])[]) {
  const answers: { name: string; id: string; status: number; slow: boolean }[] = []
  for (let at = 0; at < tokens.length; at += 16) {
    const sent = tokens.slice(at, at + 16).map(async ([name, token]) => {
      const began = performance.now()
      const { id, status } = await server.exchange({ subject_token: token })
      return { name, id, status, slow: performance.now() - began > 1000 }
    })
    answers.push(...(await Promise.all(sent)))
    server.clock.advance(4)
  }
  const found = await server.database.query<{ id: string; reason: string }>(
    'SELECT id, reason FROM cambist.records WHERE id = ANY($1)',
    [answers.map(({ id }) => id)],
  )
  const reasons = new Map(found.map(({ id, reason }) => [id, reason]))
  return answers.map((answer) => ({ ...answer, reason: reasons.get(answer.id) ?? '' }))
}

describe.skipIf(directory === undefined)('JSONTestSuite in a signed JWT', async () => {
  if (directory === undefined) return
  const server = await startCambist()
  const { cluster } = server
  const { kid } = cluster.key
  const bytes = ({ b64 }: Row) => Buffer.from(b64, 'base64')

  it('has all its rows', () => {
    expect(rows).toHaveLength(340)
  })

  it.each([
    ['payload', (row: Row) => signed(cluster.key, Buffer.from(JSON.stringify({ alg: 'RS256', kid })), bytes(row))],
    ['header', (row: Row) => signed(cluster.key, bytes(row), Buffer.from(JSON.stringify(cluster.claims())))],
  ] as const)('refuses every row as the %s, never by 5xx and never slowly', async (_, token) => {
    const results = await outcomes(
      server,
      rows.map((row) => [row.name, token(row)]),
    )
    expect(results.filter(({ status }) => status < 400 || status >= 500)).toEqual([])
    expect(results.filter(({ slow }) => slow)).toEqual([])
    const allowed = ['token_malformed', 'claim_missing', 'algorithm_refused', 'parameter_too_long', 'body_too_large']
    expect(results.filter(({ reason }) => !allowed.includes(reason))).toEqual([])
    expect((await server.exchange()).status).toBe(200)
  })

  it('reads a row that stands among good claims exactly as the suite says', async () => {
    /** Valid JSON that one reader and another could take for two texts, or that no text of ours can hold. */
    const stricter =
      /duplicated_key|y_string_null_escape|y_string_with_del|escaped_null_in_key|y_string_escaped_noncharacter$/
    const placed = (row: Row) => {
      const claims = JSON.stringify(cluster.claims())
      const payload = Buffer.concat([Buffer.from(`${claims.slice(0, -1)},"x":`), bytes(row), Buffer.from('}')])
      return signed(cluster.key, Buffer.from(JSON.stringify({ alg: 'RS256', kid })), payload)
    }
    const judged = suite.parsing.filter((row) => row.expect !== 'either')
    const results = await outcomes(
      server,
      judged.map((row) => [row.name, placed(row)]),
    )
    const refused = (name: string) => results.find((result) => result.name === name)?.status !== 200
    expect(judged.filter((row) => row.expect === 'reject' && !refused(row.name)).map(({ name }) => name)).toEqual([])
    const refusedThough = judged.filter((row) => row.expect === 'accept' && refused(row.name)).map(({ name }) => name)
    expect(refusedThough.filter((name) => !stricter.test(name))).toEqual([])
    expect(refusedThough.length).toBeLessThan(8)
  })
})

// As key sets and discovery documents: test/attacks/t06-jwks-poisoning.test.ts.
describe.skipIf(directory === undefined)('JSONTestSuite as SPIFFE bundles', () => {
  it('leaves the last good bundle in force, whatever the row, and is told once', async () => {
    const events: KeySetEvent[] = []
    const clock = new HandClock()
    const bundle = { keys: [ecJwk('good', { use: 'jwt-svid' })], spiffe_refresh_hint: 60 }
    let body: Buffer = Buffer.alloc(0)
    const keySets = new KeySets({
      clock,
      insecure: new Set(),
      secret: () => Promise.reject(new Error('there are no secrets')),
      fetch: async () => ({ body, maxAge: undefined }),
      onEvent: (event) => void events.push(event),
    })
    const source = { from: 'bundle', url: 'https://bundles.example/prod', profile: 'https_web' } as const
    const issuer = issuerWith(source, { keyUse: 'jwt-svid', authority: 'spiffe://prod.example' })
    for (const { name, b64 } of rows) {
      body = Buffer.from(JSON.stringify(bundle))
      clock.pass(601)
      await keySets.poll()
      await keySets.prefetch([issuer])
      events.length = 0
      body = Buffer.from(b64, 'base64')
      clock.pass(601)
      const began = performance.now()
      await keySets.poll()
      expect({ name, slow: performance.now() - began > 1000, events }).toEqual({
        name,
        slow: false,
        events: [expect.objectContaining({ event: 'failed', hasLastGood: true })],
      })
      expect(keySets.find(issuer, 'good', 'ES256')).toMatchObject({ kid: 'good' })
    }
  })
})
