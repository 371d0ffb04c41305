/**
 * draft-ietf-oauth-transaction-tokens §14 with the chaining profile: a transaction goes on in another domain, by a grant,
 * and its token never leaves.
 */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Answer, document, type Form, startCambist, TestClock } from '../../harness/cambist.ts'
import { asClient } from '../../harness/domains.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, decode, SigningKey, TYPE } from '../../harness/tokens.ts'
import { DOMAIN, startShop, tokenOf } from '../../harness/transactions.ts'

const clock = new TestClock()
const key = new SigningKey('ES256')
const shop = await startShop([], { clock })
const { server: a } = shop
const b = await startCambist({
  clock,
  env: { CAMBIST_TRUST_DOMAIN: 'b.example', CAMBIST_INSECURE_FETCH: new URL(a.issuer).host },
})
const API = 'https://stock.b.example/api'

const peer = (changes: object = {}) =>
  document('Target', 'b', {
    ...{ audience: b.issuer, resources: [API], scopes: ['orders.place', 'orders.view', 'stock.move'] },
    clientIds: { orders: 'shop-orders' },
    tokens: [{ kind: 'authorization-grant', typ: 'txn-chain+jwt', txnClaims: { tctx: ['order'], rctx: ['authn'] } }],
    ...changes,
  })
const trusted = (changes: object = {}) =>
  document('TrustedIssuer', 'shop', {
    ...{ credential: 'authorization-grant', issuer: a.issuer, audiences: [b.issuer], typ: ['txn-chain+jwt'] },
    keys: { discovery: true },
    attributes: { txn: 'assertion.txn', order: 'assertion.txn_claims.tctx.order' },
    ...changes,
  })
await a.apply(
  peer(),
  document('Policy', 'orders-to-b', {
    ...{ clients: ['orders'], targets: ['b'], scopes: ['orders.place', 'orders.view', 'stock.move'] },
    subject: { issuers: ['self'], scopes: [] },
    delegation: { mode: 'delegate' },
  }),
)
await b.apply(
  trusted(),
  document('Client', 'shop-orders', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } },
    grants: ['jwt-bearer'],
  }),
  document('Target', 'stock', { audience: 'https://stock.b.example', resources: [API], scopes: ['orders.place'] }),
  document('Policy', 'shop-moves-stock', {
    ...{ clients: ['shop-orders'], targets: ['stock'], scopes: ['orders.place'], delegation: { mode: 'delegate' } },
    subject: { issuers: ['shop'], condition: "subject.order == 'A-1'" },
  }),
)

/** The service `orders` brings the transaction token that it received. */
const goOn = async (form: Form = {}): Promise<Answer> =>
  a.token({
    ...{ grant_type: TYPE.exchange, subject_token_type: TYPE.transactionToken, subject_token: await shop.begin() },
    ...{ audience: b.issuer, scope: 'orders.place' },
    ...shop.as('orders'),
    ...form,
  })
const arrive = (assertion: string, form: Form = {}): Promise<Answer> =>
  b.token({
    ...{ grant_type: TYPE.jwtBearer, assertion, audience: 'https://stock.b.example' },
    ...asClient(b, 'shop-orders', key),
    ...form,
  })

