import { describe, expect, it } from 'vitest'
import { document } from '../harness/cambist.ts'
import {
  claimsOf,
  grantOf,
  grantOfUser,
  ID_JAG,
  issued,
  ORDERS_API,
  peer,
  redeem,
  startDomains,
} from '../harness/domains.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { TYPE } from '../harness/tokens.ts'

/** T19, T24: who leaves the scope out at A would have of B what A's own rules do not let it have. */
const domains = await startDomains()
const { a, b } = domains
const rule = (changes: object) =>
  document('Policy', 'to-b', {
    ...{ clients: ['checkout', 'web'], targets: ['b'], scopes: ['orders:read'], delegation: { mode: 'delegate' } },
    ...changes,
  })
await a.apply(rule({}))
await b.apply(
  document('Policy', 'a-reads-orders', {
    ...{ clients: ['a-checkout', 'a-web'], targets: ['orders'], subject: { issuers: ['a'] } },
    ...{ scopes: ['orders:read', 'orders:write'], delegation: { mode: 'delegate' } },
  }),
)
const MISSING = { error: 'invalid_request', reason: 'parameter_missing' } as const
const ORDERS = { audience: 'https://orders.b.example' }

describe('T19 a grant that names no scope', () => {
  it.each<[string, () => ReturnType<typeof grantOf>]>([
    ['an authorization grant', () => grantOf(domains, { scope: undefined })],
    ['one for an API of the peer', () => grantOf(domains, { scope: undefined, resource: ORDERS_API })],
    ['an ID-JAG', () => grantOfUser(domains, { scope: undefined, requested_token_type: ID_JAG })],
    ['the grant of a user', () => grantOfUser(domains, { scope: undefined, requested_token_type: TYPE.jwt })],
  ])('is not made where the target lists scopes: %s', async (_, ask) => {
    await expectRefusal(a, await ask(), MISSING)
  })

  it('is not made either where a rule takes away what is granted unasked', async () => {
    await a.apply(
      peer('b', b.issuer, { defaultScopes: ['orders:read'] }),
      document('Policy', 'none-today', { effect: 'forbid', targets: ['b'], scopes: ['orders:read'] }),
    )
    await expectRefusal(a, await grantOf(domains, { scope: undefined }), MISSING)
  })

  it('is one of the default scopes where the target has some, and they are all that comes of it', async () => {
    await a.apply(
      peer('b', b.issuer, { defaultScopes: ['orders:read', 'orders:write'] }),
      document('Policy', 'none-today', { effect: 'forbid', targets: ['b'], scopes: ['orders:write'] }),
    )
    const grant = await grantOf(domains, { scope: undefined })
    expect(claimsOf(grant)['scope']).toBe('orders:read')
    const wider = await redeem(domains, issued(grant), { ...ORDERS, scope: 'orders:write' })
    await expectRefusal(b, wider, { error: 'invalid_scope', reason: 'scope_denied' })
  })

  it('is made for a peer whose scopes its target does not list: they are left to it', async () => {
    await a.apply(peer('b', b.issuer, { scopes: [], defaultScopes: [] }), rule({ scopes: undefined }))
    const grant = await grantOf(domains, { scope: undefined })
    expect(claimsOf(grant)).not.toHaveProperty('scope')
    expect((await redeem(domains, issued(grant), { ...ORDERS, scope: 'orders:write' })).status).toBe(200)
  })
})
