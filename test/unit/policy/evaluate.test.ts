import { describe, expect, it } from 'vitest'
import type { Facts } from '../../../src/policy/contract.ts'
import { evaluate, isPermission } from '../../../src/policy/evaluate.ts'
import { decide, factsOf, onBehalf, READ, rulesOf, verdict, workload } from './world.ts'

describe('Permit', () => {
  it('denies by default', () => {
    expect(decide({}, factsOf())).toMatchObject({
      permitted: false,
      reason: 'denied',
      detail: 'no rule lets client checkout ask for orders:read at orders',
      client: 'checkout',
      rules: [],
    })
  })

  it('tells of scopes and token types only where some rule permits something (T25)', () => {
    const unknown = factsOf({ scopes: ['no:such'], tokenType: 'urn:no:such' })
    expect(decide({}, unknown)).toMatchObject({ reason: 'denied' })
    expect(decide({ policies: { reads: READ } }, unknown)).toMatchObject({ reason: 'scope_unknown' })
  })

  it('says what is granted, by which rules', () => {
    const decision = decide({ policies: { reads: READ } }, factsOf())
    expect(decision).toMatchObject({
      permitted: true,
      client: 'checkout',
      scopes: ['orders:read'],
      subject: 'wimse://cambist.example/prod/checkout',
      actors: [],
      lifetime: 300,
      binding: 'none',
      rules: ['reads'],
      changes: ['authority', 'scope'],
      errors: [],
      shadow: [],
    })
  })

  it('denies a scope that is offered and not permitted, and names the rule that is nearest', () => {
    expect(decide({ policies: { reads: READ } }, factsOf({ scopes: ['orders:read', 'orders:write'] }))).toMatchObject({
      reason: 'scope_denied',
      detail: 'no rule lets client checkout ask for orders:write at orders; rule reads permits orders:read',
    })
  })

  it('refuses a scope that the target does not offer', () => {
    expect(decide({ policies: { reads: READ } }, factsOf({ scopes: ['pay'] }))).toMatchObject({
      reason: 'scope_unknown',
      detail: 'target orders offers no scope pay',
    })
  })

  it('grants default scopes as far as rules permit', () => {
    expect(verdict({ policies: { reads: READ } }, factsOf({ scopes: [] }))).toBe('permitted orders:read')
  })

  it('grants no scope where scopes are absent, but the target all the same', () => {
    const policies = { bare: { clients: ['checkout'], targets: ['orders'] } }
    expect(verdict({ policies }, factsOf({ scopes: [] }))).toBe('permitted')
    expect(verdict({ policies }, factsOf())).toBe('scope_denied')
  })

  it('takes * for all clients and all targets', () => {
    expect(verdict({ policies: { all: { clients: ['*'], targets: ['*'], scopes: ['orders:read'] } } }, factsOf())).toBe(
      'permitted orders:read',
    )
  })

  it.each<[string, object, string]>([
    ['another client', { clients: ['stock'] }, 'denied'],
    ['another target', { targets: ['billing'] }, 'denied'],
    ['another grant', { grants: ['jwt-bearer'] }, 'denied'],
    ['another kind of token', { tokenTypes: ['jwt-svid'] }, 'denied'],
    ['another issuer', { subject: { issuers: ['other'] } }, 'denied'],
    ['other ids', { subject: { issuers: ['prod'], ids: ['stock'] } }, 'denied'],
    ['another attribute', { subject: { match: { namespace: ['stock'] } } }, 'denied'],
    ['an absent attribute', { subject: { match: { cluster: ['*'] } } }, 'denied'],
    ['an actor', { actor: { issuers: ['prod'] } }, 'denied'],
    ['a condition that is false', { condition: "subject.namespace == 'stock'" }, 'denied'],
    ['a condition that fails', { condition: "subject.cluster == 'prod'" }, 'denied'],
    ['a subject condition that is false', { subject: { condition: "subject.instance != ''" } }, 'denied'],
    ['a disabled rule', { disabled: true }, 'denied'],
    ['a rule in shadow', { mode: 'shadow' }, 'denied'],
    [
      'the same in all',
      {
        grants: ['token-exchange'],
        tokenTypes: ['access-token'],
        subject: { issuers: ['prod'], ids: ['checkout'], match: { namespace: ['shop'] } },
      },
      'permitted orders:read',
    ],
    [
      'a condition on all that can be seen',
      {
        condition:
          "request.grant == 'token-exchange' && request.scopes.size() == 1 && request.audiences == ['https://orders.example'] && request.resources == [] && request.tokenType == '' && request.time > 0 && client.name == 'checkout' && client.authentication == 'subject_token' && client.namespace == 'shop' && target.name == 'orders' && !has(actor.id) && !visited('stock')",
      },
      'permitted orders:read',
    ],
  ])('%s', (_, more, expected) => {
    expect(verdict({ policies: { rule: { ...READ, ...more } } }, factsOf())).toBe(expected)
  })

  it('means the workload of a SPIFFE ID, and nobody of another issuer whose name is spelt like it (T15, T21)', () => {
    const spiffe = 'spiffe://prod.example/checkout'
    const policies = { rule: { ...READ, subject: { ids: [spiffe] } } }
    expect(verdict({ policies }, factsOf({ subject: workload(spiffe, { id: spiffe }) }))).toBe('permitted orders:read')
    expect(verdict({ policies }, factsOf({ subject: workload(spiffe, { issuer: 'other' }) }))).toBe('denied')
  })

  it('records what failed in a condition, and takes it for no match', () => {
    expect(
      decide({ policies: { rule: { ...READ, condition: "subject.cluster == 'prod'" } } }, factsOf()),
    ).toMatchObject({
      reason: 'denied',
      detail:
        'no rule lets client checkout ask for orders:read at orders; rule rule does not match, because its condition failed: there is no member cluster',
      errors: ['rule rule: there is no member cluster'],
    })
  })

  it('makes permissions that nobody else can make (T23)', () => {
    const permission = decide({ policies: { reads: READ } }, factsOf())
    expect(isPermission(permission)).toBe(true)
    expect(isPermission({ ...permission })).toBe(false)
    expect(isPermission(decide({}, factsOf()))).toBe(false)
  })
})

