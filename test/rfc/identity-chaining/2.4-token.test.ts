/** draft-ietf-oauth-identity-chaining-17 §2.4, RFC 7523 §3: what the server of the other domain takes, and what it gives. */
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Reason } from '../../../src/refusal.ts'
import { type Answer, document, type Form } from '../../harness/cambist.ts'
import {
  asClient,
  claimsOf,
  GRANT_TYP,
  grantOf,
  issued,
  ORDERS_API,
  redeem,
  startDomains,
  trusted,
} from '../../harness/domains.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { type Claims, SigningKey, TYPE } from '../../harness/tokens.ts'

const domains = await startDomains()
const { b, web } = domains
const now = () => b.clock.seconds()
const PEER = 'https://as.p.example'
const signer = new SigningKey('ES256')
const other = new SigningKey('ES256')
const ORDERS: Form = { audience: 'https://orders.b.example' }

const peer = (changes: object = {}) =>
  document('TrustedIssuer', 'p', {
    ...{ credential: 'authorization-grant', issuer: PEER, audiences: [b.issuer] },
    keys: { jwks: { keys: [signer.jwk] } },
    ...changes,
  })
await b.apply(
  peer(),
  document('TrustedIssuer', 'q', {
    ...{ credential: 'authorization-grant', issuer: 'https://as.q.example', audiences: [b.issuer] },
    keys: { jwks: { keys: [other.jwk] } },
  }),
  document('Policy', 'p-reads-orders', {
    ...{ clients: ['a-checkout', 'a-web'], targets: ['orders', 'stock'], subject: { issuers: ['p', 'q'] } },
    ...{ scopes: ['orders:read', 'orders:delete'], delegation: { mode: 'delegate' } },
  }),
)

/** A good grant of a peer, with claims and header members changed. */
const grant = (changes: Claims = {}, header: Claims = {}, key = signer): string =>
  key.sign(
    {
      ...{ iss: PEER, sub: 'job-7', aud: b.issuer, client_id: 'a-checkout', scope: 'orders:read' },
      ...{ iat: now(), exp: now() + 60, jti: randomUUID() },
      ...changes,
    },
    { typ: GRANT_TYP, ...header },
  )
const refused = async (answer: Answer, reason: Reason, error = 'invalid_grant') => {
  const record = await expectRefusal(b, answer, { error, reason })
  expect(JSON.stringify(answer.body)).not.toContain('refresh')
  return record
}

describe('identity chaining §2.4.1, RFC 7523 §2.1: the request', () => {
  it('IC-20: the grant is an assertion, and scope or resource says for what', async () => {
    const byScope = await redeem(domains, grant(), { ...ORDERS, scope: 'orders:read' })
    const byResource = await redeem(domains, grant(), { resource: ORDERS_API })
    for (const answer of [byScope, byResource])
      expect(claimsOf(answer)).toMatchObject({ aud: 'https://orders.b.example', scope: 'orders:read' })
  })

  it('IC-25, AF-05: without client authentication nobody brings it, whoever it is made out to', async () => {
    for (const changes of [{}, { client_id: undefined }]) {
      const nobody = { client_assertion: undefined, client_assertion_type: undefined, client_id: 'a-checkout' }
      const answer = await redeem(domains, grant(changes), { ...ORDERS, ...nobody })
      await expectRefusal(b, answer, { status: 401, error: 'invalid_client', reason: 'client_required' })
    }
  })

  it('a client that may not use assertions has nothing of one', async () => {
    await b.apply(
      document('Client', 'exchanging', { authentication: { method: 'private_key_jwt', jwks: { keys: [other.jwk] } } }),
    )
    const answer = await redeem(domains, grant(), { ...ORDERS, ...asClient(b, 'exchanging', other) })
    await refused(answer, 'grant_not_allowed', 'unauthorized_client')
  })
})

