import { randomUUID } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { Secret } from '../../src/lib/secret.ts'
import { baseDocuments, document, type Form, startCambist, type TestServer } from '../harness/cambist.ts'
import { testDatabase } from '../harness/database.ts'
import { databaseProxy } from '../harness/database-proxy.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { isRevoked, statusOf, verifiedList } from '../harness/status.ts'
import { readStatusList } from '../harness/status-list.ts'
import { type Cluster, decode, TYPE } from '../harness/tokens.ts'

const isNoTarget = (each: object) => !('kind' in each && each.kind === 'Target')
const EDDSA = [{ kind: 'access-token', algorithm: 'EdDSA' }]

/** The base documents, with tokens that can be looked up in a status list. */
const documentsOf = (cluster: Cluster) => [
  ...baseDocuments(cluster).filter(isNoTarget),
  document('Client', 'billing', {
    workloads: [{ issuer: 'cluster', match: { serviceaccount: ['billing'] } }],
    audiences: ['https://orders.example'],
  }),
  document('Target', 'orders', {
    ...{ audience: 'https://orders.example', scopes: ['orders:read'], defaultScopes: ['orders:read'] },
    tokens: [{ kind: 'access-token', algorithm: 'RS256', revocable: true }],
  }),
  document('Target', 'ledger', {
    ...{ audience: 'https://ledger.example', scopes: ['orders:read'], defaultScopes: ['orders:read'] },
    tokens: [{ kind: 'access-token', algorithm: 'RS256' }],
  }),
  document('Policy', 'everybody', {
    ...{ clients: ['checkout', 'billing'], targets: ['orders', 'ledger'], scopes: ['orders:read'] },
    delegation: { mode: 'delegate' },
  }),
]

const server = await startCambist()
const { clock, cluster, database, issuer: us } = server
const documents = documentsOf(cluster)
await server.apply(...documents)
const node = await startCambist({ database, clock, env: { CAMBIST_ISSUER: us }, documents })

const as = (serviceaccount: string): Form => ({
  client_assertion: cluster.token({}, { serviceaccount }),
  client_assertion_type: TYPE.clientAssertion,
})
const own = (token: string): Form => ({ subject_token: token, subject_token_type: TYPE.accessToken })

interface Issued {
  readonly token: string
  readonly claims: Record<string, unknown>
  readonly record: Record<string, unknown>
}

async function issue(form: Form = {}, at: TestServer = server): Promise<Issued> {
  const { body, id, status } = await at.exchange({ subject_token: cluster.token(), ...form })
  expect(status, JSON.stringify(body)).toBe(200)
  const token = String(body['access_token'])
  return { token, claims: decode(token).claims, record: await server.record(id) }
}

async function revoke(match: Record<string, unknown>, at: TestServer = server): Promise<void> {
  const { status, json } = await at.adminSend('POST', '/admin/v1/revocations', { ...match, reason: 'stolen' })
  expect(status, JSON.stringify(json)).toBe(200)
}

/** At the node that made the revocation at once, at the other as soon as it has heard. */
async function expectRevoked(token: string): Promise<void> {
  expect(await isRevoked(server, token)).toBe(true)
  await vi.waitFor(async () => expect(await isRevoked(node, token)).toBe(true), 5000)
}

async function expectValid(...tokens: readonly string[]): Promise<void> {
  for (const token of tokens) for (const at of [server, node]) expect(await isRevoked(at, token)).toBe(false)
}

