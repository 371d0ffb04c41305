/** What makes a token inactive beside its time: blocks, disabled clients, revocations; and how lately that must be known (T22, T41, I3). */
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Secret } from '../../../src/lib/secret.ts'
import { document, type Form, startCambist, TestClock } from '../../harness/cambist.ts'
import { testDatabase } from '../../harness/database.ts'
import { databaseProxy } from '../../harness/database-proxy.ts'
import { brought, inquire, type Registered, Services, tokenFor } from '../../harness/inquiries.ts'
import { thumbprintOf } from '../../harness/proofs.ts'
import { expectWire, refusal } from '../../harness/refusal.ts'
import { SigningKey, TYPE } from '../../harness/tokens.ts'
import { ask, byDpop } from '../../harness/workload.ts'

const server = await startCambist()
const services = new Services(server)
const documents = services.documents()
await server.apply(...documents)

const INACTIVE = '{"active":false}'
const FORMS = [
  ['JWT', { audience: 'https://orders.example' }],
  ['opaque', { audience: 'https://vault.example' }],
] as const
const introspect = (token: string, by: Registered = 'orders-api') =>
  inquire(server, '/introspect', { token, ...services.as(by) })
const block = async (match: object) => {
  const { json, status } = await server.adminSend('POST', '/admin/v1/blocks', { match, reason: 'taken over' })
  expect(status).toBe(200)
  onTestFinished(
    async () => void (await server.adminSend('DELETE', `/admin/v1/blocks/${(json['block'] as { id: string }).id}`)),
  )
}

describe.each(FORMS)('a %s token', (_, form) => {
  it.each([
    ['subject', ({ sub }: Record<string, unknown>) => ({ subject: sub })],
    ['client', () => ({ client: 'web' })],
    ['lineage', (said: Record<string, unknown>) => ({ lineage: said['cambist_lineage'] })],
    ['jti', ({ jti }: Record<string, unknown>) => ({ issuer: 'self', jti })],
    ['issuer', () => ({ issuer: 'cluster' })],
    ['instance', () => ({ instance: '7f0f2c3e-8a51-4b1c-bb55-2f6a3f9f3c11' })],
  ] as const)('T22, IN-03: is inactive once its %s is blocked', async (_what, match) => {
    const token = await tokenFor(server, { ...services.as('web'), ...form })
    const { body } = await introspect(token)
    expect(body['active']).toBe(true)
    await block(match(body))
    expect((await introspect(token)).text).toBe(INACTIVE)
  })

  it('T22, IN-03: is inactive once the key that it is bound to is blocked', async () => {
    const key = new SigningKey('ES256')
    const bound = await ask(server, { ...services.as('web'), ...form }, () => byDpop(server, key))
    const token = String(bound.body['access_token'])
    expect((await introspect(token)).body['active']).toBe(true)
    await block({ key: thumbprintOf(key) })
    expect((await introspect(token)).text).toBe(INACTIVE)
  })

  it('T22, IN-03: is inactive while the client that it was issued to is disabled, and exchanged by nobody', async () => {
    const token = await tokenFor(server, { ...services.as('web'), ...form })
    const [web] = documents as [{ spec: object }]
    await server.apply({ ...web, spec: { ...web.spec, disabled: true } })
    expect((await introspect(token)).text).toBe(INACTIVE)
    const onward = { ...brought(token), ...services.as('orders-api'), audience: 'https://stock.example' }
    await refusal(server, onward, 'revoked')
    await server.apply(web)
    expect((await introspect(token)).body['active']).toBe(true)
  })
})

describe('who asks', () => {
  it('T22, IN-02: is refused where he is disabled or blocked, and his assertion is spent', async () => {
    const token = await tokenFor(server, services.as('web'))
    const api = documents[1] as { spec: object }
    await server.apply({ ...api, spec: { ...api.spec, disabled: true } })
    const assertion = services.as('orders-api')
    expectWire(await inquire(server, '/introspect', { token, ...assertion }), { status: 401, error: 'invalid_client' })
    await server.apply(api)
    expectWire(await inquire(server, '/introspect', { token, ...assertion }), { status: 401, error: 'invalid_client' })
    expect((await introspect(token)).body['active']).toBe(true)
    await block({ client: 'orders-api' })
    expectWire(await introspect(token), { status: 401, error: 'invalid_client' })
  })
})

describe('a node that is cut off from the database (I3, T41, RV-03)', async () => {
  const database = await testDatabase()
  const proxy = await databaseProxy(database.url)
  const clock = new TestClock()
  const cutOff = await startCambist({ database: { ...database, address: new Secret(proxy.url) }, clock })
  const local = new Services(cutOff)
  await cutOff.apply(
    ...local.documents(),
    document('Client', 'pods', {
      workloads: [{ issuer: 'cluster', match: { serviceaccount: ['orders'] } }],
      audiences: ['https://orders.example', 'https://vault.example'],
    }),
  )
  /** What authenticates more than once, so that nothing has to be written. */
  const pod = (): Form => ({
    client_assertion: cutOff.cluster.token({}, { serviceaccount: 'orders' }),
    client_assertion_type: TYPE.clientAssertion,
  })
  const ask = (token: string) => inquire(cutOff, '/introspect', { token, ...pod() })
  const whenBack = <T>(asked: () => Promise<T>): Promise<T> => vi.waitFor(asked, { timeout: 10_000 })
  const AWAY = { status: 503, error: 'temporarily_unavailable' } as const

  it('answers from memory within its lease of 30 seconds, and nothing after it', async () => {
    const jwt = await tokenFor(cutOff, local.as('web'))
    const [known, unknown] = [
      await tokenFor(cutOff, { ...local.as('web'), audience: 'https://vault.example' }),
      await tokenFor(cutOff, { ...local.as('web'), audience: 'https://vault.example' }),
    ]
    expect((await ask(known)).body['active']).toBe(true)
    proxy.mode = 'closed'
    proxy.cut()
    for (const token of [jwt, known]) expect((await ask(token)).body['active']).toBe(true)
    // Nobody's word on a token is no word that it does not count.
    expectWire(await ask(unknown), AWAY)
    // What authenticates once cannot be spent, and no token be taken back.
    expectWire(await inquire(cutOff, '/introspect', { token: jwt, ...local.as('orders-api') }), AWAY)
    expectWire(await inquire(cutOff, '/revoke', { token: jwt, ...local.as('web') }), AWAY)
    const podsOwn = await inquire(cutOff, '/revoke', { token: jwt, ...pod() })
    expect(podsOwn.status).toBe(200)
    clock.advance(31)
    for (const token of [jwt, known]) expectWire(await ask(token), AWAY)
    proxy.mode = 'open'
    await whenBack(async () => expect((await ask(jwt)).body['active']).toBe(true))
  })

  it('RV-03: tells who takes a token of his own back to come again, and has not taken it back', async () => {
    const podToken = await whenBack(() => tokenFor(cutOff, {}))
    const next = (): Form => ({ client_assertion: cutOff.cluster.token(), client_assertion_type: TYPE.clientAssertion })
    proxy.mode = 'closed'
    proxy.cut()
    expectWire(await inquire(cutOff, '/revoke', { token: podToken, ...next() }), AWAY)
    proxy.mode = 'open'
    await whenBack(() => tokenFor(cutOff, { ...brought(podToken), ...next() }))
    expect((await inquire(cutOff, '/revoke', { token: podToken, ...next() })).status).toBe(200)
    expect((await ask(podToken)).body['active']).toBe(false)
  })
})
