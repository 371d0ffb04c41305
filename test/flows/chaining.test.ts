/**
 * Two domains: a workload of A gets a grant at its own server, and a token for an API of B at B's
 * (draft-ietf-oauth-identity-chaining-17).
 */
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import {
  asClient,
  claimsOf,
  grantOf,
  issued,
  ORDERS_API,
  peer,
  redeem,
  startDomains,
  trusted,
} from '../harness/domains.ts'
import { thumbprintOf } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { decode, SigningKey, TYPE } from '../harness/tokens.ts'

const domains = await startDomains()
const { a, b, key } = domains
const toB = document('Policy', 'to-b', {
  ...{ clients: ['checkout', 'web'], targets: ['b'], scopes: ['orders:read', 'orders:write'] },
  delegation: { mode: 'delegate' },
})

describe('from domain A to domain B', () => {
  it('IC-06, IC-20, JG-09: a grant of A becomes a token of B, which the keys of B verify', async () => {
    const grant = await grantOf(domains, { scope: 'orders:read' })
    expect(grant.body).toMatchObject({ issued_token_type: TYPE.jwt, token_type: 'N_A', expires_in: 60 })
    const answer = await redeem(domains, issued(grant), { audience: 'https://orders.b.example' })
    expect(answer.body).toMatchObject({ token_type: 'Bearer', scope: 'orders:read' })
    expect(answer.body).not.toHaveProperty('issued_token_type')
    const { payload } = await jwtVerify(issued(answer), createRemoteJWKSet(new URL(`${b.issuer}/jwks`)), {
      ...{ issuer: b.issuer, audience: 'https://orders.b.example', typ: 'at+jwt' },
      currentDate: new Date(b.clock.now()),
    })
    const subject = decode(issued(grant)).claims['sub']
    expect(payload).toMatchObject({
      client_id: 'a-checkout',
      // Foreign names are never ours (IC-51): what A says stands in the space of A.
      sub: `wimse://b.example/a/${encodeURIComponent(String(subject))}`,
      act: { sub: 'wimse://b.example/clients/a-checkout' },
    })
  })

  it('IC-24, IC-05 of the record: no refresh token, and each side keeps its own lineage', async () => {
    const grant = await grantOf(domains)
    const answer = await redeem(domains, issued(grant), { audience: 'https://orders.b.example' })
    for (const { body } of [grant, answer]) expect(body).not.toHaveProperty('refresh_token')
    const [home, abroad] = [await a.record(grant.id), await b.record(answer.id)]
    expect(home).toMatchObject({
      client: 'checkout',
      granted: { tokenType: TYPE.jwt, targets: ['b'] },
      lineage: grant.id,
    })
    expect(abroad).toMatchObject({
      ...{ grant: 'jwt-bearer', client: 'a-checkout', lineage: answer.id, parents: [] },
      subject: { issuer: 'a', kind: 'authorization-grant' },
      credentials: [{ position: 'client' }, { position: 'assertion', issuer: 'a', id: grant.id }],
    })
    expect(claimsOf(answer)['cambist_path']).toEqual(['a-checkout'])
    for (const name of ['cambist_lineage', 'cambist_path']) expect(claimsOf(grant)).not.toHaveProperty(name)
  })

  it('UC-12, UC-16: a chain goes on in B from what A has told, and names nothing of the inside of A', async () => {
    const service = new SigningKey('ES256')
    await a.apply(
      peer('b', b.issuer, { tokens: [{ kind: 'authorization-grant', subject: "'checkout'" }] }),
      document('Policy', 'to-b', {
        ...{ clients: ['checkout'], targets: ['b'], scopes: ['orders:read'] },
        changes: ['format', 'scope', 'authority', 'identity'],
      }),
    )
    await b.apply(
      document('Client', 'orders-service', {
        authentication: { method: 'private_key_jwt', jwks: { keys: [service.jwk] } },
        audiences: ['https://orders.b.example'],
      }),
      document('Policy', 'orders-goes-on', {
        ...{ clients: ['orders-service'], targets: ['stock'], scopes: ['orders:read'] },
        ...{ subject: { issuers: ['self'], scopes: ['orders:read'] }, delegation: { mode: 'delegate' } },
      }),
    )
    const grant = await grantOf(domains, { scope: 'orders:read' })
    const first = await redeem(domains, issued(grant), { audience: 'https://orders.b.example' })
    const next = await b.exchange({
      ...{ subject_token: issued(first), subject_token_type: TYPE.accessToken, audience: 'https://stock.b.example' },
      ...{ scope: 'orders:read', ...asClient(b, 'orders-service', service) },
    })
    const claims = claimsOf(next)
    expect(claims).toMatchObject({
      sub: 'wimse://b.example/a/checkout',
      act: { sub: 'wimse://b.example/clients/orders-service', act: { sub: 'wimse://b.example/clients/a-checkout' } },
      cambist_path: ['a-checkout', 'orders-service'],
    })
    expect(Number(claims['exp'])).toBeLessThanOrEqual(Number(claimsOf(grant)['exp']))
    expect(JSON.stringify([claims, claimsOf(grant)])).not.toMatch(/serviceaccount|shop|cluster|pod/)
    await a.apply(peer('b', b.issuer), toB)
  })

  it('IC-30: a resource server of A goes on with the token that it received', async () => {
    await a.apply(
      document('Client', 'gateway', {
        workloads: [{ issuer: 'cluster', match: { serviceaccount: ['gateway'] } }],
        audiences: ['https://orders.example'],
      }),
      document('Policy', 'gateway-to-b', {
        ...{ clients: ['gateway'], targets: ['b'], scopes: ['orders:read'], delegation: { mode: 'delegate' } },
        subject: { issuers: ['self'], scopes: ['orders:read'] },
      }),
      document('Target', 'b', {
        ...{ audience: b.issuer, resources: [b.issuer, ORDERS_API], scopes: ['orders:read', 'orders:write'] },
        tokens: [{ kind: 'authorization-grant' }],
        clientIds: { checkout: 'a-checkout', gateway: 'a-checkout' },
      }),
    )
    const received = await a.exchange()
    const grant = await grantOf(domains, {
      ...{ subject_token: issued(received), subject_token_type: TYPE.accessToken, scope: 'orders:read' },
      ...{
        client_assertion: a.cluster.token({}, { serviceaccount: 'gateway' }),
        client_assertion_type: TYPE.clientAssertion,
      },
    })
    expect(claimsOf(grant)).toMatchObject({ sub: claimsOf(received)['sub'], client_id: 'a-checkout' })
    expect(Number(claimsOf(grant)['exp'])).toBeLessThanOrEqual(Number(claimsOf(received)['exp']))
    expect(await a.record(grant.id)).toMatchObject({ parents: [received.id], lineage: received.id })
    expect((await redeem(domains, issued(grant), { audience: 'https://orders.b.example' })).status).toBe(200)
  })

  it('IC-32: the token of B is bound to the key that was proven at A, whoever brings the grant', async () => {
    const holder = new SigningKey('ES256')
    await a.apply(
      document('Target', 'b', {
        ...{ audience: b.issuer, resources: [b.issuer, ORDERS_API], scopes: ['orders:read', 'orders:write'] },
        tokens: [{ kind: 'authorization-grant', confirmation: 'requested_cnf' }],
        clientIds: { checkout: 'a-checkout' },
      }),
    )
    const grant = await grantOf(domains, { scope: 'orders:read' }, holder)
    expect(claimsOf(grant)).toMatchObject({ requested_cnf: { jkt: thumbprintOf(holder) } })
    expect(claimsOf(grant)).not.toHaveProperty('cnf')
    expect(grant.body['token_type']).toBe('N_A')
    const answer = await redeem(domains, issued(grant), { audience: 'https://orders.b.example' })
    expect(answer.body['token_type']).toBe('DPoP')
    expect(claimsOf(answer)['cnf']).toEqual({ jkt: thumbprintOf(holder) })
    expect(await b.record(answer.id)).toMatchObject({ granted: { binding: 'dpop' } })

    // Also where who brings it proves a key of its own.
    const again = await redeem(
      domains,
      issued(await grantOf(domains, {}, holder)),
      { audience: 'https://orders.b.example' },
      new SigningKey('ES256'),
    )
    expect(claimsOf(again)['cnf']).toEqual({ jkt: thumbprintOf(holder) })
  })
})

