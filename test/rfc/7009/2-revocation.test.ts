/** RFC 7009: clients take their own tokens back, with all that was made from them (access-tokens.md §5). */
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist, type TestServer } from '../../harness/cambist.ts'
import { brought, inquire, type Registered, Services, tokenFor } from '../../harness/inquiries.ts'
import { expectWire, refusal } from '../../harness/refusal.ts'
import { decode, SigningKey } from '../../harness/tokens.ts'
import { ask, byDpop } from '../../harness/workload.ts'

const server = await startCambist()
const { clock, database, issuer } = server
const services = new Services(server)
const documents = services.documents()
await server.apply(...documents)
/** Another node over the same database. */
const node = await startCambist({ database, clock, env: { CAMBIST_ISSUER: issuer }, documents })

const ORDERS: Form = { audience: 'https://orders.example' }
const VAULT: Form = { audience: 'https://vault.example' }
const STOCK: Form = { audience: 'https://stock.example' }
const FORMS = [
  ['JWT', ORDERS],
  ['opaque', VAULT],
] as const

const issued = (form: Form = ORDERS) => tokenFor(server, { ...services.as('web'), ...form })
const onward = (token: string, by: Registered, form: Form = STOCK, at: TestServer = server) =>
  tokenFor(at, { ...brought(token), ...services.as(by), ...form })
const revoke = (token: string, by: Registered = 'web', form: Form = {}, at: TestServer = server) =>
  inquire(at, '/revoke', { token, ...services.as(by), ...form })
const isActive = async (token: string, by: Registered = 'orders-api', at: TestServer = server) =>
  (await inquire(at, '/introspect', { token, ...services.as(by) })).body['active']
const history = async () =>
  ((await (await server.adminGet('/admin/v1/history?limit=1')).json()) as { items: Record<string, unknown>[] }).items[0]
const version = async () => (await history())?.['version']

describe.each(FORMS)('RFC 7009 §2.1: a %s token that its client takes back', (_, form) => {
  it('RV-01, I3: counts no longer, at every node at once', async () => {
    const token = await issued(form)
    expect([await isActive(token), await isActive(token, 'orders-api', node)]).toEqual([true, true])
    const { status, text, headers } = await revoke(token)
    expect([status, text, headers.get('Cache-Control')]).toEqual([200, '', 'no-store'])
    for (const at of [node, server]) {
      expect(await isActive(token, 'orders-api', at)).toBe(false)
      await refusal(at, { ...brought(token), ...services.as('orders-api'), ...STOCK }, 'revoked')
    }
  })

  it.each(['access_token', 'refresh_token', 'x', ''])('RV-01: whatever the hint says: %j', async (hint) => {
    const token = await issued(form)
    expect((await revoke(token, 'web', { token_type_hint: hint })).status).toBe(200)
    expect(await isActive(token)).toBe(false)
  })

  it.each(['orders-api', 'stranger'] as const)(
    'RV-01, RV-02: is not taken back by %s, who hears the same',
    async (by) => {
      const token = await issued(form)
      const before = await version()
      const { status, text } = await revoke(token, by)
      expect([status, text]).toEqual([200, ''])
      expect([await isActive(token), await version()]).toEqual([true, before])
    },
  )

  it('RV-02, T38: is taken back once, and to ask again writes nothing', async () => {
    const token = await issued(form)
    await revoke(token)
    const before = await version()
    for (const at of [server, node]) expect((await revoke(token, 'web', {}, at)).status).toBe(200)
    expect(await version()).toBe(before)
  })

  it('RV-02: is nothing once its time is over', async () => {
    const token = await issued(form)
    const before = await version()
    clock.advance(301)
    expect([(await revoke(token)).status, await version()]).toEqual([200, before])
  })

  it('RV-01: stands in the history as the client’s own doing', async () => {
    const token = await issued(form)
    await revoke(token)
    expect(await history()).toMatchObject({
      author: 'client web',
      message: expect.stringMatching(/^tokens of jti [0-9a-f-]{36} revoked: taken back by the client/),
      changes: [],
    })
  })

  it('is taken back by its client also where it is bound to a key', async () => {
    const bound = await ask(server, { ...services.as('web'), ...form }, () => byDpop(server, new SigningKey('ES256')))
    const token = String(bound.body['access_token'])
    expect(await isActive(token)).toBe(true)
    await revoke(token)
    expect(await isActive(token)).toBe(false)
  })
})

describe('RFC 7009 §2.2: what there is nothing to take back of', () => {
  it.each(['x', 'cambist_at_x', server.cluster.token()])('RV-02: is answered as if there were: %#', async (token) => {
    const before = await version()
    expect([(await revoke(token)).status, await version()]).toEqual([200, before])
  })
})

describe('RFC 7009 §2.1: the request', () => {
  it('RV-01: is taken from nobody who does not say who he is', async () => {
    const token = await issued()
    expectWire(await inquire(server, '/revoke', { token }), { status: 401, error: 'invalid_client' })
    expect(await isActive(token)).toBe(true)
  })

  it('RV-01: is a form that is posted with a token', async () => {
    expectWire(await inquire(server, '/revoke', services.as('web')), { status: 400, error: 'invalid_request' })
    const query = await inquire(server, `/revoke?token=${await issued()}`, { token: 'x', ...services.as('web') })
    expectWire(query, { status: 400, error: 'invalid_request' })
    const response = await server.get('/revoke')
    expect([response.status, response.headers.get('Allow')]).toEqual([405, 'POST'])
  })

  it('T38: is taken at a rate, beyond which its client is told to come back', async () => {
    const token = await issued()
    const answers = []
    for (let sent = 0; sent < 130; sent++) answers.push(await revoke(token))
    const refused = answers.filter(({ status }) => status !== 200)
    expect(refused.length).toBeGreaterThan(0)
    expectWire(refused[0] ?? answers[0]!, { status: 503, error: 'temporarily_unavailable' })
    clock.advance(60)
    expect((await revoke(await issued())).status).toBe(200)
  })
})