describe('a revocable token (draft-ietf-oauth-status-list-20 §6)', () => {
  it('names its place in a list, which is on its record; that of another target names none', async () => {
    const one = await issue()
    const status = statusOf(one.token)
    expect(status).toEqual({ idx: expect.any(Number), uri: `${us}/status-lists/0` })
    expect(one.record['granted']).toMatchObject({ status: { list: 0, index: status?.idx } })
    const other = await issue({ audience: 'https://ledger.example' })
    expect(other.claims).not.toHaveProperty('status')
    expect(other.record['granted']).not.toHaveProperty('status')
  })

  it('names one where one of its targets asks for it', async () => {
    const both = await issue({ audience: ['https://ledger.example', 'https://orders.example'] })
    expect(both.claims['aud']).toHaveLength(2)
    expect(statusOf(both.token)).toBeDefined()
  })

  it('has a place of its own, whichever node issues it, and neighbours in time are none in the list (§12.5.1, §13.3)', async () => {
    const places: number[] = []
    for (let round = 0; round < 20; round++)
      for (const at of [server, node]) places.push(statusOf((await issue({}, at)).token)?.idx ?? -1)
    expect(new Set(places).size).toBe(places.length)
    const of = (first: number) => places.filter((_, at) => at % 2 === first)
    for (const own of [of(0), of(1)]) {
      const steps = own.slice(1).map((place, at) => Math.abs(place - (own[at] ?? 0)))
      expect(Math.max(...own) - Math.min(...own)).toBeLessThan(4096)
      expect(Math.max(...steps)).toBeGreaterThan(256)
    }
  })

  it('of a use that was a replay leaves no place on the record', async () => {
    await server.apply(
      document('TrustedIssuer', 'cluster', {
        ...{ preset: 'kubernetes', issuer: cluster.issuer, audiences: [cluster.audience], singleUse: true },
        keys: { jwks: cluster.jwks },
      }),
    )
    const subject = cluster.token()
    expect((await server.exchange({ subject_token: subject })).status).toBe(200)
    await expectRefusal(server, await server.exchange({ subject_token: subject }), {
      error: 'invalid_request',
      reason: 'replayed',
    })
    await server.apply(...documents)
  })
})

describe('what is revoked is in the list of every node', () => {
  it.each([
    ['jti', ({ claims }: Issued) => claims['jti']],
    ['tokenHash', ({ record }: Issued) => record['tokenHash']],
    ['lineage', ({ claims }: Issued) => claims['cambist_lineage']],
  ] as const)('by %s, and no other token is', async (what, value) => {
    const [before, token, after] = [await issue(), await issue({}, node), await issue({}, node)]
    await expectValid(before.token, token.token, after.token)
    await revoke({ [what]: value(token) })
    await expectRevoked(token.token)
    await expectValid(before.token, after.token)
  })

  it.each([
    ['client', ({ claims }: Issued) => claims['client_id']],
    ['subject', ({ claims }: Issued) => claims['sub']],
  ] as const)('by %s, with all that it had, and none that is issued afterwards or to others', async (what, value) => {
    const subject = cluster.token({}, { serviceaccount: 'billing' })
    const [one, two, other] = [await issue(), await issue({}, node), await issue({ subject_token: subject })]
    await revoke({ [what]: value(one) })
    await expectRevoked(one.token)
    await expectRevoked(two.token)
    clock.advance(1)
    const after = await issue({}, node)
    await expectValid(other.token, after.token)
  })

  it('by lineage, with everything that came of it over hops', async () => {
    const first = await issue()
    const next = await issue({ ...own(first.token), ...as('billing') })
    const stranger = await issue()
    expect(next.claims['cambist_lineage']).toBe(first.claims['jti'])
    await revoke({ lineage: first.claims['jti'] }, node)
    await vi.waitFor(async () => expect(await isRevoked(server, first.token)).toBe(true), 5000)
    await expectRevoked(next.token)
    await expectValid(stranger.token)
  })

  it('by the sub that a target maps, and not by that of the subject', async () => {
    await server.apply(
      document('Target', 'mapped', {
        ...{ audience: 'https://mapped.example', scopes: [] },
        tokens: [{ kind: 'access-token', algorithm: 'RS256', revocable: true, subject: '"the shop"' }],
      }),
      document('Policy', 'mapped', {
        clients: ['checkout'],
        targets: ['mapped'],
        changes: ['format', 'scope', 'authority', 'identity'],
      }),
    )
    const [mapped, plain] = [await issue({ audience: 'https://mapped.example' }), await issue()]
    expect(mapped.claims['sub']).toBe('the shop')
    expect(mapped.record['granted']).toMatchObject({ subject: 'the shop' })
    await revoke({ subject: 'the shop' })
    await expectRevoked(mapped.token)
    await expectValid(plain.token)
    clock.advance(1)
    const again = await issue({ audience: 'https://mapped.example' })
    await revoke({ subject: plain.claims['sub'] })
    await expectRevoked(plain.token)
    await expectValid(again.token)
  })

  it('by a block, with the lineages that what is blocked had a part in', async () => {
    const pod = { uid: randomUUID() }
    const [token, other] = [await issue({ subject_token: cluster.token({}, pod) }), await issue()]
    const { status, json } = await server.adminSend('POST', '/admin/v1/blocks', {
      match: { instance: pod.uid },
      reason: 'taken over',
    })
    expect(status, JSON.stringify(json)).toBeLessThan(300)
    await expectRevoked(token.token)
    await expectValid(other.token)
  })

  it('also what was issued later within the second of the revocation, which it means too', async () => {
    clock.advance(5)
    const before = await issue()
    await revoke({ client: before.claims['client_id'] })
    await expectRevoked(before.token)
    const within = await issue()
    expect(within.claims['iat']).toBe(before.claims['iat'])
    await expectRefusal(server, await server.exchange({ ...own(within.token), ...as('checkout') }), {
      error: 'invalid_request',
      reason: 'revoked',
    })
    clock.advance(11)
    await expectRevoked(within.token)
    await expectValid((await issue()).token)
  })

  it('for a process that begins when all is revoked already', async () => {
    const [token, other] = [await issue(), await issue()]
    await revoke({ jti: token.claims['jti'] })
    const fresh = await startCambist({ database, clock, env: { CAMBIST_ISSUER: us }, documents })
    expect(await isRevoked(fresh, token.token)).toBe(true)
    expect(await isRevoked(fresh, other.token)).toBe(false)
  })

  it('until the last token has expired, whose status nobody asks for (§13.1)', async () => {
    const token = await issue()
    await revoke({ jti: token.claims['jti'] })
    await expectRevoked(token.token)
    clock.advance(3600)
    const { status_list: list } = await verifiedList(server, `${us}/status-lists/0`)
    const { size, at } = readStatusList(list)
    expect(size).toBe(2 ** 20)
    expect(Array.from({ length: size }, (_, index) => at(index)).every((status) => status === 0)).toBe(true)
  })
})

