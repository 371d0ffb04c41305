import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { document, type Form } from '../../harness/cambist.ts'
import { inquire } from '../../harness/inquiries.ts'
import { expectRefusal, expectWire, refusal } from '../../harness/refusal.ts'
import { type Claims, decode, SigningKey, TYPE } from '../../harness/tokens.ts'
import { brought, claimsOf, DOMAIN, startShop, tokenOf } from '../../harness/transactions.ts'

/** draft-ietf-oauth-transaction-tokens §13.12 to §13.15: a transaction token that comes back. */
const shop = await startShop()
const { server } = shop
const { clock } = server
const BOTH = 'orders.place orders.view'
await server.apply(
  document('Target', 'elsewhere', {
    audience: 'other.example',
    scopes: ['orders.place'],
    tokens: [{ kind: 'transaction-token' }],
  }),
  document('Target', 'renaming', {
    audience: 'renaming.example',
    scopes: ['orders.place'],
    tokens: [{ kind: 'transaction-token', subject: "subject.issuer == 'self' ? 'somebody else' : subject.id" }],
  }),
  document('Policy', 'orders-may-much', {
    clients: ['orders', 'gateway'],
    targets: ['elsewhere', 'renaming', 'shop'],
    subject: { scopes: [] },
    scopes: ['orders.place', 'orders.view'],
    delegation: { mode: 'delegate', maxDepth: 8 },
    changes: ['format', 'scope', 'authority', 'identity'],
  }),
  document('Client', 'spy', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [new SigningKey('ES256').jwk] } },
  }),
)

const replace = (token: string, form: Form = {}, client = 'orders') => shop.ask(client, { ...brought(token), ...form })
const refused = (token: string, form: Form, expected: Parameters<typeof expectRefusal>[2], client = 'orders') =>
  replace(token, form, client).then((answer) => expectRefusal(server, answer, expected))
const REQUEST = { error: 'invalid_request' } as const

