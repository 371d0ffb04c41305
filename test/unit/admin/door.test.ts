import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type AnyRoute, roles, route } from '../../../src/admin/contract.ts'
import { doorOver, routesOf } from '../../../src/admin/door.ts'
import { noQuery } from '../../../src/admin/paging.ts'
import { exportYaml } from '../../../src/documents/canonical.ts'
import { isId } from '../../../src/lib/ids.ts'
import { Refusal } from '../../../src/refusal.ts'
import { base, changed, whole } from '../documents/world.ts'
import { type Asking, ask, askRaw, open, RECORD_ID, record, TOKEN } from './world.ts'

const world = await open()
const JSON_TYPE = 'application/json'
const apply = (documents: unknown, path = '/admin/v1/apply', to = world) =>
  ask(to, path, { method: 'POST', type: JSON_TYPE, body: JSON.stringify(documents) })

/** Every route of the table, with something in the place of its parameters. */
const table = routesOf({ documentKinds: [], formats: { credentialKinds: [], tokenKinds: [] } } as never)
const kinds = ['administrators', 'trusted-issuers', 'clients', 'targets', 'policies']
const closedRoutes = [
  ...table
    .filter(({ role }) => role !== 'nobody')
    .map(({ method, path }) => [method, path.replace(':id', RECORD_ID).replace(':version', '1')] as const),
  ...kinds.flatMap((kind) => [
    ['get', `/admin/v1/${kind}`] as const,
    ...(['get', 'put', 'delete'] as const).map((method) => [method, `/admin/v1/${kind}/x`] as const),
  ]),
]

describe('who is let in (T34, T36)', () => {
  it('has the routes that are walked here', () => {
    expect(closedRoutes.map(([method, path]) => `${method} ${path}`).sort()).toEqual(
      [
        `delete /admin/v1/blocks/${RECORD_ID}`,
        'delete /admin/v1/administrators/x',
        'delete /admin/v1/clients/x',
        'delete /admin/v1/policies/x',
        'delete /admin/v1/targets/x',
        'delete /admin/v1/trusted-issuers/x',
        'get /admin/v1/administrators',
        'get /admin/v1/administrators/x',
        'get /admin/v1/audit',
        `get /admin/v1/audit/${RECORD_ID}`,
        'get /admin/v1/blocks',
        'get /admin/v1/changes',
        `get /admin/v1/changes/${RECORD_ID}`,
        'get /admin/v1/clients',
        'get /admin/v1/clients/x',
        'get /admin/v1/entities',
        `get /admin/v1/entities/${RECORD_ID}`,
        'get /admin/v1/export',
        'get /admin/v1/history',
        'get /admin/v1/history/1',
        'get /admin/v1/keys',
        'get /admin/v1/openapi.json',
        'get /admin/v1/policies',
        'get /admin/v1/policies/x',
        'get /admin/v1/targets',
        'get /admin/v1/targets/x',
        'get /admin/v1/trusted-issuers',
        'get /admin/v1/trusted-issuers/x',
        `patch /admin/v1/entities/${RECORD_ID}`,
        'post /admin/v1/apply',
        'post /admin/v1/blocks',
        `post /admin/v1/changes/${RECORD_ID}/approve`,
        `post /admin/v1/changes/${RECORD_ID}/withdraw`,
        'post /admin/v1/keys/rotate',
        'post /admin/v1/revocations',
        'post /admin/v1/rollback',
        'put /admin/v1/administrators/x',
        'put /admin/v1/clients/x',
        'put /admin/v1/policies/x',
        'put /admin/v1/targets/x',
        'put /admin/v1/trusted-issuers/x',
        'get /admin/v1/actions',
        'get /admin/v1/lint',
        'get /admin/v1/shadow',
        'post /admin/v1/explain',
        'post /admin/v1/replay',
      ].sort(),
    )
  })

  describe.each(closedRoutes)('%s %s', (method, path) => {
    const asking: Asking = { method: method.toUpperCase() }

    it('asks for a token', async () => {
      const { status, headers, json } = await ask(world, path, { ...asking, token: null })
      expect(status).toBe(401)
      expect(headers['www-authenticate']).toBe('Bearer realm="cambist-admin"')
      expect(json.detail).toContain('Authorization: Bearer')
    })

    it.each(['wrong', TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.toUpperCase()])('refuses a wrong token', async (token) => {
      const { status, headers } = await ask(world, path, { ...asking, token })
      expect(status).toBe(401)
      expect(headers['www-authenticate']).toContain('error="invalid_token"')
    })

    it('refuses other schemes', async () => {
      for (const authorization of [
        `Basic ${Buffer.from(`admin:${TOKEN}`).toString('base64')}`,
        TOKEN,
        `Bearer${TOKEN}`,
        `Bearer ${TOKEN} x`,
      ]) {
        expect((await ask(world, path, { ...asking, token: null, headers: { authorization } })).status).toBe(401)
      }
    })

    it('lets the right token in, and finds no fault of its own', async () => {
      const { status } = await ask(world, path, asking)
      expect(status).not.toBe(401)
      expect(status).not.toBe(403)
      expect(status).toBeLessThan(500)
    })

    it('answers its own Host only', async () => {
      for (const host of ['evil.example', world.host.replace('127.0.0.1', 'localhost'), '127.0.0.1']) {
        expect((await ask(world, path, { ...asking, headers: { host } })).status).toBe(421)
      }
    })
  })

  it('takes the scheme in any case (RFC 9110 §11.1)', async () => {
    expect(
      (await ask(world, '/admin/v1/keys', { token: null, headers: { authorization: `bearer ${TOKEN}` } })).status,
    ).toBe(200)
  })

  it('gives each role what the ones before it have, and no more', async () => {
    const routes: AnyRoute[] = roles.map((role) =>
      route({
        method: 'get',
        path: `/${role}`,
        role,
        summary: '',
        query: noQuery,
        answers: { type: JSON_TYPE },
        handle: ({ administrator }) => ({ json: administrator }),
      }),
    )
    const hosts = new Set<string>()
    const authenticate = async (authorization: string | undefined) => ({
      name: 'x',
      principal: 'x',
      bootstrap: false,
      role: authorization as (typeof roles)[number],
    })
    const server = createServer(
      doorOver(routes, {
        hosts,
        authenticate,
        events: { changed: () => undefined, failed: () => undefined, shutOut: () => undefined },
      }),
    ).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    hosts.add(`127.0.0.1:${port}`)
    const reached = await Promise.all(
      roles.map(async (as) => {
        const answers = await Promise.all(
          roles.map((role) => fetch(`http://127.0.0.1:${port}/${role}`, { headers: { authorization: as } })),
        )
        return answers.map(({ status }) => status)
      }),
    )
    server.closeAllConnections()
    server.close()
    expect(reached).toEqual([
      [200, 403, 403, 403],
      [200, 200, 403, 403],
      [200, 200, 200, 403],
      [200, 200, 200, 200],
    ])
  })
})