describe('identity chaining §2.4.2, RFC 7523 §3: what a grant must be', () => {
  it.each<[string, Claims, Claims, Reason]>([
    ['IC-21, JG-04: for another server', { aud: 'https://as.c.example' }, {}, 'audience_mismatch'],
    [
      'IC-21, JG-04, T8: for another server beside us',
      { aud: [b.issuer, 'https://as.c.example'] },
      {},
      'audience_several',
    ],
    [
      'IC-21: for our token endpoint, which the document does not list',
      { aud: `${b.issuer}/token` },
      {},
      'audience_mismatch',
    ],
    ['IC-21: for our issuer in another spelling', { aud: `${b.issuer}/` }, {}, 'audience_mismatch'],
    ['IC-21: for nobody', { aud: undefined }, {}, 'claim_missing'],
    ['IC-22, JG-03: of no subject', { sub: undefined }, {}, 'claim_missing'],
    ['IC-22: of a subject that is no name', { sub: { name: 'x' } }, {}, 'claim_malformed'],
    ['JG-02: of no issuer', { iss: undefined }, {}, 'claim_missing'],
    ['JG-05: without end', { exp: undefined }, {}, 'claim_missing'],
    ['JG-05: that has ended', { iat: -120, exp: -60 }, {}, 'expired'],
    ['IC-25: that lives too long', { exp: 3600 }, {}, 'too_long_lived'],
    ['JG-06: not yet valid', { nbf: 600 }, {}, 'not_yet_valid'],
    ['JG-10, T9: an access token', {}, { typ: 'at+jwt' }, 'token_type_mismatch'],
    ['JG-10, T9: an ID-JAG', {}, { typ: 'oauth-id-jag+jwt' }, 'token_type_mismatch'],
    [
      'JG-10, T9: a grant of a transaction, from a peer that makes none',
      {},
      { typ: 'txn-chain+jwt' },
      'token_type_mismatch',
    ],
    ['JG-10, T9: a transaction token', {}, { typ: 'txntoken+jwt' }, 'token_type_mismatch'],
    ['JG-10, T9: of a peer that has types of its own, without one', {}, { typ: undefined }, 'token_type_mismatch'],
    ['JG-10: a JWT for anything', {}, { typ: 'JWT' }, 'token_type_mismatch'],
    ['JG-07: unsigned', {}, { alg: 'none' }, 'algorithm_refused'],
    ['T20: that names actors, and its issuer may not', { act: { sub: 'gateway' } }, {}, 'actor_claim_refused'],
  ])('%s', async (_, changes, header, reason) => {
    const dated = Object.fromEntries(
      Object.entries(changes).map(([name, value]) => [name, typeof value === 'number' ? now() + value : value]),
    )
    await refused(await redeem(domains, grant(dated, header), ORDERS), reason)
  })

  it('JG-02, JV-04, T1: the key of another issuer, or of one that nobody trusts', async () => {
    await refused(await redeem(domains, grant({}, { kid: signer.kid }, other), ORDERS), 'signature_invalid')
    await refused(await redeem(domains, grant({}, {}, other), ORDERS), 'key_unknown')
    await refused(await redeem(domains, grant({ iss: 'https://as.q.example' }), ORDERS), 'key_unknown')
    await refused(await redeem(domains, grant({ iss: 'https://as.r.example' }), ORDERS), 'issuer_unknown')
    await refused(await redeem(domains, grant({ iss: `${PEER}/` }), ORDERS), 'issuer_unknown')
  })

  it('IC-21, JG-04: our token endpoint is an audience where the document of the peer lists it', async () => {
    await b.apply(peer({ audiences: [b.issuer, `${b.issuer}/token`] }))
    expect((await redeem(domains, grant({ aud: `${b.issuer}/token` }), ORDERS)).status).toBe(200)
    await refused(await redeem(domains, grant({ aud: [b.issuer, `${b.issuer}/token`] }), ORDERS), 'audience_several')
    await b.apply(peer())
  })

  it('IC-22: a subject that the document cannot map is nobody', async () => {
    await b.apply(peer({ subject: 'assertion.employee' }))
    await refused(await redeem(domains, grant(), ORDERS), 'subject_unmapped')
    await b.apply(peer())
  })

  it('IC-23: a subject that no rule knows has nothing', async () => {
    await b.apply(document('Policy', 'not-job-7', { effect: 'forbid', subject: { issuers: ['p'], ids: ['job-7'] } }))
    await refused(await redeem(domains, grant(), ORDERS), 'forbidden', 'invalid_target')
    expect((await redeem(domains, grant({ sub: 'job-8' }), ORDERS)).status).toBe(200)
    await b.apply(document('Policy', 'not-job-7', { effect: 'forbid', disabled: true }))
  })

  it('JG-08, JG-05: a grant that ends at this moment is worth no token', async () => {
    await refused(await redeem(domains, grant({ iat: now() - 60, exp: now() }), ORDERS), 'no_lifetime_left')
  })
})

