import { createHash, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { makeChain } from '../harness/client-chain.ts'
import { formOf } from '../harness/post.ts'
import { expectRefusal, refusal } from '../harness/refusal.ts'
import { postTls } from '../harness/tls-client.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'
import { ask, byDpop } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, issuer: us } = server
const keys = new Map(['web', 'api', 'spy'].map((name) => [name, new SigningKey('ES256')]))
const keyOf = (name: string) => keys.get(name) ?? new SigningKey('ES256')
const registered = (name: string, more: object = {}) =>
  document('Client', name, {
    authentication: { method: 'private_key_jwt', jwks: { keys: [keyOf(name).jwk] } },
    ...more,
  })
await server.apply(
  ...baseDocuments(cluster),
  registered('web'),
  registered('api', { audiences: ['https://orders.example'] }),
  registered('spy'),
  document('Target', 'stock', {
    audience: 'https://stock.example',
    scopes: ['stock:read', 'stock:write'],
    tokens: [{ kind: 'access-token', lifetime: '1h' }],
  }),
  document('Target', 'plain', {
    audience: 'https://plain.example',
    scopes: ['plain'],
    tokens: [{ kind: 'access-token', typ: 'JWT', lifetime: '1m' }],
  }),
  document('Policy', 'all-of-orders', {
    clients: ['web', 'api', 'spy'],
    targets: ['orders', 'plain'],
    scopes: ['orders:read', 'orders:write', 'plain'],
    subject: { scopes: [] },
    delegation: { mode: 'delegate', maxDepth: 8 },
  }),
  document('Policy', 'stock-for-readers', {
    clients: ['web', 'api', 'spy'],
    targets: ['stock'],
    scopes: ['stock:read'],
    subject: { scopes: ['orders:read'] },
    delegation: { mode: 'delegate', maxDepth: 8 },
  }),
)

