/** T36: nobody gives himself a role: by no writing route, no spelling of a name, no browser, and for no longer than he has it. */
import { describe, expect, it } from 'vitest'
import { exportYaml } from '../../src/documents/canonical.ts'
import { readDocuments } from '../../src/documents/read.ts'
import { sampleOf } from '../harness/admin-samples.ts'
import { adminRoutes, askAdmin, beginAdmin, Corporate, versionOf } from '../harness/administrators.ts'
import { document, startCambist } from '../harness/cambist.ts'

const server = await startCambist()
const { clock } = server
const corporate = new Corporate(clock.seconds)
const mallory = new Corporate(clock.seconds, 'https://mallory.example')
await server.apply(...corporate.documents())
const world = { server, corporate, record: (await server.exchange()).id }
const editor = corporate.of('editor')
const before = (await askAdmin(server, '/admin/v1/export')).text
const labelled = (kind: string, name: string, spec: object, label: string) => ({
  ...document(kind, name, spec),
  metadata: { name, labels: { team: label } },
})

const grant = { issuer: 'corporate', condition: 'true', role: 'admin' }
const harmless = document('Target', 'harmless', {
  ...{ audience: 'https://harmless.example', scopes: ['a'], tokens: [{ kind: 'access-token' }] },
})
const own = readDocuments(before, 'application/yaml')
const named = (kind: string, name: string) =>
  own.find((each) => each.kind === kind && each.metadata.name === name) ?? harmless

async function unchanged(): Promise<void> {
  expect((await askAdmin(server, '/admin/v1/export')).text).toBe(before)
  expect(await versionOf(server)).toBe(2)
}

const apply = (documents: readonly object[], token = editor, query = '') =>
  askAdmin(server, `/admin/v1/apply${query}`, {
    method: 'POST',
    type: 'application/json',
    body: JSON.stringify(documents),
    token,
  })

describe('an editor by apply', () => {
  it.each<[string, readonly object[], string]>([
    ['a role for himself', [document('Administrator', 'me', grant)], 'Administrator'],
    ['a higher one where he has one', [document('Administrator', 'corporate-editor', grant)], 'Administrator'],
    ['a new issuer', [mallory.trusted('mallory')], 'TrustedIssuer'],
    [
      'new keys for an issuer',
      [corporate.trusted('corporate', { keys: { jwks: { keys: [mallory.key.jwk] } } })],
      'TrustedIssuer',
    ],
    [
      'a use for workloads’ issuers',
      [
        {
          ...named('TrustedIssuer', 'cluster'),
          spec: { ...named('TrustedIssuer', 'cluster').spec, uses: ['administrator'] },
        },
      ],
      'TrustedIssuer',
    ],
    [
      'a label of the administrators',
      [labelled('Administrator', 'corporate-admin', named('Administrator', 'corporate-admin').spec, 'mine')],
      'Administrator',
    ],
    ['a role among what he may write', [harmless, document('Administrator', 'me', grant)], 'Administrator'],
    [
      'both at once',
      [mallory.trusted('mallory'), document('Administrator', 'me', { ...grant, issuer: 'mallory' })],
      'TrustedIssuer',
    ],
  ])('cannot put %s', async (_, documents, kind) => {
    for (const query of ['', '?confirm=true', '?dryRun=true', '?prune=team']) {
      const { status, json } = await apply(documents, editor, query)
      expect(status).toBe(403)
      expect(json.detail).toContain(kind)
    }
    const yaml = exportYaml(readDocuments(JSON.stringify(documents), 'application/json'))
    const asYaml = await askAdmin(server, '/admin/v1/apply', {
      method: 'POST',
      type: 'application/yaml',
      body: yaml,
      token: editor,
    })
    expect(asYaml.status).toBe(403)
    await unchanged()
  })

  it.each([
    'administrator',
    'ADMINISTRATOR',
    'Administrator ',
    ' Administrator',
    'Administrators',
    'Administr\u0430tor',
    'Administrator\u200b',
    'Ａdministrator',
    '__proto__',
    'constructor',
    'toString',
  ])('finds no other spelling of the kind: %j', async (kind) => {
    const { status, json } = await apply([document(kind, 'me', grant)])
    expect(status).toBe(400)
    expect(json.faults[0].path).toMatch(/^kind|metadata/)
    await unchanged()
  })

  it.each([
    'Corporate-editor',
    'corporate-editor ',
    'corporate_editor',
    'corporate-editor/',
    '../corporate-editor',
    'corporate%2deditor',
    'corpor\u0430te-editor',
    'corporate\u2010editor',
    'ｃorporate-editor',
    '-corporate',
    '',
    '__proto__',
    'a'.repeat(64),
  ])('finds no other spelling of a name: %j', async (name) => {
    const { status, json } = await apply([document('Client', name, { workloads: [{ issuer: 'cluster', ids: ['x'] }] })])
    expect(status).toBe(400)
    expect(json.faults[0].path).toBe('metadata.name')
    await unchanged()
  })

  it('may bring what stands there already beside his own, and dry runs tell him so', async () => {
    const { status, json } = await apply([named('Administrator', 'corporate-admin'), harmless], editor, '?dryRun=true')
    expect(status).toBe(200)
    expect(json.changes.map(({ action }: { action: string }) => action)).toEqual(['created', 'unchanged'])
    await unchanged()
  })

  it('cannot prune administrators away', async () => {
    const team = (of: string) => (each: object) => ({
      ...each,
      metadata: { ...(each as typeof harmless).metadata, labels: { team: of } },
    })
    const fresh = await startCambist()
    await fresh.apply(...corporate.documents().map(team('shop')))
    const body = JSON.stringify([team('shop')(harmless)])
    const asked = { method: 'POST', type: 'application/json', body, token: editor }
    const { status, json } = await askAdmin(fresh, '/admin/v1/apply?prune=team%3Dshop&confirm=true', asked)
    expect(status).toBe(403)
    for (const kind of ['TrustedIssuer', 'Administrator']) expect(json.detail).toContain(kind)
    expect(await versionOf(fresh)).toBe(2)
  })
})