describe('§13.15: replacement', () => {
  it('TX-50, TX-51, TX-53: keeps the transaction word for word, and says who asked for it anew', async () => {
    const first = await shop.begin({ scope: BOTH, request_context: '{"req_ip":"198.51.100.4"}' })
    clock.advance(7)
    const answer = await replace(first)
    const [before, after] = [claimsOf(first), claimsOf(await tokenOf(server, answer))]
    expect(after).toEqual({
      ...before,
      iat: Number(before['iat']) + 7,
      jti: answer.id,
      scope: 'orders.place',
      req_wl: 'wimse://shop.example/clients/orders',
      act: { sub: 'wimse://shop.example/clients/orders', act: before['act'] },
      cambist_path: ['gateway', 'orders'],
    })
    expect(answer.body).toMatchObject({ token_type: 'N_A', issued_token_type: TYPE.transactionToken, expires_in: 53 })
    expect(await server.record(answer.id)).toMatchObject({
      txn: before['txn'],
      lineage: before['jti'],
      parents: [before['jti']],
      subject: { issuer: 'self', kind: 'transaction-token', id: before['sub'] },
      facts: { subject: { attributes: { client_id: 'gateway' } }, path: ['gateway'] },
      actors: [{ sub: 'wimse://shop.example/clients/orders' }, { sub: 'wimse://shop.example/clients/gateway' }],
    })
  })

  it('TX-51: holds no scope that the token before it did not hold, though rules would give it', async () => {
    const narrow = await shop.begin({ scope: 'orders.view' })
    await refused(narrow, { scope: 'orders.place' }, { error: 'invalid_scope', reason: 'scope_denied' })
    await refused(narrow, { scope: BOTH }, { error: 'invalid_scope', reason: 'scope_denied' })
    const less = await tokenOf(server, await replace(await shop.begin({ scope: BOTH }), { scope: 'orders.view' }))
    await refused(less, { scope: 'orders.place' }, { error: 'invalid_scope', reason: 'scope_denied' })
  })

  it('TX-51: says nothing new of what the transaction is about', async () => {
    const token = await shop.begin()
    for (const form of [{ request_details: '{"order":"A-1"}' }, { request_context: '{}' }])
      await refused(token, form, { ...REQUEST, reason: 'token_unfit' })
  })

  it('TX-51: is for the same trust domain and the same subject, whatever rules and targets say', async () => {
    const token = await shop.begin()
    const elsewhere = await refused(token, { audience: 'other.example' }, { ...REQUEST, reason: 'token_unfit' })
    expect(elsewhere['detail']).toContain('trust domain')
    const begun = await tokenOf(
      server,
      await shop.ask('gateway', { audience: 'renaming.example', request_details: undefined }),
    )
    const renamed = await refused(
      begun,
      { audience: 'renaming.example' },
      { ...REQUEST, reason: 'token_unfit' },
      'gateway',
    )
    expect(renamed['detail']).toContain('subject')
  })

  it('TX-51: one that is over is replaced by nothing, and a replacement ends when it does (I4, T19)', async () => {
    const token = await shop.begin()
    const end = claimsOf(token)['exp']
    clock.advance(59)
    const last = await tokenOf(server, await replace(token))
    expect(claimsOf(last)['exp']).toBe(end)
    clock.advance(1)
    for (const each of [token, last]) await refusal(server, { ...txn(each), ...shop.as('orders') }, 'expired')
  })

  it('TX-53: passes as many clients as the target says, and no more (TE-75)', async () => {
    let token = await shop.begin()
    for (let count = 1; count < 8; count++) token = await tokenOf(server, await replace(token))
    expect(claimsOf(token)['cambist_path']).toEqual(['gateway', ...Array.from({ length: 7 }, () => 'orders')])
    const record = await refused(token, {}, { ...REQUEST, reason: 'delegation_denied' })
    expect(record['detail']).toContain('deep')
  })

  it('hops counts clients, where no chain of actors ends it before', async () => {
    const shallow = document('Target', 'shop', {
      audience: DOMAIN,
      scopes: ['orders.place', 'orders.view'],
      tokens: [{ kind: 'transaction-token', hops: 2 }],
    })
    const other = await startShop()
    await other.server.apply(shallow)
    const first = await other.begin({ request_details: undefined })
    const second = await tokenOf(other.server, await other.ask('orders', brought(first)))
    const answer = await other.ask('orders', brought(second))
    const record = await expectRefusal(other.server, answer, { ...REQUEST, reason: 'token_unfit' })
    expect(record['detail']).toContain('hops: 2')
  })

  it('is brought by whoever it was issued to or has the trust domain among its audiences, and by nobody else (T18)', async () => {
    const token = await shop.begin()
    expect((await replace(token, {}, 'gateway')).status).toBe(200)
    expect((await replace(token)).status).toBe(200)
    await refused(token, {}, { ...REQUEST, reason: 'audience_mismatch' }, 'fraud')
    const unknown = await replace(token, { client_assertion: undefined, client_assertion_type: undefined })
    await expectRefusal(server, unknown, { status: 401, error: 'invalid_client', reason: 'client_required' })
  })

  it('TX-51: whatever is asked, in whatever order, nothing widens, lengthens or changes', async () => {
    const scope = fc.constantFrom('orders.place', 'orders.view', BOTH)
    const step = fc.record({
      scope,
      client: fc.constantFrom('orders', 'orders', 'gateway', 'gateway', 'fraud'),
      audience: fc.constantFrom(DOMAIN, DOMAIN, DOMAIN, 'other.example'),
      more: fc.constantFrom<Form>({}, {}, {}, { request_details: '{"order":"B-2"}' }),
      seconds: fc.nat(10),
    })
    let replaced = 0
    await fc.assert(
      fc.asyncProperty(scope, fc.array(step, { minLength: 1, maxLength: 5 }), async (begun, steps) => {
        let token = await shop.begin({ scope: begun })
        for (const { seconds, client, more, ...form } of steps) {
          clock.advance(seconds)
          const answer = await replace(token, { ...form, ...more }, client)
          if (answer.status !== 200) continue
          replaced++
          const next = String(answer.body['access_token'])
          const [before, after] = [claimsOf(token), claimsOf(next)]
          for (const name of ['txn', 'sub', 'aud', 'tctx', 'rctx', 'cambist_lineage'])
            expect([name, after[name]]).toEqual([name, before[name]])
          expect(new Set(scopes(after)).isSubsetOf(new Set(scopes(before)))).toBe(true)
          expect(Number(after['exp'])).toBeLessThanOrEqual(Number(before['exp']))
          expect(after['cambist_path']).toEqual([...(before['cambist_path'] as string[]), client])
          expect(actors(after).slice(-actors(before).length)).toEqual(actors(before))
          token = next
        }
      }),
      { numRuns: 60 },
    )
    expect(replaced).toBeGreaterThan(10)
  })
})

const scopes = ({ scope }: Claims): readonly string[] => String(scope).split(' ')
const actors = ({ act }: Claims): readonly unknown[] => {
  const found: unknown[] = []
  for (let each = act as Claims | undefined; each !== undefined; each = each['act'] as Claims | undefined)
    found.push(each['sub'])
  return found
}
/** A subject token in a request for anything. */
const txn = (token: string): Form => ({ subject_token: token, subject_token_type: TYPE.transactionToken })

