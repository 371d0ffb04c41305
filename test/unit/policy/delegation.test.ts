import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, factsOf, onBehalf, READ, verdict, workload } from './world.ts'

const rule = (delegation?: object, more: object = {}) => ({
  policies: { rule: { ...READ, ...(delegation === undefined ? {} : { delegation }), ...more } },
})
const CHECKOUT = 'wimse://cambist.example/prod/checkout'

describe('Delegation (TE-49 to TE-53)', () => {
  it('is none where a rule says nothing', () => {
    expect(decide(rule(), onBehalf())).toMatchObject({
      reason: 'delegation_denied',
      detail:
        'no rule lets client checkout ask for orders:read at orders; rule rule does not match, because its `delegation` is none, and the client acts for another subject',
    })
  })

  it('needs none where client and subject are the same, and then names no actor', () => {
    for (const mode of ['none', 'delegate', 'impersonate'])
      expect(decide(rule({ mode }), factsOf())).toMatchObject({ permitted: true, actors: [] })
  })

  it('names the actor, with those before it inside', () => {
    expect(decide(rule({ mode: 'delegate' }), onBehalf())).toMatchObject({
      subject: 'wimse://cambist.example/people/alice',
      actors: [{ sub: CHECKOUT }],
    })
    const actors = [{ sub: 'gateway', iss: 'https://idp.example' }]
    expect(decide(rule({ mode: 'delegate' }), onBehalf({ actors }))).toMatchObject({
      actors: [{ sub: CHECKOUT }, ...actors],
    })
  })

  it('is as deep as the rule allows, 3 where it says nothing', () => {
    const actors = (count: number) => Array.from({ length: count }, (_, index) => ({ sub: `a${index}` }))
    expect(verdict(rule({ mode: 'delegate' }), onBehalf({ actors: actors(2) }))).toBe('permitted orders:read')
    expect(verdict(rule({ mode: 'delegate' }), onBehalf({ actors: actors(3) }))).toBe('delegation_denied')
    expect(verdict(rule({ mode: 'delegate', maxDepth: 1 }), onBehalf({ actors: actors(1) }))).toBe('delegation_denied')
    expect(verdict(rule({ mode: 'delegate', maxDepth: 8 }), onBehalf({ actors: actors(7) }))).toBe(
      'permitted orders:read',
    )
    expect(verdict(rule({ mode: 'delegate', maxDepth: 8 }), onBehalf({ actors: actors(8) }))).toBe('delegation_denied')
  })

  it('leaves no trace of the actor where the rule impersonates, unless that would drop one', () => {
    expect(decide(rule({ mode: 'impersonate' }), onBehalf())).toMatchObject({ permitted: true, actors: [] })
    expect(verdict(rule({ mode: 'impersonate' }), onBehalf({ actors: [{ sub: 'gateway' }] }))).toBe('delegation_denied')
  })

  it('is not lifted by a second rule that impersonates', () => {
    const policies = {
      a: { ...READ, delegation: { mode: 'impersonate' } },
      b: { ...READ, delegation: { mode: 'delegate' } },
    }
    expect(decide({ policies }, onBehalf())).toMatchObject({ actors: [{ sub: CHECKOUT }] })
  })

  it('keeps the actors of a token that its own subject brings, where the rule delegates', () => {
    const actors = [{ sub: 'gateway' }]
    expect(decide(rule({ mode: 'delegate' }), factsOf({ actors }))).toMatchObject({ actors })
    expect(verdict(rule({ mode: 'none' }), factsOf({ actors }))).toBe('delegation_denied')
    expect(verdict(rule({ mode: 'impersonate' }), factsOf({ actors }))).toBe('delegation_denied')
  })

  it('goes by the actor that is proven now', () => {
    const other = workload('stock')
    expect(
      decide(
        rule({ mode: 'delegate' }, { actor: { issuers: ['prod'], match: { serviceaccount: ['stock'] } } }),
        onBehalf({ actor: other }),
      ),
    ).toMatchObject({ actors: [{ sub: other.id }] })
    expect(verdict(rule({ mode: 'delegate' }, { actor: { match: { serviceaccount: ['stock'] } } }), onBehalf())).toBe(
      'denied',
    )
    expect(
      verdict(rule({ mode: 'delegate' }, { actor: { condition: "actor.serviceaccount == 'checkout'" } }), onBehalf()),
    ).toBe('permitted orders:read')
  })

  it('never goes by those inside (TE-42)', () => {
    const name = fc.string({ minLength: 1, maxLength: 20 })
    const chain = fc.array(fc.record({ sub: name, iss: name }), { minLength: 2, maxLength: 2 })
    const worlds = [
      rule({ mode: 'delegate' }),
      rule({ mode: 'delegate' }, { condition: "actor.serviceaccount == 'checkout'" }),
      rule({ mode: 'impersonate' }),
      rule(),
    ]
    fc.assert(
      fc.property(fc.constantFrom(...worlds), chain, chain, (world, one, other) => {
        const first = decide(world, onBehalf({ actors: one }))
        const second = decide(world, onBehalf({ actors: other }))
        if (first.permitted && second.permitted) expect({ ...first, actors: [] }).toEqual({ ...second, actors: [] })
        else expect(first).toEqual(second)
      }),
    )
  })
})

