import { describe, expect, it } from 'vitest'
import { type Answer, document, type Form, startCambist } from '../../harness/cambist.ts'
import { inquire } from '../../harness/inquiries.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../../harness/tokens.ts'

/** RFC 9396 (RAR): rights that a request names as objects, on every grant, as far as policy limits them. */
const server = await startCambist()
const { clock, cluster, issuer: us } = server
const key = new SigningKey('ES256')
const PAYMENTS = 'https://payments.example'
const payments = (name: string, audience: string, more: object = {}) =>
  document('Target', name, {
    audience,
    scopes: ['pay'],
    defaultScopes: ['pay'],
    authorizationDetails: [
      {
        type: 'payment',
        members: { actions: 'texts', locations: 'texts', currency: 'text', amount: 'number', urgent: 'boolean' },
        required: ['actions'],
      },
      { type: 'account', members: { identifier: 'text', privileges: 'texts' } },
    ],
    ...more,
  })
await server.apply(
  document('Client', 'checkout', {
    workloads: [{ issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['checkout'] } }],
    grants: ['token-exchange', 'jwt-bearer'],
  }),
  document('Client', 'billing', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } },
    audiences: [PAYMENTS],
    grants: ['token-exchange', 'client-credentials'],
  }),
  payments('payments', PAYMENTS),
  payments('ledger', 'https://ledger.example'),
  payments('unpermitted', 'https://unpermitted.example'),
  document('Policy', 'small-payments', {
    clients: ['checkout', 'billing'],
    targets: ['payments'],
    scopes: ['pay'],
    authorizationDetails: [
      { type: 'payment', members: { actions: ['initiate', 'status'], currency: ['EUR'], amount: 500 } },
    ],
    lifetime: '2m',
    delegation: { mode: 'delegate' },
  }),
  document('Policy', 'accounts', {
    clients: ['checkout', 'billing'],
    targets: ['payments'],
    authorizationDetails: [{ type: 'account' }],
    lifetime: '1m',
    delegation: { mode: 'delegate' },
  }),
  document('Policy', 'passed-on', {
    clients: ['billing'],
    targets: ['ledger'],
    subject: { scopes: [] },
    authorizationDetails: [{ type: 'payment' }, { type: 'account' }],
    delegation: { mode: 'delegate' },
  }),
  document('Policy', 'nothing-urgent', {
    effect: 'forbid',
    condition: 'request.authorizationDetails.exists(d, has(d.urgent) && d.urgent)',
  }),
)

const PAYMENT = { type: 'payment', actions: ['initiate'], currency: 'EUR', amount: 120.5 }
const asked = (...details: readonly unknown[]): Form => ({
  audience: PAYMENTS,
  authorization_details: JSON.stringify(details),
})
const asBilling = (): Form => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('billing', key, us, clock.seconds()),
})
const refused = async (form: Form, reason: 'details_unknown' | 'details_denied') =>
  expectRefusal(server, await server.exchange(form), { error: 'invalid_authorization_details', reason })

/** The details that an answer and its token state, which are the same. */
async function granted(answer: Answer): Promise<unknown> {
  expect(answer, JSON.stringify(await server.record(answer.id))).toMatchObject({ status: 200 })
  const { claims } = decode(String(answer.body['access_token']))
  expect(claims['authorization_details']).toEqual(answer.body['authorization_details'])
  return answer.body['authorization_details']
}

describe('RFC 9396 §2, §7: what is granted is stated', () => {
  it.each<[string, () => Promise<Answer>]>([
    ['token exchange', () => server.exchange(asked(PAYMENT))],
    [
      'a JWT as grant',
      () => server.token({ grant_type: TYPE.jwtBearer, assertion: cluster.token(), ...asked(PAYMENT) }),
    ],
    ['client credentials', () => server.token({ grant_type: 'client_credentials', ...asBilling(), ...asked(PAYMENT) })],
  ])('RA-01, RA-03, RA-05: in the answer and in the token, by %s', async (_, ask) => {
    expect(await granted(await ask())).toEqual([PAYMENT])
  })

  it('RA-03: several of several types, each by a rule that grants it, under the strictest ceiling', async () => {
    const account = { type: 'account', identifier: 'DE-Konto-Ä €', privileges: ['read'] }
    const answer = await server.exchange(asked(PAYMENT, account))
    expect(await granted(answer)).toEqual([PAYMENT, account])
    expect(answer.body['expires_in']).toBe(60)
    expect(await server.record(answer.id)).toMatchObject({
      rules: ['accounts', 'small-payments'],
      facts: { authorizationDetails: [PAYMENT, account] },
    })
  })

  it('RA-03: a request that names details gets no default scope beside them, and one with scopes gets both', async () => {
    const bare = await server.exchange(asked(PAYMENT))
    expect(bare.body).not.toHaveProperty('scope')
    const both = await server.exchange({ ...asked(PAYMENT), scope: 'pay' })
    expect(both.body).toMatchObject({ scope: 'pay', authorization_details: [PAYMENT] })
    expect((await server.exchange({ audience: PAYMENTS })).body).not.toHaveProperty('authorization_details')
  })

  it('RA-04, MD-06: metadata lists the types that some target knows', async () => {
    const metadata = await (await server.get('/.well-known/oauth-authorization-server')).json()
    expect(metadata).toMatchObject({ authorization_details_types_supported: ['account', 'payment'] })
  })
})

