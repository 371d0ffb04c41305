/** draft-ietf-oauth-identity-chaining-17 §2.3: what the server of the client's own domain answers. */
import { describe, expect, it } from 'vitest'
import { document, type Form } from '../../harness/cambist.ts'
import {
  claimsOf,
  GRANT_TYP,
  grantOf,
  grantOfUser,
  issued,
  ORDERS_API,
  peer,
  startDomains,
} from '../../harness/domains.ts'
import { thumbprintOf } from '../../harness/proofs.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { decode, SigningKey, TYPE } from '../../harness/tokens.ts'

const domains = await startDomains()
const { a, b } = domains

describe('identity chaining §2.3.1: the request', () => {
  it('IC-01: audience or resource names the server of the other domain', async () => {
    const byAudience = await grantOf(domains)
    const byResource = await grantOf(domains, { audience: undefined, resource: b.issuer })
    for (const grant of [byAudience, byResource]) {
      expect(claimsOf(grant)['aud']).toBe(b.issuer)
      // The server itself is none of its APIs.
      expect(claimsOf(grant)).not.toHaveProperty('resource')
    }
  })

  it('IC-01: without either the request is refused', async () => {
    const neither = await grantOf(domains, { audience: undefined, requested_token_type: TYPE.jwt })
    await expectRefusal(a, neither, { error: 'invalid_request', reason: 'parameter_missing' })
    // Nothing says that this one is for a grant.
    const bare = await grantOf(domains, { audience: undefined })
    await expectRefusal(a, bare, { error: 'invalid_target', reason: 'target_required' })
  })

  it('RI-05: a resource that is an API of the other domain stands in the grant', async () => {
    const grant = await grantOf(domains, { resource: ORDERS_API })
    expect(claimsOf(grant)['resource']).toBe(ORDERS_API)
  })

  it('IC-02, IC-52: scope is what the grant conveys, as far as policy lets it', async () => {
    expect(claimsOf(await grantOf(domains, { scope: 'orders:read' }))['scope']).toBe('orders:read')
    const wider = await grantOf(domains, { scope: 'orders:read orders:delete' })
    await expectRefusal(a, wider, { error: 'invalid_scope', reason: 'scope_unknown' })
  })

  it.each([
    ['nobody knows', { audience: 'https://as.nowhere.example' }, 'target_unknown'],
    ['two servers at once', { audience: [b.issuer, 'https://as.c.example'] }, 'target_combination'],
  ] as const)('IC-03, IC-05: a target that %s is invalid_target', async (_, form: Form, reason) => {
    await a.apply(
      peer('c', 'https://as.c.example', { resources: [] }),
      document('Policy', 'to-c', { clients: ['checkout'], targets: ['c'], scopes: ['orders:read'] }),
    )
    await expectRefusal(a, await grantOf(domains, form), { error: 'invalid_target', reason })
  })

  it('IC-03: a server that policy lets no client ask for is unknown', async () => {
    await a.apply(peer('closed', 'https://as.closed.example', { resources: [] }))
    const closed = await grantOf(domains, { audience: 'https://as.closed.example' })
    await expectRefusal(a, closed, { error: 'invalid_target', reason: 'denied' })
  })
})

