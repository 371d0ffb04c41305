import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { SigningKey } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, database, issuer: us } = server
const jobs = new SigningKey('ES256')
const policy = (name: string, disabled: boolean) =>
  document('Policy', name, { disabled, clients: ['checkout', 'job'], targets: ['orders'], scopes: ['orders:read'] })
const further = [
  document('TrustedIssuer', 'jobs', {
    credential: 'jwt',
    issuer: 'https://jobs.test.example',
    audiences: [us],
    singleUse: true,
    keys: { jwks: { keys: [jobs.jwk] } },
  }),
  document('Client', 'job', { workloads: [{ issuer: 'jobs', ids: ['build'] }] }),
  policy('checkout-reads-orders', false),
]
await server.apply(...further)
/** Another node: it hears of a change some time after it is in force. */
const node = await startCambist({
  database,
  clock,
  env: { CAMBIST_ISSUER: us },
  documents: [...baseDocuments(cluster).slice(0, 3), ...further],
})

it('T41 grants nothing on any node under a rule whose end was acknowledged, however soon after', async () => {
  for (let round = 0; round < 10; round++) {
    await server.apply(policy('checkout-reads-orders', true))
    const off = await Promise.all(
      [node, server, node, node].map((at) => at.exchange({ subject_token: cluster.token() })),
    )
    for (const { id } of off) expect(await server.record(id)).toMatchObject({ reason: 'denied' })
    await node.apply(policy('checkout-reads-orders', false))
    const on = await Promise.all(
      [server, node, server, server].map((at) => at.exchange({ subject_token: cluster.token() })),
    )
    expect(on.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  }
})

it('T41 grants nothing that was begun after the end of a rule while others are under way', async () => {
  let ended = false
  const late: number[] = []
  let granted = 0
  let running = true
  const workers = Array.from({ length: 8 }, async (_, index) => {
    while (running) {
      const after = ended
      const { status } = await (index % 2 === 0 ? server : node).exchange({ subject_token: cluster.token() })
      if (after) late.push(status)
      else if (status === 200) granted++
    }
  })
  while (granted < 20) await server.get('/jwks')
  await server.apply(policy('checkout-reads-orders', true))
  ended = true
  while (late.length < 20) await server.get('/jwks')
  running = false
  await Promise.all(workers)
  expect(late.filter((status) => status === 200)).toEqual([])
  await server.apply(policy('checkout-reads-orders', false))
})

it('I2 takes a credential once also where the documents changed under it, and that once is not lost', async () => {
  for (let round = 0; round < 10; round++) {
    const now = clock.seconds()
    const subject = jobs.sign({
      iss: 'https://jobs.test.example',
      sub: 'build',
      aud: us,
      iat: now,
      exp: now + 60,
      jti: randomUUID(),
    })
    // The other node has not heard of this yet, and judges again.
    await server.apply(document('Target', 'other', { audience: `https://other-${round}.example` }))
    const answers = await Promise.all([node, node, server, node].map((at) => at.exchange({ subject_token: subject })))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400])
    const rows = await Promise.all(answers.map(({ id }) => server.record(id)))
    expect(rows.map(({ reason }) => reason).sort()).toEqual(['granted', 'replayed', 'replayed', 'replayed'])
  }
})