const as = (name: string): Form => ({
  client_assertion: clientAssertion(name, keyOf(name), us, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})
const own = (token: string): Form => ({ subject_token: token, subject_token_type: TYPE.accessToken })
const tokenOf = async (form: Form): Promise<string> => {
  const answer = await server.exchange(form)
  if (answer.status !== 200) throw new Error(String((await server.record(answer.id))['detail']))
  return String(answer.body['access_token'])
}
const issued = () => tokenOf({ ...as('web'), scope: 'orders:read' })
const FORM = 'Content-Type: application/x-www-form-urlencoded'
const REQUEST = { status: 400, error: 'invalid_request' } as const

describe('a token of ours that comes back (TE-70)', () => {
  it('is exchanged by the client it was issued to, and by one whose audience it has', async () => {
    const token = await issued()
    for (const name of ['web', 'api']) {
      const answer = await server.exchange({ ...own(token), ...as(name) })
      expect(answer.status).toBe(200)
      expect(decode(String(answer.body['access_token'])).claims).toMatchObject({
        sub: decode(token).claims['sub'],
        client_id: name,
      })
    }
  })

  it('is refused from any other client, which may have stolen it (T18)', async () => {
    await refusal(server, { ...own(await issued()), ...as('spy') }, 'audience_mismatch')
  })

  it('finds no client by itself, and is no actor and no client', async () => {
    const token = await issued()
    await refusal(server, own(token), 'client_required')
    await refusal(
      server,
      { ...as('web'), actor_token: token, actor_token_type: TYPE.accessToken },
      'position_refused',
      'actor',
    )
    const assertion = { client_assertion: token, client_assertion_type: TYPE.accessToken }
    await refusal(server, assertion, 'token_type_unsupported', 'client')
  })

  it('is of the type access_token and no other, and no JWT of somebody else is (TE-30)', async () => {
    const token = await issued()
    await refusal(server, { ...own(token), subject_token_type: TYPE.jwt, ...as('web') }, 'issuer_unknown')
    await refusal(server, { ...own(token), subject_token_type: TYPE.idToken, ...as('web') }, 'issuer_unknown')
    await refusal(server, { ...own(cluster.token()), ...as('web') }, 'issuer_unknown')
    const forged = cluster.token({ ...decode(token).claims }, {}, { ...decode(token).header, alg: 'RS256' })
    await refusal(server, { ...own(forged), ...as('web') }, 'key_unknown')
    const relabelled = new SigningKey('ES256', String(decode(token).header['kid']))
    const signed = relabelled.sign(decode(token).claims, { typ: 'at+jwt' })
    await refusal(server, { ...own(signed), ...as('web') }, 'signature_invalid')
  })

  it('may be one of typ JWT, for relying parties that refuse at+jwt', async () => {
    const token = await tokenOf({ ...as('web'), audience: 'https://plain.example', scope: 'plain' })
    expect(decode(token).header['typ']).toBe('JWT')
    expect((await server.exchange({ ...own(token), ...as('web'), audience: 'https://plain.example' })).status).toBe(200)
  })

  it('keeps who acted, and the exchanges that it comes from on the record', async () => {
    const first = await issued()
    const second = await server.exchange({ ...own(first), ...as('api') })
    const token = String(second.body['access_token'])
    const lineage = decode(first).claims['jti']
    expect(decode(token).claims).toMatchObject({
      cambist_lineage: lineage,
      cambist_path: ['web', 'api'],
      act: { sub: expect.stringContaining('/api'), act: { sub: expect.stringContaining('/web') } },
    })
    const third = await server.exchange({ ...own(token), ...as('api') })
    expect(decode(String(third.body['access_token'])).claims).toMatchObject({
      cambist_lineage: lineage,
      cambist_path: ['web', 'api', 'api'],
    })
    expect(await server.record(second.id)).toMatchObject({
      lineage,
      parents: [lineage],
      subject: { issuer: 'self', kind: 'access-token' },
      changes: [],
    })
    expect(await server.record(third.id)).toMatchObject({ lineage, parents: [second.id] })
  })
})

describe('a token of ours is never made wider or longer (T19, TE-75, TE-76)', () => {
  it('holds at most the scopes that it held, where it is for the same audience', async () => {
    const token = await issued()
    const wider = await refusal(
      server,
      { ...own(token), ...as('web'), scope: 'orders:read orders:write' },
      'scope_denied',
    )
    expect(wider.answer.body['error']).toBe('invalid_scope')
    const same = await server.exchange({ ...own(token), ...as('web'), scope: 'orders:read' })
    expect(same.body['scope']).toBe('orders:read')
    const both = await tokenOf({ ...as('web'), scope: 'orders:read orders:write' })
    const less = await tokenOf({ ...own(both), ...as('web'), scope: 'orders:write' })
    await refusal(server, { ...own(less), ...as('web'), scope: 'orders:read' }, 'scope_denied')
    const byDefault = await server.exchange({ ...own(less), ...as('web') })
    expect(byDefault.body).not.toHaveProperty('scope')
  })

  it('goes to another audience only where a rule says what it must hold', async () => {
    const stock = { audience: 'https://stock.example', scope: 'stock:read' }
    const reads = await issued()
    const answer = await server.exchange({ ...own(reads), ...as('api'), ...stock })
    expect(answer.body['scope']).toBe('stock:read')
    const writes = await tokenOf({ ...as('web'), scope: 'orders:write' })
    const { record } = await refusal(server, { ...own(writes), ...as('api'), ...stock }, ['denied', 'scope_denied'])
    expect(record['detail']).toContain('subject.scopes')
    await refusal(server, { ...own(reads), ...as('api'), ...stock, scope: 'stock:write' }, 'scope_denied')
  })

  it('ends no later than it did, however often and at whatever target it is exchanged', async () => {
    let token = await issued()
    const end = decode(token).claims['exp']
    for (let hop = 0; hop < 4; hop++) {
      clock.advance(60)
      const form =
        hop % 2 === 0
          ? { audience: 'https://stock.example', scope: 'stock:read' }
          : { audience: 'https://stock.example' }
      const subject = hop === 0 ? token : await issuedAgain(token)
      const answer = await server.exchange({ ...own(subject), ...as('web'), ...(hop === 0 ? form : {}) })
      expect(Number(decode(String(answer.body['access_token'])).claims['exp'])).toBeLessThanOrEqual(Number(end))
      if (hop > 0) token = String(answer.body['access_token'])
    }
    clock.advance(60)
    await refusal(server, { ...own(token), ...as('web') }, 'expired')
  })
  const issuedAgain = (token: string) => tokenOf({ ...own(token), ...as('web') })

  it('passes 32 clients and no further', async () => {
    // The workload itself, so that nobody acts for anybody and no actor is added.
    const itself = () => ({ client_assertion: cluster.token(), client_assertion_type: TYPE.clientAssertion })
    let token = await tokenOf(itself())
    for (let hop = 1; hop < 32; hop++) token = await tokenOf({ ...own(token), ...itself() })
    expect(decode(token).claims['cambist_path']).toHaveLength(32)
    expect(decode(token).claims).not.toHaveProperty('act')
    const { record } = await refusal(server, { ...own(token), ...itself() }, 'delegation_denied')
    expect(record['detail']).toContain('32 clients')
  })
})

describe('a token of ours that is bound to a key (TE-74, T16)', () => {
  it('is exchanged with a proof of that key, and the next is bound to it', async () => {
    const key = new SigningKey('ES256')
    const first = await ask(server, { ...as('web'), scope: 'orders:read' }, () => byDpop(server, key))
    expect(first.body['token_type']).toBe('DPoP')
    const token = String(first.body['access_token'])
    const next = await ask(server, { ...own(token), ...as('web') }, () => byDpop(server, key))
    expect(next.body['token_type']).toBe('DPoP')
    expect(decode(String(next.body['access_token'])).claims['cnf']).toEqual(decode(token).claims['cnf'])
  })

  it('is refused without the proof, and with that of another key', async () => {
    const first = await ask(server, { ...as('web') }, () => byDpop(server, new SigningKey('ES256')))
    const token = String(first.body['access_token'])
    await refusal(server, { ...own(token), ...as('web') }, 'confirmation_unproven')
    const other = await ask(server, { ...own(token), ...as('web') }, () => byDpop(server, new SigningKey('ES256')))
    await expectRefusal(server, other, { ...REQUEST, reason: 'confirmation_unproven' })
  })
})

describe('a token of ours that is bound to a certificate (CB-01, T16)', () => {
  it('is exchanged by a connection with that certificate, and by no other', async () => {
    const [chain, other, own] = await Promise.all([makeChain(1), makeChain(1), makeChain(1)])
    const secure = await startCambist({ mtls: { cert: own.pem[0] ?? '', key: own.key } })
    const send = async (form: Form, presented?: typeof chain) => {
      const body = formOf(secure, form).toString()
      const answer = await postTls(secure.mtls, { chain: presented, lines: [FORM], body })
      return { status: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> }
    }
    const first = await send({}, chain)
    const token = String(first.body['access_token'])
    const thumbprint = createHash('sha256')
      .update(chain.der[0] ?? '')
      .digest('base64url')
    expect(decode(token).claims['cnf']).toEqual({ 'x5t#S256': thumbprint })
    const again = (): Form => ({
      subject_token: token,
      subject_token_type: TYPE.accessToken,
      client_assertion: secure.cluster.token(),
      client_assertion_type: TYPE.clientAssertion,
    })
    const next = await send(again(), chain)
    expect(decode(String(next.body['access_token'])).claims['cnf']).toEqual({ 'x5t#S256': thumbprint })
    for (const presented of [other, undefined]) {
      const refused = await send(again(), presented)
      expect(refused).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
      const record = await secure.record(String(refused.body['request_id']))
      expect(record).toMatchObject({ reason: 'confirmation_unproven' })
    }
    // A DPoP proof is one of another key, and not of this.
    const proven = await ask(secure, again(), () => byDpop(secure, new SigningKey('ES256')))
    await expectRefusal(secure, proven, { ...REQUEST, reason: 'confirmation_unproven' })
  })
})

describe('a token of ours and our keys', () => {
  it('is taken until it ends, whatever key signs by then', async () => {
    const rotated = await fetch(`${server.admin}/admin/v1/keys/rotate`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${server.adminToken}` },
    })
    const { items } = (await rotated.json()) as { items: { activeAt: string; kid: string }[] }
    const active = Math.max(...items.map(({ activeAt }) => Date.parse(activeAt))) / 1000
    clock.advance(active - clock.seconds() - 10)
    const before = await issued()
    clock.advance(20)
    const after = await issued()
    const kids = [before, after].map((token) => decode(token).header['kid'])
    expect(items.map(({ kid }) => kid)).toContain(kids[1])
    expect(kids[0]).not.toBe(kids[1])
    for (const token of [before, after])
      expect((await server.exchange({ ...own(token), ...as('web') })).status).toBe(200)
  })

  it('is taken by a node whose clock is a little behind that of the node that issued it', async () => {
    const late = await startCambist({
      database: server.database,
      clock: Object.assign(Object.create(clock), { now: () => clock.now() - 2000, seconds: () => clock.seconds() - 2 }),
      env: { CAMBIST_ISSUER: us },
      documents: [document('Client', 'later', { workloads: [{ issuer: 'cluster', ids: ['x'] }] })],
    })
    const token = await issued()
    const answer = await late.exchange({ ...own(token), ...as('web') })
    expect(answer.status).toBe(200)
    expect(Number(decode(String(answer.body['access_token'])).claims['exp'])).toBeLessThanOrEqual(
      Number(decode(token).claims['exp']),
    )
  })

  it('is none without what we write into every one', async () => {
    const claims = { iss: us, sub: 'x', aud: 'https://orders.example', jti: randomUUID(), exp: clock.seconds() + 60 }
    await refusal(server, { ...own(new SigningKey('ES256').sign(claims, { typ: 'at+jwt' })), ...as('web') }, [
      'claim_missing',
      'key_unknown',
    ])
  })
})
