/** T36: changes of trust take two people, as principals, where an Approval says so; and so does its end. */
import { describe, expect, it } from 'vitest'
import { type AdminAnswer, askAdmin, Corporate, versionOf } from '../harness/administrators.ts'
import { document, startCambist } from '../harness/cambist.ts'

const server = await startCambist()
const corporate = new Corporate(server.clock.seconds)
const approval = (spec: object = {}) => document('Approval', 'two-people', spec)
await server.apply(...corporate.documents(), approval({ kinds: ['Policy'] }))
/** Another node over the same database. */
const node = await startCambist({
  database: server.database,
  clock: server.clock,
  env: { CAMBIST_ISSUER: server.issuer },
  documents: [document('Target', 'of-the-node', { audience: 'https://node.example' })],
})

const ada = corporate.of('admin', { sub: 'ada' })
const bob = corporate.of('admin', { sub: 'bob' })
const eve = corporate.of('admin', { sub: 'eve' })
let made = 0
const another = () => {
  const name = `other-${++made}`
  return document('TrustedIssuer', name, {
    ...{ preset: 'oidc', issuer: `https://${name}.example`, keys: { discovery: true } },
    audiences: [`https://cambist.${name}.example`],
  })
}
const post = (path: string, token: string, value?: unknown, at = server) =>
  askAdmin(at, path, {
    ...{ method: 'POST', token },
    ...(value === undefined ? {} : { type: 'application/json', body: JSON.stringify(value) }),
  })
const propose = (...documents: object[]) => post('/admin/v1/apply?message=why', ada, documents)
const approve = (answer: AdminAnswer, token: string, at = server) =>
  post(`/admin/v1/changes/${answer.json.pending.id}/approve`, token, undefined, at)
const change = async (answer: AdminAnswer) =>
  (await askAdmin(server, `/admin/v1/changes/${answer.json.pending.id}`)).json

