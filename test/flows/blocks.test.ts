import { randomUUID } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Answer, baseDocuments, document, type Form, startCambist, type TestServer } from '../harness/cambist.ts'
import { thumbprintOf } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'
import { ask, byDpop, TrustDomain, witAndWpt } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, database, issuer: us } = server
const trustDomain = new URL(us).hostname
const portal = new SigningKey('ES256')
const registered = new SigningKey('ES256')
const prod = new TrustDomain(clock.seconds)
const PORTAL = 'https://portal.test.example'
const documents = [
  ...baseDocuments(cluster),
  document('Client', 'billing', {
    workloads: [{ issuer: 'cluster', match: { serviceaccount: ['billing'] } }],
    audiences: ['https://orders.example'],
  }),
  document('Client', 'shop', { workloads: [{ issuer: 'cluster', match: { namespace: ['shop'] } }] }),
  document('Client', 'registered', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } },
    audiences: ['https://orders.example'],
  }),
  document('TrustedIssuer', 'portal', {
    credential: 'jwt',
    issuer: PORTAL,
    audiences: [us],
    act: 'keep',
    algorithms: ['ES256'],
    keys: { jwks: { keys: [portal.jwk] } },
  }),
  ...prod.trusted(us),
  document('Client', 'fleet', {
    authentication: { method: 'spiffe_jwt', issuer: 'prod', spiffeId: prod.id('fleet/*') },
  }),
  document('Client', 'also-fleet', { workloads: [{ issuer: 'prod', ids: [prod.id('fleet/1')] }] }),
  document('Client', 'svc', { workloads: [{ issuer: 'prod-wit', ids: [prod.id('svc')] }] }),
  document('Policy', 'all', {
    clients: ['*'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate', maxDepth: 4 },
  }),
]
await server.apply(...documents)
/** Another node, which hears of changes a moment later. */
const node = await startCambist({ database, clock, env: { CAMBIST_ISSUER: us }, documents })
const nodes = [server, node]

const idOf = (serviceaccount: string): string =>
  `wimse://${trustDomain}/cluster/${encodeURIComponent(`system:serviceaccount:shop:${serviceaccount}`)}`
const pod = (serviceaccount: string, uid?: string): string =>
  cluster.token({}, uid === undefined ? { serviceaccount } : { serviceaccount, uid })
const as = (serviceaccount: string, uid?: string): Form => ({
  client_assertion: pod(serviceaccount, uid),
  client_assertion_type: TYPE.clientAssertion,
})
const own = (token: string): Form => ({ subject_token: token, subject_token_type: TYPE.accessToken })
const user = (changes: object = {}): string => {
  const now = clock.seconds()
  return portal.sign({ iss: PORTAL, sub: 'alice', aud: us, iat: now, exp: now + 600, jti: randomUUID(), ...changes })
}

interface Made {
  readonly version: number
  readonly block: { readonly id: string; readonly match: Record<string, string>; readonly expires: string | null }
  readonly revoked: number
  readonly lineages: number
}

/** Blocks, and lifts the block when the test is done. */
async function block(
  match: object,
  { expires, at = server }: { expires?: string; at?: TestServer } = {},
): Promise<Made> {
  const { status, json } = await at.adminSend('POST', '/admin/v1/blocks', { match, reason: 'taken over', expires })
  expect(json).toMatchObject({ block: { match } })
  expect(status).toBe(200)
  const made = json as unknown as Made
  onTestFinished(() => lift(made))
  return made
}

const lift = async ({ block: { id } }: Made): Promise<void> => {
  await server.adminSend('DELETE', `/admin/v1/blocks/${id}`)
}

async function issue(form: Form, at = server): Promise<{ token: string; id: string; lineage: string }> {
  const { body, id, status } = await at.exchange(form)
  expect(status, JSON.stringify(body)).toBe(200)
  const token = String(body['access_token'])
  return { token, id, lineage: String(decode(token).claims['cambist_lineage']) }
}