describe('IC-40, IC-23: B decides whom it believes', () => {
  it('has the keys of A by discovery as well', async () => {
    await b.apply(trusted(a, b, { keys: { discovery: true } }))
    const grant = await grantOf(domains)
    expect((await redeem(domains, issued(grant), { audience: 'https://orders.b.example' })).status).toBe(200)
  })

  it('refuses once its rule is gone, and once its trust is', async () => {
    await b.adminSend('DELETE', '/admin/v1/policies/a-reads-orders', undefined, {
      'If-Match': String((await b.adminGet('/admin/v1/policies/a-reads-orders')).headers.get('ETag')),
    })
    const ruled = await redeem(domains, issued(await grantOf(domains)), { audience: 'https://orders.b.example' })
    await expectRefusal(b, ruled, { error: 'invalid_target', reason: 'denied' })
    await b.adminSend('DELETE', '/admin/v1/trusted-issuers/a', undefined, {
      'If-Match': String((await b.adminGet('/admin/v1/trusted-issuers/a')).headers.get('ETag')),
    })
    const trusting = await redeem(domains, issued(await grantOf(domains)), { audience: 'https://orders.b.example' })
    await expectRefusal(b, trusting, { error: 'invalid_grant', reason: 'issuer_unknown' })
  })

  it('IC-40: an issuer that is disabled is none', async () => {
    const c = await startCambist({ clock: a.clock, env: { CAMBIST_INSECURE_FETCH: new URL(a.issuer).host } })
    await a.apply(
      document('Target', 'c', {
        audience: c.issuer,
        scopes: ['orders:read'],
        tokens: [{ kind: 'authorization-grant' }],
      }),
      document('Policy', 'to-c', { clients: ['checkout'], targets: ['c'], scopes: ['orders:read'] }),
    )
    await c.apply(
      trusted(a, c, { disabled: true }),
      document('Client', 'checkout', {
        authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } },
        grants: ['jwt-bearer'],
      }),
    )
    const grant = await grantOf(domains, { audience: c.issuer })
    // A target that maps no client shares its names with us (CM-10).
    expect(claimsOf(grant)).toMatchObject({ aud: c.issuer, client_id: 'checkout' })
    const { clock } = a
    const refused = await c.token({
      ...{ grant_type: TYPE.jwtBearer, assertion: issued(grant), client_assertion_type: TYPE.clientAssertion },
      client_assertion: key.sign({
        iss: 'checkout',
        sub: 'checkout',
        aud: c.issuer,
        jti: 'one',
        iat: clock.seconds(),
        exp: clock.seconds() + 60,
      }),
    })
    await expectRefusal(c, refused, { error: 'invalid_grant', reason: 'issuer_disabled' })
  })
})