describe('an editor by every other route that writes', () => {
  const guarded = adminRoutes.filter(({ path }) => /^\/admin\/v1\/(trusted-issuers|administrators)\b/.test(path))

  it('meets the role admin wherever trust is written', () => {
    const writing = guarded.filter(({ method }) => method !== 'get')
    expect(writing.filter(({ role }) => role !== 'admin').map(({ method, path }) => `${method} ${path}`)).toEqual([])
    expect(guarded.map(({ path }) => path)).toContain('/admin/v1/administrators/:name')
  })

  it.each(['PUT', 'DELETE', 'PATCH', 'POST'])('cannot %s trust under any spelling of its path', async (method) => {
    for (const path of [
      'administrators/corporate-editor',
      'administrators/me',
      'trusted-issuers/corporate',
      'administrators',
    ]) {
      for (const spelled of [
        `/admin/v1/${path}`,
        `/admin/v1/clients/..%2f${encodeURIComponent(path)}`,
        `/admin/v1/clients/%2e%2e/${path}`,
        `/admin/v1/clients/../${path}`,
        `/admin/v1//${path}`,
        `/admin/v1/./${path}`,
        `/admin/v1/${path}/`,
        `/admin/v1/${path};x=1`,
        `/admin/v1/${path}%00`,
        `/admin/v1/${path.toUpperCase()}`,
        `/admin/v1/%61${path.slice(1)}`,
        `/Admin/v1/${path}`,
        `\\admin\\v1\\${path}`,
      ]) {
        const { status } = await askAdmin(server, spelled, {
          ...{
            method,
            token: editor,
            type: 'application/json',
            body: JSON.stringify(document('Administrator', 'me', grant)),
          },
          headers: { 'If-None-Match': '*', 'X-HTTP-Method-Override': 'PUT', 'X-Original-URL': '/admin/v1/apply' },
        })
        expect([spelled, status]).toEqual([
          spelled,
          expect.toSatisfy((each: number) => [400, 403, 404, 405].includes(each)),
        ])
      }
    }
    await unchanged()
  })

  it.each(['POST', 'PUT', 'DELETE'])('cannot turn GET into %s by a header or the query', async (method) => {
    const headers = { 'X-HTTP-Method-Override': method, 'X-HTTP-Method': method, 'X-Method-Override': method }
    expect((await askAdmin(server, '/admin/v1/administrators/corporate-admin', { headers })).status).toBe(200)
    expect((await askAdmin(server, `/admin/v1/administrators/corporate-admin?_method=${method}`)).status).toBe(400)
    await unchanged()
  })
})

const writing = adminRoutes.filter(({ takes }) => takes !== undefined)

describe.each(writing.map((route) => [route.method.toUpperCase(), route.path, route] as const))(
  'a page in an administrator’s browser at %s %s (CSRF)',
  (method, path, route) => {
    const send = async (asking: object) => {
      const { parameters = {}, query = '', ...sample } = await sampleOf(route, world)
      const filled = path.replace(/:(\w+)/g, (_, name: string) => parameters[name] ?? '')
      return askAdmin(server, `${filled}${query}`, { method, ...sample, ...asking })
    }

    it('has no token that a browser would send by itself', async () => {
      const Cookie = `token=${server.adminToken}; authorization=Bearer ${server.adminToken}; access_token=${server.adminToken}`
      expect((await send({ authorization: '', headers: { Cookie, Origin: 'https://evil.example' } })).status).toBe(401)
      expect((await send({ authorization: `Basic ${btoa(`:${server.adminToken}`)}` })).status).toBe(401)
      await unchanged()
    })

    it.each([
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain',
      'text/plain; application/json',
      'application/json, text/plain',
      '',
    ])('cannot send what a form sends: %j', async (type) => {
      const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site', 'If-None-Match': '*' }
      const answer = await send({ headers, type: type === '' ? undefined : type, body: 'a={"b":"c"}' })
      expect(answer.status).toBe(415)
      expect(answer.json.detail).toContain('send application/')
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
      await unchanged()
    })
  },
)