describe('may_act (TE-46, T20)', () => {
  const world = rule({ mode: 'delegate' })
  const said = (members: Record<string, unknown>, more: object = {}) =>
    onBehalf({ mayAct: { members, issuer: 'https://idp.example', actorIssuer: 'https://prod.example', ...more } })
  const allowed = 'permitted orders:read'

  it.each<[string, Record<string, unknown>, string]>([
    ['names the actor', { iss: 'https://prod.example', sub: 'checkout' }, allowed],
    ['names another subject', { iss: 'https://prod.example', sub: 'stock' }, 'may_act_mismatch'],
    ['names another issuer', { iss: 'https://idp.example', sub: 'checkout' }, 'may_act_mismatch'],
    ['names no issuer, and so its own', { sub: 'checkout' }, 'may_act_mismatch'],
    ['names nobody', {}, 'may_act_mismatch'],
    ['has a list for a subject', { iss: 'https://prod.example', sub: ['checkout'] }, 'may_act_mismatch'],
    ['has a member more that holds', { iss: 'https://prod.example', sub: 'checkout', namespace: 'shop' }, allowed],
    [
      'has a member more that does not',
      { iss: 'https://prod.example', sub: 'checkout', namespace: 'stock' },
      'may_act_mismatch',
    ],
    [
      'has a member more that nobody knows',
      { iss: 'https://prod.example', sub: 'checkout', email: 'a@b' },
      'may_act_mismatch',
    ],
    ['names our client in a foreign token', { iss: 'https://prod.example', client_id: 'checkout' }, 'may_act_mismatch'],
  ])('%s', (_, members, expected) => {
    expect(verdict(world, said(members))).toBe(expected)
  })

  it('means the issuer of the token where it names none', () => {
    expect(
      verdict(
        world,
        onBehalf({
          actor: workload('checkout', { issuer: 'people' }),
          mayAct: { members: { sub: 'checkout' }, issuer: 'https://idp.example' },
        }),
      ),
    ).toBe(allowed)
    expect(verdict(world, said({ sub: 'checkout' }, { actorIssuer: 'https://idp.example' }))).toBe(allowed)
  })

  it('names canonical ids and clients in tokens of ours', () => {
    const alice = workload('alice', { issuer: 'self', scopes: ['orders:read'] })
    const ours = (members: Record<string, unknown>) =>
      onBehalf({
        subject: alice,
        subjectAudiences: ['https://orders.example'],
        subjectClient: 'checkout',
        mayAct: { members, issuer: 'https://cambist.example' },
      })
    expect(verdict(world, ours({ sub: CHECKOUT }))).toBe(allowed)
    expect(verdict(world, ours({ sub: 'checkout' }))).toBe(allowed)
    expect(verdict(world, ours({ client_id: 'checkout' }))).toBe(allowed)
    expect(verdict(world, ours({ iss: 'https://cambist.example', sub: 'checkout' }))).toBe(allowed)
    expect(verdict(world, ours({ iss: 'https://idp.example', sub: 'checkout' }))).toBe('may_act_mismatch')
    expect(verdict(world, ours({ client_id: 'stock' }))).toBe('may_act_mismatch')
    expect(verdict(world, { ...ours({ sub: 'checkout' }), actor: workload('stock') })).toBe('may_act_mismatch')
  })

  it('is enforced whatever the rule says, also when it impersonates and when the subject comes itself', () => {
    expect(verdict(rule({ mode: 'impersonate' }), said({ iss: 'https://prod.example', sub: 'stock' }))).toBe(
      'may_act_mismatch',
    )
    expect(verdict(rule(), factsOf({ mayAct: { members: { sub: 'stock' }, issuer: 'https://prod.example' } }))).toBe(
      'may_act_mismatch',
    )
    expect(verdict(rule(), factsOf({ mayAct: { members: { sub: 'checkout' }, issuer: 'https://prod.example' } }))).toBe(
      allowed,
    )
  })

  it('is demanded where any deciding rule says so', () => {
    const policies = {
      a: { ...READ, delegation: { mode: 'delegate', requireMayAct: true } },
      b: { ...READ, delegation: { mode: 'delegate' } },
    }
    expect(decide({ policies }, onBehalf())).toMatchObject({ reason: 'delegation_denied', rules: ['a', 'b'] })
    expect(verdict({ policies }, said({ iss: 'https://prod.example', sub: 'checkout' }))).toBe(allowed)
    expect(verdict({ policies }, factsOf())).toBe(allowed)
  })
})

describe('may_act, whatever it holds', () => {
  const world = rule({ mode: 'delegate' })
  const facts = (members: Record<string, unknown>, more: object = {}) =>
    onBehalf({
      actor: workload('checkout', { attributes: { level: 3, admin: true, teams: ['a'], serviceaccount: 'checkout' } }),
      mayAct: { members, issuer: 'https://idp.example', actorIssuer: 'https://idp.example', ...more },
    })

  it.each<[string, Record<string, unknown>, string]>([
    ['a number that holds', { sub: 'checkout', level: 3 }, 'permitted orders:read'],
    ['a number that does not', { sub: 'checkout', level: 4 }, 'may_act_mismatch'],
    ['true', { sub: 'checkout', admin: true }, 'permitted orders:read'],
    ['a list, which is compared with nothing', { sub: 'checkout', teams: ['a'] }, 'may_act_mismatch'],
    ['an object', { sub: 'checkout', level: {} }, 'may_act_mismatch'],
    ['null', { sub: 'checkout', level: null }, 'may_act_mismatch'],
    ['an issuer that is no text', { sub: 'checkout', iss: 1 }, 'may_act_mismatch'],
    ['what every object has', { sub: 'checkout', toString: 'x' }, 'may_act_mismatch'],
  ])('%s', (_, members, expected) => {
    expect(verdict(world, facts(members))).toBe(expected)
  })

  it('means nobody of another issuer where none is known', () => {
    const { mayAct, ...rest } = facts({ sub: 'checkout' })
    expect(mayAct).toBeDefined()
    const unknown = { ...rest, mayAct: { members: { sub: 'checkout' }, issuer: 'https://idp.example' } }
    expect(verdict(world, unknown)).toBe('may_act_mismatch')
  })
})