describe('Forbid', () => {
  const permits = { reads: READ, writes: { ...READ, scopes: ['orders:write'] } }

  it('wins over every permit', () => {
    expect(
      decide({ policies: { ...permits, never: { effect: 'forbid', clients: ['checkout'] } } }, factsOf()),
    ).toMatchObject({
      reason: 'forbidden',
      detail: 'rule never forbids client checkout to have orders:read at orders',
      rules: ['never'],
    })
  })

  it.each<[string, object, string]>([
    ['nothing restricted', {}, 'forbidden'],
    ['another client', { clients: ['stock'] }, 'permitted orders:read'],
    ['another target', { targets: ['billing'] }, 'permitted orders:read'],
    ['another scope', { scopes: ['orders:write'] }, 'permitted orders:read'],
    ['the scope', { scopes: ['orders:read'] }, 'forbidden'],
    ['a condition that fails', { condition: "subject.cluster == 'prod'" }, 'forbidden'],
    ['a condition that is false', { condition: "subject.namespace == 'stock'" }, 'permitted orders:read'],
    [
      'a condition that fails, for others',
      { clients: ['stock'], condition: "subject.cluster == 'prod'" },
      'permitted orders:read',
    ],
    ['in shadow', { mode: 'shadow' }, 'permitted orders:read'],
    ['disabled', { disabled: true }, 'permitted orders:read'],
  ])('%s', (_, more, expected) => {
    expect(verdict({ policies: { ...permits, never: { effect: 'forbid', ...more } } }, factsOf())).toBe(expected)
  })

  it('takes a forbidden scope out of the defaults, since none was asked for', () => {
    expect(
      verdict(
        { policies: { ...permits, never: { effect: 'forbid', scopes: ['orders:write'] } } },
        factsOf({ scopes: [] }),
      ),
    ).toBe('permitted orders:read')
    expect(
      verdict(
        { policies: { ...permits, never: { effect: 'forbid', scopes: ['orders:write'] } } },
        factsOf({ scopes: ['orders:read', 'orders:write'] }),
      ),
    ).toBe('forbidden')
  })

  it('says which rules in shadow would have spoken', () => {
    const policies = {
      reads: READ,
      soon: { effect: 'forbid', mode: 'shadow' },
      later: { ...READ, mode: 'shadow' },
      other: { ...READ, mode: 'shadow', scopes: ['orders:write'] },
    }
    expect(decide({ policies }, factsOf()).shadow).toEqual([
      { rule: 'later', outcome: 'permit' },
      { rule: 'soon', outcome: 'forbid' },
    ])
  })
})

