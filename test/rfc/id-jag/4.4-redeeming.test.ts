/** draft-ietf-oauth-identity-assertion-authz-grant-04 §4.4, §9: what is taken as an ID-JAG, and what it is good for. */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Reason } from '../../../src/refusal.ts'
import { type Answer, document, type Form, startCambist } from '../../harness/cambist.ts'
import {
  asClient,
  claimsOf,
  grantOfUser,
  ID_JAG,
  issued,
  ORDERS_API,
  peer,
  redeem,
  startDomains,
} from '../../harness/domains.ts'
import { thumbprintOf } from '../../harness/proofs.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, SigningKey, TYPE } from '../../harness/tokens.ts'

const domains = await startDomains()
const { a, b, web } = domains
const now = () => b.clock.seconds()
const USERS = 'https://users.example'
const signer = new SigningKey('ES256')
const AS_WEB = () => ({ audience: 'https://orders.b.example', ...asClient(b, 'a-web', web) })

const users = (changes: object = {}) =>
  document('TrustedIssuer', 'users', {
    ...{ credential: 'id-jag', issuer: USERS, audiences: [b.issuer] },
    keys: { jwks: { keys: [signer.jwk] } },
    ...changes,
  })
await b.apply(
  users(),
  document('Policy', 'users-read-orders', {
    ...{ clients: ['a-web', 'a-checkout'], targets: ['orders', 'stock'], subject: { issuers: ['users'] } },
    ...{ scopes: ['orders:read', 'orders:delete'], delegation: { mode: 'delegate' } },
  }),
)

const jag = (changes: Claims = {}, header: Claims = {}, key = signer): string =>
  key.sign(
    {
      ...{ iss: USERS, sub: 'johndoe', aud: b.issuer, client_id: 'a-web', scope: 'orders:read' },
      ...{ iat: now(), exp: now() + 300, jti: randomUUID() },
      ...changes,
    },
    { typ: 'oauth-id-jag+jwt', ...header },
  )
const bring = (token: string, form: Form = {}, dpop?: SigningKey) =>
  redeem(domains, token, { ...AS_WEB(), ...form }, dpop)
const refused = (answer: Answer, reason: Reason, error = 'invalid_grant') => expectRefusal(b, answer, { error, reason })