describe('GET /status-lists/{id} (§5.1, §8)', () => {
  it('answers a signed list with the media type, for anybody, for as long as it says', async () => {
    const { token } = await issue()
    const uri = statusOf(token)?.uri ?? ''
    const response = await server.get('/status-lists/0', { 'Accept-Encoding': 'identity' })
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/statuslist+jwt',
      'cache-control': 'public, max-age=60',
      'access-control-allow-origin': '*',
      'cambist-request-id': expect.any(String),
      vary: 'Accept-Encoding',
    })
    expect(decode(await response.text()).header).toEqual({
      ...{ typ: 'statuslist+jwt', alg: 'ES256', kid: expect.any(String) },
    })
    const now = clock.seconds()
    expect(await verifiedList(server, uri)).toEqual({
      ...{ iss: us, sub: uri, iat: now, exp: now + 300, ttl: 60 },
      status_list: { bits: 1, lst: expect.stringMatching(/^[A-Za-z0-9_-]+$/) },
    })
  })

  it('is compressed once more for who takes that', async () => {
    await issue()
    const plain = await server.get('/status-lists/0', { 'Accept-Encoding': 'identity' })
    const text = await plain.text()
    const compressed = await server.get('/status-lists/0', { 'Accept-Encoding': 'gzip' })
    expect([plain.headers.get('content-encoding'), compressed.headers.get('content-encoding')]).toEqual([null, 'gzip'])
    // fetch() has taken it off already; what it was is known by its length.
    expect(await compressed.text()).toBe(text)
    expect(() => gunzipSync(Buffer.from(text))).toThrow()
    expect(Number(compressed.headers.get('content-length'))).toBeLessThan(Number(plain.headers.get('content-length')))
  })

  it('is the same for half a minute, and signed anew after that with nothing else changed', async () => {
    await issue()
    const text = async () => (await server.get('/status-lists/0')).text()
    clock.advance(60)
    const first = await text()
    clock.advance(29)
    expect(await text()).toBe(first)
    clock.advance(1)
    const second = await text()
    const [before, after] = [decode(first).claims, decode(second).claims]
    expect(Number(after['iat']) - Number(before['iat'])).toBe(30)
    expect(after['status_list']).toEqual(before['status_list'])
  })

  it('is not signed anew by a change of documents that revokes nothing', async () => {
    await issue()
    const first = await (await server.get('/status-lists/0')).text()
    await server.apply(
      document('Client', 'new', { workloads: [{ issuer: 'cluster', ids: ['system:serviceaccount:a:b'] }] }),
    )
    expect(await (await server.get('/status-lists/0')).text()).toBe(first)
  })

  it.each(['1', '999999999', '9999999999', '00', '-1', '0.0', 'x', '%30%30', '0%2f1'])(
    'has none of the id %s, of which nobody has had an index',
    async (id) => {
      const response = await server.get(`/status-lists/${id}`)
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({ error: 'invalid_request' })
    },
  )

  it.each(['/status-lists', '/status-lists/', '/status-lists/0/', '/status-lists/0/x', '/Status-Lists/0'])(
    'answers at no other path: %s',
    async (path) => {
      expect((await server.get(path)).status).toBe(404)
    },
  )

  it('answers HEAD as GET, and says which methods it takes', async () => {
    await issue()
    const head = await fetch(`${server.workloads}/status-lists/0`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'application/statuslist+jwt'])
    const post = await fetch(`${server.workloads}/status-lists/0`, { method: 'POST' })
    expect([post.status, post.headers.get('allow')?.split(', ').sort()]).toEqual([405, ['GET', 'HEAD']])
  })

  it('has no past (§8.4)', async () => {
    await issue()
    expect((await server.get(`/status-lists/0?time=${clock.seconds()}`)).status).toBe(501)
    expect((await server.get('/status-lists/0?other=1')).status).toBe(200)
  })

  it('is served while the database cannot be heard for 30 s, and then no longer', async () => {
    const away = await testDatabase()
    const proxy = await databaseProxy(away.url)
    const cut = await startCambist({ database: { ...away, address: new Secret(proxy.url) } })
    await cut.apply(...documentsOf(cut.cluster))
    const { body } = await cut.exchange()
    const token = String(body['access_token'])
    expect(await isRevoked(cut, token)).toBe(false)
    proxy.mode = 'closed'
    proxy.cut()
    cut.clock.advance(29)
    expect(await isRevoked(cut, token)).toBe(false)
    cut.clock.advance(1)
    const late = await cut.get('/status-lists/0')
    expect([late.status, Number(late.headers.get('retry-after'))]).toEqual([503, 1])
    expect(await late.json()).toMatchObject({ error: 'temporarily_unavailable' })
    proxy.mode = 'open'
    expect(await isRevoked(cut, token)).toBe(false)
    await proxy.close()
  })
})