describe('Client', () => {
  const both = { candidates: ['checkout', 'stock'], authentication: 'subject_token', principal: workload('checkout') }
  const stockReads = { ...READ, clients: ['stock'] }

  it('is judged singly; the first by name that is permitted decides', () => {
    expect(decide({ policies: { a: READ, b: stockReads } }, factsOf({ client: both }))).toMatchObject({
      client: 'checkout',
      rules: ['a'],
    })
    expect(decide({ policies: { b: stockReads } }, factsOf({ client: both }))).toMatchObject({
      client: 'stock',
      rules: ['b'],
    })
    expect(
      decide(
        { policies: { a: READ, b: stockReads } },
        factsOf({ client: { ...both, candidates: ['stock', 'checkout'] } }),
      ),
    ).toMatchObject({ client: 'checkout' })
  })

  it('does not add up what two of them may', () => {
    const policies = { a: READ, b: { ...stockReads, scopes: ['orders:write'] } }
    expect(verdict({ policies }, factsOf({ client: both, scopes: ['orders:read', 'orders:write'] }))).toBe(
      'scope_denied',
    )
  })

  it('is denied by a forbid on any of them', () => {
    const policies = { a: READ, never: { effect: 'forbid', clients: ['stock'] } }
    expect(verdict({ policies }, factsOf({ client: both }))).toBe('forbidden')
    expect(verdict({ policies }, factsOf({ client: { ...both, named: 'checkout' } }))).toBe('forbidden')
  })

  it('is denied where any of them is disabled', () => {
    const clients = { stock: { workloads: [{ issuer: 'prod', ids: ['checkout'] }], disabled: true } }
    expect(decide({ clients, policies: { a: READ } }, factsOf({ client: both }))).toMatchObject({
      reason: 'client_disabled',
      detail: 'client stock is disabled',
    })
  })

  it('is only the one that the request names', () => {
    expect(verdict({ policies: { b: stockReads } }, factsOf({ client: { ...both, named: 'checkout' } }))).toBe('denied')
    expect(
      decide({ policies: { a: READ, b: stockReads } }, factsOf({ client: { ...both, named: 'stock' } })),
    ).toMatchObject({ client: 'stock' })
  })

  it('has grants of its own', () => {
    const clients = { checkout: { workloads: [{ issuer: 'prod', ids: ['checkout'] }], grants: ['jwt-bearer'] } }
    expect(decide({ clients, policies: { a: READ } }, factsOf())).toMatchObject({
      reason: 'grant_not_allowed',
      detail: 'client checkout may not use token-exchange; its `grants` are jwt-bearer',
    })
    expect(verdict({ clients, policies: { a: READ } }, factsOf({ grant: 'jwt-bearer' }))).toBe('permitted orders:read')
  })

  it('must exist', () => {
    expect(verdict({ policies: { a: READ } }, factsOf({ client: { ...both, candidates: ['gone'] } }))).toBe(
      'client_unknown',
    )
    expect(verdict({ policies: { a: READ } }, factsOf({ client: { ...both, candidates: [] } }))).toBe('client_unknown')
  })
})

