import { beforeAll, describe, expect, it } from 'vitest'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'
import { TrustDomain } from '../harness/workload.ts'

/** UC-45, UC-46: a draft is tried on what was asked, and a rule in shadow on what is asked, before either decides anything. */
const server = await startCambist()
const { clock, cluster, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const gateway = new SigningKey('ES256')
const stock = document('Target', 'stock', { audience: 'https://stock.example', scopes: ['stock:read'] })
const reads = document('Policy', 'checkout-reads-orders', {
  clients: ['checkout'],
  targets: ['orders'],
  scopes: ['orders:read'],
})
const acts = document('Policy', 'gateway-acts', {
  clients: ['gateway'],
  targets: ['orders'],
  scopes: ['orders:read'],
  delegation: { mode: 'delegate' },
})
const narrows = document('Policy', 'gateway-narrows', {
  clients: ['gateway'],
  targets: ['stock'],
  scopes: ['stock:read'],
  subject: { scopes: ['orders:read'] },
  delegation: { mode: 'delegate' },
})
await server.apply(
  ...baseDocuments(cluster),
  ...prod.trusted(us),
  document('Client', 'gateway', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } },
    audiences: ['https://orders.example'],
  }),
  document('Client', 'svc', { workloads: [{ issuer: 'prod', ids: [prod.id('svc')] }] }),
  stock,
  acts,
  narrows,
  document('Policy', 'svc-reads', { clients: ['svc'], targets: ['orders'], scopes: ['orders:read'] }),
)

const byGateway = (): Form => ({
  client_assertion: clientAssertion('gateway', gateway, us, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})
const exchange = async (form: Form = {}) => {
  const answer = await server.exchange(form)
  clock.advance(1)
  return answer
}

const replay = async (documents: readonly object[], more: object = {}) => {
  const response = await fetch(`${server.admin}/admin/v1/replay`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${server.adminToken}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ documents, since: '1h', ...more }),
  })
  const body = await response.json()
  expect(response.status, JSON.stringify(body)).toBe(200)
  return body as {
    judged: number
    changed: number
    newlyRefused: number
    newlyPermitted: number
    differently: number
    drifted: number
    undecided: { reasons: Record<string, number> }
    groups: {
      client: string
      subjectIssuer: string
      examples: string[]
      count: number
      draft: { reason: string; rules: readonly string[] }
    }[]
    notes: string[]
  }
}

const ids: Record<string, string> = {}

/** One of each kind of decision: found by its token, registered and acting, by an own token, by a SPIFFE ID; and refusals. */
beforeAll(async () => {
  const remember = async (name: string, form: Form) => {
    const answer = await exchange(form)
    ids[name] = answer.id
    return answer
  }
  await remember('reads', {})
  await remember('asks for too much', { scope: 'orders:write' })
  const acted = await remember('acts', byGateway())
  expect(acted.status).toBe(200)
  const narrowed = await remember('narrows', {
    ...byGateway(),
    subject_token: String(acted.body['access_token']),
    subject_token_type: TYPE.accessToken,
    audience: 'https://stock.example',
  })
  expect(narrowed.status).toBe(200)
  const svid = await remember('by SVID', { subject_token: prod.svid('svc', us) })
  expect(svid.status).toBe(200)
  await remember('is nobody', { subject_token: cluster.token({}, { serviceaccount: 'stranger' }) })
  await remember('comes late', { subject_token: cluster.token({ exp: clock.seconds() - 600 }) })
  await remember('is aimed at nothing', { audience: 'https://nowhere.example' })
})