describe('a Status List Token is no token of anybody (T9)', () => {
  it.each([
    ['a subject token of ours', (list: string): Form => ({ ...own(list), ...as('checkout') }), 400],
    ['a subject token', (list: string): Form => ({ subject_token: list }), 400],
    ['an actor token', (list: string): Form => ({ actor_token: list, actor_token_type: TYPE.jwt }), 400],
    [
      'a client assertion',
      (list: string): Form => ({ client_assertion: list, client_assertion_type: TYPE.clientAssertion }),
      401,
    ],
  ] as const)('nor %s: it is for no audience', async (_, form, status) => {
    await issue()
    const list = await (await server.get('/status-lists/0')).text()
    const error = status === 401 ? 'invalid_client' : 'invalid_request'
    const record = await expectRefusal(server, await server.exchange(form(list)), {
      ...{ status, error, reason: 'claim_missing' },
    })
    expect(record['detail']).toContain('aud')
  })
})

describe('what a target says', () => {
  it('gives a key that signs the list to who had none of its kind', async () => {
    const none = document('Target', 'none', { audience: 'https://none.example', disabled: true, tokens: EDDSA })
    const only = await startCambist({ documents: [none] })
    await only.apply(
      ...baseDocuments(only.cluster).filter(isNoTarget),
      document('Target', 'orders', {
        ...{
          audience: 'https://orders.example',
          scopes: ['orders:read', 'orders:write'],
          defaultScopes: ['orders:read'],
        },
        tokens: [{ ...EDDSA[0], revocable: true }],
      }),
    )
    const { body } = await only.exchange()
    expect(decode(String(body['access_token'])).header).toMatchObject({ alg: 'EdDSA' })
    expect(await isRevoked(only, String(body['access_token']))).toBe(false)
  })

  it('cannot set the claim itself', async () => {
    await expect(
      server.apply(
        document('Target', 'orders', {
          audience: 'https://orders.example',
          tokens: [{ kind: 'access-token', claims: { status: '"VALID"' } }],
        }),
      ),
    ).rejects.toThrow('the claim status is written by Cambist alone')
  })
})