describe('RFC 9396 §9.2: introspection', () => {
  it('RA-03: says them to whom the token is for, and nothing to whom it is not', async () => {
    const answer = await server.exchange(asked(PAYMENT))
    const token = String(answer.body['access_token'])
    const told = await inquire(server, '/introspect', { token, ...asBilling() })
    expect(told.body).toMatchObject({ active: true, authorization_details: [PAYMENT] })
    const { claims } = decode(token)
    expect(told.body['authorization_details']).toEqual(claims['authorization_details'])
    const pod = { client_assertion: cluster.token(), client_assertion_type: TYPE.clientAssertion }
    expect((await inquire(server, '/introspect', { token, ...pod })).text).toBe('{"active":false}')
  })
})

describe('RFC 9396 §5: what is refused', () => {
  it.each<[string, string]>([
    ['no JSON', 'x'],
    ['an object', JSON.stringify(PAYMENT)],
    ['an empty array', '[]'],
    ['an array of texts', '["payment"]'],
    ['an object without type', '[{"actions":["initiate"]}]'],
    ['one of two without type', JSON.stringify([PAYMENT, { actions: ['initiate'] }])],
    ['a type that is no text', '[{"type":7}]'],
    ['one member twice', '[{"type":"payment","actions":["status"],"actions":["initiate"]}]'],
    ['a type that nobody knows', '[{"type":"transfer","actions":["initiate"]}]'],
    ['a type in other letters', '[{"type":"Payment","actions":["initiate"]}]'],
    ['one of two unknown', JSON.stringify([PAYMENT, { type: 'transfer' }])],
    ['a member that the type has not', JSON.stringify([{ ...PAYMENT, creditor: 'x' }])],
    ['a member of the prototype', '[{"type":"payment","actions":["status"],"__proto__":{"amount":1}}]'],
    ['a text for a list', JSON.stringify([{ ...PAYMENT, actions: 'initiate' }])],
    ['an empty list', JSON.stringify([{ ...PAYMENT, actions: [] }])],
    ['a list with a number', JSON.stringify([{ ...PAYMENT, actions: ['initiate', 1] }])],
    ['a number as text', JSON.stringify([{ ...PAYMENT, amount: '12' }])],
    ['a number that is none', '[{"type":"payment","actions":["initiate"],"amount":1e400}]'],
    ['null', JSON.stringify([{ ...PAYMENT, currency: null }])],
    ['an object inside', JSON.stringify([{ ...PAYMENT, currency: { code: 'EUR' } }])],
    ['a missing member', JSON.stringify([{ type: 'payment', amount: 1 }])],
    ['more objects than are read', JSON.stringify(Array(21).fill(PAYMENT))],
  ])('RA-01, RA-02: %s', async (_, details) => {
    await refused({ audience: PAYMENTS, authorization_details: details }, 'details_unknown')
  })

  it('RA-02: of types that only another target knows', async () => {
    await refused({ ...asked(PAYMENT), audience: 'https://orders.example' }, 'details_unknown')
  })

  it.each<[string, object]>([
    ['an action that no rule grants', { ...PAYMENT, actions: ['initiate', 'cancel'] }],
    ['another currency', { ...PAYMENT, currency: 'USD' }],
    ['a higher amount', { ...PAYMENT, amount: 500.01 }],
    ['no amount, where the rule says how much at most', { type: 'payment', actions: ['initiate'], currency: 'EUR' }],
  ])('RA-02: beyond the limits of policy: %s', async (_, detail) => {
    await refused(asked(detail), 'details_denied')
    await refused(asked(PAYMENT, detail), 'details_denied')
  })

  it('RA-02: a condition sees what is asked, so that a rule forbids it', async () => {
    const answer = await server.exchange(asked({ ...PAYMENT, urgent: true }))
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'forbidden' })
    expect((await server.exchange(asked({ ...PAYMENT, urgent: false }))).status).toBe(200)
  })

  it('T25: who is permitted nothing at a target does not learn which types it knows', async () => {
    for (const type of ['payment', 'transfer']) {
      const answer = await server.exchange({
        ...asked({ type, actions: ['x'] }),
        audience: 'https://unpermitted.example',
      })
      await expectRefusal(server, answer, { error: 'invalid_target', reason: 'denied' })
    }
  })

  it('I8: a token that strayed into them is not kept', async () => {
    const answer = await server.exchange(asked({ type: 'account', identifier: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.' }))
    const record = await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_malformed' })
    expect(JSON.stringify(record)).not.toContain('eyJ')
  })
})

describe('RFC 9396 and RFC 8693: never wider than the token that it is made of', () => {
  const passedOn = async (held: readonly unknown[], wanted: readonly unknown[], audience = PAYMENTS) => {
    const first = await server.exchange(held.length === 0 ? { audience: PAYMENTS } : asked(...held))
    return server.exchange({
      ...asked(...wanted),
      audience,
      subject_token: String(first.body['access_token']),
      subject_token_type: TYPE.accessToken,
      ...asBilling(),
    })
  }

  it.each<[string, readonly object[], readonly object[]]>([
    ['the same', [PAYMENT], [PAYMENT]],
    ['fewer actions', [{ ...PAYMENT, actions: ['initiate', 'status'] }], [{ ...PAYMENT, actions: ['status'] }]],
    ['one of two', [PAYMENT, { type: 'account', identifier: 'a' }], [{ type: 'account', identifier: 'a' }]],
    ['more said of it', [{ type: 'account' }], [{ type: 'account', identifier: 'a', privileges: ['read'] }]],
  ])('RA-05: %s', async (_, held, wanted) => {
    for (const audience of [PAYMENTS, 'https://ledger.example'])
      expect(await granted(await passedOn(held, wanted, audience))).toEqual(wanted)
  })

  it.each<[string, readonly object[], readonly object[]]>([
    ['where it holds none', [], [PAYMENT]],
    ['of another type', [{ type: 'account', identifier: 'a' }], [PAYMENT]],
    ['more actions', [PAYMENT], [{ ...PAYMENT, actions: ['initiate', 'status'] }]],
    ['another number, though a lower one', [PAYMENT], [{ ...PAYMENT, amount: 1 }]],
    ['another identifier', [{ type: 'account', identifier: 'a' }], [{ type: 'account', identifier: 'b' }]],
    ['less said of it', [{ type: 'account', identifier: 'a' }], [{ type: 'account' }]],
    ['one held, and one not', [PAYMENT], [PAYMENT, { type: 'account', identifier: 'a' }]],
  ])('RA-05, T19: not %s', async (_, held, wanted) => {
    for (const audience of [PAYMENTS, 'https://ledger.example'])
      await expectRefusal(server, await passedOn(held, wanted, audience), {
        error: 'invalid_authorization_details',
        reason: 'details_denied',
      })
  })

  it('RA-05: what is not asked for again is not passed on', async () => {
    const first = await server.exchange(asked(PAYMENT))
    const next = await server.exchange({
      audience: PAYMENTS,
      subject_token: String(first.body['access_token']),
      subject_token_type: TYPE.accessToken,
      ...asBilling(),
    })
    expect(next.status).toBe(200)
    expect(decode(String(next.body['access_token'])).claims).not.toHaveProperty('authorization_details')
  })
})

describe('documents that say what is granted', () => {
  it.each<[string, object, RegExp]>([
    ['a common member that is something else', { type: 'a', members: { actions: 'text' } }, /RFC 9396/],
    ['a required member that there is not', { type: 'a', required: ['x'] }, /not among the/],
    ['a member named type', { type: 'a', members: { type: 'text' } }, /type/],
    ['a kind of member that there is not', { type: 'a', members: { x: 'object' } }, /text, texts, number, boolean/],
  ])('refuse %s', async (_, detail, expected) => {
    const target = document('Target', 'odd', { audience: 'urn:odd', authorizationDetails: [detail] })
    await expect(server.apply(target)).rejects.toThrow(expected)
  })

  it.each(['constructor', 'toString', 'hasOwnProperty'])(
    'take %s for the name of a member like any other',
    async (name) => {
      const type = { type: 'a', members: { [name]: 'text' } }
      await server.apply(
        document('Target', 'odd', { audience: 'urn:odd', authorizationDetails: [type] }),
        document('Policy', 'odd', {
          ...{
            clients: ['checkout'],
            targets: ['odd'],
            authorizationDetails: [{ type: 'a', members: { [name]: ['x'] } }],
          },
        }),
      )
      const asking = (detail: object) => server.exchange({ ...asked({ type: 'a', ...detail }), audience: 'urn:odd' })
      expect(await granted(await asking({ [name]: 'x' }))).toEqual([{ type: 'a', [name]: 'x' }])
      await refused({ ...asked({ type: 'a' }), audience: 'urn:odd' }, 'details_denied')
    },
  )

  it('refuse a target that maps the claim, and a forbid that would limit it', async () => {
    const target = document('Target', 'odd', {
      audience: 'urn:odd',
      tokens: [{ kind: 'access-token', claims: { authorization_details: "'x'" } }],
    })
    await expect(server.apply(target)).rejects.toThrow(/authorization_details/)
    const forbid = document('Policy', 'odd', { effect: 'forbid', authorizationDetails: [{ type: 'payment' }] })
    await expect(server.apply(forbid)).rejects.toThrow(/condition/)
  })
})