describe('identity chaining §5: who may bring it, and how often', () => {
  it('IC-25, T10, TC-07: a grant is taken once, and once only by two at the same time', async () => {
    const once = grant()
    expect((await redeem(domains, once, ORDERS)).status).toBe(200)
    await refused(await redeem(domains, once, ORDERS), 'replayed')
    const raced = grant()
    const answers = await Promise.all([1, 2, 3].map(() => redeem(domains, raced, ORDERS)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400])
  })

  it('T10: one without jti is known by what is signed', async () => {
    const once = grant({ jti: undefined })
    expect((await redeem(domains, once, ORDERS)).status).toBe(200)
    await refused(await redeem(domains, once, ORDERS), 'replayed')
  })

  it('RP-05: it may be brought again where the document says so', async () => {
    await b.apply(peer({ singleUse: false }))
    const again = grant()
    for (const _ of [1, 2]) expect((await redeem(domains, again, ORDERS)).status).toBe(200)
    await b.apply(peer())
  })

  it('IC-09, T18: it is made out to a client, and no other brings it', async () => {
    const stolen = await redeem(domains, grant(), { ...ORDERS, ...asClient(b, 'a-web', web) })
    const record = await refused(stolen, 'grant_mismatch')
    expect(record).toMatchObject({ client: 'a-web', subject: { issuer: 'p' } })
    expect((await redeem(domains, grant({ client_id: undefined }), ORDERS)).status).toBe(200)
  })

  it('KX-01, T9: it is no subject token, no actor token and no client assertion', async () => {
    const exchange = (form: Form) => b.exchange({ ...ORDERS, ...asClient(b, 'a-checkout', domains.key), ...form })
    for (const type of [TYPE.jwt, TYPE.idToken, TYPE.accessToken]) {
      const subject = await exchange({ subject_token: grant(), subject_token_type: type })
      await refused(subject, 'issuer_unknown', 'invalid_request')
      const actor = await exchange({ actor_token: grant(), actor_token_type: type })
      await refused(actor, 'issuer_unknown', 'invalid_request')
    }
    const asserted = await redeem(domains, grant(), { ...ORDERS, client_assertion: grant() })
    await expectRefusal(b, asserted, { status: 401, error: 'invalid_client', reason: 'issuer_unknown' })
  })
})

