import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { routesOf } from '../../src/admin/door.ts'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { freePorts } from '../harness/ports.ts'
import { Cluster, clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'
import { byDpop } from '../harness/workload.ts'

const [keysPort = 0] = await freePorts(1)
const server = await startCambist({ env: { CAMBIST_INSECURE_FETCH: `127.0.0.1:${keysPort}` } })
const { clock, cluster, database } = server

/** The key server of a second cluster, which counts who asks. */
const remote = new Cluster({ issuer: 'https://remote.example', audience: server.issuer, now: clock.seconds })
let fetches = 0
const keyServer = createServer((_, response) => {
  fetches++
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(remote.jwks))
}).listen(keysPort, '127.0.0.1')
afterAll(() => void keyServer.close())
expect((keyServer.address() as AddressInfo | null)?.port ?? keysPort).toBe(keysPort)

const till = new SigningKey('ES256')
await server.apply(
  ...baseDocuments(cluster),
  document('Client', 'billing', {
    workloads: [{ issuer: 'cluster', match: { serviceaccount: ['billing'] } }],
    audiences: ['https://orders.example'],
  }),
  document('Client', 'till', { authentication: { method: 'private_key_jwt', jwks: { keys: [till.jwk] } } }),
  document('Target', 'stock', {
    audience: 'https://stock.example',
    scopes: ['stock:read'],
    tokens: [{ kind: 'access-token', lifetime: '5m' }],
  }),
  document('Policy', 'billing-asks-stock', {
    clients: ['billing'],
    targets: ['stock'],
    scopes: ['stock:read'],
    subject: { issuers: ['self'], scopes: ['orders:read'] },
    delegation: { mode: 'delegate' },
  }),
  document('Policy', 'till-reads-orders', {
    clients: ['till'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
  document('Policy', 'night', { mode: 'shadow', effect: 'forbid', clients: ['checkout'] }),
)

interface Explained {
  readonly status: number
  readonly text: string
  readonly json: ReturnType<typeof JSON.parse>
}

async function explain(body: unknown, token = server.adminToken): Promise<Explained> {
  const response = await fetch(`${server.admin}/admin/v1/explain`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, text, json: JSON.parse(text) }
}

/** What the harness sends in an exchange, as explain takes it. */
const parametersOf = (form: Form = {}): Form => ({
  grant_type: TYPE.exchange,
  subject_token_type: TYPE.jwt,
  subject_token: cluster.token(),
  audience: 'https://orders.example',
  ...form,
})

const counts = async () =>
  (
    await database.query(
      'SELECT (SELECT count(*) FROM cambist.records) AS records, (SELECT count(*) FROM cambist.one_use_marks) AS marks, (SELECT version FROM cambist.state) AS version',
    )
  )[0]

const lastAction = async () => {
  const response = await server.adminGet('/admin/v1/actions?limit=1')
  return (await response.json()) as { items: { about: Record<string, unknown>; action: string; id: string }[] }
}

const as = (serviceaccount: string): Form => ({
  client_assertion: cluster.token({}, { serviceaccount }),
  client_assertion_type: TYPE.clientAssertion,
})

interface Refused {
  readonly stage: string
  readonly reason: string
  readonly form: Form
  readonly headers?: Record<string, string>
}

describe('POST /admin/v1/explain of a request (UC-26)', () => {
  it('says what the token endpoint would answer, and mints, marks and records nothing', async () => {
    const before = await counts()
    const parameters = parametersOf()
    const { status, json, text } = await explain({ parameters })
    expect(status).toBe(200)
    expect(json).toMatchObject({
      verdict: 'permitted',
      stage: 'decision',
      reason: 'granted',
      draft: false,
      decision: {
        client: 'checkout',
        rules: ['checkout-reads-orders'],
        shadow: [{ rule: 'night', outcome: 'forbid' }],
        granted: { targets: ['orders'], scopes: ['orders:read'], lifetime: 300 },
      },
      client: 'checkout',
      authentication: 'subject_token',
      subject: { issuer: 'cluster', kind: 'jwt' },
      lifetime: 300,
      marks: [],
      unasked: [],
    })
    expect(await counts()).toEqual(before)
    expect(text).not.toContain(String(parameters['subject_token']).slice(-40))
    const granted = await server.token(parameters)
    expect(granted.status).toBe(200)
    expect((await server.record(granted.id))['facts']).toEqual(json.facts)
  })

  it('says which marks an exchange would claim, and claims none (I2)', async () => {
    const assertion = clientAssertion('till', till, server.issuer, clock.seconds())
    const parameters = parametersOf({ client_assertion: assertion, client_assertion_type: TYPE.clientAssertion })
    const before = await counts()
    for (const _ of [1, 2]) {
      const { json } = await explain({ parameters })
      expect(json.verdict).toBe('permitted')
      expect(json.marks).toEqual([{ purpose: 'client-assertion', issuer: 'till', id: expect.any(String) }])
    }
    expect(await counts()).toEqual(before)
    expect((await server.token(parameters)).status).toBe(200)
    expect((await server.token(parameters)).status).not.toBe(200)
  })

  it('takes a proof of possession from the headers', async () => {
    const key = new SigningKey('ES256')
    const headers = byDpop(server, key)
    const { json } = await explain({ parameters: parametersOf(), headers })
    expect(json).toMatchObject({ verdict: 'permitted', decision: { granted: { binding: 'dpop' } } })
    expect(json.marks).toMatchObject([{ purpose: 'dpop' }])
  })

  const signedByAnother = new Cluster({ audience: server.issuer, now: clock.seconds })
  const over = { exp: clock.seconds() - 60, iat: clock.seconds() - 3000 }
  const byTill = (key: SigningKey): Form => ({
    client_assertion: clientAssertion('till', key, server.issuer, clock.seconds()),
    client_assertion_type: TYPE.clientAssertion,
  })
  const refusals: readonly Refused[] = [
    { stage: 'request', reason: 'parameter_missing', form: { subject_token: undefined } },
    { stage: 'request', reason: 'parameter_repeated', form: { scope: ['orders:read', 'orders:write'] } },
    { stage: 'request', reason: 'parameter_unexpected', form: { password: 'x' } },
    { stage: 'request', reason: 'grant_unsupported', form: { grant_type: 'password' } },
    { stage: 'request', reason: 'authentication_scheme', form: {}, headers: { Authorization: 'Basic dTpw' } },
    { stage: 'client', reason: 'signature_invalid', form: byTill(new SigningKey('ES256', till.kid)) },
    { stage: 'client', reason: 'client_unknown', form: { subject_token: cluster.token({}, { serviceaccount: 'x' }) } },
    { stage: 'client', reason: 'client_mismatch', form: { client_id: 'billing' } },
    { stage: 'subject', reason: 'token_malformed', form: { subject_token: 'x' } },
    {
      stage: 'subject',
      reason: 'issuer_unknown',
      form: { subject_token: cluster.token({ iss: 'https://x.example' }) },
    },
    { stage: 'subject', reason: 'key_unknown', form: { subject_token: signedByAnother.token() } },
    { stage: 'subject', reason: 'expired', form: { subject_token: cluster.token(over) } },
    { stage: 'subject', reason: 'audience_mismatch', form: { subject_token: cluster.token({ aud: ['else'] }) } },
    { stage: 'actor', reason: 'expired', form: { actor_token: cluster.token(over), actor_token_type: TYPE.jwt } },
    { stage: 'proof', reason: 'dpop_invalid', form: {}, headers: { DPoP: 'x' } },
    { stage: 'decision', reason: 'target_unknown', form: { audience: 'https://else.example' } },
    { stage: 'decision', reason: 'scope_denied', form: { scope: 'orders:write' } },
    {
      stage: 'token',
      reason: 'no_lifetime_left',
      form: { subject_token: cluster.token({ exp: clock.seconds() + 15, iat: clock.seconds() - 3000 }) },
    },
  ]

  it.each(refusals)(
    'says where it ends, by the words of the record: $stage, $reason',
    async ({ stage, reason, form, headers = {} }) => {
      const before = await counts()
      const sent = { parameters: parametersOf(form), headers }
      const { status, json, text } = await explain(sent)
      expect([status, json.verdict, json.stage, json.reason]).toEqual([200, 'refused', stage, reason])
      expect(await counts()).toEqual(before)
      const decided = ['decision', 'token'].includes(stage)
      expect([json.decision !== null, json.trace !== null, json.facts !== null]).toEqual([decided, decided, decided])
      const answer = await server.token(sent.parameters, sent.headers)
      const record = await server.record(answer.id)
      expect(record['reason']).toBe(reason)
      if (stage !== 'decision') expect(json.sentence).toContain(record['detail'])
      for (const token of [sent.parameters['subject_token'], sent.parameters['client_assertion']]) {
        if (typeof token === 'string' && token.length > 40) expect(text).not.toContain(token.slice(-40))
      }
      clock.advance(1)
    },
  )

  it('is itself on record before it is answered, without what was sent (I8)', async () => {
    const parameters = parametersOf({ scope: 'orders:write' })
    const response = await explain({ parameters })
    const { items } = await lastAction()
    expect(items).toMatchObject([
      {
        action: 'explain',
        administrator: 'bootstrap',
        about: { by: 'parameters', verdict: 'refused', reason: 'scope_denied', client: 'checkout' },
      },
    ])
    expect(items[0]?.about['subjectTokenHash']).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(JSON.stringify(items)).not.toContain(String(parameters['subject_token']).slice(-40))
    expect(response.status).toBe(200)
  })

  it('takes the role auditor, and no less', () => {
    const rows = routesOf({ documentKinds: [], formats: { credentialKinds: [], tokenKinds: [] } } as never)
    const row = (path: string) => rows.find((each) => each.path === path)
    expect([row('/admin/v1/explain')?.role, row('/admin/v1/actions')?.role]).toEqual(['auditor', 'auditor'])
  })

  it('lets nobody in without a token', async () => {
    expect((await explain({ parameters: {} }, 'x')).status).toBe(401)
  })
})

describe('by a draft', () => {
  const fix = document('Policy', 'checkout-writes-orders', {
    clients: ['checkout'],
    targets: ['orders'],
    scopes: ['orders:write'],
  })

  it('judges by the draft over what is in force, and puts nothing in force', async () => {
    const parameters = parametersOf({ scope: 'orders:write' })
    const before = await counts()
    expect((await explain({ parameters })).json.verdict).toBe('refused')
    const { json } = await explain({ parameters, documents: [fix] })
    expect(json).toMatchObject({ verdict: 'permitted', draft: true, decision: { rules: ['checkout-writes-orders'] } })
    expect((await explain({ parameters })).json.verdict).toBe('refused')
    expect(await counts()).toEqual(before)
    expect((await lastAction()).items[0]?.about).not.toHaveProperty('draft')
    await explain({ parameters, documents: [fix] })
    expect((await lastAction()).items[0]?.about['draft']).toEqual(['Policy/checkout-writes-orders'])
  })

  it('finds the faults that apply finds, with their places', async () => {
    const wrong = [
      document('Policy', 'x', { clients: ['chekout'], targets: ['orders'], scops: [] }),
      { ...fix, metadata: { name: 'A' } },
    ]
    const applied = await fetch(`${server.admin}/admin/v1/apply?dryRun=true`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${server.adminToken}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(wrong),
    })
    const { status, json } = await explain({ parameters: parametersOf(), documents: wrong })
    expect([status, applied.status]).toEqual([400, 400])
    expect(json.faults).toEqual(((await applied.json()) as { faults: unknown }).faults)
    const one = await explain({ facts: { subject: { issuer: 'cluster', subject: 'x' } }, documents: wrong.slice(0, 1) })
    expect(one.json.faults).toContainEqual({
      kind: 'Policy',
      name: 'x',
      path: 'spec.scops',
      message: expect.stringContaining('did you mean `scopes`?'),
    })
  })

  it('causes no fetch: a key that would need one is said to (T26)', async () => {
    const issuer = document('TrustedIssuer', 'remote', {
      preset: 'kubernetes',
      issuer: remote.issuer,
      audiences: [server.issuer],
      keys: { jwksUri: `http://127.0.0.1:${keysPort}/jwks` },
    })
    const client = document('Client', 'remote-checkout', {
      workloads: [{ issuer: 'remote', match: { serviceaccount: ['checkout'] } }],
    })
    const parameters = parametersOf({ subject_token: remote.token() })
    const asked = { parameters, documents: [issuer, client] }
    const { json } = await explain(asked)
    expect(json).toMatchObject({
      verdict: 'refused',
      stage: 'subject',
      reason: 'keys_unavailable',
      unasked: [{ issuer: 'remote', what: 'keys' }],
    })
    expect(json.sentence).toContain('a draft causes no fetch')
    expect(fetches).toBe(0)

    await server.apply(issuer, client)
    expect((await explain({ parameters })).json.reason).toBe('denied')
    expect(fetches).toBe(1)
    const cached = await explain({
      parameters,
      documents: [
        document('Policy', 'remote-too', {
          clients: ['remote-checkout'],
          targets: ['orders'],
          scopes: ['orders:read'],
        }),
      ],
    })
    expect(cached.json).toMatchObject({ verdict: 'permitted', unasked: [] })
    expect(fetches).toBe(1)
  })
})

describe('of facts', () => {
  const facts = {
    client: 'checkout',
    subject: {
      issuer: 'cluster',
      subject: 'system:serviceaccount:shop:checkout',
      attributes: { namespace: 'shop', serviceaccount: 'checkout' },
    },
    audiences: ['https://orders.example'],
    scopes: ['orders:read'],
  }

  it('judges what nobody has asked yet', async () => {
    const { json } = await explain({ facts })
    expect(json).toMatchObject({
      verdict: 'permitted',
      stage: 'decision',
      decision: { client: 'checkout', rules: ['checkout-reads-orders'] },
    })
    const { client: _, ...found } = facts
    expect((await explain({ facts: found })).json).toMatchObject({
      verdict: 'permitted',
      decision: { client: 'checkout' },
    })
    const refused = await explain({ facts: { ...facts, scopes: ['orders:write'] } })
    expect(refused.json).toMatchObject({ verdict: 'refused', reason: 'scope_denied' })
  })

  it('takes the facts of a record as they are', async () => {
    const { id } = await server.exchange()
    const record = await server.record(id)
    const { json } = await explain({ facts: record['facts'] })
    expect(json).toMatchObject({ verdict: 'permitted', facts: record['facts'] })
  })

  it('says who is no client, as the road would', async () => {
    const { client: _, ...rest } = facts
    const nobody = await explain({ facts: { ...rest, subject: { issuer: 'cluster', subject: 'x' } } })
    expect(nobody.json).toMatchObject({ verdict: 'refused', stage: 'client', reason: 'client_unknown', decision: null })
    const ours = await explain({ facts: { ...rest, subject: { issuer: 'self', subject: 'x' } } })
    expect(ours.json).toMatchObject({ stage: 'client', reason: 'client_required' })
  })

  it.each([
    [{}, 'facts.subject', 'is a mapping such as'],
    [{ ...facts, scope: 'x' }, 'facts.scope', 'did you mean `scopes`?'],
    [{ ...facts, client: 'chekout' }, 'facts.client', 'did you mean checkout?'],
    [{ ...facts, client: 7 }, 'facts.client', 'is the name of a client'],
    [{ ...facts, subject: { ...facts.subject, issuer: 'clusterr' } }, 'facts.subject.issuer', 'did you mean cluster?'],
    [
      { ...facts, subject: { ...facts.subject, attributes: { namespce: 'shop' } } },
      'facts.subject.attributes.namespce',
      'did you mean namespace?',
    ],
    [{ ...facts, time: 'yesterday' }, 'facts.time', 'is a moment such as'],
    [{ ...facts, grant: 'x' }, 'facts.grant', 'is one of'],
  ])('names the field, the value and the remedy of what it cannot take: %j', async (wrong, path, message) => {
    const { status, json } = await explain({ facts: wrong })
    expect(status).toBe(400)
    expect(json.faults).toContainEqual({ kind: '', name: '', path, message: expect.stringContaining(message) })
  })
})

describe('of a recorded exchange (I6)', () => {
  it('decides by the documents of then, whatever is in force now', async () => {
    const granted = await server.exchange()
    const { version } = await server.apply(
      document('Policy', 'checkout-reads-orders', { disabled: true, clients: ['checkout'], targets: ['orders'] }),
    )
    try {
      expect((await explain({ parameters: parametersOf() })).json.verdict).toBe('refused')
      const { json } = await explain({ audit: granted.id })
      expect(json).toMatchObject({ verdict: 'permitted', same: true, differences: [], draft: false })
      expect(json.version).toBeLessThan(version)
      expect(json.recorded).toMatchObject({ verdict: 'permitted', reason: 'granted', rules: ['checkout-reads-orders'] })
      const drafted = await explain({
        audit: granted.id,
        documents: [document('Policy', 'x', { effect: 'forbid', clients: ['billing'] })],
      })
      expect(drafted.json).toMatchObject({
        verdict: 'refused',
        same: false,
        differences: ['verdict'],
        draft: true,
        version,
      })
    } finally {
      await server.apply(...baseDocuments(cluster))
    }
  })

  it('says of one that was refused before a decision that nothing was decided', async () => {
    const { id } = await server.exchange({ subject_token: cluster.token({ aud: ['else'] }) })
    const { json } = await explain({ audit: id })
    expect(json).toMatchObject({
      stage: 'undecided',
      reason: 'audience_mismatch',
      decision: null,
      replayed: null,
      same: null,
    })
    expect(json.sentence).toContain('nothing was decided')
    clock.advance(1)
  })

  it('keeps apart what was decided and what came afterwards', async () => {
    const assertion = clientAssertion('till', till, server.issuer, clock.seconds())
    const parameters = parametersOf({ client_assertion: assertion, client_assertion_type: TYPE.clientAssertion })
    await server.token(parameters)
    const { id } = await server.token(parameters)
    const { json } = await explain({ audit: id })
    expect(json.recorded).toMatchObject({ verdict: null, reason: 'replayed', rules: ['till-reads-orders'] })
    expect(json).toMatchObject({ verdict: 'permitted', same: true, differences: [] })
  })

  it('shows where a token of ours comes from, and whether its path agrees (UC-46)', async () => {
    const first = await server.exchange()
    const own = {
      subject_token: String(first.body['access_token']),
      subject_token_type: TYPE.accessToken,
      ...as('billing'),
      audience: 'https://stock.example',
      scope: 'stock:read',
    }
    const second = await server.exchange(own)
    expect(second.body).toHaveProperty('access_token')
    const lineage = {
      id: first.id,
      path: ['checkout'],
      agrees: true,
      more: false,
      exchanges: [
        { id: first.id, client: 'checkout' },
        { id: second.id, client: 'billing' },
      ],
    }
    expect((await explain({ parameters: parametersOf({ ...own, ...as('billing') }) })).json).toMatchObject({
      verdict: 'permitted',
      lineage,
    })
    expect((await explain({ audit: second.id })).json).toMatchObject({ verdict: 'permitted', same: true, lineage })
  })

  it.each(['x', '01900000-0000-7000-8000-000000000001'])(
    'has nothing to say of an id that no record has: %s',
    async (audit) => {
      expect((await explain({ audit })).status).toBe(404)
    },
  )
})

describe('bad bodies change nothing and are answered with a problem', () => {
  it.each([
    ['[]', 'is not a JSON object'],
    ['{"audit": "x"', 'is not a JSON object'],
    [{}, 'write exactly one of parameters, facts and audit'],
    [{ audit: 'x', parameters: {} }, 'parameters and audit'],
    [{ audit: 'x', headers: {} }, 'is of a request'],
    [{ audits: 'x' }, 'did you mean `audit`?'],
    [{ parameters: { scope: 7 } }, 'is a text'],
    [{ parameters: [] }, 'parameters'],
    [{ parameters: {}, headers: { DPop2: 'x' } }, 'no header field that the token endpoint reads; did you mean dpop?'],
    [{ parameters: {}, certificate: 'x' }, "write the client's certificate in PEM"],
    [{ parameters: {}, documents: {} }, 'is a list of documents'],
  ])('%j', async (body, message) => {
    const before = [await counts(), await lastAction()]
    const { status, json } = await explain(body)
    expect([status, json.status]).toEqual([400, 400])
    expect(JSON.stringify(json)).toContain(JSON.stringify(message).slice(1, -1))
    expect([await counts(), await lastAction()]).toEqual(before)
  })
})
