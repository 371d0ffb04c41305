import { once } from 'node:events'
import { request } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { ExchangeRecord } from '../../../src/audit/contract.ts'
import type { Period } from '../../../src/audit/reading.ts'
import { apply } from '../../../src/documents/apply.ts'
import { base, changed, compiler, document, newKeys, whole } from '../documents/world.ts'
import { recorded, refused } from '../exchange/world.ts'
import { type Asking, ask, NOW, open, record, TOKEN, type World } from './world.ts'

const WRITE = changed(base.policy, { scopes: ['orders:read', 'orders:write'] })

/** A door over documents of each kind, and over a record of these. */
async function over(batches: readonly (readonly Partial<ExchangeRecord>[])[], failing?: Error) {
  const periods: Period[] = []
  const read = { count: 0, ended: false }
  const world = await open({
    records: {
      list: async () => ({ items: [], next: null }),
      get: async () => undefined,
      unexpired: async () => 0,
      livingIn: async () => [],
      clientsGrantedSince: async () => new Set(),
      liveLineages: async () => [],
      walk: async (period) => {
        periods.push(period)
        return { atMost: batches.flat().length, whole: true, batches: rows() }
      },
    },
  })
  async function* rows() {
    try {
      for (const batch of batches) {
        read.count += batch.length
        yield batch.map((each) => ({ ...record, ...each }) as ExchangeRecord)
      }
      if (failing !== undefined) throw failing
    } finally {
      read.ended = true
    }
  }
  await apply({ store: world.states, compiler: compiler(), newKeys }, whole, { author: 'ada', message: '' })
  return { world, periods, read }
}

const replay = (world: World, body: object, more: Asking = {}) =>
  ask(world, '/admin/v1/replay', { method: 'POST', type: 'application/json', body: JSON.stringify(body), ...more })