describe('IC-52, AF-03: what comes of it is within the grant, the request and the rules', () => {
  it('no scope beyond the grant', async () => {
    const wider = await redeem(domains, grant(), { ...ORDERS, scope: 'orders:read orders:delete' })
    await refused(wider, 'scope_denied', 'invalid_scope')
  })

  it('no scope beyond the rules, where none is asked for', async () => {
    const answer = await redeem(domains, grant({ scope: 'orders:read orders:write' }), ORDERS)
    expect(answer.body['scope']).toBe('orders:read')
    const asked = await redeem(domains, grant({ scope: 'orders:read orders:write' }), {
      ...ORDERS,
      scope: 'orders:write',
    })
    await refused(asked, 'scope_denied', 'invalid_scope')
  })

  it('a grant that says nothing of scopes leaves them to the rules, and one that says none gives none', async () => {
    expect((await redeem(domains, grant({ scope: undefined }), ORDERS)).body['scope']).toBe('orders:delete')
    expect((await redeem(domains, grant({ scope: '' }), ORDERS)).body).not.toHaveProperty('scope')
    const details = { scope: undefined, authorization_details: [{ type: 'payment' }] }
    expect((await redeem(domains, grant(details), ORDERS)).body).not.toHaveProperty('scope')
  })

  it('IJ-33: a grant for one resource is for that, whether the request names it or not', async () => {
    const forOrders = () => grant({ resource: ORDERS_API })
    for (const form of [{}, { resource: ORDERS_API }, ORDERS])
      expect(claimsOf(await redeem(domains, forOrders(), form))['aud']).toBe('https://orders.b.example')
    const stock = [{ audience: 'https://stock.b.example' }, { resource: 'https://stock.b.example/api' }]
    for (const form of stock)
      await refused(await redeem(domains, forOrders(), form), 'target_unknown', 'invalid_target')
    const elsewhere = grant({ resource: ['https://nowhere.example/api'] })
    await refused(await redeem(domains, elsewhere, {}), 'target_unknown', 'invalid_target')
  })

  it('the token ends no later than the grant (TE-75)', async () => {
    const answer = await redeem(domains, grant({ exp: now() + 45 }), ORDERS)
    expect(answer.body['expires_in']).toBe(45)
    expect(claimsOf(answer)['exp']).toBe(now() + 45)
  })

  it('T20: actors of an issuer that may name them are kept, as names of that issuer', async () => {
    await b.apply(peer({ act: 'keep' }))
    const answer = await redeem(domains, grant({ act: { sub: 'gateway' } }), ORDERS)
    expect(claimsOf(answer)['act']).toEqual({
      sub: 'wimse://b.example/clients/a-checkout',
      act: { sub: 'gateway', iss: PEER },
    })
    await b.apply(peer())
  })
})

describe('IC-32: keys', () => {
  it('a grant that is bound to a key comes with the proof of that key, and with no other', async () => {
    const key = new SigningKey('ES256')
    const bound = () => grant({ cnf: { jwk: { ...key.jwk, use: undefined } } })
    expect((await redeem(domains, bound(), ORDERS, key)).body['token_type']).toBe('DPoP')
    await refused(await redeem(domains, bound(), ORDERS), 'confirmation_unproven')
    await refused(await redeem(domains, bound(), ORDERS, new SigningKey('ES256')), 'confirmation_unproven')
  })

  it.each([['cnf'], ['requested_cnf']])('%s of a kind that nobody can prove is refused', async (claim) => {
    await refused(await redeem(domains, grant({ [claim]: { kid: 'one' } }), ORDERS), 'confirmation_unproven')
  })
})

describe('what a document may say of a peer', () => {
  it.each<[string, object, RegExp]>([
    ['our own name', { issuer: b.issuer }, /our own issuer/],
    ['several audiences', { multipleAudiences: true }, /multipleAudiences/],
    ['the type of an access token', { typ: ['at+jwt'] }, /spec\.typ\[0\]/],
    ['the type of an ID-JAG', { typ: ['', 'application/OAuth-ID-JAG+jwt'] }, /spec\.typ\[1\]/],
  ])('IC-41, IJ-17: not %s', async (_, changes, fault) => {
    await expect(b.apply(peer(changes))).rejects.toThrow(fault)
  })

  it('IC-40: types of a peer that is no Cambist', async () => {
    await b.apply(peer({ typ: ['', 'JWT'] }))
    for (const typ of [undefined, 'JWT', 'application/jwt'])
      expect((await redeem(domains, grant({}, { typ }), ORDERS)).status).toBe(200)
    await refused(await redeem(domains, grant(), ORDERS), 'token_type_mismatch')
    await b.apply(peer())
    await b.apply(trusted(domains.a, b))
  })
})

it('IJ-17: a grant of our own is no grant here', async () => {
  const { a } = domains
  const own = await grantOf(domains)
  const answer = await a.token({
    ...{ grant_type: TYPE.jwtBearer, assertion: issued(own), audience: 'https://orders.example' },
    ...asClient(a, 'web', web),
  })
  await expectRefusal(a, answer, { error: 'invalid_grant', reason: 'issuer_unknown' })
})