describe('the grant of a transaction', () => {
  it('TC-01, TC-04, TC-05, TC-06: it says which transaction, and of that what the peer may know', async () => {
    const transaction = await shop.begin()
    const answer = await goOn({ subject_token: transaction, resource: API, requested_token_type: TYPE.jwt })
    expect(answer.body).toEqual({
      ...{ access_token: expect.any(String), issued_token_type: TYPE.jwt, token_type: 'N_A' },
      ...{ expires_in: expect.any(Number), scope: 'orders.place' },
    })
    const { header, claims } = decode(await tokenOf(a, answer))
    expect(header).toEqual({ typ: 'txn-chain+jwt', alg: 'ES256', kid: expect.any(String) })
    const { txn, sub } = decode(transaction).claims
    expect(claims).toEqual({
      ...{ iss: a.issuer, sub, aud: b.issuer, client_id: 'shop-orders', jti: answer.id, txn },
      ...{ iat: clock.seconds(), exp: expect.any(Number), scope: 'orders.place', resource: API },
      txn_claims: { tctx: { order: 'A-1' }, rctx: { authn: 'private_key_jwt' } },
    })
    expect(Number(claims['exp']) - clock.seconds()).toBeLessThanOrEqual(60)
    expect(await a.record(answer.id)).toMatchObject({ txn, granted: { targets: ['b'] } })
  })

  it('TC-05: asymmetric, and of its type alone: nothing but a transaction token begins one', async () => {
    for (const form of [
      { subject_token: shop.user(), subject_token_type: TYPE.jwt },
      { subject_token: (await scored()).access_token, subject_token_type: TYPE.accessToken },
    ]) {
      await a.apply(
        document('Policy', 'anybody-to-b', {
          ...{
            clients: ['orders', 'fraud'],
            targets: ['b'],
            scopes: ['orders.place'],
            delegation: { mode: 'delegate' },
          },
          subject: { scopes: [] },
        }),
      )
      const refused = await goOn({ ...form })
      await expectRefusal(a, refused, { error: 'invalid_request', reason: 'token_unfit' })
    }
  })
  const scored = async () =>
    (await goOn({ audience: 'https://fraud.shop.example', scope: 'fraud.score' })).body as { access_token: string }

  it('TC-01: audience names the server, resource alone does not, and an actor token has no place', async () => {
    const alone = await goOn({ audience: undefined, resource: API })
    await expectRefusal(a, alone, { error: 'invalid_request', reason: 'parameter_missing' })
    const acted = await goOn({ actor_token: shop.user({ sub: 'user-78' }), actor_token_type: TYPE.jwt })
    await expectRefusal(a, acted, { error: 'invalid_request', reason: 'position_refused' })
    await a.apply(
      document('TrustedIssuer', 'cluster', {
        ...{ preset: 'kubernetes', issuer: a.cluster.issuer, audiences: [a.cluster.audience] },
        keys: { jwks: a.cluster.jwks },
      }),
    )
    const another = await goOn({ actor_token: a.cluster.token(), actor_token_type: TYPE.jwt })
    await expectRefusal(a, another, { error: 'invalid_request', reason: 'token_unfit' })
  })

  it('TC-02: the transaction token is ours, in force, and of our trust domain', async () => {
    const transaction = await shop.begin()
    expect(decode(transaction).claims['aud']).toBe(DOMAIN)
    const { header, claims } = decode(transaction)
    const forged = key.sign(claims, { typ: 'txntoken+jwt' })
    await expectRefusal(a, await goOn({ subject_token: forged }), { error: 'invalid_request', reason: 'key_unknown' })
    const resigned = new SigningKey('ES256', String(header['kid'])).sign(claims, { typ: 'txntoken+jwt' })
    await expectRefusal(a, await goOn({ subject_token: resigned }), {
      ...{ error: 'invalid_request', reason: 'signature_invalid' },
    })
    await a.apply(
      document('Target', 'elsewhere', {
        ...{ audience: 'other.example', scopes: ['orders.place'], tokens: [{ kind: 'transaction-token' }] },
      }),
      document('Policy', 'elsewhere', {
        ...{ clients: ['gateway'], targets: ['elsewhere'], scopes: ['orders.place'], delegation: { mode: 'delegate' } },
        subject: { issuers: ['people'] },
      }),
    )
    const elsewhere = await shop.begin({ audience: 'other.example', request_details: undefined })
    await expectRefusal(a, await goOn({ subject_token: elsewhere }), {
      ...{ error: 'invalid_request', reason: 'audience_mismatch' },
    })
    clock.advance(61)
    await expectRefusal(a, await goOn({ subject_token: transaction }), { error: 'invalid_request', reason: 'expired' })
  })

  it('TC-03: no server that we have no agreement with, and nobody whom we cannot name there', async () => {
    const nowhere = await goOn({ audience: 'https://as.nowhere.example' })
    await expectRefusal(a, nowhere, { error: 'invalid_target', reason: 'target_unknown' })
    await a.apply(
      peer({ tokens: [{ kind: 'authorization-grant', typ: 'txn-chain+jwt', subject: 'subject.namespace' }] }),
    )
    await expectRefusal(a, await goOn(), { error: 'invalid_request', reason: 'subject_unmapped' })
    await a.apply(peer())
  })

  it('TC-06: no scope that the transaction has not', async () => {
    const wider = await goOn({ scope: 'orders.place stock.move' })
    await expectRefusal(a, wider, { error: 'invalid_scope', reason: 'scope_denied' })
  })

  it.each(['req_ip', 'req_wl'])('TC-06: nothing of how we are built: %s cannot be told', async (name) => {
    const tokens = [{ kind: 'authorization-grant', typ: 'txn-chain+jwt', txnClaims: { rctx: [name] } }]
    await expect(a.apply(peer({ tokens }))).rejects.toThrow(/txnClaims\.rctx/)
  })

  it('TX-60, TC-06: neither the token, nor its call chain, nor who acted leaves', async () => {
    const { claims } = decode(await tokenOf(a, await goOn()))
    for (const name of ['req_wl', 'tctx', 'rctx', 'act', 'cambist_path', 'cambist_lineage', 'purp'])
      expect(claims).not.toHaveProperty(name)
    expect(JSON.stringify(claims)).not.toContain('gateway')
  })
})