const CREDENTIAL = { status: 400, error: 'invalid_request', reason: 'blocked' } as const
const CLIENT = { status: 401, error: 'invalid_client', reason: 'blocked' } as const
const REVOKED = { status: 400, error: 'invalid_request', reason: 'revoked' } as const

async function expectBlocked(answer: Answer, made: Made, expected: typeof CREDENTIAL | typeof CLIENT = CREDENTIAL) {
  const record = await expectRefusal(server, answer, expected)
  expect(record['detail']).toContain(made.block.id)
  expect(record['detail']).toContain('taken over')
  return record
}

describe('UC-46 one workload is blocked, its neighbours go on', () => {
  it('one of three pods, by its instance', async () => {
    const pods = [randomUUID(), randomUUID(), randomUUID()] as const
    const asked = (uid: string, at: TestServer) => at.exchange({ subject_token: pod('checkout', uid) })
    for (const at of nodes) for (const uid of pods) expect((await asked(uid, at)).status).toBe(200)
    const made = await block({ instance: pods[1] }, { at: node })
    expect(made).toMatchObject({ revoked: 2, lineages: 2 })
    for (const at of nodes) {
      const record = await expectBlocked(await asked(pods[1], at), made)
      // The refusal is on the record with whom it met.
      expect(record['subject']).toMatchObject({ id: idOf('checkout'), instance: pods[1] })
      for (const uid of [pods[0], pods[2]]) expect((await asked(uid, at)).status).toBe(200)
      // Nor as a client, nor as an actor.
      await expectBlocked(await at.exchange({ subject_token: user(), ...as('checkout', pods[1]) }), made, CLIENT)
      const acting = { actor_token: pod('checkout', pods[1]), actor_token_type: TYPE.jwt }
      await expectBlocked(await at.exchange({ subject_token: user(), ...acting }), made)
    }
    await lift(made)
    for (const at of nodes) expect((await asked(pods[1], at)).status).toBe(200)
  })
})

describe('a block on a subject (T22)', () => {
  it('reaches it as subject, as client, as actor, and as an actor that a token names, on every node', async () => {
    const delegated = await issue({ subject_token: user(), ...as('billing') })
    const further = await issue({ ...own(delegated.token), ...as('billing') })
    const named = () => user({ act: { sub: 'system:serviceaccount:shop:billing', iss: cluster.issuer } })
    const nested = () => user({ act: { sub: 'bot', act: { sub: idOf('billing') } } })
    const ways: readonly (readonly [Form, typeof CREDENTIAL | typeof CLIENT])[] = [
      [{ subject_token: pod('billing') }, CREDENTIAL],
      [{ subject_token: user(), ...as('billing') }, CLIENT],
      [{ subject_token: user(), actor_token: pod('billing'), actor_token_type: TYPE.jwt }, CREDENTIAL],
      [{ subject_token: named(), ...as('checkout') }, CREDENTIAL],
      [{ subject_token: nested(), ...as('checkout') }, CREDENTIAL],
      [{ ...own(delegated.token), ...as('checkout') }, CREDENTIAL],
      [{ ...own(further.token), ...as('checkout') }, CREDENTIAL],
    ]
    const made = await block({ subject: idOf('billing') })
    for (const at of nodes)
      for (const [form, expected] of ways) await expectBlocked(await at.exchange(renew(form)), made, expected)
    // Others with the same words in other places go on.
    const other = { subject_token: user({ act: { sub: 'system:serviceaccount:shop:billing' } }), ...as('checkout') }
    expect((await node.exchange(other)).status).toBe(200)
    expect((await node.exchange({ subject_token: pod('checkout') })).status).toBe(200)
  })

  it('takes back every living token of a lineage that has it at any hop, also those of others, and for good', async () => {
    const first = await issue({ subject_token: user(), ...as('checkout'), scope: 'orders:read' })
    const stranger = await issue({ subject_token: user(), ...as('checkout') })
    // Billing has come by at one hop; the first token and the last one do not name it.
    const middle = await issue({ ...own(first.token), ...as('billing') })
    expect(middle.lineage).toBe(first.lineage)
    const made = await block({ subject: idOf('billing') }, { at: node })
    expect(made).toMatchObject({ revoked: 2, lineages: 1 })
    for (const at of nodes) {
      const record = await expectRefusal(server, await at.exchange({ ...own(first.token), ...as('checkout') }), REVOKED)
      expect(record['detail']).toContain(`block ${made.block.id}: taken over`)
      await expectBlocked(await at.exchange({ ...own(middle.token), ...as('checkout') }), made)
      expect((await at.exchange({ ...own(stranger.token), ...as('checkout') })).status).toBe(200)
    }
    await lift(made)
    for (const at of nodes) {
      expect((await at.exchange({ subject_token: pod('billing') })).status).toBe(200)
      await expectRefusal(server, await at.exchange({ ...own(first.token), ...as('checkout') }), REVOKED)
      await expectRefusal(server, await at.exchange({ ...own(middle.token), ...as('billing') }), REVOKED)
    }
  })

  const renew = (form: Form): Form => ({
    ...form,
    ...('client_assertion' in form &&
    decode(String(form['client_assertion'])).claims['sub']?.toString().endsWith('billing')
      ? as('billing')
      : 'client_assertion' in form
        ? as('checkout')
        : {}),
  })
})

