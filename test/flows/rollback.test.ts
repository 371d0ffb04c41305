/** History, rollback, and the yes that a dangerous change asks for, over recorded traffic. */
import { describe, expect, it } from 'vitest'
import { documentHash } from '../../src/documents/canonical.ts'
import type { Document } from '../../src/documents/contract.ts'
import { askAdmin, Corporate, versionOf } from '../harness/administrators.ts'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'

const server = await startCambist()
const corporate = new Corporate(server.clock.seconds)
const [issuer, , , policy] = baseDocuments(server.cluster) as Document[]
const post = (path: string, value: unknown, token = server.adminToken) =>
  askAdmin(server, path, { method: 'POST', type: 'application/json', body: JSON.stringify(value), token })
const applied = (...documents: object[]) => post('/admin/v1/apply', documents)
const exported = async () => (await askAdmin(server, '/admin/v1/export')).text
const revision = async (version: number) => (await askAdmin(server, `/admin/v1/history/${version}`)).json

describe('the history', () => {
  it('names each document by its hash before and after, and shows both', async () => {
    const lifetime = { ...policy, spec: { ...policy?.spec, lifetime: '1m' } } as Document
    const { version } = await server.apply(lifetime)
    const hashes = { before: documentHash(policy as Document), after: documentHash(lifetime) }
    const changes = [{ kind: 'Policy', name: 'checkout-reads-orders', action: 'updated', ...hashes }]
    const [newest] = (await askAdmin(server, '/admin/v1/history?limit=1')).json.items
    expect(newest).toMatchObject({ version, author: 'bootstrap', changes })
    expect(await revision(version)).toMatchObject({
      version,
      changes,
      documents: [{ kind: 'Policy', name: 'checkout-reads-orders', before: policy, after: lifetime }],
    })
    expect(await revision(1)).toMatchObject({
      changes: [{ action: 'created', after: documentHash(issuer as Document) }, {}, {}, {}],
      documents: [{ before: null, after: issuer }, {}, {}, {}],
    })
    await server.apply(policy as object)
  })

  it('has no version that never was', async () => {
    for (const version of ['0', '99', '-1', '1.5', 'x', '9'.repeat(15)]) {
      const { status, json } = await askAdmin(server, `/admin/v1/history/${version}`)
      expect([version, status, json.detail]).toEqual([version, 404, expect.stringContaining('GET /admin/v1/history')])
    }
  })
})

describe('rollback', () => {
  it('puts all documents back as they were, as a new version, and touches neither keys nor revocations (I3)', async () => {
    const { version } = await server.apply(policy as object)
    const was = await exported()
    const { body } = await server.exchange()
    const jti = JSON.parse(Buffer.from(String(body['access_token']).split('.')[1] ?? '', 'base64url').toString()).jti
    await server.apply(
      document('Target', 'billing', { audience: 'https://billing.example' }),
      { ...policy, spec: { ...policy?.spec, lifetime: '2m' } },
      document('Client', 'idle', { workloads: [{ issuer: 'cluster', ids: ['x'] }] }),
    )
    await post('/admin/v1/revocations', { jti, reason: 'stolen' })
    await post('/admin/v1/keys/rotate', {})
    const keys = (await askAdmin(server, '/admin/v1/keys')).text
    const before = await versionOf(server)

    const tried = await post('/admin/v1/rollback', { version, dryRun: true })
    expect([tried.status, tried.json.version, await versionOf(server)]).toEqual([200, before, before])
    const { status, json } = await post('/admin/v1/rollback', { version, message: 'too much' })
    expect([status, json.version]).toEqual([200, before + 1])
    expect(json.changes).toEqual([
      { kind: 'Client', name: 'idle', action: 'deleted' },
      { kind: 'Target', name: 'billing', action: 'deleted' },
      { kind: 'Policy', name: 'checkout-reads-orders', action: 'updated' },
    ])
    expect(await exported()).toBe(was)
    expect((await askAdmin(server, '/admin/v1/keys')).text).toBe(keys)
    const [{ count }] = (await server.database.query<{ count: number }>(
      "SELECT count(*)::int FROM cambist.revocations WHERE what = 'jti' AND value = $1",
      [jti],
    )) as [{ count: number }]
    expect(count).toBe(1)
    expect(await revision(before + 1)).toMatchObject({ author: 'bootstrap', message: 'too much' })

    const same = await post('/admin/v1/rollback', { version })
    expect([same.status, same.json]).toEqual([200, { version: before + 1, changes: [], warnings: [] }])
    const forward = await post('/admin/v1/rollback', { version: before })
    expect(forward.json.changes).toHaveLength(3)
    expect((await revision(before + 2)).message).toBe(`rolled back to version ${before}`)
    await post('/admin/v1/rollback', { version })
  })

  it.each<[string, unknown, number, string]>([
    ['a version that never was', { version: 4711 }, 404, 'There is no version 4711'],
    ['no version', {}, 400, 'version: is missing'],
    ['a version that is none', { version: -1 }, 400, 'version: is not the number of a version'],
    ['a text', { version: '1' }, 400, 'version: '],
    ['half a version', { version: 1.5 }, 400, 'version: is not the number of a version'],
    ['another member', { version: 1, versoin: 1 }, 400, 'versoin: there is no field'],
    ['a message of two lines', { version: 1, message: 'a\nb' }, 400, 'message: is one line'],
    ['no object', [1], 400, 'send such as {"version": 7'],
  ])('refuses %s and changes nothing', async (_, body, status, detail) => {
    const version = await versionOf(server)
    const answer = await post('/admin/v1/rollback', body)
    expect([answer.status, answer.type]).toEqual([status, 'application/problem+json'])
    expect(answer.json.detail).toContain(detail)
    expect(await versionOf(server)).toBe(version)
  })

  it('is for the role admin alone', async () => {
    await server.apply(...corporate.documents())
    expect((await post('/admin/v1/rollback', { version: 1 }, corporate.of('editor'))).status).toBe(403)
    expect((await post('/admin/v1/rollback', { version: 1, dryRun: true }, corporate.of('admin'))).status).toBe(200)
  })
})