describe('TC-07: the other domain', () => {
  const grant = (changes: Claims = {}, header: Claims = {}, signer = key): string =>
    signer.sign(
      {
        ...{ iss: 'https://as.p.example', sub: 'user-7', aud: b.issuer, client_id: 'shop-orders', txn: 'one' },
        ...{ iat: clock.seconds(), exp: clock.seconds() + 60, jti: randomUUID(), scope: 'orders.place' },
        txn_claims: { tctx: { order: 'A-1' } },
        ...changes,
      },
      { typ: 'txn-chain+jwt', ...header },
    )

  it('TC-07, RP-01: a grant of our peer is a token of ours, once, for what it says', async () => {
    const assertion = await tokenOf(a, await goOn({ resource: API }))
    const answer = await arrive(assertion)
    expect(answer.body).toMatchObject({ token_type: 'Bearer', scope: 'orders.place' })
    expect(answer.body).not.toHaveProperty('refresh_token')
    const { claims } = decode(String(answer.body['access_token']))
    expect(claims['sub']).toMatch(/^wimse:\/\/b\.example\/shop\//)
    const { facts } = await b.record(answer.id)
    expect(facts).toMatchObject({ subject: { attributes: { order: 'A-1', txn: decode(assertion).claims['txn'] } } })
    await expectRefusal(b, await arrive(assertion), { error: 'invalid_grant', reason: 'replayed' })
  })

  it('TC-07: what is not of this sort, not for us, of nobody or of the past is refused', async () => {
    await b.apply(
      document('TrustedIssuer', 'p', {
        ...{ credential: 'authorization-grant', issuer: 'https://as.p.example', audiences: [b.issuer] },
        ...{ typ: ['txn-chain+jwt'], keys: { jwks: { keys: [key.jwk] } } },
      }),
    )
    for (const [changes, header, reason] of [
      [{}, { typ: 'cambist-authorization-grant+jwt' }, 'token_type_mismatch'],
      [{}, { typ: 'txntoken+jwt' }, 'token_type_mismatch'],
      [{ aud: [b.issuer, 'https://as.c.example'] }, {}, 'audience_several'],
      [{ aud: 'https://as.c.example' }, {}, 'audience_mismatch'],
      [{ iss: 'https://as.q.example' }, {}, 'issuer_unknown'],
      [{ jti: undefined }, {}, 'claim_missing'],
      [{ sub: undefined }, {}, 'claim_missing'],
      [{ exp: clock.seconds() - 60, iat: clock.seconds() - 120 }, {}, 'expired'],
    ] as const)
      await expectRefusal(b, await arrive(grant(changes, header)), { error: 'invalid_grant', reason })
    const stranger = new SigningKey('ES256')
    for (const [kid, reason] of [
      [stranger.kid, 'key_unknown'],
      [key.kid, 'signature_invalid'],
    ] as const)
      await expectRefusal(b, await arrive(grant({}, { kid }, stranger)), { error: 'invalid_grant', reason })
    const wider = await arrive(grant(), { scope: 'stock.move' })
    await expectRefusal(b, wider, { error: 'invalid_scope', reason: 'scope_unknown' })
  })

  it('TC-07: its scope and its resource are bounds of the token, though rules would give more', async () => {
    await b.apply(
      document('Target', 'stock', {
        ...{ audience: 'https://stock.b.example', resources: [API], scopes: ['orders.place', 'orders.view'] },
      }),
      document('Target', 'store', { audience: 'https://store.b.example', scopes: ['orders.place'] }),
      document('Policy', 'p-moves-stock', {
        ...{ clients: ['shop-orders'], targets: ['stock', 'store'], subject: { issuers: ['p'] } },
        ...{ scopes: ['orders.place', 'orders.view'], delegation: { mode: 'delegate' } },
      }),
    )
    expect((await arrive(grant({ scope: 'orders.place orders.view' }))).status).toBe(200)
    const wider = await arrive(grant(), { scope: 'orders.place orders.view' })
    await expectRefusal(b, wider, { error: 'invalid_scope', reason: 'scope_denied' })
    const store = { audience: 'https://store.b.example', scope: 'orders.place' }
    expect((await arrive(grant(), store)).status).toBe(200)
    const elsewhere = await arrive(grant({ resource: API }), store)
    await expectRefusal(b, elsewhere, { error: 'invalid_target', reason: 'target_unknown' })
  })

  it('TC-07, T10: of ten at once one is a token, also where the document of the peer lets others come again', async () => {
    for (const singleUse of [true, false]) {
      await b.apply(trusted({ singleUse }))
      const assertion = await tokenOf(a, await goOn())
      const answers = await Promise.all(Array.from({ length: 10 }, () => arrive(assertion)))
      const refused = answers.filter(({ status }) => status !== 200)
      expect(refused).toHaveLength(9)
      for (const answer of refused) await expectRefusal(b, answer, { error: 'invalid_grant', reason: 'replayed' })
    }
    await b.apply(trusted())
  })
})