describe('a block on a client', () => {
  it('reaches it by name, however it comes, whichever name the request says', async () => {
    const made = await block({ client: 'checkout' })
    for (const at of nodes) {
      for (const form of [{}, { client_id: 'shop' }, { client_id: 'checkout' }])
        await expectBlocked(await at.exchange({ subject_token: pod('checkout'), ...form }), made, CLIENT)
      const answer = await at.exchange({ subject_token: user(), ...as('checkout') })
      await expectBlocked(answer, made, CLIENT)
      // No word of what a disabled client would not be told (T25).
      expect(answer.body['error_description']).toBe(
        'The client is not known here. Ask the administrator with this request id.',
      )
      expect((await at.exchange({ subject_token: pod('billing') })).status).toBe(200)
    }
  })

  it('denies also where its workload comes in as another client, by a way that it does not authenticate by (T45)', async () => {
    const asked = (at: TestServer) => at.exchange({ subject_token: prod.svid('fleet/1', us) })
    for (const at of nodes) expect((await asked(at)).status).toBe(200)
    const made = await block({ client: 'fleet' })
    for (const at of nodes) await expectBlocked(await asked(at), made, CLIENT)
  })

  it('reaches a registered client, and what has passed it', async () => {
    const assertion = () => ({
      client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
    })
    const first = await issue({ subject_token: user(), ...as('billing') })
    const passed = await issue({ ...own(first.token), ...assertion() })
    const made = await block({ client: 'registered' })
    expect(made).toMatchObject({ revoked: 2, lineages: 1 })
    for (const at of nodes) {
      await expectBlocked(await at.exchange({ subject_token: user(), ...assertion() }), made, CLIENT)
      await expectBlocked(await at.exchange({ ...own(passed.token), ...as('billing') }), made)
      await expectRefusal(server, await at.exchange({ ...own(first.token), ...as('billing') }), REVOKED)
    }
  })
})