describe('Target', () => {
  it.each<[string, object, string]>([
    ['by audience', { audiences: ['https://orders.example'] }, 'permitted orders:read'],
    ['by resource', { audiences: [], resources: ['https://orders.example/api'] }, 'permitted orders:read'],
    ['several values that mean one', { resources: ['HTTPS://orders.example:443/api'] }, 'permitted orders:read'],
    ['unknown audience', { audiences: ['https://orders.example/'] }, 'target_unknown'],
    ['unknown resource', { audiences: [], resources: ['https://orders.example/api/'] }, 'target_unknown'],
    ['one known, one not', { audiences: ['https://orders.example', 'nowhere'] }, 'target_unknown'],
    ['none', { audiences: [] }, 'target_required'],
  ])('%s', (_, more, expected) => {
    expect(verdict({ policies: { a: READ } }, factsOf(more))).toBe(expected)
  })

  it('is the default of the client, for access tokens only', () => {
    const clients = { checkout: { workloads: [{ issuer: 'prod', ids: ['checkout'] }], defaultTarget: 'orders' } }
    const targets = {
      orders: {
        audience: 'https://orders.example',
        scopes: ['orders:read'],
        tokens: [{ kind: 'access-token' }, { kind: 'authorization-grant' }],
      },
    }
    const ask = (tokenType?: string) =>
      verdict(
        { clients, targets, policies: { a: READ } },
        factsOf({ audiences: [], ...(tokenType === undefined ? {} : { tokenType }) }),
      )
    expect(ask()).toBe('permitted orders:read')
    expect(ask('urn:ietf:params:oauth:token-type:access_token')).toBe('permitted orders:read')
    expect(ask('urn:ietf:params:oauth:token-type:jwt')).toBe('target_required')
  })

  it('may be disabled, or closed to the client', () => {
    const orders = { audience: 'https://orders.example', scopes: ['orders:read'] }
    expect(
      decide({ targets: { orders: { ...orders, disabled: true } }, policies: { a: READ } }, factsOf()),
    ).toMatchObject({ reason: 'target_closed', detail: 'target orders is disabled' })
    expect(
      decide({ targets: { orders: { ...orders, clients: ['stock'] } }, policies: { a: READ } }, factsOf()),
    ).toMatchObject({
      reason: 'target_closed',
      detail: 'target orders is closed to client checkout; its `clients` name who may ask',
    })
    expect(
      verdict({ targets: { orders: { ...orders, clients: ['checkout'] } }, policies: { a: READ } }, factsOf()),
    ).toBe('permitted orders:read')
  })

  it('has the kind of token that is asked for', () => {
    const targets = {
      orders: {
        audience: 'https://orders.example',
        scopes: ['orders:read'],
        tokens: [{ kind: 'access-token' }, { kind: 'authorization-grant', lifetime: '1m' }],
      },
    }
    expect(decide({ targets, policies: { a: READ } }, factsOf())).toMatchObject({
      profile: { kind: 'access-token' },
      lifetime: 300,
    })
    expect(
      decide({ targets, policies: { a: READ } }, factsOf({ tokenType: 'urn:ietf:params:oauth:token-type:jwt' })),
    ).toMatchObject({ profile: { kind: 'authorization-grant' }, lifetime: 60 })
    expect(
      verdict({ targets, policies: { a: READ } }, factsOf({ tokenType: 'urn:ietf:params:oauth:token-type:saml2' })),
    ).toBe('requested_type_unsupported')
    expect(
      verdict(
        { targets, policies: { a: { ...READ, tokenTypes: ['access-token'] } } },
        factsOf({ tokenType: 'urn:ietf:params:oauth:token-type:jwt' }),
      ),
    ).toBe('denied')
  })

  describe('several at once (TE-08, TE-14)', () => {
    const facts = factsOf({ audiences: ['https://orders.example', 'billing'] })
    const bill = { ...READ, targets: ['billing'] }

    it('each needs a permit of its own', () => {
      expect(verdict({ policies: { a: READ } }, facts)).toBe('denied')
      expect(decide({ policies: { a: READ, b: bill } }, facts)).toMatchObject({
        permitted: true,
        scopes: ['orders:read'],
        rules: ['a', 'b'],
      })
    })

    it('grants a scope at all of them or not', () => {
      const policies = { a: READ, b: { ...bill, scopes: ['pay'] } }
      expect(verdict({ policies }, facts)).toBe('scope_denied')
      expect(verdict({ policies }, factsOf({ audiences: facts.audiences, scopes: ['pay'] }))).toBe('scope_unknown')
      expect(verdict({ policies }, factsOf({ audiences: facts.audiences, scopes: [] }))).toBe('permitted')
    })

    it('is forbidden where one is', () => {
      expect(
        verdict({ policies: { a: READ, b: bill, never: { effect: 'forbid', targets: ['billing'] } } }, facts),
      ).toBe('forbidden')
    })

    it('has one token for all, with the least life', () => {
      const billing = (token: object) => ({
        billing: { audience: 'billing', scopes: ['orders:read'], tokens: [token] },
      })
      const policies = { a: READ, b: bill }
      expect(decide({ targets: billing({ kind: 'access-token', lifetime: '1m' }), policies }, facts)).toMatchObject({
        lifetime: 60,
        profile: { lifetime: 60 },
      })
      expect(verdict({ targets: billing({ kind: 'authorization-grant' }), policies }, facts)).toBe('target_combination')
      expect(verdict({ targets: billing({ kind: 'access-token', algorithm: 'RS256' }), policies }, facts)).toBe(
        'target_combination',
      )
      expect(verdict({ targets: billing({ kind: 'access-token', typ: 'JWT' }), policies }, facts)).toBe(
        'target_combination',
      )
      expect(
        verdict({ targets: billing({ kind: 'access-token', subject: 'subject.namespace' }), policies }, facts),
      ).toBe('target_combination')
    })
  })
})

