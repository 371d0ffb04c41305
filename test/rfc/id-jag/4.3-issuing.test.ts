/** draft-ietf-oauth-identity-assertion-authz-grant-04 §3.1, §4.3: an ID-JAG for the user of an ID token. */
import { describe, expect, it } from 'vitest'
import { document } from '../../harness/cambist.ts'
import {
  claimsOf,
  grantOf,
  grantOfUser,
  ID_JAG,
  issued,
  ORDERS_API,
  peer,
  startDomains,
} from '../../harness/domains.ts'
import { thumbprintOf } from '../../harness/proofs.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { decode, SigningKey, TYPE } from '../../harness/tokens.ts'

const domains = await startDomains()
const { a, b, idp } = domains
const jag = { requested_token_type: ID_JAG }

describe('ID-JAG §3.1: the token', () => {
  it('IJ-01, IJ-02, IJ-03, IJ-14: it says what it must, and what the target maps', async () => {
    const answer = await grantOfUser(domains, { ...jag, scope: 'orders:read', resource: ORDERS_API })
    const { header, claims } = decode(issued(answer))
    const now = a.clock.seconds()
    expect(header).toEqual({ typ: 'oauth-id-jag+jwt', alg: 'ES256', kid: expect.any(String) })
    expect(claims).toEqual({
      ...{ iss: a.issuer, sub: 'wimse://a.example/idp/johndoe', aud: b.issuer, client_id: 'a-web', jti: answer.id },
      ...{ iat: now, exp: now + 300, scope: 'orders:read', resource: ORDERS_API },
      ...{ email: 'john@a.example', auth_time: now - 30 },
    })
  })

  it('IJ-04: the subject is one under our name, and may be the one of the sign-on', async () => {
    const john = claimsOf(await grantOfUser(domains, jag))
    const jane = claimsOf(await grantOfUser(domains, { ...jag, subject_token: idp.idToken({ sub: 'janedoe' }) }))
    expect(john['sub']).not.toBe(jane['sub'])
    await a.apply(
      peer('sso', 'https://ras.example', { resources: [], tokens: [{ kind: 'id-jag', subject: 'subject.email' }] }),
      document('Policy', 'to-sso', {
        ...{ clients: ['web'], targets: ['sso'], scopes: ['orders:read'], delegation: { mode: 'delegate' } },
        changes: ['format', 'scope', 'authority', 'identity'],
      }),
    )
    const mapped = await grantOfUser(domains, { ...jag, audience: 'https://ras.example' })
    expect(claimsOf(mapped)['sub']).toBe('john@a.example')
  })

  it('IJ-36: a DPoP proof is in cnf.jkt, and the answer is N_A all the same', async () => {
    const key = new SigningKey('ES256')
    const answer = await grantOfUser(domains, jag, key)
    expect(claimsOf(answer)['cnf']).toEqual({ jkt: thumbprintOf(key) })
    expect(answer.body['token_type']).toBe('N_A')
  })
})