describe('a block on one credential, a key, a chain, an issuer', () => {
  it('issuer and jti mean one credential of that issuer', async () => {
    const jti = randomUUID()
    const token = () => user({ jti })
    const given = await issue({ subject_token: token(), ...as('checkout') })
    const made = await block({ issuer: 'portal', jti })
    expect(made).toMatchObject({ revoked: 1, lineages: 1 })
    for (const at of nodes) {
      await expectBlocked(await at.exchange({ subject_token: token(), ...as('checkout') }), made)
      await expectRefusal(server, await at.exchange({ ...own(given.token), ...as('checkout') }), REVOKED)
      expect((await at.exchange({ subject_token: user(), ...as('checkout') })).status).toBe(200)
      // The same jti of another issuer is another credential.
      expect((await at.exchange({ subject_token: cluster.token({ jti }) })).status).toBe(200)
    }
  })

  it('issuer and hash mean one credential, in each spelling of its signature (T11)', async () => {
    const token = user()
    const twin = respelt(token)
    const [one, two] = [
      await issue({ subject_token: token, ...as('checkout') }),
      await issue({ subject_token: twin, ...as('checkout') }),
    ]
    const hash = String((await server.record(one.id))['subjectTokenHash'])
    const made = await block({ issuer: 'portal', tokenHash: hash })
    expect(made).toMatchObject({ revoked: 2, lineages: 2 })
    for (const at of nodes) {
      for (const text of [token, twin])
        await expectBlocked(await at.exchange({ subject_token: text, ...as('checkout') }), made)
      for (const given of [one, two])
        await expectRefusal(server, await at.exchange({ ...own(given.token), ...as('checkout') }), REVOKED)
      expect((await at.exchange({ subject_token: user(), ...as('checkout') })).status).toBe(200)
    }
  })

  it('a token of ours by its jti, with all of its lineage', async () => {
    const [first, other] = [await issue({}), await issue({})]
    const made = await block({ issuer: 'self', jti: first.id })
    expect(made).toMatchObject({ revoked: 1, lineages: 1 })
    await expectBlocked(await node.exchange({ ...own(first.token), ...as('checkout') }), made)
    await lift(made)
    await expectRefusal(server, await node.exchange({ ...own(first.token), ...as('checkout') }), REVOKED)
    expect((await node.exchange({ ...own(other.token), ...as('checkout') })).status).toBe(200)
  })

  it('a key that is proven by DPoP, or is in a workload identity token', async () => {
    const [stolen, good] = [new SigningKey('ES256'), new SigningKey('ES256')]
    const byKey = (at: TestServer, key: SigningKey) =>
      ask(at, { subject_token: pod('checkout') }, () => byDpop(server, key))
    const byWit = (at: TestServer, key: SigningKey) =>
      ask(at, { subject_token: user() }, (body) => witAndWpt(server, key, prod.wit('svc', key), body))
    for (const asked of [byKey, byWit]) {
      const { id } = await asked(server, stolen)
      expect(await server.record(id)).toMatchObject({ outcome: 'granted', keys: [thumbprintOf(stolen)] })
    }
    const made = await block({ key: thumbprintOf(stolen) })
    expect(made).toMatchObject({ revoked: 2, lineages: 2 })
    for (const at of nodes) {
      await expectBlocked(await byKey(at, stolen), made)
      await expectBlocked(await byWit(at, stolen), made, CLIENT)
      expect((await byKey(at, good)).status).toBe(200)
      expect((await byWit(at, good)).status).toBe(200)
    }
  })

  it('a key that a grant asks to have its token bound to, whoever brings the grant', async () => {
    const [stolen, good, peer] = [new SigningKey('ES256'), new SigningKey('ES256'), new SigningKey('ES256')]
    const PEER = 'https://peer.test.example'
    await server.apply(
      document('TrustedIssuer', 'peer', {
        ...{ credential: 'authorization-grant', issuer: PEER, audiences: [us], algorithms: ['ES256'] },
        keys: { jwks: { keys: [peer.jwk] } },
      }),
      document('Client', 'registered', {
        authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } },
        ...{ audiences: ['https://orders.example'], grants: ['token-exchange', 'jwt-bearer'] },
      }),
    )
    const bring = (at: TestServer, key: SigningKey) => {
      const life = { iat: clock.seconds(), exp: clock.seconds() + 60, jti: randomUUID() }
      const bound = { scope: 'orders:read', requested_cnf: { jkt: thumbprintOf(key) } }
      return at.token({
        ...{ grant_type: TYPE.jwtBearer, audience: 'https://orders.example' },
        assertion: peer.sign(
          { iss: PEER, sub: 'job', aud: us, ...life, ...bound },
          { typ: 'cambist-authorization-grant+jwt' },
        ),
        client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
        client_assertion_type: TYPE.clientAssertion,
      })
    }
    const { id, body } = await bring(server, stolen)
    expect(decode(String(body['access_token'])).claims['cnf']).toEqual({ jkt: thumbprintOf(stolen) })
    expect(await server.record(id)).toMatchObject({ outcome: 'granted', keys: [thumbprintOf(stolen)] })
    const made = await block({ key: thumbprintOf(stolen) })
    expect(made).toMatchObject({ revoked: 1, lineages: 1 })
    for (const at of nodes) {
      const record = await expectRefusal(server, await bring(at, stolen), { error: 'invalid_grant', reason: 'blocked' })
      expect(record['detail']).toContain(made.block.id)
      expect((await bring(at, good)).status).toBe(200)
    }
  })

  it('a chain of exchanges, and no other', async () => {
    const [first, other] = [await issue({}), await issue({})]
    const next = await issue({ ...own(first.token), ...as('billing') })
    const made = await block({ lineage: first.lineage })
    expect(made).toMatchObject({ revoked: 2, lineages: 1 })
    for (const at of nodes) {
      for (const given of [first, next])
        await expectBlocked(await at.exchange({ ...own(given.token), ...as('billing') }), made)
      expect((await at.exchange({ ...own(other.token), ...as('checkout') })).status).toBe(200)
    }
  })

  it('an issuer, in every position, and what it began', async () => {
    const given = await issue({ subject_token: user(), ...as('checkout') })
    const made = await block({ issuer: 'portal' })
    expect(made.lineages).toBeGreaterThan(0)
    for (const at of nodes) {
      await expectBlocked(await at.exchange({ subject_token: user(), ...as('checkout') }), made)
      await expectRefusal(server, await at.exchange({ ...own(given.token), ...as('checkout') }), REVOKED)
      expect((await at.exchange({ subject_token: pod('checkout') })).status).toBe(200)
    }
  })
})

