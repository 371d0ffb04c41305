/** One document at a time: PUT and DELETE with ETags, on the road of apply. */
import { describe, expect, it } from 'vitest'
import { askAdmin, Corporate, versionOf } from '../harness/administrators.ts'
import { document, startCambist } from '../harness/cambist.ts'

const server = await startCambist()
const corporate = new Corporate(server.clock.seconds)
await server.apply(...corporate.documents())
const AT = '/admin/v1/targets/billing'
const billing = (spec: object = {}) => document('Target', 'billing', { audience: 'https://billing.example', ...spec })
const put = (path: string, value: unknown, headers: Record<string, string>, token = server.adminToken) =>
  askAdmin(server, path, { method: 'PUT', type: 'application/json', body: JSON.stringify(value), headers, token })
const remove = (path: string, headers: Record<string, string>, token = server.adminToken) =>
  askAdmin(server, path, { method: 'DELETE', headers, token })
const tagOf = async (path: string) => String((await askAdmin(server, path)).headers['etag'])
const NEW = { 'If-None-Match': '*' }

describe('PUT and DELETE', () => {
  it('make, change and delete a document, each for the state that was seen', async () => {
    const made = await put(AT, billing(), NEW)
    expect(made.status).toBe(201)
    expect(made.json).toMatchObject({ changes: [{ kind: 'Target', name: 'billing', action: 'created' }] })
    const tag = String(made.headers['etag'])
    expect(await tagOf(AT)).toBe(tag)

    const again = await put(AT, billing(), { 'If-Match': tag })
    expect([again.status, again.headers['etag'], again.json.version]).toEqual([200, tag, made.json.version])
    expect(again.json.changes).toEqual([{ kind: 'Target', name: 'billing', action: 'unchanged' }])

    const yaml =
      'apiVersion: cambist/v1\nkind: Target\nmetadata: {name: billing}\nspec: {audience: https://billing.example, scopes: [read]}\n'
    const changed = await askAdmin(server, `${AT}?message=scopes`, {
      ...{ method: 'PUT', type: 'application/yaml', body: yaml },
      headers: { 'If-Match': `"0", ${tag}` },
    })
    expect([changed.status, changed.json.changes[0].action]).toEqual([200, 'updated'])
    expect(changed.headers['etag']).not.toBe(tag)
    const [{ author, message }] = (await askAdmin(server, '/admin/v1/history?limit=1')).json.items
    expect([author, message]).toEqual(['bootstrap', 'scopes'])

    const gone = await remove(AT, { 'If-Match': String(changed.headers['etag']) })
    expect([gone.status, gone.json.changes]).toEqual([200, [{ kind: 'Target', name: 'billing', action: 'deleted' }]])
    expect((await askAdmin(server, AT)).status).toBe(404)
  })

  it('change nothing without saying what was seen, or where that is not there any more', async () => {
    const tag = String((await put(AT, billing(), NEW)).headers['etag'])
    const version = await versionOf(server)
    const changed = billing({ scopes: ['read'] })
    const refusals: readonly (readonly [Record<string, string>, number, RegExp])[] = [
      [{}, 428, /send If-Match with the ETag/],
      [{ 'If-Match': '*' }, 428, /send If-Match with the ETag/],
      [{ 'If-Match': '' }, 428, /send If-Match with the ETag/],
      [{ 'If-None-Match': tag }, 428, /send If-Match with the ETag/],
      [{ 'If-Match': tag, 'If-None-Match': '*' }, 400, /send one of them/],
      [{ 'If-Match': '"1"' }, 412, /its ETag is "\d+", and "1" was sent/],
      [{ 'If-Match': `W/${tag}` }, 412, /was sent/],
      [{ 'If-Match': tag.replaceAll('"', '') }, 412, /was sent/],
      [NEW, 412, /There is a Target billing already/],
    ]
    for (const [headers, status, detail] of refusals) {
      for (const answer of [await put(AT, changed, headers), await remove(AT, headers)]) {
        expect([headers, answer.status]).toEqual([headers, status])
        expect(answer.json).toMatchObject({ status, detail: expect.stringMatching(detail) })
      }
    }
    const absent = await put('/admin/v1/targets/absent', document('Target', 'absent', changed.spec), {
      'If-Match': tag,
    })
    expect([absent.status, absent.json.detail]).toEqual([412, expect.stringContaining('If-None-Match: *')])
    expect((await remove('/admin/v1/targets/absent', { 'If-Match': tag })).status).toBe(404)
    expect(await versionOf(server)).toBe(version)
    await remove(AT, { 'If-Match': tag })
  })

  it.each<[string, unknown, string]>([
    ['another kind', document('Client', 'billing', {}), 'kind: is Client, and the path names a Target'],
    ['another name', document('Target', 'other', {}), 'metadata.name: is other, and the path names billing'],
    ['two documents', [billing(), document('Target', 'other', {})], 'the body holds 2 documents'],
    ['no document', [], 'the body holds 0 documents'],
    ['a fault', billing({ scopez: [] }), 'spec.scopez: there is no field `scopez` here'],
    ['no envelope', { audience: 'x' }, 'apiVersion'],
  ])('take no body with %s', async (_, body, detail) => {
    const version = await versionOf(server)
    const { status, type, json } = await put(AT, body, NEW)
    expect([status, type]).toEqual([400, 'application/problem+json'])
    expect(json.faults.map(({ path, message }: Record<string, string>) => `${path}: ${message}`).join('\n')).toContain(
      detail,
    )
    expect(await versionOf(server)).toBe(version)
  })

  it('delete nothing that others name, and name each of them', async () => {
    const tag = await tagOf('/admin/v1/clients/checkout')
    const { status, json } = await remove('/admin/v1/clients/checkout', { 'If-Match': tag })
    expect(status).toBe(400)
    expect(json.faults).toEqual([
      {
        kind: 'Policy',
        name: 'checkout-reads-orders',
        path: 'spec.clients[0]',
        message:
          'there is no Client "checkout" any more after this change, which deletes it; change or delete this document first or together with it',
      },
    ])
  })

  it('try without changing', async () => {
    const version = await versionOf(server)
    const tried = await put(`${AT}?dryRun=true`, billing(), NEW)
    expect([tried.status, tried.json.changes[0].action, await versionOf(server)]).toEqual([200, 'created', version])
    const tag = await tagOf('/admin/v1/policies/checkout-reads-orders')
    const gone = await remove('/admin/v1/policies/checkout-reads-orders?dryRun=true', { 'If-Match': tag })
    expect([gone.status, gone.json.changes[0].action, await versionOf(server)]).toEqual([200, 'deleted', version])
  })

  it('let one of two writers through who saw the same', async () => {
    const tag = String((await put(AT, billing(), NEW)).headers['etag'])
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map((scope) => put(AT, billing({ scopes: [scope] }), { 'If-Match': tag })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412])
    const made = await Promise.all(
      [1, 2, 3].map(() =>
        put('/admin/v1/targets/race', document('Target', 'race', { audience: 'https://race.example' }), NEW),
      ),
    )
    expect(made.map(({ status }) => status).sort()).toEqual([201, 412, 412])
  })

  it('are for the roles that may write the kind (T36)', async () => {
    const editor = corporate.of('editor')
    const issuer = corporate.trusted('mine', { issuer: 'https://evil.example' })
    const denied = [
      await put('/admin/v1/trusted-issuers/mine', issuer, NEW, editor),
      await remove('/admin/v1/trusted-issuers/corporate', { 'If-Match': '"1"' }, editor),
      await put('/admin/v1/administrators/mine', document('Administrator', 'mine', {}), NEW, editor),
      await put('/admin/v1/approvals/mine', document('Approval', 'mine', {}), NEW, editor),
      await put(AT, billing(), NEW, corporate.of('auditor')),
    ]
    expect(denied.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403])
    const own = await put(
      '/admin/v1/targets/own',
      document('Target', 'own', { audience: 'https://own.example' }),
      NEW,
      editor,
    )
    expect(own.status).toBe(201)
  })
})