describe('ID-JAG §4.4.1: what it must be', () => {
  it('IJ-30: its client brings it, with its own authentication here', async () => {
    const answer = await bring(jag())
    expect(answer.body).toMatchObject({ token_type: 'Bearer', scope: 'orders:read' })
    expect(claimsOf(answer)).toMatchObject({ sub: 'wimse://b.example/users/johndoe', client_id: 'a-web' })
    const nobody = await bring(jag(), { client_assertion: undefined, client_assertion_type: undefined })
    await expectRefusal(b, nobody, { status: 401, error: 'invalid_client', reason: 'client_required' })
  })

  it.each<[string, Claims, Claims, Reason]>([
    ['IJ-31: of another type', {}, { typ: 'JWT' }, 'token_type_mismatch'],
    ['IJ-31, T9: the grant of a workload', {}, { typ: 'cambist-authorization-grant+jwt' }, 'token_type_mismatch'],
    ['IJ-31, T9: an access token', {}, { typ: 'at+jwt' }, 'token_type_mismatch'],
    ['IJ-31: without a type', {}, { typ: undefined }, 'token_type_mismatch'],
    ['IJ-31: for another server', { aud: 'https://as.c.example' }, {}, 'audience_mismatch'],
    ['IJ-31: for two servers', { aud: [b.issuer, 'https://as.c.example'] }, {}, 'audience_several'],
    ['IJ-31: for us in two members', { aud: [b.issuer, b.issuer] }, {}, 'audience_several'],
    ['IJ-02: without client_id', { client_id: undefined }, {}, 'claim_missing'],
    ['IJ-02: without jti', { jti: undefined }, {}, 'claim_missing'],
    ['IJ-02: without iat', { iat: undefined }, {}, 'claim_missing'],
    ['IJ-02: without sub', { sub: undefined }, {}, 'claim_missing'],
    ['IJ-32: for a client that there is not', { client_id: 'https://client.example/id' }, {}, 'grant_mismatch'],
    ['IJ-38: of a tenant, where the document knows none', { tenant: 'acme' }, {}, 'tenant_refused'],
    ['IJ-13: with actors, where the document keeps none', { act: { sub: 'agent' } }, {}, 'actor_claim_refused'],
  ])('%s', async (_, changes, header, reason) => {
    await refused(await bring(jag(changes, header)), reason)
  })

  it('IJ-31: our token endpoint is no audience of it, whatever the document lists', async () => {
    await b.apply(users({ audiences: [b.issuer, `${b.issuer}/token`] }))
    await refused(await bring(jag({ aud: `${b.issuer}/token` })), 'audience_mismatch')
    expect((await bring(jag({ aud: [b.issuer] }))).status).toBe(200)
    await b.apply(users())
  })

  it('IJ-32: another client of ours does not bring it', async () => {
    await refused(await redeem(domains, jag(), { audience: 'https://orders.b.example' }), 'grant_mismatch')
  })

  it('IJ-33: scope and resource are its bounds, and the answer says what was granted', async () => {
    expect((await bring(jag({ scope: 'orders:read orders:write' }))).body['scope']).toBe('orders:read')
    await refused(await bring(jag(), { scope: 'orders:delete' }), 'scope_denied', 'invalid_scope')
    expect(claimsOf(await bring(jag({ resource: ORDERS_API }), { audience: undefined }))).toMatchObject({
      aud: 'https://orders.b.example',
    })
    const elsewhere = await bring(jag({ resource: [ORDERS_API] }), { audience: 'https://stock.b.example' })
    await refused(elsewhere, 'target_unknown', 'invalid_target')
  })

  it('IJ-33: its authorization details are bounds as well, and what is granted of them is said', async () => {
    const audience = 'https://payments.b.example'
    await b.apply(
      document('Target', 'payments', {
        ...{ audience, scopes: ['pay'] },
        authorizationDetails: [{ type: 'payment', members: { actions: 'texts', amount: 'number' } }],
      }),
      document('Policy', 'users-pay', {
        ...{ clients: ['a-web'], targets: ['payments'], subject: { issuers: ['users'] }, scopes: ['pay'] },
        ...{ authorizationDetails: [{ type: 'payment' }], delegation: { mode: 'delegate' } },
      }),
    )
    const held = { type: 'payment', actions: ['initiate', 'status'], amount: 120 }
    const asks = (conveyed: Claims, ...wanted: readonly object[]) =>
      bring(jag({ scope: undefined, ...conveyed }), { audience, authorization_details: JSON.stringify(wanted) })
    const within = { ...held, actions: ['status'] }
    const answer = await asks({ authorization_details: [held] }, within)
    expect(answer.body).toMatchObject({ token_type: 'Bearer', authorization_details: [within] })
    expect(claimsOf(answer)['authorization_details']).toEqual([within])
    for (const [conveyed, wanted] of [
      [{ authorization_details: [held] }, { ...held, actions: ['initiate', 'cancel'] }],
      [{ authorization_details: [held] }, { ...held, amount: 500 }],
      [{ authorization_details: [{ type: 'account' }] }, held],
      [{ scope: 'pay' }, held],
      [{ authorization_details: [] }, held],
    ] as const)
      await refused(await asks(conveyed, wanted), 'details_denied', 'invalid_authorization_details')
    // By details alone it conveys no scope beside them.
    const scoped = await bring(jag({ scope: undefined, authorization_details: [held] }), { audience, scope: 'pay' })
    await refused(scoped, 'scope_denied', 'invalid_scope')
  })

  it.each<[string, unknown]>([
    ['an object', { type: 'payment' }],
    ['a list of texts', ['payment']],
    ['without a type', [{ actions: ['initiate'] }]],
  ])('IJ-33: details that are %s are none', async (_, details) => {
    await refused(await bring(jag({ authorization_details: details })), 'claim_malformed')
  })

  it('IJ-34: sub_id makes nobody trusted, and where it must be read it must be there', async () => {
    const named = { sub_id: { format: 'saml-nameid', issuer: USERS, nameid: 'johndoe' } }
    await refused(await bring(jag({ iss: 'https://stranger.example', ...named })), 'issuer_unknown')
    await b.apply(users({ subject: 'assertion.sub_id.nameid', condition: `assertion.sub_id.issuer == '${USERS}'` }))
    expect(claimsOf(await bring(jag(named)))['sub']).toBe('wimse://b.example/users/johndoe')
    await refused(await bring(jag()), 'condition_refused')
    await refused(
      await bring(jag({ sub_id: { ...named.sub_id, issuer: 'https://stranger.example' } })),
      'condition_refused',
    )
    await b.apply(users({ subject: 'assertion.sub_id.nameid' }))
    await refused(await bring(jag()), 'subject_unmapped')
    await b.apply(users())
  })

  it('IJ-35, RP-05: it is brought again until it ends, and nothing is refreshed', async () => {
    const token = jag()
    for (const _ of [1, 2]) expect((await bring(token)).body).not.toHaveProperty('refresh_token')
    await b.apply(users({ singleUse: true }))
    await refused(await bring(token).then(() => bring(token)), 'replayed')
    await b.apply(users())
  })
})