describe('T38: a client of which thousands of tokens stand revoked', () => {
  it('is told to come back until they have expired, and no other client with it, nor one that asks again', async () => {
    const expected = { status: 503, error: 'temporarily_unavailable' }
    const before = await issued()
    await revoke(before)
    await database.query(
      `INSERT INTO cambist.revocations (what, value, at, until, reason, author)
       SELECT 'jti', 'of long ago ' || n, $1::bigint, $1::bigint + 200, 'x', 'client web' FROM generate_series(1, 5000) n`,
      [clock.seconds()],
    )
    await server.apply(document('Target', 'other', { audience: 'urn:other', tokens: [{ kind: 'opaque' }] }))
    const [token, others] = [await issued(), await tokenFor(server, { ...services.as('stranger'), ...ORDERS })]
    expectWire(await revoke(token), expected)
    expect([await isActive(token), (await revoke(before)).status]).toEqual([true, 200])
    expect([(await revoke(others, 'stranger')).status, await isActive(others)]).toEqual([200, false])
    clock.advance(201)
    expect([(await revoke(token)).status, await isActive(token)]).toEqual([200, false])
    await database.query("DELETE FROM cambist.revocations WHERE value LIKE 'of long ago%'")
  })
})

describe('RV-05, RV-04: everything that was made from a token', () => {
  it('goes with the first of a lineage, over hops', async () => {
    const first = await issued()
    const second = await onward(first, 'orders-api', ORDERS)
    const third = await onward(second, 'orders-api', STOCK, node)
    expect(await isActive(third, 'stock-api')).toBe(true)
    await revoke(first)
    for (const at of [server, node])
      expect([await isActive(second, 'orders-api', at), await isActive(third, 'stock-api', at)]).toEqual([false, false])
    await refusal(node, { ...brought(second), ...services.as('orders-api'), ...STOCK }, 'revoked')
  })

  it.each(FORMS)('goes with one in the middle, and what it was made from stays: %s', async (_, form) => {
    const first = await issued(form)
    const [middle, sibling] = [await onward(first, 'orders-api', form), await onward(first, 'orders-api', form)]
    const below = await onward(middle, 'orders-api', form, node)
    const leaf = await onward(below, 'orders-api')
    const beside = await onward(sibling, 'orders-api')
    await revoke(middle, 'orders-api')
    for (const at of [node, server]) {
      for (const dead of [middle, below]) expect(await isActive(dead, 'orders-api', at)).toBe(false)
      expect(await isActive(leaf, 'stock-api', at)).toBe(false)
      for (const alive of [first, sibling]) expect(await isActive(alive, 'orders-api', at)).toBe(true)
      expect(await isActive(beside, 'stock-api', at)).toBe(true)
    }
    await refusal(node, { ...brought(below), ...services.as('orders-api'), ...STOCK }, 'revoked')
  })

  it('goes though others go on with it meanwhile', async () => {
    const first = await issued()
    const middle = await onward(first, 'orders-api', ORDERS)
    const made: string[] = [middle]
    let done = false
    const workers = [server, node, server].map(async (at) => {
      while (!done) {
        const from = made[Math.floor(made.length / 2)] ?? middle
        const { status, body } = await at.exchange({ ...brought(from), ...services.as('orders-api'), ...ORDERS })
        if (status === 200 && decode(String(body['access_token'])).claims['cambist_path'] !== undefined)
          made.push(String(body['access_token']))
      }
    })
    while (made.length < 12) await server.get('/jwks')
    expect((await revoke(middle, 'orders-api')).status).toBe(200)
    done = true
    await Promise.all(workers)
    for (const token of made) expect(await isActive(token)).toBe(false)
    expect(await isActive(first)).toBe(true)
  })

  it('goes with a token that an administrator revokes by jti or by hash, and is counted', async () => {
    for (const what of ['jti', 'tokenHash'] as const) {
      const first = await issued()
      const middle = await server.exchange({ ...brought(first), ...services.as('orders-api'), ...ORDERS })
      const leaf = await onward(String(middle.body['access_token']), 'orders-api')
      const value = (await server.record(middle.id))[what]
      const answer = await server.adminSend('POST', '/admin/v1/revocations', { [what]: value, reason: 'x' })
      expect(answer.json).toMatchObject({ revoked: 2 })
      for (const at of [server, node]) {
        expect(await isActive(leaf, 'stock-api', at)).toBe(false)
        expect(await isActive(first, 'orders-api', at)).toBe(true)
      }
    }
  })

  it('goes with the first of a lineage that an administrator revokes by jti', async () => {
    const first = await server.exchange({ ...services.as('web'), ...ORDERS })
    const token = String(first.body['access_token'])
    const leaf = await onward(token, 'orders-api')
    const answer = await server.adminSend('POST', '/admin/v1/revocations', { jti: first.id, reason: 'x' })
    expect(answer.json).toMatchObject({ revoked: 2 })
    expect([await isActive(token), await isActive(leaf, 'stock-api', node)]).toEqual([false, false])
  })
})