describe('Ceilings and demands', () => {
  it('take the least lifetime of the profile and the deciding rules', () => {
    const policies = {
      a: { ...READ, lifetime: '2m' },
      b: { ...READ, lifetime: '1m' },
      c: { ...READ, scopes: ['orders:write'], lifetime: '10s' },
    }
    expect(decide({ policies }, factsOf())).toMatchObject({ lifetime: 60, rules: ['a', 'b'] })
    expect(decide({ policies: { a: { ...READ, lifetime: '1h' } } }, factsOf())).toMatchObject({ lifetime: 300 })
  })

  it('demand the binding of the profile and of every deciding rule', () => {
    const policies = { a: READ, b: { ...READ, binding: 'dpop' } }
    expect(decide({ policies }, factsOf())).toMatchObject({
      reason: 'binding_required',
      detail: 'the token must be bound by dpop, and the request proves none',
      rules: ['a', 'b'],
    })
    expect(decide({ policies }, factsOf({ binding: 'dpop' }))).toMatchObject({ permitted: true, binding: 'dpop' })
    expect(verdict({ policies }, factsOf({ binding: 'mtls' }))).toBe('binding_required')
    expect(verdict({ policies: { a: { ...READ, binding: 'any' } } }, factsOf({ binding: 'mtls' }))).toBe(
      'permitted orders:read',
    )
    expect(verdict({ policies: { a: { ...READ, binding: 'any' } } }, factsOf())).toBe('binding_required')
    const targets = {
      orders: {
        audience: 'https://orders.example',
        scopes: ['orders:read'],
        tokens: [{ kind: 'access-token', binding: 'mtls' }],
      },
    }
    expect(verdict({ targets, policies }, factsOf({ binding: 'dpop' }))).toBe('binding_required')
    expect(verdict({ targets, policies }, factsOf({ binding: 'mtls' }))).toBe('binding_required')
    expect(verdict({ targets, policies: { a: READ } }, factsOf({ binding: 'mtls' }))).toBe('permitted orders:read')
  })

  it('bind by a proof that nobody demands', () => {
    expect(decide({ policies: { a: READ } }, factsOf({ binding: 'dpop' }))).toMatchObject({ binding: 'dpop' })
  })

  it('demand how the client proved itself (T45)', () => {
    const policies = { a: { ...READ, authentication: ['private_key_jwt'] } }
    expect(decide({ policies }, factsOf())).toMatchObject({
      reason: 'authentication_insufficient',
      detail: 'rule a demands private_key_jwt, and the client came by subject_token',
    })
    const client = { candidates: ['checkout'], authentication: 'private_key_jwt', principal: workload('checkout') }
    expect(verdict({ policies }, factsOf({ client }))).toBe('permitted orders:read')
  })
})