describe('the end of a block', () => {
  it('comes at its time, by the clock of the road, and not a second before', async () => {
    const uid = randomUUID()
    const made = await block({ instance: uid }, { expires: '1h' })
    expect(made.block.expires).toBe(new Date(clock.now() + 3_600_000).toISOString())
    await expectBlocked(await node.exchange({ subject_token: pod('checkout', uid) }), made)
    clock.advance(3598)
    await expectBlocked(await node.exchange({ subject_token: pod('checkout', uid) }), made)
    clock.advance(1)
    for (const at of nodes) expect((await at.exchange({ subject_token: pod('checkout', uid) })).status).toBe(200)
    const listed = (await (await server.adminGet('/admin/v1/blocks')).json()) as { items: { id: string }[] }
    expect(listed.items.map(({ id }) => id)).not.toContain(made.block.id)
  })

  it('of two blocks on one thing the longer counts, and each is lifted alone', async () => {
    const uid = randomUUID()
    const short = await block({ instance: uid }, { expires: '5m' })
    const long = await block({ instance: uid }, { expires: new Date(clock.now() + 7_200_000).toISOString() })
    clock.advance(600)
    await expectBlocked(await node.exchange({ subject_token: pod('checkout', uid) }), long)
    await lift(short)
    await expectBlocked(await node.exchange({ subject_token: pod('checkout', uid) }), long)
    await lift(long)
    expect((await node.exchange({ subject_token: pod('checkout', uid) })).status).toBe(200)
    expect((await server.adminSend('DELETE', `/admin/v1/blocks/${long.block.id}`)).status).toBe(404)
  })
})