describe('§13.12, §13.13: a transaction token is no credential and no access token', () => {
  it('TX-42: is no access token, no JWT of anybody and no ID token, as a subject', async () => {
    const subject_token = await shop.begin()
    const as = (type: string): Form => ({ subject_token, subject_token_type: type, ...shop.as('orders') })
    await refusal(server, as(TYPE.accessToken), 'token_type_mismatch')
    await refusal(server, as(TYPE.jwt), 'issuer_unknown')
    await refusal(server, as(TYPE.idToken), 'issuer_unknown')
  })

  it('TX-42: authenticates no client, and nobody acts by it', async () => {
    const token = await shop.begin()
    for (const type of [
      TYPE.clientAssertion,
      'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      TYPE.transactionToken,
    ])
      await refusal(
        server,
        { subject_token: shop.user(), client_assertion: token, client_assertion_type: type },
        ['issuer_unknown', 'claim_malformed', 'token_malformed', 'token_type_unsupported'],
        'client',
      )
    const acting = { actor_token: token, actor_token_type: TYPE.transactionToken }
    await refusal(server, { subject_token: shop.user(), ...acting, ...shop.as('gateway') }, 'position_refused', 'actor')
    await refusal(server, { ...txn(token) }, 'client_required', 'client')
  })

  it('TX-42: is no assertion of a grant', async () => {
    const answer = await server.token({
      grant_type: TYPE.jwtBearer,
      assertion: await shop.begin(),
      ...shop.as('orders'),
    })
    await expectRefusal(server, answer, { error: 'invalid_grant', reason: 'issuer_unknown' })
  })

  it('TX-40, TX-42: in Authorization it opens no door', async () => {
    const headers = { Authorization: `Bearer ${await shop.begin()}` }
    const answer = await server.token({ grant_type: TYPE.exchange, ...txn(await shop.begin()) }, headers)
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'authentication_scheme' })
    expect((await server.adminSend('GET', '/admin/v1/audit', undefined, headers)).status).toBe(401)
    expectWire(await inquire(server, '/introspect', { token: 'x' }, headers), { status: 401, error: 'invalid_client' })
  })

  it('TX-42: to whomever asks about it as about an access token it is none', async () => {
    for (const client of ['orders', 'gateway']) {
      const { text } = await inquire(server, '/introspect', { token: await shop.begin(), ...shop.as(client) })
      expect(text).toBe('{"active":false}')
    }
  })

  it('TX-40: two Txn-Token headers beside a request are refused', async () => {
    const token = await shop.begin()
    const two = { 'Txn-Token': `${token}, ${token}` }
    const answer = await server.token({ grant_type: TYPE.exchange, ...txn(token), ...shop.as('orders') }, two)
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'proof_invalid' })
  })

  it('TX-42: an access token is no transaction token, nor is one of another key, and a foreign issuer cannot have the type', async () => {
    const begun = await shop.begin()
    const access = await tokenOf(
      server,
      await server.token({
        ...{ grant_type: TYPE.exchange, audience: 'https://fraud.shop.example', scope: 'fraud.score' },
        ...txn(begun),
        ...shop.as('orders'),
      }),
    )
    await refusal(server, { ...txn(access), ...shop.as('fraud') }, 'token_type_mismatch')
    const { header, claims } = decode(begun)
    const forged = new SigningKey('ES256', String(header['kid'])).sign(claims, { typ: 'txntoken+jwt' })
    await refusal(server, { ...txn(forged), ...shop.as('orders') }, 'signature_invalid')
    const foreign = document('TrustedIssuer', 'another-service', {
      credential: 'jwt',
      issuer: 'https://tts.example',
      typ: ['txntoken+jwt'],
      audiences: [server.issuer],
      keys: { jwks: { keys: [new SigningKey('ES256').jwk] } },
    })
    await expect(server.apply(foreign)).rejects.toThrow('spec.typ[0]')
  })
})

describe('RFC 7009: a transaction token that is taken back', () => {
  it('RV-01, RV-02: is replaced no more, nor what it was replaced by, when its client has asked, and is left alone when another has', async () => {
    const first = await shop.begin()
    const second = await tokenOf(server, await replace(first))
    const revoke = async (client: string) =>
      (await inquire(server, '/revoke', { token: first, ...shop.as(client) })).status
    expect(await revoke('orders')).toBe(200)
    expect((await replace(second)).status).toBe(200)
    expect(await revoke('gateway')).toBe(200)
    for (const token of [first, second]) await refused(token, {}, { ...REQUEST, reason: 'revoked' })
  })
})