describe('Changes', () => {
  it('must be allowed by the rule itself', () => {
    expect(decide({ policies: { a: { ...READ, changes: ['format', 'scope'] } } }, factsOf())).toMatchObject({
      reason: 'change_denied',
      detail:
        'no rule lets client checkout ask for orders:read at orders; rule a does not match, because it does not list the change authority (the token would be ours, and the credential is of another issuer)',
    })
    expect(verdict({ policies: { a: { ...READ, changes: ['authority'] } } }, factsOf())).toBe('change_denied')
    expect(verdict({ policies: { a: { ...READ, changes: ['scope', 'authority'] } } }, factsOf())).toBe(
      'permitted orders:read',
    )
  })

  it('format: the credential was no JWT', () => {
    expect(decide({ policies: { a: READ } }, factsOf({ format: 'x509' }))).toMatchObject({
      changes: ['format', 'authority', 'scope'],
    })
    expect(
      verdict({ policies: { a: { ...READ, changes: ['authority', 'scope'] } } }, factsOf({ format: 'x509' })),
    ).toBe('change_denied')
  })

  it('unbind: also where a proof is brought by which tokens of the kind cannot be bound, and nothing demanded is met by it', () => {
    const targets = { mesh: { audience: 'mesh', tokens: [{ kind: 'jwt-svid' }, { kind: 'wit' }] } }
    const asking = (more: Partial<Facts>) =>
      factsOf({ subject: workload('checkout', { key: true }), audiences: ['mesh'], scopes: [], ...more })
    const rule = (more: object = {}) => ({
      targets,
      policies: { a: { clients: ['checkout'], targets: ['mesh'], ...more } },
    })
    const unbinding = { changes: ['authority', 'unbind'] }
    expect(verdict(rule(), asking({ binding: 'mtls' }))).toBe('change_denied')
    expect(decide(rule(unbinding), asking({ binding: 'mtls' }))).toMatchObject({
      permitted: true,
      binding: 'none',
      changes: ['authority', 'unbind'],
    })
    expect(verdict(rule({ ...unbinding, binding: 'mtls' }), asking({ binding: 'mtls' }))).toBe('binding_required')
    const wit = { tokenType: 'urn:cambist:token-type:wit' }
    expect(verdict(rule({ changes: ['format', 'authority', 'unbind'] }), asking({ binding: 'mtls', ...wit }))).toBe(
      'binding_required',
    )
    expect(decide(rule({ changes: ['format', 'authority'] }), asking({ binding: 'dpop', ...wit }))).toMatchObject({
      permitted: true,
      binding: 'dpop',
    })
  })

  it('unbind: the credential was bound to a key, and the token is not; never by default', () => {
    const facts = factsOf({ subject: workload('checkout', { key: true }) })
    expect(verdict({ policies: { a: READ } }, facts)).toBe('change_denied')
    expect(verdict({ policies: { a: READ } }, { ...facts, binding: 'mtls' })).toBe('permitted orders:read')
    expect(verdict({ policies: { a: { ...READ, changes: ['authority', 'scope', 'unbind'] } } }, facts)).toBe(
      'permitted orders:read',
    )
  })

  it('identity: the issued sub is another; never by default', () => {
    const targets = {
      orders: {
        audience: 'https://orders.example',
        scopes: ['orders:read'],
        tokens: [{ kind: 'access-token', subject: 'subject.namespace' }],
      },
    }
    expect(verdict({ targets, policies: { a: READ } }, factsOf())).toBe('change_denied')
    expect(
      decide({ targets, policies: { a: { ...READ, changes: ['identity', 'authority', 'scope'] } } }, factsOf()),
    ).toMatchObject({ subject: 'shop', changes: ['identity', 'authority', 'scope'] })
    const same = {
      orders: {
        audience: 'https://orders.example',
        scopes: ['orders:read'],
        tokens: [{ kind: 'access-token', subject: 'subject.id' }],
      },
    }
    expect(verdict({ targets: same, policies: { a: READ } }, factsOf())).toBe('permitted orders:read')
    const failing = {
      orders: {
        audience: 'https://orders.example',
        scopes: ['orders:read'],
        tokens: [{ kind: 'access-token', subject: 'subject.cluster' }],
      },
    }
    expect(verdict({ targets: failing, policies: { a: READ } }, factsOf())).toBe('subject_unmapped')
  })

  it('of two rules do not add up', () => {
    const facts = factsOf({ format: 'x509', subject: workload('checkout', { key: true }) })
    const policies = {
      a: { ...READ, changes: ['format', 'scope', 'authority'] },
      b: { ...READ, changes: ['unbind', 'scope', 'authority'] },
    }
    expect(verdict({ policies }, facts)).toBe('change_denied')
  })
})