describe('a yes is asked for', () => {
  it('where much of what was granted last week would be denied, with the numbers', async () => {
    const granted = await Promise.all(Array.from({ length: 10 }, () => server.exchange()))
    const version = await versionOf(server)
    const forbid = document('Policy', 'stop', { effect: 'forbid', clients: ['checkout'] })
    const asked = await applied(forbid)
    expect([asked.status, asked.type]).toEqual([409, 'application/problem+json'])
    expect(asked.json).toMatchObject({
      type: 'urn:cambist:problem:confirmation-needed',
      detail: expect.stringMatching(
        /it would deny (\d+) of \1 exchanges .*\(100 %\).*client checkout at orders; nothing was changed; say confirm=true/,
      ),
      doubts: [{ what: 'denials', groups: [{ client: 'checkout', targets: ['orders'] }] }],
    })
    const [{ looked, denied, groups }] = asked.json.doubts
    expect([looked >= 10, denied, groups[0].count]).toEqual([true, looked, looked])
    expect(granted.map(({ id }) => id)).toEqual(expect.arrayContaining([groups[0].examples[0]]))
    const tag = String((await askAdmin(server, '/admin/v1/policies/checkout-reads-orders')).headers['etag'])
    const others = [
      await askAdmin(server, '/admin/v1/policies/checkout-reads-orders', {
        method: 'DELETE',
        headers: { 'If-Match': tag },
      }),
      await post('/admin/v1/rollback', { version: 0 }),
    ]
    expect(others.map(({ status }) => status)).toEqual([409, 409])
    expect(await versionOf(server)).toBe(version)

    const tried = await post('/admin/v1/apply?dryRun=true', [forbid])
    expect(tried.json.warnings.at(-1)).toMatchObject({
      path: 'confirm',
      message: expect.stringContaining('it would deny'),
    })
    const meant = await post('/admin/v1/apply?confirm=true', [forbid])
    expect([meant.status, meant.json.version]).toEqual([200, version + 1])
    expect((await server.exchange()).status).toBe(400)
    // What is denied already is lost by no further change.
    expect((await post('/admin/v1/rollback', { version })).status).toBe(200)
    expect((await server.exchange()).status).toBe(200)
  })

  it('where no administrator could come in any more', async () => {
    await server.apply(...corporate.documents())
    const shut = corporate.trusted('corporate', { disabled: true })
    const { status, json } = await applied(shut)
    expect([status, json.doubts[0].what]).toEqual([409, 'lock-out'])
    expect((await askAdmin(server, '/admin/v1/keys', { token: corporate.of('viewer') })).status).toBe(200)
    expect((await post('/admin/v1/apply?confirm=true', [shut])).status).toBe(200)
    expect((await askAdmin(server, '/admin/v1/keys', { token: corporate.of('viewer') })).status).toBe(401)
  })
})