describe('T36 a change that takes two people', () => {
  it('is nothing until another person approves it, who is then in the history with its author', async () => {
    const before = await versionOf(server)
    const issuer = another()
    const proposed = await propose(issuer)
    expect([proposed.status, proposed.json]).toEqual([
      202,
      {
        version: before,
        changes: [{ kind: 'TrustedIssuer', name: issuer.metadata.name, action: 'created' }],
        warnings: expect.any(Array),
        pending: { id: expect.any(String) },
      },
    ])
    expect(await versionOf(server)).toBe(before)
    expect((await askAdmin(server, `/admin/v1/trusted-issuers/${issuer.metadata.name}`)).status).toBe(404)
    expect(await change(proposed)).toMatchObject({
      ...{ state: 'open', author: 'wimse://127.0.0.1/corporate/ada', message: 'why', baseVersion: before },
      ...{ decidedBy: null, version: null, documents: [{ before: null, after: issuer }] },
    })

    expect((await approve(proposed, ada)).status).toBe(403)
    const { status, json } = await approve(proposed, bob)
    expect([status, json.version]).toEqual([200, before + 1])
    expect((await askAdmin(server, '/admin/v1/history?limit=1')).json.items).toMatchObject([
      {
        ...{ version: before + 1, author: 'wimse://127.0.0.1/corporate/ada', message: 'why' },
        approvedBy: 'wimse://127.0.0.1/corporate/bob',
      },
    ])
    expect(await change(proposed)).toMatchObject({ state: 'approved', version: before + 1 })
  })

  it('cannot be approved by its author, by the bootstrap token, or by a lesser role', async () => {
    const proposed = await propose(another())
    const again = corporate.of('admin', { sub: 'ada', name: 'Somebody Else', jti: 'another-token' })
    const answers = [
      await approve(proposed, ada),
      await approve(proposed, again),
      await approve(proposed, again, node),
      await approve(proposed, server.adminToken),
      await approve(proposed, corporate.of('editor')),
    ]
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403])
    expect(answers[0]?.json.detail).toContain('your own')
    expect(answers[3]?.json.detail).toContain('approve with the JWT of an administrator')
    expect((await change(proposed)).state).toBe('open')
    await approve(proposed, bob)
  })

  it.each<[string, () => Promise<AdminAnswer>]>([
    ['apply', () => propose(another())],
    ['prune', () => post('/admin/v1/apply?prune=team', ada, [another()])],
    ['the bootstrap token', () => post('/admin/v1/apply', server.adminToken, [another()])],
    ['a yes', () => post('/admin/v1/apply?confirm=true', ada, [another()])],
    ['PUT', () => put('trusted-issuers', another(), { 'If-None-Match': '*' })],
    [
      'PUT of a kind that is named',
      () =>
        put('policies', document('Policy', 'more', { clients: ['checkout'], targets: ['orders'] }), {
          'If-None-Match': '*',
        }),
    ],
    [
      'PUT of an Administrator',
      () =>
        put(
          'administrators',
          document('Administrator', 'mine', { issuer: 'corporate', condition: 'true', role: 'admin' }),
          { 'If-None-Match': '*' },
        ),
    ],
    ['DELETE', () => remove('administrators/corporate-viewer')],
    ['rollback', () => post('/admin/v1/rollback', ada, { version: 1, confirm: true })],
    ['disabling the approval', () => propose(approval({ disabled: true }))],
    ['narrowing the approval', () => propose(approval())],
    ['DELETE of the approval', () => remove('approvals/two-people')],
  ])('is one by %s', async (_, asking) => {
    const before = (await askAdmin(server, '/admin/v1/export')).text
    const proposed = await asking()
    expect([proposed.status, proposed.json.pending]).toEqual([202, { id: expect.any(String) }])
    expect((await askAdmin(server, '/admin/v1/export')).text).toBe(before)
    const withdrawn = await post(`/admin/v1/changes/${proposed.json.pending.id}/withdraw`, ada)
    expect([withdrawn.status, withdrawn.json.state]).toEqual([200, 'withdrawn'])
    expect((await approve(proposed, bob)).json).toMatchObject({
      status: 409,
      type: 'urn:cambist:problem:change-decided',
    })
    expect((await askAdmin(server, '/admin/v1/export')).text).toBe(before)
  })

  it('is approved once, on whichever nodes two people do it at once', async () => {
    for (let round = 0; round < 5; round++) {
      const proposed = await propose(another())
      const before = await versionOf(server)
      const answers = await Promise.all([
        approve(proposed, bob),
        approve(proposed, eve, node),
        approve(proposed, bob, node),
      ])
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409])
      const late = answers.find(({ status }) => status === 409)
      expect(late?.json.detail).toContain('is approved already')
      expect(await versionOf(server)).toBe(before + 1)
    }
  })

  it('is approved or withdrawn, not both', async () => {
    for (let round = 0; round < 5; round++) {
      const proposed = await propose(another())
      const [approved, withdrawn] = await Promise.all([
        approve(proposed, bob),
        post(`/admin/v1/changes/${proposed.json.pending.id}/withdraw`, ada, undefined, node),
      ])
      expect([approved.status, withdrawn.status].sort()).toEqual([200, 409])
      expect((await change(proposed)).state).toBe(approved.status === 200 ? 'approved' : 'withdrawn')
    }
  })

  it('is stale where it would do something else now', async () => {
    const issuer = another()
    await approve(await propose(issuer), bob)
    const later = (maxAge: string) => ({ ...issuer, spec: { ...issuer.spec, maxAge } })
    const [first, second] = [await propose(later('10m')), await propose(later('20m'))]
    expect((await approve(second, eve)).status).toBe(200)
    const stale = await approve(first, bob)
    expect([stale.status, stale.json.detail]).toEqual([409, expect.stringContaining('propose it again')])
    expect((await change(first)).state).toBe('stale')
  })

  it('is withdrawn by its author or an admin, and by nobody else', async () => {
    const policy = document('Policy', 'of-the-editor', { clients: ['checkout'], targets: ['orders'] })
    const proposed = await post('/admin/v1/apply', corporate.of('editor', { sub: 'ed' }), [policy])
    expect(proposed.status).toBe(202)
    const withdraw = (token: string) => post(`/admin/v1/changes/${proposed.json.pending.id}/withdraw`, token)
    expect((await withdraw(corporate.of('editor', { sub: 'mallory' }))).status).toBe(403)
    expect((await withdraw(corporate.of('editor', { sub: 'ed' }))).status).toBe(200)
    expect((await withdraw(bob)).status).toBe(409)
  })

  it('does not give an author more than the role has', async () => {
    const { status, json } = await post('/admin/v1/apply', corporate.of('editor'), [another()])
    expect([status, json.detail]).toEqual([403, expect.stringContaining('TrustedIssuer')])
  })

  it('is listed, by state and page', async () => {
    const open = [await propose(another()), await propose(another()), await propose(another())]
    const ids = open.map(({ json }) => json.pending.id).toReversed()
    const list = async (query: string) => (await askAdmin(server, `/admin/v1/changes?${query}`)).json
    const first = await list('state=open&limit=2')
    expect(first.items.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2))
    const second = await list(`state=open&limit=2&cursor=${first.next}`)
    expect([second.items.map(({ id }: { id: string }) => id), second.next]).toEqual([ids.slice(2), null])
    expect((await list('state=approved')).items.every(({ state }: { state: string }) => state === 'approved')).toBe(
      true,
    )
    expect((await askAdmin(server, '/admin/v1/changes?state=opne')).json.detail).toContain('is one of open, approved')
    expect((await askAdmin(server, '/admin/v1/changes?cursor=x')).status).toBe(400)
    expect((await askAdmin(server, '/admin/v1/changes/x')).status).toBe(404)
    for (const each of open) await post(`/admin/v1/changes/${each.json.pending.id}/withdraw`, ada)
  })

  it('takes what takes one person while it waits', async () => {
    const before = await versionOf(server)
    const target = document('Target', 'free', { audience: 'https://free.example' })
    const { status, json } = await post('/admin/v1/apply', corporate.of('editor'), [target])
    expect([status, json.version, json.pending]).toEqual([200, before + 1, undefined])
  })

  it('ends with a change that took two people', async () => {
    const proposed = await propose(approval({ disabled: true }))
    expect((await approve(proposed, bob)).status).toBe(200)
    expect((await propose(another())).status).toBe(200)
  })
})

const put = (path: string, value: ReturnType<typeof document>, headers: Record<string, string>) =>
  askAdmin(server, `/admin/v1/${path}/${value.metadata.name}`, {
    ...{ method: 'PUT', token: ada, type: 'application/json', body: JSON.stringify(value) },
    headers,
  })

async function remove(path: string): Promise<AdminAnswer> {
  const { headers } = await askAdmin(server, `/admin/v1/${path}`)
  return askAdmin(server, `/admin/v1/${path}`, {
    ...{ method: 'DELETE', token: ada },
    headers: { 'If-Match': String(headers['etag']) },
  })
}