describe('Narrowing: tokens of ours (TE-76)', () => {
  const own = (scopes: readonly string[], subjectAudiences?: readonly string[]) =>
    factsOf({
      subject: workload('checkout', { issuer: 'self', id: 'wimse://cambist.example/prod/checkout', scopes }),
      ...(subjectAudiences === undefined ? {} : { subjectAudiences }),
      subjectClient: 'checkout',
    })
  const policies = { a: { ...READ, scopes: ['orders:read', 'orders:write'] } }

  it('are brought by the client they were issued to, or that they are meant for, and by no other (TE-70, T18)', () => {
    const brought = (
      subjectClient: string,
      audiences: readonly string[],
      subjectAudiences = ['https://orders.example'],
    ) =>
      verdict(
        { policies, clients: { checkout: { workloads: [{ issuer: 'prod', ids: ['checkout'] }], audiences } } },
        { ...own(['orders:read'], subjectAudiences), subjectClient },
      )
    expect(brought('checkout', ['x'])).toBe('permitted orders:read')
    expect(brought('stock', ['https://orders.example'])).toBe('permitted orders:read')
    expect(brought('stock', ['x'])).toBe('audience_mismatch')
    expect(brought('stock', ['checkout', 'stock'])).toBe('audience_mismatch')
  })

  it('give for their own audience what they hold, and no more', () => {
    const facts = own(['orders:read'], ['https://orders.example'])
    expect(decide({ policies }, facts)).toMatchObject({ permitted: true, changes: [] })
    expect(decide({ policies }, { ...facts, scopes: ['orders:write'] })).toMatchObject({
      reason: 'scope_denied',
      detail: 'the subject token is for orders already and does not hold orders:write',
    })
    expect(verdict({ policies }, { ...facts, scopes: [] })).toBe('permitted orders:read')
  })

  it('give for another audience what a rule lists that they must hold', () => {
    const facts = own(['pay'], ['billing'])
    const rule = (scopes: readonly string[]) => ({ a: { ...READ, subject: { scopes } } })
    expect(verdict({ policies }, facts)).toBe('scope_denied')
    expect(verdict({ policies: rule([]) }, facts)).toBe('permitted orders:read')
    expect(verdict({ policies: rule(['pay']) }, facts)).toBe('permitted orders:read')
    expect(verdict({ policies: rule(['pay', 'more']) }, facts)).toBe('scope_denied')
  })

  it('are forbidden by a forbid that says nothing of scopes, also for another audience', () => {
    const rule = { a: { ...READ, subject: { scopes: [] } }, never: { effect: 'forbid', targets: ['orders'] } }
    expect(verdict({ policies: rule }, own(['pay'], ['billing']))).toBe('forbidden')
    const holding = { ...rule, never: { effect: 'forbid', subject: { scopes: ['pay'] } } }
    expect(verdict({ policies: holding }, own(['pay'], ['billing']))).toBe('forbidden')
    expect(verdict({ policies: holding }, own(['more'], ['billing']))).toBe('permitted orders:read')
  })

  it('count as both where their audiences are not known', () => {
    expect(verdict({ policies }, own(['orders:read']))).toBe('scope_denied')
    const listed = { a: { ...READ, scopes: ['orders:read', 'orders:write'], subject: { scopes: [] } } }
    expect(verdict({ policies: listed }, own(['orders:read']))).toBe('permitted orders:read')
    expect(verdict({ policies: listed }, { ...own(['orders:read']), scopes: ['orders:write'] })).toBe('scope_denied')
  })
})

it('does not depend on the order of documents', () => {
  const policies = { b: READ, a: { ...READ, lifetime: '1m' }, c: { effect: 'forbid', mode: 'shadow' } }
  const turned = Object.fromEntries(Object.entries(policies).reverse())
  expect(decide({ policies: turned }, onBehalf())).toEqual(decide({ policies }, onBehalf()))
  expect(evaluate(factsOf(), rulesOf({ policies: turned }))).toEqual(evaluate(factsOf(), rulesOf({ policies })))
})