describe('ID-JAG §4.3: the request and its answer', () => {
  it('IJ-15, TE-27: it is of its type, and no access token; nothing is refreshed', async () => {
    const { body } = await grantOfUser(domains, { ...jag, scope: 'orders:read' })
    expect(body).toEqual({
      ...{ access_token: expect.any(String), issued_token_type: ID_JAG, token_type: 'N_A', expires_in: 300 },
      scope: 'orders:read',
    })
  })

  it('IJ-14, IJ-15: what policy grants is what it holds, and what the answer says', async () => {
    await a.apply(
      document('Policy', 'to-b', {
        ...{ clients: ['web'], targets: ['b'], scopes: ['orders:read'], delegation: { mode: 'delegate' } },
      }),
      peer('b', b.issuer, { defaultScopes: ['orders:read', 'orders:write'] }),
    )
    const answer = await grantOfUser(domains, { ...jag, scope: undefined })
    expect([answer.body['scope'], claimsOf(answer)['scope']]).toEqual(['orders:read', 'orders:read'])
  })

  it('IJ-14, IJ-15: authorization details stand in it and in the answer as they are granted, within what policy says', async () => {
    const audience = 'https://as.pay.example'
    await a.apply(
      peer('pay', audience, {
        resources: [],
        authorizationDetails: [{ type: 'payment', members: { actions: 'texts', amount: 'number' } }],
      }),
      document('Policy', 'to-pay', {
        ...{ clients: ['web'], targets: ['pay'], delegation: { mode: 'delegate' } },
        authorizationDetails: [{ type: 'payment', members: { amount: 500 } }],
      }),
    )
    const asked = (...details: readonly object[]) =>
      grantOfUser(domains, { ...jag, audience, scope: undefined, authorization_details: JSON.stringify(details) })
    const payment = { type: 'payment', actions: ['initiate'], amount: 120 }
    const answer = await asked(payment)
    expect(answer.body).toMatchObject({ issued_token_type: ID_JAG, authorization_details: [payment] })
    expect(claimsOf(answer)['authorization_details']).toEqual([payment])
    const DETAILS = { error: 'invalid_authorization_details' }
    for (const wide of [[{ ...payment, amount: 501 }], [payment, { type: 'payment', actions: ['cancel'] }]])
      await expectRefusal(a, await asked(...wide), { ...DETAILS, reason: 'details_denied' })
    await expectRefusal(a, await asked({ type: 'transfer' }), { ...DETAILS, reason: 'details_unknown' })
    // Without anything it would leave all to the other server.
    const open = await grantOfUser(domains, { ...jag, audience, scope: undefined })
    await expectRefusal(a, open, { error: 'invalid_request', reason: 'parameter_missing' })
  })

  it('IJ-10: audience names the server, and resource alone does not', async () => {
    const neither = await grantOfUser(domains, { ...jag, audience: undefined })
    await expectRefusal(a, neither, { error: 'invalid_request', reason: 'parameter_missing' })
    const alone = await grantOfUser(domains, { ...jag, audience: undefined, resource: ORDERS_API })
    await expectRefusal(a, alone, { error: 'invalid_request', reason: 'parameter_missing' })
    const nobody = await grantOfUser(domains, { ...jag, audience: 'https://as.nowhere.example' })
    await expectRefusal(a, nobody, { error: 'invalid_target', reason: 'target_unknown' })
  })

  it('IJ-10: another name of the server means it, and its issuer is what the token says', async () => {
    await a.apply(
      peer('ras', '', { audience: undefined, audiences: ['https://ras.c.example', 'urn:c'], resources: [] }),
    )
    await a.apply(
      document('Policy', 'to-c', {
        clients: ['web'],
        targets: ['ras'],
        scopes: ['orders:read'],
        delegation: { mode: 'delegate' },
      }),
    )
    expect(claimsOf(await grantOfUser(domains, { ...jag, audience: 'urn:c' }))['aud']).toBe('https://ras.c.example')
  })

  it.each([
    ['a JWT that is no ID token', () => ({ subject_token_type: TYPE.jwt })],
    ['the token of a workload', () => ({ subject_token: a.cluster.token(), subject_token_type: TYPE.jwt })],
    ['an ID token for us', () => ({ subject_token: idp.idToken({ aud: a.issuer }) })],
  ])('IJ-11, IJ-40: not of %s', async (_, form) => {
    const answer = await grantOfUser(domains, { ...jag, ...form() })
    await expectRefusal(a, answer, { error: 'invalid_request', reason: 'token_unfit' })
  })

  it.each(['refresh_token', 'saml2'])('IJ-11: nor of a %s, which this server does not take', async (type) => {
    const subject_token_type = `urn:ietf:params:oauth:token-type:${type}`
    const answer = await grantOfUser(domains, { ...jag, subject_token_type })
    await expectRefusal(a, answer, { error: 'invalid_request', reason: 'token_type_unsupported' })
  })

  it('IJ-40: a workload has a grant, and none that bears the type of an ID-JAG', async () => {
    await a.apply(document('Policy', 'workload', { clients: ['checkout'], targets: ['b'], scopes: ['orders:read'] }))
    await expectRefusal(a, await grantOf(domains, jag), { error: 'invalid_request', reason: 'token_unfit' })
    expect(decode(issued(await grantOf(domains))).header['typ']).toBe('cambist-authorization-grant+jwt')
  })

  it('IJ-12, TE-72: an ID token for another client is none of this one, whatever is asked for', async () => {
    await a.apply(
      document('Client', 'web', {
        authentication: { method: 'private_key_jwt', jwks: { keys: [domains.web.jwk] } },
        audiences: ['another-at-the-idp'],
      }),
    )
    for (const type of [ID_JAG, TYPE.jwt]) {
      const answer = await grantOfUser(domains, { requested_token_type: type })
      const { detail } = await expectRefusal(a, answer, { error: 'invalid_request', reason: 'audience_mismatch' })
      expect(detail).toContain('"web-at-the-idp"')
    }
    await a.apply(
      document('Client', 'web', {
        authentication: { method: 'private_key_jwt', jwks: { keys: [domains.web.jwk] } },
        audiences: ['another-at-the-idp', 'web-at-the-idp'],
      }),
    )
    expect((await grantOfUser(domains, jag)).status).toBe(200)
  })

  it('IJ-18: without client authentication there is nobody', async () => {
    const answer = await grantOfUser(domains, { ...jag, client_assertion: undefined, client_assertion_type: undefined })
    await expectRefusal(a, answer, { status: 401, error: 'invalid_client', reason: 'client_required' })
  })
})