describe('POST /admin/v1/replay over what was asked', () => {
  it('finds every decision as it was, where the documents are as they were (I6)', async () => {
    const same = await replay([acts, narrows, ...baseDocuments(cluster)])
    expect(same).toMatchObject({
      judged: 6,
      changed: 0,
      drifted: 0,
      groups: [],
      undecided: { reasons: { client_unknown: 1, expired: 1 } },
      notes: [],
    })
  })

  it('names the exchanges that a draft would refuse, and why', async () => {
    const { changed, newlyRefused, groups } = await replay([
      document('Policy', 'no-agents', { effect: 'forbid', actor: {}, targets: ['orders', 'stock'] }),
    ])
    expect({ changed, newlyRefused }).toEqual({ changed: 2, newlyRefused: 2 })
    const byExample = Object.fromEntries(groups.map((group) => [group.examples[0], group]))
    expect(byExample[ids['acts'] ?? '']).toMatchObject({ client: 'gateway', count: 1, draft: { reason: 'forbidden' } })
    expect(byExample[ids['narrows'] ?? '']).toMatchObject({ subjectIssuer: 'self', draft: { reason: 'forbidden' } })
  })

  it('names those that it would permit, and permits them once it is applied', async () => {
    const more = { ...reads, spec: { ...reads.spec, scopes: ['orders:read', 'orders:write'] } }
    const { newlyPermitted, groups } = await replay([more])
    expect([newlyPermitted, groups[0]?.examples]).toEqual([1, [ids['asks for too much']]])
    await expectRefusal(server, await exchange({ scope: 'orders:write' }), {
      ...{ status: 400, error: 'invalid_scope', reason: 'scope_denied' },
    })
    await server.apply(more)
    expect((await exchange({ scope: 'orders:write' })).status).toBe(200)
    expect(await replay([])).toMatchObject({ changed: 0, drifted: 2 })
    await server.apply(reads)
  })

  it('counts as refused whose issuer the draft does not believe (T22)', async () => {
    const [trusted] = prod.trusted(us) as { kind: string; metadata: { name: string }; spec: object }[]
    const { groups } = await replay([{ ...trusted, spec: { ...trusted?.spec, disabled: true } }])
    expect(groups.map(({ draft, examples }) => [draft.reason, examples])).toEqual([
      ['issuer_disabled', [ids['by SVID']]],
    ])
  })

  it('judges no other time than is asked for', async () => {
    clock.advance(10)
    expect(await replay([], { since: '9s' })).toMatchObject({ judged: 0 })
    expect(await replay([], { since: '8h', until: '7h' })).toMatchObject({ judged: 0 })
  })
})

describe('a rule in shadow', () => {
  const shadow = (name: string, spec: object) =>
    document('Policy', name, { mode: 'shadow', targets: ['orders'], ...spec })

  it('is recorded and changes nothing, and can be looked for', async () => {
    await server.apply(
      shadow('strict', { effect: 'forbid', clients: ['checkout'] }),
      shadow('soon', { clients: ['checkout'], scopes: ['orders:write'] }),
    )
    const granted = await exchange({ scope: 'orders:read' })
    expect(granted.status).toBe(200)
    expect(decode(String(granted.body['access_token'])).claims['scope']).toBe('orders:read')
    expect(await server.record(granted.id)).toMatchObject({
      outcome: 'granted',
      rules: ['checkout-reads-orders'],
      shadow: [{ rule: 'strict', outcome: 'forbid' }],
    })
    const refusedOne = await exchange({ scope: 'orders:write' })
    await expectRefusal(server, refusedOne, { status: 400, error: 'invalid_scope', reason: 'scope_denied' })
    expect((await server.record(refusedOne.id))['shadow']).toContainEqual({ rule: 'soon', outcome: 'permit' })

    const found = async (rule: string) => {
      const response = await server.adminGet(`/admin/v1/audit?since=1h&shadow=${rule}`)
      return ((await response.json()) as { items: { id: string }[] }).items.map(({ id }) => id)
    }
    expect(await found('strict')).toEqual([refusedOne.id, granted.id])
    expect(await found('soon')).toEqual([refusedOne.id])
    expect(await found('checkout-reads-orders')).toEqual([])

    const response = await server.adminGet('/admin/v1/shadow?since=1h')
    expect(await response.json()).toMatchObject({
      rules: [
        { rule: 'soon', effect: 'permit', matched: 1, otherwise: 1, examples: [refusedOne.id] },
        { rule: 'strict', effect: 'forbid', matched: 2, otherwise: 1, examples: [granted.id] },
      ],
    })
  })

  it('does what the record said it would once it is enforced, and a replay says so before', async () => {
    const enforced = document('Policy', 'strict', { effect: 'forbid', clients: ['checkout'], targets: ['orders'] })
    const { newlyRefused, groups } = await replay([enforced])
    expect(newlyRefused).toBe(groups.reduce((sum, { count }) => sum + count, 0))
    expect(
      groups.every(
        ({ client, draft }) => client === 'checkout' && draft.reason === 'forbidden' && draft.rules[0] === 'strict',
      ),
    ).toBe(true)
    await server.apply(enforced)
    await expectRefusal(server, await exchange(), { status: 400, error: 'invalid_target', reason: 'forbidden' })
  })
})