/** The same token under the other signature that its signer could have made. */
function respelt(token: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const [header, payload, signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = order - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
  return `${header}.${payload}.${other.toString('base64url')}`
}

describe('a block and what is under way', () => {
  it('grants nothing that begins after its answer, and takes back all that began before', async () => {
    const uid = randomUUID()
    const granted: string[] = []
    const late: number[] = []
    let acknowledged = false
    let running = true
    const workers = Array.from({ length: 8 }, async (_, index) => {
      while (running) {
        const after = acknowledged
        const answer = await (nodes[index % 2] ?? server).exchange({ subject_token: pod('checkout', uid) })
        if (after) late.push(answer.status)
        if (answer.status === 200) granted.push(String(answer.body['access_token']))
      }
    })
    while (granted.length < 20) await server.get('/jwks')
    const made = await block({ instance: uid }, { at: node })
    acknowledged = true
    while (late.length < 20) await server.get('/jwks')
    running = false
    await Promise.all(workers)
    expect(late.filter((status) => status === 200)).toEqual([])
    expect(made.lineages).toBe(granted.length)
    await lift(made)
    // Whatever was given out is of a lineage that was revoked: nothing has escaped between the two.
    const brought = await Promise.all(granted.map((token) => server.exchange({ ...own(token), ...as('checkout') })))
    expect(brought.filter(({ status }) => status === 200)).toEqual([])
  })

  it('takes no longer where the register has not read the record yet, and finds the same where it has', async () => {
    const [one, two] = [randomUUID(), randomUUID()]
    for (const uid of [one, two]) for (let n = 0; n < 3; n++) await issue({ subject_token: pod('checkout', uid) })
    expect(await block({ instance: one })).toMatchObject({ revoked: 3, lineages: 3 })
    expect(await server.project()).toBeGreaterThan(5)
    expect(await block({ instance: two })).toMatchObject({ revoked: 3, lineages: 3 })
  })

  it('finds a lineage by an old hop for as long as its first token lives, and no longer', async () => {
    await server.apply(
      document('Target', 'slow', {
        audience: 'https://slow.example',
        scopes: ['a'],
        defaultScopes: ['a'],
        tokens: [{ kind: 'access-token', lifetime: '5h' }],
      }),
      document('Policy', 'slow', {
        clients: ['*'],
        targets: ['slow'],
        scopes: ['a'],
        delegation: { mode: 'delegate' },
      }),
    )
    await server.apply(
      document('Policy', 'from-slow', {
        clients: ['*'],
        subject: { issuers: ['self'], scopes: ['a'] },
        targets: ['orders'],
        scopes: ['orders:read'],
        changes: ['scope'],
        delegation: { mode: 'delegate' },
      }),
    )
    const now = clock.seconds()
    const long = user({ exp: now + 6 * 3600 })
    const first = await issue({ subject_token: long, ...as('checkout'), audience: 'https://slow.example', scope: 'a' })
    const uid = randomUUID()
    await issue({ ...own(first.token), ...as('checkout', uid) })
    await server.project()
    clock.advance(3 * 3600)
    // The token of the hop is over, that of the beginning is not.
    const made = await block({ instance: uid })
    expect(made).toMatchObject({ revoked: 1, lineages: 1 })
    await expectRefusal(server, await node.exchange({ ...own(first.token), ...as('checkout') }), REVOKED)
    clock.advance(3 * 3600)
    expect(await block({ instance: uid })).toMatchObject({ revoked: 0, lineages: 0 })
  })
})

describe('POST /admin/v1/blocks', () => {
  const hash = 'A'.repeat(43)
  const later = { match: { subject: 'x' }, reason: 'r' }

  it('is in the history and in the list, with its author and why', async () => {
    const made = await block({ subject: 'spiffe://prod.example/x' }, { expires: '24h' })
    const history = (await (await server.adminGet('/admin/v1/history?limit=1')).json()) as { items: object[] }
    expect(history.items).toEqual([
      {
        version: made.version,
        at: expect.any(String),
        author: 'bootstrap',
        message: 'subject spiffe://prod.example/x blocked: taken over',
        changes: [],
      },
    ])
    const { items } = (await (await node.adminGet('/admin/v1/blocks?limit=1')).json()) as { items: object[] }
    expect(items).toEqual([{ ...made.block, reason: 'taken over', author: 'bootstrap', at: expect.any(String) }])
  })

  it('lists page by page, newest first', async () => {
    const made: string[] = []
    for (const name of ['a', 'b', 'c']) made.unshift((await block({ subject: name })).block.id)
    const seen: string[] = []
    let next: string | null = null
    do {
      const path: string = `/admin/v1/blocks?limit=2${next === null ? '' : `&cursor=${next}`}`
      const page = (await (await server.adminGet(path)).json()) as { items: { id: string }[]; next: string | null }
      seen.push(...page.items.map(({ id }) => id))
      next = page.next
    } while (next !== null)
    expect(seen).toEqual(made)
    expect((await server.adminGet('/admin/v1/blocks?cursor=xx')).status).toBe(400)
  })

  it.each([
    ['no match', { reason: 'r' }, 'match', 'is missing'],
    ['nothing named', { match: {}, reason: 'r' }, 'match', 'names nothing'],
    ['two things', { match: { subject: 'a', client: 'checkout' }, reason: 'r' }, 'match', 'names subject and client'],
    ['a jti without issuer', { match: { jti: 'a' }, reason: 'r' }, 'match', 'issuer with one of jti and tokenHash'],
    ['jti and hash', { match: { issuer: 'portal', jti: 'a', tokenHash: hash }, reason: 'r' }, 'match', 'exactly one'],
    [
      'a jti and a client',
      { match: { issuer: 'portal', jti: 'a', client: 'checkout' }, reason: 'r' },
      'match',
      'exactly one',
    ],
    ['no reason', { match: { subject: 'a' } }, 'reason', 'is missing'],
    ['an empty name', { match: { subject: '' }, reason: 'r' }, 'match.subject', 'is empty'],
    ['two lines', { match: { subject: 'a\nb' }, reason: 'r' }, 'match.subject', 'is one line'],
    ['a number', { match: { subject: 7 }, reason: 'r' }, 'match.subject', 'is a text'],
    ['a key that is none', { match: { key: 'abc' }, reason: 'r' }, 'match.key', 'thumbprint'],
    ['a hash that is none', { match: { issuer: 'portal', tokenHash: 'a' }, reason: 'r' }, 'match.tokenHash', 'SHA-256'],
    ['a misspelt name', { match: { subjet: 'a' }, reason: 'r' }, 'match.subjet', 'did you mean `subject`?'],
    ['a misspelt client', { match: { client: 'chekout' }, reason: 'r' }, 'match.client', 'did you mean checkout?'],
    ['a misspelt issuer', { match: { issuer: 'portl' }, reason: 'r' }, 'match.issuer', 'did you mean portal?'],
    ['a misspelt issuer of a jti', { match: { issuer: 'portl', jti: 'a' }, reason: 'r' }, 'match.issuer', 'portal'],
    ['an end in the past', { ...later, expires: '2020-01-01T00:00:00Z' }, 'expires', 'is in the past'],
    ['an end that is none', { ...later, expires: 'tomorrow' }, 'expires', 'a duration such as 24h'],
    ['another member', { ...later, until: '24h' }, 'until', 'there is no field'],
  ])('refuses %s, and changes nothing', async (_, body, path, message) => {
    const before = await (await server.adminGet('/admin/v1/history?limit=1')).text()
    const { status, json } = await server.adminSend('POST', '/admin/v1/blocks', body)
    expect(status).toBe(400)
    expect(json['faults']).toContainEqual(expect.objectContaining({ path, message: expect.stringContaining(message) }))
    expect(await (await server.adminGet('/admin/v1/history?limit=1')).text()).toBe(before)
  })

  it.each(['', '[]', 'null', '{"match":{"subject":"a"},"match":{},"reason":"x"}'])(
    'refuses the body %j',
    async (body) => {
      expect((await server.adminSend('POST', '/admin/v1/blocks', body)).status).toBe(400)
    },
  )

  it('refuses the hash of what can be written in many ways', async () => {
    await server.apply(
      document('TrustedIssuer', 'svids', {
        credential: 'spiffe-x509-svid',
        trustDomain: 'certs.example',
        keys: { bundle: { url: 'https://bundle.example', profile: 'https_web' } },
      }),
    )
    const { status, json } = await server.adminSend('POST', '/admin/v1/blocks', {
      match: { issuer: 'svids', tokenHash: hash },
      reason: 'r',
    })
    expect([status, json['detail']]).toEqual([400, expect.stringContaining('block its key')])
  })
})