const LINES = { headers: { accept: 'application/x-ndjson' } }
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('POST /admin/v1/replay', () => {
  it('answers what a draft would change, and changes nothing', async () => {
    const asked = [recorded(), refused({ scopes: ['orders:write'] }), refused({}, { facts: null, reason: 'expired' })]
    const { world, periods } = await over([asked])
    const before = await world.states.load()
    const { status, json } = await replay(world, { documents: [WRITE], since: '7d' })
    expect([status, periods]).toEqual([200, [{ since: NOW - 7 * 86_400_000, until: NOW, newest: 1_000_000 }]])
    expect(json).toMatchObject({
      version: 1,
      since: '2026-11-17T12:00:00.000Z',
      until: '2026-11-24T12:00:00.000Z',
      complete: true,
      judged: 2,
      unchanged: 1,
      changed: 1,
      newlyPermitted: 1,
      newlyRefused: 0,
      undecided: { count: 1, reasons: { expired: 1 } },
      groups: [{ count: 1, client: 'checkout', targets: ['orders'], draft: { scopes: ['orders:write'] } }],
    })
    expect(json.groups[0].first).toBe(new Date(asked[1]?.at ?? 0).toISOString())
    expect(await world.states.load()).toEqual(before)
    expect(world.failures).toEqual([])
  })

  it('takes from the documents what pruning by a label would delete', async () => {
    const { world } = await over([[recorded()]])
    const labelled = { ...base.policy, metadata: { ...base.policy.metadata, labels: { team: 'shop' } } }
    await apply({ store: world.states, compiler: compiler(), newKeys }, [labelled], { author: 'ada', message: '' })
    const other = document('Target', 'billing', { audience: 'https://billing.example' }, { team: 'shop' })
    const kept = await replay(world, { documents: [other], since: '1h' })
    expect(kept.json).toMatchObject({ changed: 0, version: 2 })
    const pruned = await replay(world, { documents: [other], since: '1h', prune: 'team=shop' })
    expect(pruned.json).toMatchObject({ newlyRefused: 1 })
  })

  it('judges by what is in force where no document is given: what has drifted', async () => {
    const { world } = await over([[recorded({ scopes: ['orders:write'] }), recorded()]])
    expect((await replay(world, { documents: [], since: '1h' })).json).toMatchObject({ changed: 0, drifted: 1 })
  })

  it('hands on moments and limits', async () => {
    const { world, periods } = await over([[]])
    const time = { since: '2026-11-01T00:00:00Z', until: '2026-11-02T00:00:00+01:00' }
    expect((await replay(world, { documents: [], ...time, limit: 5 })).json).toMatchObject({ judged: 0, first: null })
    expect(periods).toEqual([{ since: Date.UTC(2026, 10, 1), until: Date.UTC(2026, 10, 1, 23), newest: 5 }])
  })

  it('tells how far it is, a line at a time, and the result last', async () => {
    const batches = Array.from({ length: 50 }, () => Array.from({ length: 100 }, () => recorded()))
    const { world } = await over(batches)
    const { text, headers, status } = await replay(world, { documents: [WRITE], since: '7d' }, LINES)
    expect([status, headers['content-type']]).toEqual([200, 'application/x-ndjson'])
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toMatchObject([
      { progress: { judged: 2000, total: 5000, at: expect.stringMatching(/^2027-01-15T/) } },
      { progress: { judged: 4000, total: 5000 } },
      { result: { judged: 5000, unchanged: 5000 } },
    ])
  })

  it('says on the last line what went wrong on the way', async () => {
    const { world } = await over([[recorded()]], new Error('the database is away'))
    const { text, headers } = await replay(world, { documents: [WRITE], since: '7d' }, LINES)
    expect(linesOf(text)).toEqual([
      { problem: expect.objectContaining({ status: 500, instance: headers['cambist-request-id'] }) },
    ])
    expect(text).not.toContain('away')
    expect(world.failures).toMatchObject([{ message: 'the database is away' }])
    expect((await replay(world, { documents: [WRITE], since: '7d' })).status).toBe(500)
  })

  it('ends where whoever asked has gone', async () => {
    const batch = Array.from({ length: 100 }, () => recorded())
    const { world, read } = await over(Array.from({ length: 100_000 }, () => batch))
    const body = JSON.stringify({ documents: [WRITE], since: '7d' })
    const asking = request(`${world.url}/admin/v1/replay`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...LINES.headers },
    })
    asking.on('error', () => undefined)
    asking.end(body)
    const [response] = await once(asking, 'response')
    await once(response, 'data')
    asking.destroy()
    await expect.poll(() => read.ended).toBe(true)
    expect(read.count).toBeLessThan(1_000_000)
    expect(world.failures).toEqual([])
  })

  it.each<[object, string, string]>([
    [{ documents: [] }, 'since', 'is missing; write such as 7d'],
    [{ documents: [], since: 'yesterday' }, 'since', 'nor a duration back such as 24h'],
    [{ documents: [], since: '1h', until: '2h' }, 'since', 'is no earlier than until'],
    [{ documents: [], since: '1h', until: 'never' }, 'until', 'nor a duration back'],
    [{ documents: [], since: '1h', limit: 0 }, 'limit', 'is 1 at least'],
    [{ documents: [], since: '1h', limit: 1.5 }, 'limit', 'is a whole number'],
    [{ documents: [], since: '1h', prune: '=x' }, 'prune', 'is not a label'],
    [{ documents: [], since: '1h', dryRun: true }, 'dryRun', 'there is no field `dryRun` here'],
    [{ documents: {}, since: '1h' }, 'documents', 'write a list'],
    [{ documents: [{ kind: 'Policy' }], since: '1h' }, 'metadata', 'is a mapping with a name'],
    [{ documents: [base.policy, base.policy], since: '1h' }, 'metadata.name', 'a name stands once'],
    [
      { documents: [changed(base.policy, { targets: ['order'] })], since: '1h' },
      'spec.targets[0]',
      'did you mean orders?',
    ],
  ])('names the place and the remedy of what it cannot take: %j', async (body, path, message) => {
    const { world, periods } = await over([[]])
    const { status, json, headers } = await replay(world, body)
    expect([status, headers['content-type']]).toEqual([400, 'application/problem+json'])
    expect(json.faults).toContainEqual(expect.objectContaining({ path, message: expect.stringContaining(message) }))
    expect(periods).toEqual([])
  })

  it.each(['', '[]', '{"documents": [], "since": "1h", "since": "2h"}', 'null', '{'])(
    'refuses a body that is no JSON object: %j',
    async (body) => {
      const { world } = await over([[]])
      const asking = { method: 'POST', type: 'application/json', body }
      expect(await ask(world, '/admin/v1/replay', asking)).toMatchObject({
        status: 400,
        json: { detail: expect.stringContaining('send such as {"documents": [DOCUMENT], "since": "7d"}') },
      })
    },
  )

  it('takes JSON alone', async () => {
    const { world } = await over([[]])
    expect(
      (await ask(world, '/admin/v1/replay', { method: 'POST', type: 'application/yaml', body: 'a: b' })).status,
    ).toBe(415)
  })
})

describe('GET /admin/v1/shadow', () => {
  it('answers, for each rule, what it would have done otherwise', async () => {
    const permits = { shadow: [{ rule: 'soon', outcome: 'permit' }] }
    const forbids = { shadow: [{ rule: 'strict', outcome: 'forbid' }, ...permits.shadow] }
    const { world, periods } = await over([
      [
        { id: 'a', at: NOW - 5000, outcome: 'refused', reason: 'denied', ...permits },
        { id: 'b', at: NOW - 4000, outcome: 'granted', reason: 'granted', ...forbids },
      ],
      [
        { id: 'c', at: NOW - 3000, outcome: 'refused', reason: 'forbidden', ...forbids },
        { id: 'd', at: NOW - 2000, outcome: 'refused', reason: 'expired', shadow: [] },
      ],
    ])
    const { status, json } = await ask(world, '/admin/v1/shadow?since=1d')
    expect([status, periods]).toEqual([200, [{ since: NOW - 86_400_000, until: NOW, shadowed: true }]])
    expect(json.rules).toEqual([
      {
        ...{ rule: 'soon', effect: 'permit', matched: 3, otherwise: 1, examples: ['a'] },
        ...{ first: '2026-11-24T11:59:55.000Z', last: '2026-11-24T11:59:57.000Z' },
      },
      {
        ...{ rule: 'strict', effect: 'forbid', matched: 2, otherwise: 1, examples: ['b'] },
        ...{ first: '2026-11-24T11:59:56.000Z', last: '2026-11-24T11:59:57.000Z' },
      },
    ])
  })
})