describe('identity chaining §2.3.3, RFC 7523 §3: the grant', () => {
  it('IC-05, IC-07, IC-51: it says what it must, and nothing of us', async () => {
    const grant = await grantOf(domains, { scope: 'orders:read' })
    const { header, claims } = decode(issued(grant))
    expect(header).toEqual({ typ: GRANT_TYP, alg: 'ES256', kid: expect.any(String) })
    const now = a.clock.seconds()
    expect(claims).toEqual({
      ...{ iss: a.issuer, aud: b.issuer, client_id: 'a-checkout', jti: grant.id, scope: 'orders:read' },
      ...{ sub: expect.stringMatching(/^wimse:\/\/a\.example\/cluster\//), iat: now, exp: now + 60 },
    })
  })

  it('IC-06, TE-27: it is no access token, bound or not, and says when it ends', async () => {
    for (const key of [undefined, new SigningKey('ES256')]) {
      const grant = await grantOf(domains, {}, key)
      expect(grant.body).toMatchObject({ issued_token_type: TYPE.jwt, token_type: 'N_A', expires_in: 60 })
      expect(grant.body).not.toHaveProperty('refresh_token')
    }
  })

  it('a key that the client proves is whose holder may bring the grant', async () => {
    const key = new SigningKey('ES256')
    expect(claimsOf(await grantOf(domains, {}, key))['cnf']).toEqual({ jkt: thumbprintOf(key) })
  })

  it('IC-05: it names the server by its issuer, whatever name the client knows it by', async () => {
    await a.apply(
      peer('d', '', { audience: undefined, audiences: ['https://as.d.example', 'urn:partner:d'], resources: [] }),
      document('Policy', 'to-d', { clients: ['checkout'], targets: ['d'], scopes: ['orders:read'] }),
    )
    expect(claimsOf(await grantOf(domains, { audience: 'urn:partner:d' }))['aud']).toBe('https://as.d.example')
  })

  it('IC-04, IC-50: the subject, and what else leaves, is as the target maps it', async () => {
    const mapped = { subject: "subject.serviceaccount + '@a.example'", claims: { team: 'subject.namespace' } }
    await a.apply(
      peer('e', 'https://as.e.example', { resources: [], tokens: [{ kind: 'authorization-grant', ...mapped }] }),
      document('Policy', 'to-e', {
        ...{ clients: ['checkout'], targets: ['e'], scopes: ['orders:read'] },
        changes: ['format', 'scope', 'authority', 'identity'],
      }),
    )
    const { claims } = decode(issued(await grantOf(domains, { audience: 'https://as.e.example' })))
    expect(claims).toMatchObject({ sub: 'checkout@a.example', team: 'shop' })
  })

  it('IC-51: who acts leaves where the target says so alone, and TE-42 does not make a right of it', async () => {
    const silent = await grantOfUser(domains, { requested_token_type: TYPE.jwt })
    expect(claimsOf(silent)).not.toHaveProperty('act')
    expect((await a.record(silent.id))['actors']).toEqual([{ sub: 'wimse://a.example/clients/web' }])
    await a.apply(
      peer('f', 'https://as.f.example', { resources: [], tokens: [{ kind: 'authorization-grant', act: 'keep' }] }),
      document('Policy', 'to-f', {
        clients: ['web'],
        targets: ['f'],
        scopes: ['orders:read'],
        delegation: { mode: 'delegate' },
      }),
    )
    const told = await grantOfUser(domains, { audience: 'https://as.f.example' })
    expect(claimsOf(told)['act']).toEqual({ sub: 'wimse://a.example/clients/web' })
  })

  it('a client that a target maps to no id there has no grant', async () => {
    await a.apply(
      peer('g', 'https://as.g.example', { resources: [], clientIds: { web: 'a-web' } }),
      document('Policy', 'to-g', { clients: ['checkout'], targets: ['g'], scopes: ['orders:read'] }),
    )
    const refused = await grantOf(domains, { audience: 'https://as.g.example' })
    const { detail } = await expectRefusal(a, refused, { error: 'invalid_request', reason: 'token_unfit' })
    expect(detail).toContain('clientIds')
  })
})

describe('what a document may say of grants', () => {
  const tokens = (entry: object) => a.apply(peer('h', 'https://as.h.example', { resources: [], tokens: [entry] }))

  // A list of statuses that a grant could be taken for would say that nothing is revoked.
  it.each([
    ...['oauth-id-jag+jwt', 'at+jwt', 'application/at+jwt', 'dpop+jwt', 'txntoken+jwt', 'wit+jwt', 'logout+jwt'],
    ...['statuslist+jwt', 'StatusList+jwt', 'token-introspection+jwt'],
  ])('IJ-40, JG-10: no type %s', async (typ) => {
    await expect(tokens({ kind: 'authorization-grant', typ })).rejects.toThrow(/spec\.tokens\[0\]\.typ/)
  })

  it('IC-25: no life of more than five minutes', async () => {
    await tokens({ kind: 'authorization-grant', lifetime: '5m' })
    await expect(tokens({ kind: 'authorization-grant', lifetime: '6m' })).rejects.toThrow(/5m at most/)
    await expect(tokens({ kind: 'id-jag', lifetime: '1h' })).rejects.toThrow(/5m at most/)
  })

  it.each(['cambist_lineage', 'client_id', 'scope', 'act', 'cnf', 'requested_cnf', 'resource', 'txn'])(
    'IC-51: no mapping of %s, which is ours',
    async (claim) => {
      await expect(tokens({ kind: 'authorization-grant', claims: { [claim]: "'x'" } })).rejects.toThrow(claim)
    },
  )
})