describe('every answer', () => {
  it.each([
    ['GET', '/admin/v1/keys'],
    ['GET', '/livez'],
    ['GET', '/nowhere'],
    ['DELETE', '/admin/v1/keys'],
    ['POST', '/admin/v1/apply'],
  ])('carries an id, is not stored, and opens no origin: %s %s', async (method, path) => {
    const { headers, json, status } = await ask(world, path, { method, headers: { origin: 'https://evil.example' } })
    expect(isId(String(headers['cambist-request-id']))).toBe(true)
    expect(headers['cache-control']).toBe('no-store')
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    if (status >= 400) {
      expect(headers['content-type']).toMatch(/^application\/problem\+json/)
      expect(json).toMatchObject({
        type: expect.any(String),
        title: expect.any(String),
        status,
        detail: expect.any(String),
        instance: headers['cambist-request-id'],
      })
    }
  })

  it.each([
    ['GET', '/', 404],
    ['GET', '/admin/v1', 404],
    ['GET', '/admin/v1/keys/', 404],
    ['GET', '/admin/v1/Keys', 404],
    ['GET', '//admin/v1/keys', 404],
    ['GET', '/admin/v1/../v1/keys', 404],
    ['GET', '/admin/v1/secrets', 404],
    ['GET', '/admin/v1/clients/%zz', 404],
    ['GET', '/admin/v1/clients/%00', 404],
    ['GET', '/admin/v1/audit/not-an-id', 404],
  ])('serves nothing else: %s %s', async (method, path, status) => {
    expect((await ask(world, path, { method })).status).toBe(status)
  })

  it.each([
    ['DELETE', '/admin/v1/apply', 'POST'],
    ['GET', '/admin/v1/apply', 'POST'],
    ['POST', '/admin/v1/export', 'HEAD, GET'],
    ['PATCH', '/admin/v1/clients/checkout', 'HEAD, GET, PUT, DELETE'],
    ['OPTIONS', '/admin/v1/keys', 'HEAD, GET'],
    ['TRACE', '/livez', 'HEAD, GET'],
  ])('names the methods of a path: %s %s', async (method, path, allow) => {
    const { status, headers } = await ask(world, path, { method })
    expect(status).toBe(405)
    expect(headers.allow).toBe(allow)
  })

  it('refuses targets in absolute form, and headers that are there twice (T31, T32)', async () => {
    expect((await ask(world, `http://${world.host}/admin/v1/keys`)).status).toBe(400)
    expect((await ask(world, 'http://evil.example/admin/v1/keys')).status).toBe(400)
    expect((await ask(world, '*', { method: 'OPTIONS' })).status).toBe(400)
    const line = 'GET /admin/v1/keys HTTP/1.1'
    const host = `Host: ${world.host}`
    const token = `Authorization: Bearer ${TOKEN}`
    expect(await askRaw(world, line, host, token)).toBe(200)
    expect(await askRaw(world, line, token)).toBe(421)
    expect(await askRaw(world, line, host, 'Host: evil.example', token)).toBe(400)
    expect(await askRaw(world, line, host, 'Authorization: Bearer x', token)).toBe(400)
    expect(await askRaw(world, line, host, token, 'Content-Length: 1', 'Transfer-Encoding: chunked')).toBe(400)
  })

  it.each([
    ['/admin/v1/audit?outcom=granted', 'outcom', 'did you mean `outcome`?'],
    ['/admin/v1/audit?outcome=maybe', 'outcome', 'is granted, refused or failed'],
    ['/admin/v1/audit?reason=denyed', 'reason', 'did you mean denied?'],
    ['/admin/v1/audit?since=yesterday', 'since', 'neither a moment such as'],
    ['/admin/v1/audit?shadow=next', 'since', 'is looked for in a time, so write one such as 7d'],
    ['/admin/v1/shadow?since=yesterday', 'since', 'neither a moment such as'],
    ['/admin/v1/shadow?since=1h&until=2h', 'since', 'there is no time between them'],
    ['/admin/v1/audit?limit=0', 'limit', 'is a number from 1 to 1000'],
    ['/admin/v1/audit?limit=1001', 'limit', 'is 1000 at most'],
    ['/admin/v1/audit?client=a%00b', 'client', 'no record has'],
    ['/admin/v1/history?cursor=@@@', 'cursor', 'is not a cursor of this list'],
    ['/admin/v1/clients?cursor=QUFB', 'cursor', 'is not a cursor of this list'],
    ['/admin/v1/export?format=xml', 'format', 'is yaml or json'],
    ['/admin/v1/clients?label==shop', 'label', 'is not a label; write one such as team or team=shop'],
    ['/admin/v1/clients?label=', 'label', 'is empty; write a label'],
    ['/admin/v1/clients?name=Checkout', 'name', 'is not how a name begins'],
    ['/admin/v1/clients?disabled=yes', 'disabled', 'is true or false'],
    ['/admin/v1/clients?labels=team', 'labels', 'did you mean `label`?'],
    ['/admin/v1/keys?x=1', 'x', 'there is no field `x` here'],
    ['/admin/v1/keys?__proto__=1', '__proto__', 'there is no field'],
  ])('names the query member, and the remedy: %s', async (path, member, message) => {
    const { status, json } = await ask(world, path)
    expect(status).toBe(400)
    expect(json.faults).toEqual([expect.objectContaining({ path: member, message: expect.stringContaining(message) })])
  })

  it('refuses a query member twice', async () => {
    expect((await ask(world, '/admin/v1/audit?client=a&client=b')).status).toBe(400)
  })

  it('says 503 of what will pass, and 500 of an error of its own, with nothing of it', async () => {
    const passing = await open({
      keys: {
        list: () => {
          throw new Refusal('snapshot_unavailable', 'not loaded yet', { retryAfter: 1 })
        },
        rotate: async () => [],
      },
    })
    const answer = await ask(passing, '/admin/v1/keys')
    expect([answer.status, answer.headers['retry-after'], answer.json.detail]).toEqual([503, '1', 'not loaded yet'])
    const broken = await open({
      keys: {
        list: () => {
          throw new Error('password=hunter2')
        },
        rotate: async () => [],
      },
    })
    const failed = await ask(broken, '/admin/v1/keys')
    expect(failed.status).toBe(500)
    expect(failed.text).not.toContain('hunter2')
    expect(broken.failures).toHaveLength(1)
  })
})