describe('a role that is taken away', async () => {
  const fresh = await startCambist()
  await fresh.apply(...corporate.documents())
  const token = corporate.of('auditor')
  /** Also where it locks others out, which is meant here. */
  const change = async (to: object) => {
    const asked = { method: 'POST', type: 'application/json', body: JSON.stringify(to) }
    expect((await askAdmin(fresh, '/admin/v1/apply?confirm=true', asked)).status).toBe(200)
  }
  const status = async () => (await askAdmin(fresh, '/admin/v1/audit', { token })).status
  const binding = (spec: object) => document('Administrator', 'corporate-auditor', spec)
  const was = { ...named('Administrator', 'corporate-auditor').spec }

  it.each<[string, object, object, number]>([
    ['by another condition', binding({ ...was, condition: "assertion.sub == 'nobody'" }), binding(was), 403],
    ['by a lower role', binding({ ...was, role: 'viewer' }), binding(was), 403],
    ['by a disabled document', binding({ ...was, disabled: true }), binding(was), 403],
    ['by a disabled issuer', corporate.trusted('corporate', { disabled: true }), corporate.trusted('corporate'), 401],
    [
      'by other keys',
      corporate.trusted('corporate', { keys: { jwks: { keys: [mallory.key.jwk] } } }),
      corporate.trusted('corporate'),
      401,
    ],
  ])('%s is gone with the next request, though the token is good', async (_, away, back, then) => {
    expect(await status()).toBe(200)
    await change(away)
    expect(await status()).toBe(then)
    await change(back)
    expect(await status()).toBe(200)
  })

  it('is gone though another node took it away, and this one has not been told (T41)', async () => {
    // As a change commits, but for the notification.
    await fresh.database.query(
      `
      WITH bumped AS (UPDATE cambist.state SET version = version + 1 RETURNING version)
      UPDATE cambist.documents SET spec = $1, changed_in = bumped.version FROM bumped
      WHERE kind = 'Administrator' AND name = 'corporate-auditor'`,
      [JSON.stringify({ ...was, role: 'viewer' })],
    )
    expect(await status()).toBe(403)
    await fresh.apply(binding(was))
    expect(await status()).toBe(200)
  })

  it.each<[string, object]>([
    ['is taken away', { disabled: true }],
    ['is lowered to one that may change other things', { role: 'editor' }],
  ])('is gone when it %s while the body is on its way, so that nobody gives it back to himself', async (_, less) => {
    const spec = named('Administrator', 'corporate-admin').spec
    const open = beginAdmin(fresh, '/admin/v1/apply', {
      ...{ method: 'POST', type: 'application/json', token: corporate.of('admin') },
      body: JSON.stringify([document('Administrator', 'mallory', { ...grant, condition: "assertion.sub == 'me'" })]),
    })
    await open.begun
    await change(document('Administrator', 'corporate-admin', { ...spec, ...less }))
    const version = await versionOf(fresh)
    expect((await open.finish()).status).toBe(403)
    expect(await versionOf(fresh)).toBe(version)
    await fresh.apply(document('Administrator', 'corporate-admin', spec))
  })

  it('is gone when the token ends', async () => {
    fresh.clock.advance(700)
    expect(await status()).toBe(401)
  })
})

describe('an editor', () => {
  const block = (match: object, token: string) =>
    askAdmin(server, '/admin/v1/blocks', {
      method: 'POST',
      type: 'application/json',
      body: JSON.stringify({ match, reason: 'in my way' }),
      token,
    })
  const id = 'wimse://cambist.example/corporate/the-admin'

  it.each([
    ['by his id', { subject: id }],
    ['by his issuer', { issuer: 'corporate' }],
    ['by his token', { issuer: 'corporate', jti: 'of-his-token' }],
  ])('keeps no administrator out, %s', async (_, match) => {
    const refused = await block(match, editor)
    expect([refused.status, refused.type]).toEqual([403, 'application/problem+json'])
    expect(refused.json.detail).toContain('it takes the role admin, and yours is editor')
    expect((await askAdmin(server, '/admin/v1/blocks', { token: corporate.of('admin') })).json.items).toEqual([])
  })

  it('lets none in again that an admin keeps out', async () => {
    const { json } = await block({ subject: 'wimse://cambist.example/corporate/eve' }, corporate.of('admin'))
    const lift = (token: string) => askAdmin(server, `/admin/v1/blocks/${json.block.id}`, { method: 'DELETE', token })
    expect((await lift(editor)).status).toBe(403)
    expect((await lift(corporate.of('admin'))).status).toBe(200)
  })

  it('still blocks a workload', async () => {
    const { status, json } = await block({ issuer: 'cluster', jti: 'stolen' }, editor)
    expect(status).toBe(200)
    expect(
      (await askAdmin(server, `/admin/v1/blocks/${json.block.id}`, { method: 'DELETE', token: editor })).status,
    ).toBe(200)
  })
})
