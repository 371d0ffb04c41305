import { describe, expect, it } from 'vitest'
import { baseDocuments, document, type Form, startCambist, type TestServer } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { decode, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { clock, cluster, database, issuer: us } = server
const documents = [
  ...baseDocuments(cluster),
  document('Client', 'billing', {
    workloads: [{ issuer: 'cluster', match: { serviceaccount: ['billing'] } }],
    audiences: ['https://orders.example'],
  }),
  document('Policy', 'orders-again', {
    clients: ['checkout', 'billing'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
]
await server.apply(...documents)
const node = await startCambist({ database, clock, env: { CAMBIST_ISSUER: us }, documents })

interface Issued {
  readonly token: string
  readonly id: string
  readonly claims: Record<string, unknown>
  readonly hash: string
}

const as = (serviceaccount: string): Form => ({
  client_assertion: cluster.token({}, { serviceaccount }),
  client_assertion_type: TYPE.clientAssertion,
})
const own = (token: string): Form => ({ subject_token: token, subject_token_type: TYPE.accessToken })

async function issue(form: Form = {}): Promise<Issued> {
  const { body, id, status } = await server.exchange(form)
  expect(status).toBe(200)
  const token = String(body['access_token'])
  return { token, id, claims: decode(token).claims, hash: String((await server.record(id))['tokenHash']) }
}

async function revoke(
  body: unknown,
  at: TestServer = server,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await fetch(`${at.admin}/admin/v1/revocations`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${at.adminToken}`, 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, json: (await response.json()) as Record<string, unknown> }
}

const brought = ({ token }: Issued, at: TestServer, serviceaccount = 'checkout') =>
  at.exchange({ ...own(token), ...as(serviceaccount) })
const REVOKED = { status: 400, error: 'invalid_request', reason: 'revoked' } as const

describe('POST /admin/v1/revocations', () => {
  it.each([
    ['jti', ({ claims }: Issued) => claims['jti'], 1],
    ['tokenHash', ({ hash }: Issued) => hash, 1],
    ['lineage', ({ claims }: Issued) => claims['cambist_lineage'], 1],
    ['client', ({ claims }: Issued) => claims['client_id'], 2],
    ['subject', ({ claims }: Issued) => claims['sub'], 2],
  ] as const)(
    'refuses tokens by %s on every node at once, and none that is issued afterwards',
    async (what, value, count) => {
      clock.advance(3600) // what earlier cases have issued is over
      const [token, other] = [await issue(), await issue()]
      for (const at of [server, node]) expect((await brought(token, at)).status).toBe(200)
      clock.advance(3600)
      const [first, second] = [await issue(), await issue()]
      const { status, json } = await revoke({ [what]: value(first), reason: 'the pod was taken over' })
      expect([status, json['revoked']]).toEqual([200, count])
      const refused = await Promise.all([brought(first, server), brought(first, node), brought(first, node, 'billing')])
      for (const answer of refused) {
        const record = await expectRefusal(server, answer, REVOKED)
        expect(record['detail']).toContain('the pod was taken over')
        expect(record['subject']).toBeNull()
      }
      const others = await brought(second, node)
      expect(others.status).toBe(count === 1 ? 200 : 400)
      const after = await issue()
      for (const at of [server, node]) expect((await brought(after, at)).status).toBe(200)
      expect(other.claims['jti']).not.toBe(after.claims['jti'])
    },
  )

  it('takes a lineage with all that has come of it, and what is under way', async () => {
    const first = await issue()
    const next = await issue({ ...own(first.token), ...as('billing') })
    expect(next.claims['cambist_lineage']).toBe(first.claims['jti'])
    expect((await revoke({ lineage: first.claims['jti'], reason: 'x' })).json['revoked']).toBe(2)
    for (const [index, at] of [server, node].entries()) {
      await expectRefusal(server, await brought(first, at), REVOKED)
      await expectRefusal(server, await brought(next, at, index === 0 ? 'billing' : 'checkout'), REVOKED)
    }
    // Nothing of the lineage is issued any more, however late: the clock is not asked.
    clock.advance(60)
    await expectRefusal(server, await brought(next, node, 'billing'), REVOKED)
  })

  it('is asked while others exchange, and grants nothing that begins after its answer', async () => {
    const token = await issue()
    let [done, answered] = [false, 0]
    const late: string[] = []
    const workers = [server, node, server, node].map(async (at) => {
      while (!done) {
        const { id, status } = await brought(token, at)
        answered++
        if (status === 200) late.push(id)
      }
    })
    while (answered < 8) await server.get('/jwks')
    await revoke({ jti: token.claims['jti'], reason: 'x' }, node)
    const begun = late.length
    const straight = await Promise.all([server, node].map((at) => brought(token, at)))
    done = true
    await Promise.all(workers)
    expect(straight.map(({ status }) => status)).toEqual([400, 400])
    // What was granted has been committed before; at most one of each worker had its answer on the way.
    expect(late.length - begun).toBeLessThanOrEqual(workers.length)
  })

  it('counts what has not expired, and is in force for what nobody has seen', async () => {
    const token = await issue()
    clock.advance(301)
    expect((await revoke({ client: 'checkout', reason: 'x' })).json['revoked']).toBe(0)
    expect((await revoke({ jti: token.claims['jti'], reason: 'x' })).json['revoked']).toBe(0)
    expect((await revoke({ jti: 'nobody has this', reason: 'x' })).json['revoked']).toBe(0)
  })

  it('stands in the history with its author and why', async () => {
    const { json } = await revoke({ subject: 'spiffe://prod.example/x', reason: 'left the company' })
    const history = (await (await server.adminGet('/admin/v1/history?limit=1')).json()) as { items: unknown[] }
    expect(history.items).toEqual([
      {
        version: json['version'],
        at: expect.any(String),
        author: 'bootstrap',
        message: 'tokens of subject spiffe://prod.example/x revoked: left the company',
        changes: [],
      },
    ])
    // It is kept for as long as what it takes back can live.
    const rows = await database.query<{ at: string; life: string }>(
      `SELECT at, until - at AS life FROM cambist.revocations WHERE value = 'spiffe://prod.example/x'`,
    )
    expect(rows).toEqual([{ at: String(clock.seconds()), life: '86400' }])
  })

  it.each([
    ['nothing', { reason: 'x' }, ''],
    ['two names', { jti: 'a', client: 'b', reason: 'x' }, ''],
    ['no reason', { jti: 'a' }, 'reason'],
    ['an empty reason', { jti: 'a', reason: '' }, 'reason'],
    ['an empty name', { jti: '', reason: 'x' }, 'jti'],
    ['a name that is no text', { client: 7, reason: 'x' }, 'client'],
    ['two lines', { client: 'a\nb', reason: 'x' }, 'client'],
    ['a hash that is none', { tokenHash: 'abc', reason: 'x' }, 'tokenHash'],
    ['a misspelt name', { lineages: 'x', reason: 'x' }, 'lineages'],
  ])('refuses %s, and changes nothing', async (_, body, path) => {
    const before = await (await server.adminGet('/admin/v1/history?limit=1')).text()
    const { status, json } = await revoke(body)
    expect(status).toBe(400)
    expect((json['faults'] as { path: string }[]).map((fault) => fault.path)).toContain(path)
    expect(await (await server.adminGet('/admin/v1/history?limit=1')).text()).toBe(before)
  })

  it('says of a hash that no token was issued with that it took nothing back (T11)', async () => {
    const before = await (await server.adminGet('/admin/v1/history?limit=1')).text()
    const { status, json } = await revoke({ tokenHash: 'A'.repeat(43), reason: 'x' })
    expect([status, json['detail']]).toEqual([404, expect.stringContaining('name it by its jti')])
    expect(await (await server.adminGet('/admin/v1/history?limit=1')).text()).toBe(before)
  })

  it.each(['', '[]', 'null', '{"jti":"a","jti":"b","reason":"x"}', 'jti=a&reason=x'])(
    'refuses the body %j',
    async (body) => {
      expect((await revoke(body)).status).toBe(400)
    },
  )
})
