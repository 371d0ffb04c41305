/** F2, F3: a database that says nothing any more, to whoever has a token taken back or asks about one. */
import { expect, it } from 'vitest'
import { Secret } from '../../src/lib/secret.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { databaseProxy } from '../harness/database-proxy.ts'
import { inquire, tokenFor } from '../harness/inquiries.ts'
import { expectWire } from '../harness/refusal.ts'
import { TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, database, issuer } = server
const audiences = ['https://orders.example', 'https://vault.example']
await server.apply(
  document('Client', 'pods', { workloads: [{ issuer: 'cluster', match: { serviceaccount: ['pod'] } }], audiences }),
  document('Target', 'vault', { audience: 'https://vault.example', tokens: [{ kind: 'opaque' }] }),
  document('Policy', 'pods', { clients: ['pods'], targets: ['orders', 'vault'], scopes: ['orders:read'] }),
)
const proxy = await databaseProxy(database.url)
const node = await startCambist({
  ...{ clock, cluster, documents: [], env: { CAMBIST_ISSUER: issuer } },
  database: { ...database, address: new Secret(proxy.url) },
})

/** By what is used again and again, so that nothing has to be written to know who asks. */
const pod = () => ({
  client_assertion: cluster.token({}, { serviceaccount: 'pod' }),
  client_assertion_type: TYPE.clientAssertion,
})
const tokenOf = (audience: string) =>
  tokenFor(server, { subject_token: cluster.token({}, { serviceaccount: 'pod' }), audience })

it('F2, F3: all are told to come back within seconds, and nothing is half done', async () => {
  const [token, ...others] = await Promise.all(Array.from({ length: 6 }, () => tokenOf('https://orders.example')))
  const opaque = await tokenOf('https://vault.example')
  const isActive = async () => (await inquire(node, '/introspect', { token, ...pod() })).body['active']
  expect(await isActive()).toBe(true)
  proxy.mode = 'mute'
  const began = performance.now()
  const answers = await Promise.all([
    inquire(node, '/introspect', { token: opaque, ...pod() }),
    ...[token, ...others].map((each) => inquire(node, '/revoke', { token: each, ...pod() })),
  ])
  expect(performance.now() - began).toBeLessThan(6000)
  for (const answer of answers) expectWire(answer, { status: 503, error: 'temporarily_unavailable' })
  proxy.mode = 'open'
  proxy.cut()
  expect(await isActive()).toBe(true)
  await expect
    .poll(async () => (await inquire(node, '/revoke', { token, ...pod() })).status, { timeout: 10_000 })
    .toBe(200)
  expect(await isActive()).toBe(false)
})