describe('health and metrics', () => {
  it.each(['/livez', '/readyz', '/metrics', '/livez?verbose&verbose'])(
    'answers %s to anybody, at any Host',
    async (path) => {
      expect((await ask(world, path, { token: null, headers: { host: '10.0.0.7:8401' } })).status).toBe(200)
    },
  )

  it('says which check fails, and never more than that', async () => {
    const unready = await open({ ready: async () => ({ ready: false, checks: { database: false } }) })
    const { status, json } = await ask(unready, '/readyz', { token: null })
    expect([status, json]).toEqual([503, { ready: false, checks: { database: false } }])
    const broken = await open({
      ready: async () => {
        throw new Error('x')
      },
    })
    expect((await ask(broken, '/readyz', { token: null })).status).toBe(503)
  })

  it('writes Prometheus text', async () => {
    const { headers, text } = await ask(world, '/metrics', { token: null })
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(text).toContain('cambist_x 1')
  })
})

describe('apply', () => {
  it('puts YAML under any of its names, and JSON', async () => {
    const fresh = await open()
    for (const [index, type] of [
      'application/yaml',
      'text/yaml; charset=UTF-8',
      'application/x-yaml',
      'application/json',
    ].entries()) {
      const documents = whole.map((each) =>
        each.kind === 'Policy' ? changed(each, { lifetime: `${index + 1}m` }) : each,
      )
      const body = type === 'application/json' ? JSON.stringify(documents) : exportYaml(documents)
      const { status, json } = await ask(fresh, '/admin/v1/apply?message=why', { method: 'POST', type, body })
      expect(status).toBe(200)
      expect(json.version).toBe(index + 1)
      expect(json.changes).toHaveLength(4)
    }
    expect(fresh.changes[0]).toBe('1 bootstrap: 4 created, 0 updated, 0 deleted')
    expect(await fresh.states.history(1)).toMatchObject([{ author: 'bootstrap', message: 'why' }])
    expect((await apply(base.target, '/admin/v1/apply', fresh)).json.changes).toEqual([
      { kind: 'Target', name: 'orders', action: 'unchanged' },
    ])
    expect(fresh.changes).toHaveLength(4)
  })

  it('answers faults that name document, line, field and remedy, and changes nothing', async () => {
    const fresh = await open()
    const body = exportYaml([...whole.slice(0, 3), changed(base.policy, { clientz: ['x'] })])
    const { status, headers, json } = await ask(fresh, '/admin/v1/apply', {
      method: 'POST',
      type: 'application/yaml',
      body,
    })
    expect(status).toBe(400)
    expect(headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(json).toMatchObject({ type: 'urn:cambist:problem:faults', status: 400 })
    expect(json.faults).toEqual([
      {
        kind: 'Policy',
        name: 'checkout-reads-orders',
        path: 'spec.clientz',
        message: 'there is no field `clientz` here; did you mean `clients`?',
        document: 4,
        line: expect.any(Number),
      },
    ])
    expect(body.split('\n')[json.faults[0].line - 1]).toContain('clientz')
    expect(fresh.states.version).toBe(0)
  })

  it('tries without changing, prunes, and refuses another version', async () => {
    const fresh = await open()
    const dry = await apply(whole, '/admin/v1/apply?dryRun=true', fresh)
    expect([dry.status, dry.json.version, fresh.states.version]).toEqual([200, 0, 0])
    await apply(
      whole.map((each) => ({ ...each, metadata: { ...each.metadata, labels: { team: 'shop' } } })),
      '/admin/v1/apply',
      fresh,
    )
    const stale = await apply([changed(base.policy, {})], '/admin/v1/apply?baseVersion=0', fresh)
    expect([stale.status, stale.json.version]).toEqual([409, 1])
    const labelled = [base.issuer, base.client, base.target].map((each) => ({
      ...each,
      metadata: { ...each.metadata, labels: { team: 'shop' } },
    }))
    const pruned = await apply(labelled, '/admin/v1/apply?prune=team%3Dshop&baseVersion=1&confirm=true', fresh)
    expect(pruned.json.changes).toContainEqual({ kind: 'Policy', name: 'checkout-reads-orders', action: 'deleted' })
  })

  it.each([
    ['no Content-Type', undefined, '{}', 415],
    ['a form', 'application/x-www-form-urlencoded', 'a=b', 415],
    ['plain text', 'text/plain', 'kind: Policy', 415],
    ['another charset', 'application/yaml; charset=iso-8859-1', 'kind: Policy', 415],
    ['no body', 'application/json', '', 400],
    ['no documents', 'application/json', '[]', 400],
    ['bytes that are no UTF-8', 'application/yaml', Buffer.from([0x61, 0x3a, 0xff]), 400],
    ['a bomb', 'application/yaml', 'a: &a [x]\nb: [*a, *a]', 400],
    ['too much', 'application/yaml', `# ${'x'.repeat(4 * 1024 * 1024)}`, 413],
  ])('refuses %s', async (_, type, body, status) => {
    const fresh = await open()
    const answer = await ask(fresh, '/admin/v1/apply', {
      method: 'POST',
      body,
      ...(type === undefined ? {} : { type }),
    })
    expect(answer.status).toBe(status)
    expect(answer.json.detail).not.toBe('')
    expect([fresh.states.version, fresh.failures]).toEqual([0, []])
  })

  it('refuses a compressed body, and one that grows without saying so', async () => {
    const headers = { 'content-encoding': 'gzip' }
    expect((await ask(world, '/admin/v1/apply', { method: 'POST', type: JSON_TYPE, body: '{}', headers })).status).toBe(
      415,
    )
    const response = await fetch(`${world.url}/admin/v1/apply`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/yaml' },
      body: new ReadableStream({
        start(controller) {
          for (let part = 0; part < 5; part++)
            controller.enqueue(new TextEncoder().encode(`# ${'x'.repeat(1024 * 1024)}\n`))
          controller.close()
        },
      }),
      duplex: 'half',
    } as RequestInit)
    expect(response.status).toBe(413)
    await response.body?.cancel()
  })

  it('is no road for a token in the query or a body', async () => {
    expect(
      (
        await ask(world, `/admin/v1/apply?access_token=${TOKEN}`, {
          method: 'POST',
          token: null,
          type: JSON_TYPE,
          body: '[]',
        })
      ).status,
    ).toBe(401)
  })
})