describe('IJ-38, IJ-04: tenants', () => {
  it('one of tenant X is none of tenant Y, and one name in both is two people', async () => {
    await b.apply(users({ tenant: 'assertion.tenant', tenants: ['x', 'y'] }))
    const [inX, inY] = [await bring(jag({ tenant: 'x' })), await bring(jag({ tenant: 'y' }))]
    expect(claimsOf(inX)['sub']).not.toBe(claimsOf(inY)['sub'])
    await b.apply(users({ tenant: 'assertion.tenant', tenants: ['y'] }))
    await refused(await bring(jag({ tenant: 'x' })), 'tenant_refused')
    await refused(await bring(jag()), 'tenant_refused')
    await b.apply(users())
  })
})

describe('IJ-36: ID-JAG §9.8, keys', () => {
  const key = new SigningKey('ES256')
  const bound = () => jag({ cnf: { jkt: thumbprintOf(key) } })

  it('bound, with the proof of its key: the token is bound to it', async () => {
    const answer = await bring(bound(), {}, key)
    expect(answer.body['token_type']).toBe('DPoP')
    expect(claimsOf(answer)['cnf']).toEqual({ jkt: thumbprintOf(key) })
  })

  it('bound, without a proof or with that of another key: invalid_grant', async () => {
    await refused(await bring(bound()), 'confirmation_unproven')
    await refused(await bring(bound(), {}, new SigningKey('ES256')), 'confirmation_unproven')
  })

  it('not bound, with a proof: the token is bound', async () => {
    expect((await bring(jag(), {}, key)).body['token_type']).toBe('DPoP')
  })

  it('not bound, without a proof, for a target that demands one: invalid_grant', async () => {
    await b.apply(
      document('Target', 'stock', {
        ...{ audience: 'https://stock.b.example', scopes: ['orders:read'] },
        tokens: [{ kind: 'access-token', binding: 'dpop' }],
      }),
    )
    await refused(await bring(jag(), { audience: 'https://stock.b.example' }), 'binding_required')
    expect((await bring(jag(), { audience: 'https://stock.b.example' }, key)).body['token_type']).toBe('DPoP')
  })
})

it('IJ-17: our own ID-JAG makes no access token here, and none at a server that it is not for', async () => {
  const own = await grantOfUser(domains, { requested_token_type: ID_JAG })
  const here = await a.token({
    ...{ grant_type: TYPE.jwtBearer, assertion: issued(own), audience: 'https://orders.example' },
    ...asClient(a, 'web', web),
  })
  await expectRefusal(a, here, { error: 'invalid_grant', reason: 'issuer_unknown' })
  await b.apply(
    document('TrustedIssuer', 'a', {
      ...{ credential: 'id-jag', issuer: a.issuer, audiences: [b.issuer], keys: { discovery: true } },
    }),
  )
  expect((await bring(issued(own))).status).toBe(200)
  const c = await startCambist({ clock: a.clock, env: { CAMBIST_INSECURE_FETCH: new URL(a.issuer).host } })
  await c.apply(
    document('TrustedIssuer', 'a', {
      ...{ credential: 'id-jag', issuer: a.issuer, audiences: [c.issuer], keys: { discovery: true } },
    }),
    document('Client', 'a-web', {
      authentication: { method: 'private_key_jwt', jwks: { keys: [web.jwk] } },
      grants: ['jwt-bearer'],
    }),
    document('Policy', 'users', {
      clients: ['a-web'],
      targets: ['orders'],
      scopes: ['orders:read'],
      delegation: { mode: 'delegate' },
    }),
  )
  const atC = (assertion: string) =>
    c.token({
      ...{ grant_type: TYPE.jwtBearer, assertion, audience: 'https://orders.example' },
      ...asClient(c, 'a-web', web),
    })
  await expectRefusal(c, await atC(issued(own)), { error: 'invalid_grant', reason: 'audience_mismatch' })
  await a.apply(
    peer('c', c.issuer, { resources: [] }),
    document('Policy', 'to-c', {
      clients: ['web'],
      targets: ['c'],
      scopes: ['orders:read'],
      delegation: { mode: 'delegate' },
    }),
  )
  const forC = await grantOfUser(domains, { requested_token_type: ID_JAG, audience: c.issuer })
  expect((await atC(issued(forC))).status).toBe(200)
})
