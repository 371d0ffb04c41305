import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { beforeAll, describe, expect, it } from 'vitest'
import { LOCKS } from '../../src/storage/locks.ts'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { clock, cluster, database, issuer: us } = server
await server.apply(
  ...baseDocuments(cluster),
  document('Policy', 'delegated', {
    clients: ['checkout'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

const idOf = (serviceaccount: string): string =>
  `wimse://${new URL(us).hostname}/cluster/${encodeURIComponent(`system:serviceaccount:shop:${serviceaccount}`)}`
const pod = (serviceaccount: string, uid: string = randomUUID()) => cluster.token({}, { serviceaccount, uid })
const path = (id: string) => `/admin/v1/entities/${encodeURIComponent(id)}`
const entity = async (id: string) => (await server.adminSend('GET', path(id))).json
const list = async (query = '') => {
  const { json } = await server.adminSend('GET', `/admin/v1/entities${query}`)
  return (json['items'] as { id: string }[]).map(({ id }) => id)
}
const exchange = (form: Form) => server.exchange(form)

const began = clock.now()
const uids = [randomUUID(), randomUUID()] as const
const ids: string[] = []
beforeAll(async () => {
  for (const uid of uids) {
    ids.push((await exchange({ subject_token: pod('checkout', uid) })).id)
    clock.advance(60)
  }
  // Refused: nobody lets it have that.
  ids.push((await exchange({ subject_token: pod('checkout', uids[0]), scope: 'orders:write' })).id)
  // One who is no client, and one for whom checkout acts.
  await exchange({ subject_token: pod('stranger') })
  const acting = { client_assertion: pod('checkout', uids[1]), client_assertion_type: TYPE.clientAssertion }
  ids.push((await exchange({ subject_token: pod('user'), ...acting })).id)
  const { json } = await server.adminSend('GET', `/admin/v1/audit/${ids[3]}`)
  expect(json['outcome'], String(json['detail'])).toBe('granted')
  await server.project()
})

describe('UC-45 the register of entities', () => {
  it('knows everybody who was verified, newest first, and nobody else', async () => {
    await server.exchange({ subject_token: cluster.token({ iss: 'https://nobody.example' }) })
    await server.project()
    expect(await list()).toEqual([idOf('user'), idOf('stranger'), idOf('checkout')])
  })

  it('tells what happened with one of them, as subject and as client, with the tokens by their hashes', async () => {
    const { records, ...known } = await entity(idOf('checkout'))
    expect(known).toEqual({
      id: idOf('checkout'),
      issuer: 'cluster',
      kind: 'jwt',
      firstSeen: new Date(began).toISOString(),
      lastSeen: new Date(began + 120_000).toISOString(),
      granted: 3,
      refused: 1,
      rules: ['checkout-reads-orders', 'delegated'],
      instances: [uids[1], uids[0]],
      labels: {},
      status: 'active',
      blockedBy: null,
      notes: [],
      changes: [],
    })
    const { items, next } = records as { items: Record<string, unknown>[]; next: string | null }
    expect(next).toBeNull()
    expect(items.map(({ id }) => id)).toEqual(ids.toReversed())
    const first = await server.record(ids[0] ?? '')
    expect(items.at(-1)).toMatchObject({ jti: first['jti'], tokenHash: first['tokenHash'], subject: idOf('checkout') })
    expect(items.at(0)).toMatchObject({ subject: idOf('user'), client: 'checkout' })
  })

  it('pages through a history', async () => {
    const seen: unknown[] = []
    let next: string | null = null
    do {
      const { json } = await server.adminSend(
        'GET',
        `${path(idOf('checkout'))}?limit=3${next === null ? '' : `&cursor=${next}`}`,
      )
      const records = json['records'] as { items: { id: string }[]; next: string | null }
      seen.push(records.items.map(({ id }) => id))
      next = records.next
    } while (next !== null)
    expect(seen).toEqual([ids.toReversed().slice(0, 3), [ids[0]]])
  })

  it('is found by issuer, status, label, time and beginning, page by page', async () => {
    expect(await list('?issuer=cluster')).toHaveLength(3)
    expect(await list('?issuer=clust')).toEqual([])
    expect(await list(`?q=${encodeURIComponent(idOf('u'))}`)).toEqual([idOf('user')])
    expect(await list('?q=%25')).toEqual([])
    expect(await list('?since=1s')).toEqual([idOf('user'), idOf('stranger'), idOf('checkout')])
    expect(await list(`?since=${new Date(clock.now() + 1000).toISOString()}`)).toEqual([])
    expect(await list('?status=blocked')).toEqual([])
    expect(await list('?limit=1')).toEqual([idOf('user')])
    const { json } = await server.adminSend('GET', '/admin/v1/entities?limit=2')
    expect(await list(`?cursor=${json['next']}`)).toEqual([idOf('checkout')])
    for (const wrong of ['?status=gone', '?since=yesterday', '?cursor=x', '?label=', '?colour=red', '?limit=0'])
      expect((await server.adminSend('GET', `/admin/v1/entities${wrong}`)).status).toBe(400)
  })

  it('shows who is blocked, by which block, and that it goes on being tried', async () => {
    const { json } = await server.adminSend('POST', '/admin/v1/blocks', {
      match: { subject: idOf('checkout') },
      reason: 'r',
    })
    const { id } = json['block'] as { id: string }
    await exchange({ subject_token: pod('checkout', uids[0]) })
    await server.project()
    expect(await entity(idOf('checkout'))).toMatchObject({ status: 'blocked', blockedBy: id, granted: 3, refused: 2 })
    expect(await list('?status=blocked')).toEqual([idOf('checkout')])
    expect(await list('?status=active')).toEqual([idOf('user'), idOf('stranger')])
    await server.adminSend('DELETE', `/admin/v1/blocks/${id}`)
    const { json: ofIssuer } = await server.adminSend('POST', '/admin/v1/blocks', {
      match: { issuer: 'cluster' },
      reason: 'r',
      expires: '1h',
    })
    const other = (ofIssuer['block'] as { id: string }).id
    expect(await entity(idOf('user'))).toMatchObject({ status: 'blocked', blockedBy: other })
    clock.advance(3600)
    expect(await entity(idOf('user'))).toMatchObject({ status: 'active', blockedBy: null })
  })

  it('knows whom only tokens of ours name by who vouched for them', async () => {
    const { body } = await exchange({ subject_token: pod('checkout', uids[0]) })
    await exchange({
      subject_token: String(body['access_token']),
      subject_token_type: TYPE.accessToken,
      client_assertion: pod('checkout', uids[0]),
      client_assertion_type: TYPE.clientAssertion,
    })
    await server.project()
    expect(await entity(idOf('checkout'))).toMatchObject({ issuer: 'cluster', kind: 'jwt' })
  })
})

describe('labels and notes', () => {
  const patch = (body: unknown, headers: Record<string, string> = {}, id = idOf('stranger')) =>
    server.adminSend('PATCH', path(id), body, headers)

  it('are set, taken away and added to, with author and time, and raise no version', async () => {
    const version = async () => (await (await server.adminGet('/admin/v1/history?limit=1')).json()) as unknown
    const before = await version()
    const at = new Date(clock.now()).toISOString()
    expect(
      (await patch({ labels: { team: 'shop', 'incident/7': 'open' }, notes: ['first seen\nat night'] })).json,
    ).toMatchObject({
      labels: { team: 'shop', 'incident/7': 'open' },
      notes: [{ at, author: 'bootstrap', text: 'first seen\nat night' }],
    })
    clock.advance(1)
    const { json, headers } = await patch({ labels: { team: null }, notes: ['closed'] })
    expect(json).toMatchObject({ labels: { 'incident/7': 'open' }, notes: [{ text: 'closed' }, { at }] })
    expect(json['changes']).toMatchObject([
      { author: 'bootstrap', labels: { team: null }, notes: ['closed'] },
      { author: 'bootstrap', labels: { team: 'shop', 'incident/7': 'open' } },
    ])
    expect(headers.get('etag')).toBe('"2"')
    expect(await version()).toEqual(before)
    expect(await list('?label=incident/7')).toEqual([idOf('stranger')])
    expect(await list('?label=incident/7=open')).toEqual([idOf('stranger')])
    expect(await list('?label=incident/7=shut')).toEqual([])
    expect(await list('?label=team')).toEqual([])
  })

  it('with If-Match change what was read, or nothing', async () => {
    const { headers } = await server.adminSend('GET', path(idOf('user')))
    const tag = { 'If-Match': headers.get('etag') ?? '' }
    expect((await patch({ labels: { a: '1' } }, tag, idOf('user'))).status).toBe(200)
    const { status, json } = await patch({ labels: { a: '2' } }, tag, idOf('user'))
    expect([status, json['detail']]).toEqual([412, expect.stringContaining('meanwhile')])
    expect(await entity(idOf('user'))).toMatchObject({ labels: { a: '1' } })
    expect((await patch({ labels: { a: '3' } }, { 'If-Match': 'x' }, idOf('user'))).status).toBe(400)
    expect((await patch({ labels: { a: '3' } }, { 'If-Match': '*' }, idOf('user'))).status).toBe(200)
  })

  it.each([
    [{}, ''],
    [{ labels: {} }, ''],
    [{ notes: 'x' }, 'notes'],
    [{ notes: [''] }, 'notes[0]'],
    [{ notes: ['a\u0007b'] }, 'notes[0]'],
    [{ notes: ['x'.repeat(4001)] }, 'notes[0]'],
    [{ labels: { team: 7 } }, 'labels.team'],
    [{ labels: { 'a=b': 'x' } }, 'labels.a=b'],
    [{ labels: [] }, 'labels'],
    [{ label: { a: 'b' } }, 'label'],
    [{ status: 'blocked' }, 'status'],
  ])('refuses %j, and changes nothing', async (body, at) => {
    const before = await entity(idOf('stranger'))
    const { status, json } = await patch(body)
    expect([status, (json['faults'] as { path: string }[]).map((fault) => fault.path)]).toEqual([400, [at]])
    expect(await entity(idOf('stranger'))).toEqual(before)
  })

  it('are of somebody who has been seen', async () => {
    for (const id of ['wimse://nobody', 'x', 'é'.repeat(900), `${idOf('user')}\0`]) {
      expect((await patch({ notes: ['x'] }, {}, id)).status).toBe(404)
      expect((await server.adminSend('GET', path(id))).status).toBe(404)
    }
  })
})

describe('following the record', () => {
  it('reads each row once, and the same again where nothing is new', async () => {
    await server.project()
    const before = await entity(idOf('user'))
    expect(await server.project()).toBe(0)
    expect(await entity(idOf('user'))).toEqual(before)
  })

  it('skips no row whose place was given before, and is committed after, a later one', async () => {
    await server.project()
    const open = async () => {
      const client = new pg.Client({ connectionString: database.url })
      await client.connect()
      // As a batch of the ledger does, which ends with its commit.
      await client.query('BEGIN')
      await client.query('SELECT pg_advisory_xact_lock_shared($1, $2)', [...LOCKS.commits])
      return client
    }
    const copy = `INSERT INTO cambist.records (at, decided_at, snapshot_version, id, outcome, reason, client, subject_issuer,
        subject_id, targets, detail, granted, body)
      SELECT at, decided_at, snapshot_version, gen_random_uuid(), outcome, reason, client, subject_issuer, subject_id,
        targets, detail, granted, body FROM cambist.records WHERE id = $1`
    const count = async () => Number((await entity(idOf('checkout')))['granted'])
    const before = await count()
    const slow = await open()
    await slow.query(copy, [ids[0]])
    const fast = await open()
    await fast.query(copy, [ids[0]])
    await fast.query('COMMIT')
    const projected = server.project()
    // The follower sees the later row, and waits for the one that holds the lock.
    const early = await Promise.race([
      projected,
      server.exchange({ subject_token: pod('stranger') }).then(() => 'waits'),
    ])
    expect(early).toBe('waits')
    expect(await count()).toBe(before)
    await slow.query('COMMIT')
    expect(await projected).toBeGreaterThanOrEqual(2)
    expect(await count()).toBe(before + 2)
    await Promise.all([slow.end(), fast.end()])
  })
})