const corpora = process.env['CAMBIST_CORPORA'] ?? ''
const suite = join(corpora, 'jsontestsuite', 'jsontestsuite.json')
if (corpora === '') console.log('JSONTestSuite at apply is skipped: CAMBIST_CORPORA is not set')

describe.skipIf(corpora === '' || !existsSync(suite))('JSONTestSuite as bodies of apply (CAMBIST_CORPORA)', () => {
  it('gives 400 for each row, none of which is a document, and changes nothing', async () => {
    const fresh = await open()
    const { parsing } = JSON.parse(readFileSync(suite, 'utf8')) as {
      parsing: { name: string; expect: string; b64: string }[]
    }
    const wrong: string[] = []
    for (const { name, b64 } of parsing) {
      const { status } = await ask(fresh, '/admin/v1/apply', {
        method: 'POST',
        type: JSON_TYPE,
        body: Buffer.from(b64, 'base64'),
      })
      if (status !== 400) wrong.push(`${name}: ${status}`)
    }
    expect(parsing.length).toBeGreaterThan(300)
    expect(wrong).toEqual([])
    expect([fresh.states.version, fresh.failures]).toEqual([0, []])
  }, 60_000)
})

describe('reading', () => {
  it('exports what applies to nothing', async () => {
    const fresh = await open()
    await apply(whole, '/admin/v1/apply', fresh)
    const { text, headers } = await ask(fresh, '/admin/v1/export')
    expect(headers['content-type']).toBe('application/yaml; charset=utf-8')
    expect(headers['cambist-version']).toBe('1')
    expect(text).toBe(exportYaml(whole))
    const again = await ask(fresh, '/admin/v1/apply', { method: 'POST', type: 'application/yaml', body: text })
    expect(again.json.version).toBe(1)
    expect((await ask(fresh, '/admin/v1/export?format=json')).json).toHaveLength(4)
  })

  it('pages the history and the documents', async () => {
    const fresh = await open()
    const targets = ['a', 'b', 'c'].map((name) => ({
      apiVersion: 'cambist/v1',
      kind: 'Target',
      metadata: { name },
      spec: { audience: `https://${name}.example` },
    }))
    for (const each of targets) await apply(each, '/admin/v1/apply', fresh)
    const first = await ask(fresh, '/admin/v1/history?limit=2')
    expect(first.json.items.map(({ version }: { version: number }) => version)).toEqual([3, 2])
    const second = await ask(fresh, `/admin/v1/history?limit=2&cursor=${first.json.next}`)
    expect([second.json.items.map(({ version }: { version: number }) => version), second.json.next]).toEqual([
      [1],
      null,
    ])
    expect(Date.parse(second.json.items[0].at)).toBeGreaterThan(0)
    const page = await ask(fresh, '/admin/v1/targets?limit=2')
    expect(page.json.items).toEqual(targets.slice(0, 2))
    expect((await ask(fresh, `/admin/v1/targets?cursor=${page.json.next}`)).json).toEqual({
      items: targets.slice(2),
      next: null,
    })
  })

  it('answers one document with an ETag that changes with it', async () => {
    const fresh = await open()
    await apply(whole, '/admin/v1/apply', fresh)
    const { status, headers, json } = await ask(fresh, '/admin/v1/targets/orders')
    expect([status, json]).toEqual([200, base.target])
    const tag = String(headers.etag)
    const known = await ask(fresh, '/admin/v1/targets/orders', { headers: { 'if-none-match': tag } })
    expect([known.status, known.text, known.headers.etag]).toEqual([304, '', tag])
    await apply([changed(base.policy, { lifetime: '1m' })], '/admin/v1/apply', fresh)
    expect((await ask(fresh, '/admin/v1/targets/orders')).headers.etag).toBe(tag)
    await apply([changed(base.target, { scopes: ['orders:read'] })], '/admin/v1/apply', fresh)
    expect((await ask(fresh, '/admin/v1/targets/orders', { headers: { 'if-none-match': tag } })).status).toBe(200)
    expect((await ask(fresh, '/admin/v1/targets/order')).json.detail).toBe(
      'There is no Target of this name; GET /admin/v1/targets lists them.',
    )
    expect((await ask(fresh, '/admin/v1/clients/orders')).status).toBe(404)
  })

  it('hands filters to the record as values, and moments as milliseconds', async () => {
    const fresh = await open()
    const query =
      'outcome=refused&reason=denied&client=checkout&subject=a%2Fb&target=orders&jti=j&lineage=l&since=24h&until=2026-11-24T13:00:00%2B01:00&limit=5&cursor=C'
    const { json } = await ask(fresh, `/admin/v1/audit?${query}`)
    expect(fresh.asked).toEqual([
      {
        filter: {
          outcome: 'refused',
          reason: 'denied',
          client: 'checkout',
          subject: 'a/b',
          target: 'orders',
          jti: 'j',
          lineage: 'l',
          since: Date.UTC(2026, 10, 23, 12),
          until: Date.UTC(2026, 10, 24, 12),
        },
        limit: 5,
        cursor: 'C',
      },
    ])
    expect(json).toEqual({
      items: [{ ...record, at: '2026-11-24T11:59:59.000Z', decidedAt: '2026-11-24T11:59:59.001Z' }],
      next: 'NEXT',
    })
    await ask(fresh, '/admin/v1/audit')
    expect(fresh.asked[1]).toEqual({ filter: {}, limit: 100, cursor: undefined })
  })

  it('answers one record by its id', async () => {
    expect((await ask(world, `/admin/v1/audit/${RECORD_ID}`)).json).toMatchObject({ id: RECORD_ID, reason: 'denied' })
    const missing = await ask(world, '/admin/v1/audit/01900000-0000-7000-8000-00000000ffff')
    expect([missing.status, missing.json.detail]).toEqual([
      404,
      expect.stringContaining('There is no record of this id'),
    ])
  })

  it('shows keys without their private part, and makes successors', async () => {
    const fresh = await open()
    const { json, text } = await ask(fresh, '/admin/v1/keys')
    expect(json.items[0]).toMatchObject({ kid: 'key-ES256', use: 'sig', state: 'signing', retiredAt: null })
    expect(text).not.toContain('WRAPPED')
    const post = (asking: Asking) => ask(fresh, '/admin/v1/keys/rotate', { method: 'POST', ...asking })
    expect((await post({})).json.items[0]).toMatchObject({ kid: 'successor', state: 'published' })
    await post({ type: JSON_TYPE, body: '{"algorithm":"RS256"}' })
    await post({ type: JSON_TYPE, body: '{"use":"jwt-svid"}' })
    await post({ type: JSON_TYPE, body: '{}' })
    const asked = [{}, { algorithm: 'RS256' }, { use: 'jwt-svid' }, {}]
    expect(fresh.rotations).toEqual(asked)
    const unknown = await post({ type: JSON_TYPE, body: '{"use":"x509-svid"}' })
    expect([unknown.status, unknown.json.faults]).toEqual([
      400,
      [expect.objectContaining({ path: 'use', message: 'is one of sig, txn, jwt-svid, wit-svid' })],
    ])
    const wrong = await post({ type: JSON_TYPE, body: '{"algorithm":"HS256"}' })
    expect([wrong.status, wrong.json.faults[0].path]).toEqual([400, 'algorithm'])
    expect((await post({ type: JSON_TYPE, body: '[]' })).status).toBe(400)
    expect((await post({ type: 'text/plain', body: 'x' })).status).toBe(415)
    expect(fresh.rotations).toEqual(asked)
  })

  it.each([
    ['', ['carts', 'checkout', 'checkout-jobs']],
    ['?label=team', ['carts', 'checkout-jobs']],
    ['?label=team%3Dshop', ['checkout-jobs']],
    ['?label=team=shop', ['checkout-jobs']],
    ['?label=team%3D', []],
    ['?label=constructor', []],
    ['?name=checkout', ['checkout', 'checkout-jobs']],
    ['?name=checkout&disabled=false', ['checkout']],
    ['?disabled=true', ['checkout-jobs']],
    ['?disabled=false&label=team', ['carts']],
  ])('lists the documents that are asked for: %s', async (query, names) => {
    const fresh = await open()
    const labelled = (name: string, team: string, more: object = {}) => ({
      ...changed(base.client, more),
      metadata: { name, labels: { team } },
    })
    await apply(
      [...whole, labelled('checkout-jobs', 'shop', { disabled: true }), labelled('carts', 'carts')],
      undefined,
      fresh,
    )
    const found = async (path: string) => (await ask(fresh, path)).json
    const { items } = await found(`/admin/v1/clients${query}`)
    expect(items.map(({ metadata }: { metadata: { name: string } }) => metadata.name)).toEqual(names)
    const first = await found(`/admin/v1/clients${query}${query === '' ? '?' : '&'}limit=1`)
    expect(first.items).toEqual(items.slice(0, 1))
    expect(first.next === null).toBe(names.length < 2)
    if (first.next === null) return
    const rest = await found(`/admin/v1/clients${query}${query === '' ? '?' : '&'}cursor=${first.next}`)
    expect(rest.items).toEqual(items.slice(1))
  })

  it('describes itself: every route, role and kind', async () => {
    const { json } = await ask(world, '/admin/v1/openapi.json')
    expect(json.openapi).toBe('3.1.0')
    const described = Object.entries(json.paths as Record<string, Record<string, { 'x-role': string }>>).flatMap(
      ([path, operations]) => Object.entries(operations).map(([method, each]) => `${method} ${path} ${each['x-role']}`),
    )
    expect(described).toHaveLength(closedRoutes.length + 3)
    expect(described).toContain('post /admin/v1/apply editor')
    expect(described).toContain('post /admin/v1/keys/rotate admin')
    expect(described).toContain('post /admin/v1/revocations editor')
    expect(described).toContain('get /admin/v1/audit/{id} auditor')
    expect(Object.keys(json.components.schemas).sort()).toEqual([
      'Administrator',
      'Client',
      'Document',
      'Policy',
      'Problem',
      'Target',
      'TrustedIssuer',
    ])
    expect(json.components.schemas.Target.properties.spec.properties).toHaveProperty('defaultScopes')
    expect(json.paths['/admin/v1/audit'].get.parameters.map(({ name }: { name: string }) => name)).toContain('lineage')
    const ids = Object.values(json.paths as Record<string, Record<string, { operationId: string }>>).flatMap(
      (operations) => Object.values(operations).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })
})
