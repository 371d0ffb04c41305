import { describe, expect, it } from 'vitest'
import type { Reason } from '../../../src/refusal.ts'
import { document, type Form } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { TYPE } from '../../harness/tokens.ts'
import { claimsOf, DOMAIN, startShop, tokenOf } from '../../harness/transactions.ts'

/** draft-ietf-oauth-transaction-tokens §11.1 to §11.5, §13.3 to §13.14: what is asked, and by whom. */
const shop = await startShop()
const { server } = shop
const PLAIN = 'plain.example'
await server.apply(
  document('Target', 'plain', {
    audience: PLAIN,
    resources: ['https://plain.example/'],
    scopes: ['do', 'undo'],
    defaultScopes: ['do'],
    tokens: [{ kind: 'transaction-token' }],
  }),
  document('Target', 'second', { audience: 'second.example', scopes: ['do'], tokens: [{ kind: 'transaction-token' }] }),
  document('Target', 'observing', {
    audience: 'observing.example',
    scopes: ['do'],
    tokens: [
      {
        kind: 'transaction-token',
        observed: ['req_ip', 'authn'],
        rctx: { type: 'object', properties: { authn: { type: 'string' } } },
      },
    ],
  }),
  document('Target', 'wide', {
    audience: 'wide.example',
    scopes: ['do'],
    tokens: [
      {
        kind: 'transaction-token',
        tctx: {
          type: 'object',
          properties: {
            text: { type: 'string', maxLength: 4096 },
            more: { type: 'string', maxLength: 4096 },
            number: { type: 'number', minimum: -1 },
            yes: { type: 'boolean' },
            list: { type: 'array', items: { type: 'string', maxLength: 3 }, maxItems: 2 },
            inner: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] },
          },
        },
      },
    ],
  }),
  document('Policy', 'gateway-at-others', {
    clients: ['gateway'],
    targets: ['plain', 'second', 'observing', 'wide'],
    subject: { issuers: ['people'] },
    scopes: ['do'],
    delegation: { mode: 'delegate' },
  }),
  document('Target', 'unscoped', {
    audience: 'unscoped.example',
    scopes: ['do'],
    tokens: [{ kind: 'transaction-token' }],
  }),
  document('Policy', 'no-ceiling', {
    clients: ['gateway'],
    targets: ['unscoped'],
    subject: { issuers: ['people'] },
    delegation: { mode: 'delegate' },
  }),
  document('Policy', 'nobody-signs-for-others', {
    effect: 'forbid',
    clients: ['fraud'],
    targets: ['shop'],
  }),
)

const REQUEST = { error: 'invalid_request' } as const
const refused = async (form: Form, reason: Reason, error = 'invalid_request') => {
  const record = await expectRefusal(server, await shop.ask('gateway', form), { error, reason })
  return String(record['detail'])
}
const at = (audience: string, form: Form = {}): Form => ({ audience, scope: 'do', request_details: undefined, ...form })

describe('§11.1: the six parameters', () => {
  it.each(['audience', 'scope', 'subject_token', 'subject_token_type', 'grant_type'])(
    'TX-11: without %s it is invalid_request',
    async (name) => {
      expect(await refused({ [name]: undefined }, 'parameter_missing')).toBe(`${name} is missing`)
      expect(await refused({ [name]: '' }, 'parameter_missing')).toBe(`${name} is missing`)
    },
  )

  it('TX-11: without requested_token_type it is invalid_request, though the target has no other tokens', async () => {
    const detail = await refused(at(PLAIN, { requested_token_type: undefined }), 'token_unfit')
    expect(detail).toContain('requested_token_type')
    await refused({ requested_token_type: undefined }, 'parameter_unexpected') // details of what is no transaction
  })

  it('TX-11: a resource is no trust domain, and a default scope is no purpose', async () => {
    await refused(at(PLAIN, { audience: undefined, resource: 'https://plain.example/' }), 'parameter_missing')
    await refused(at(PLAIN, { scope: undefined }), 'parameter_missing')
  })

  it('TX-02, TX-11: two trust domains are refused', async () => {
    await refused({ audience: [PLAIN, 'second.example'], scope: 'do', request_details: undefined }, 'token_unfit')
  })

  it('TX-10: another grant cannot ask for one', async () => {
    for (const grant_type of ['client_credentials', TYPE.jwtBearer]) {
      const form = { grant_type, audience: PLAIN, scope: 'do', requested_token_type: TYPE.transactionToken }
      const assertion = grant_type === TYPE.jwtBearer ? { assertion: shop.user() } : {}
      const answer = await server.token({ ...form, ...assertion, ...shop.as('gateway') })
      await expectRefusal(server, answer, { ...REQUEST, reason: 'parameter_unexpected' })
    }
  })
})

describe('§11.1: request_details and request_context', () => {
  it.each([
    ['no JSON', '{order:1}'],
    ['a list', '["A-1"]'],
    ['a text', '"A-1"'],
    ['a number', '7'],
    ['null', 'null'],
    ['a member twice', '{"order":"A-1","order":"A-2"}'],
    ['base64url of an object', Buffer.from('{"order":"A-1"}').toString('base64url')],
    ['too deep', `${'{"order":'.repeat(20)}1${'}'.repeat(20)}`],
  ])('TX-12: %s is invalid_request', async (_, text) => {
    await refused({ request_details: text }, 'parameter_malformed')
    await refused({ request_context: text }, 'parameter_malformed')
  })

  it('TX-12: more than is read is refused, and not left out', async () => {
    await refused({ request_details: JSON.stringify({ order: 'A'.repeat(9000) }) }, 'parameter_too_long')
  })

  it.each<[string, object]>([
    ['a member that is not named', { order: 'A-1', note: 'x' }],
    ['a member that is missing', { amount: 3 }],
    ['a text that is too long', { order: 'A'.repeat(65) }],
    ['a text that is not listed', { order: 'A-1', currency: 'XXX' }],
    ['a number that is too large', { order: 'A-1', amount: 10_001 }],
    ['a number that is none', { order: 'A-1', amount: '3' }],
    ['a part of a number', { order: 'A-1', amount: 1.5 }],
    ['a member of every object', { order: 'A-1', constructor: 'x' }],
    ['an object for a text', { order: { id: 'A-1' } }],
  ])('TX-24: %s is against the schema, and refused with the place', async (_, details) => {
    const detail = await refused({ request_details: JSON.stringify(details) }, 'token_unfit')
    expect(detail).toMatch(/^request_details/)
  })

  it('TX-24: a schema says texts, numbers, lists and objects, and how large all of it is', async () => {
    const good = { text: 'x'.repeat(3000), number: -0.5, yes: true, list: ['a', 'b'], inner: { a: 1 } }
    const ask = (details: object) =>
      shop.ask('gateway', at('wide.example', { request_details: JSON.stringify(details) }))
    expect(claimsOf(await tokenOf(server, await ask(good)))['tctx']).toEqual(good)
    for (const bad of [
      { number: -2 },
      { yes: 'true' },
      { list: ['a', 'b', 'c'] },
      { list: ['long'] },
      { list: 'a' },
      { inner: {} },
      { inner: [] },
      { text: 'x'.repeat(3000), more: 'x'.repeat(3000) },
    ])
      await expectRefusal(server, await ask(bad), { ...REQUEST, reason: 'token_unfit' })
  })

  it('TX-24: an administrator is told why no token came of it', async () => {
    const parameters = {
      ...{
        grant_type: TYPE.exchange,
        requested_token_type: TYPE.transactionToken,
        audience: DOMAIN,
        scope: 'orders.place',
      },
      ...{ subject_token: shop.user(), subject_token_type: TYPE.jwt, request_details: '{}', ...shop.as('gateway') },
    }
    const { json } = await server.adminSend(
      'POST',
      '/admin/v1/explain',
      { parameters },
      {
        Authorization: `Bearer ${server.adminToken}`,
      },
    )
    expect(json).toMatchObject({ verdict: 'refused', reason: 'token_unfit', stage: 'token' })
    expect(json['sentence']).toContain('request_details lacks order')
  })

  it('TX-24: a target without a schema takes nothing, and says so', async () => {
    for (const name of ['request_details', 'request_context'])
      expect(await refused(at(PLAIN, { [name]: '{}' }), 'token_unfit')).toContain(name)
    const claims = claimsOf(await tokenOf(server, await shop.ask('gateway', at(PLAIN))))
    expect(claims).not.toHaveProperty('tctx')
    expect(claims).not.toHaveProperty('rctx')
  })

  it('TX-24: what the server has seen goes over what was said', async () => {
    const answer = await shop.ask('gateway', at('observing.example', { request_context: '{"authn":"face"}' }))
    expect(claimsOf(await tokenOf(server, answer))['rctx']).toEqual({ req_ip: '127.0.0.1', authn: 'private_key_jwt' })
  })

  it('TX-12: they mean nothing in a request for another token, and are not dropped there', async () => {
    const form = {
      requested_token_type: TYPE.accessToken,
      audience: 'https://fraud.shop.example',
      scope: 'fraud.score',
    }
    await refused({ ...form, request_details: '{}' }, 'parameter_unexpected')
    await refused({ ...form, request_details: undefined, request_context: '{}' }, 'parameter_unexpected')
  })
})

describe('§11.2: subject tokens', () => {
  it('TX-13: a refresh token is none, nor anything that it is called so', async () => {
    const type = 'urn:ietf:params:oauth:token-type:refresh_token'
    for (const subject_token of ['a-refresh-token', shop.user()])
      await refused({ subject_token, subject_token_type: type }, 'token_type_unsupported')
  })

  it('TX-13, TX-21: a JWT access token of outside, and an ID token, are verified like everywhere', async () => {
    for (const [typ, subject_token_type] of [
      ['at+jwt', TYPE.jwt],
      ['JWT', TYPE.idToken],
    ] as const)
      expect((await shop.ask('gateway', { subject_token: shop.user({}, { typ }), subject_token_type })).status).toBe(
        200,
      )
    const [head, body] = shop.user().split('.')
    const [, , signature] = shop.user({ sub: 'other' }).split('.')
    await refused({ subject_token: `${head}.${body}.${signature}` }, 'signature_invalid')
    await refused({ subject_token: shop.user({ iss: 'https://evil.example' }) }, 'issuer_unknown')
  })

  it('TX-14: a token that its sender signs itself is taken from a trusted issuer, and by no type of its own', async () => {
    await refused(
      { subject_token: shop.user(), subject_token_type: 'urn:ietf:params:oauth:token-type:self_signed' },
      'token_type_unsupported',
    )
  })

  it('TX-15: an unsigned object names nobody, whoever sends it', async () => {
    await refused(
      { subject_token: '{"sub":"user-77"}', subject_token_type: 'urn:ietf:params:oauth:token-type:unsigned_json' },
      'token_type_unsupported',
    )
  })
})

describe('§11.3: who may have what', () => {
  it('TX-16, TX-20: without client authentication there is none', async () => {
    const answer = await shop.ask('gateway', { client_assertion: undefined, client_assertion_type: undefined })
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'client_unknown' })
  })

  it('TX-20: a workload that no rule permits one has none, and neither has one that a rule forbids', async () => {
    const subject_token = shop.user()
    await expectRefusal(server, await shop.ask('orders', { subject_token }), {
      error: 'invalid_target',
      reason: 'denied',
    })
    await expectRefusal(server, await shop.ask('fraud', { subject_token }), {
      error: 'invalid_target',
      reason: 'forbidden',
    })
  })

  it('TX-23: the ceiling of a token from outside is what the rule says, whatever scope it has', async () => {
    for (const scope of [undefined, 'orders.place orders.view', 'do undo admin']) {
      const subject_token = shop.user({ scope })
      await refused(at(PLAIN, { subject_token, scope: 'do undo' }), 'scope_denied', 'invalid_scope')
      await refused(at(PLAIN, { subject_token, scope: 'undo' }), 'scope_denied', 'invalid_scope')
      expect((await shop.ask('gateway', at(PLAIN, { subject_token }))).body['scope']).toBe('do')
    }
  })

  it('TX-23: where no rule says a ceiling, an unknown scope is none, and not all', async () => {
    for (const scope of [undefined, 'do'])
      await refused(at('unscoped.example', { subject_token: shop.user({ scope }) }), 'scope_denied', 'invalid_scope')
  })

  it('TX-02: a purpose that the trust domain does not know is refused', async () => {
    await refused({ scope: 'orders.place everything' }, 'scope_unknown', 'invalid_scope')
  })
})

describe('documents', () => {
  it.each<[string, object]>([
    ['tctx.type', { tctx: { type: 'string' } }],
    ['tctx.properties.a.type', { tctx: { type: 'object', properties: { a: { type: 'text' } } } }],
    [
      'tctx.properties.a.pattern',
      { tctx: { type: 'object', properties: { a: { type: 'string', pattern: '(a+)+$' } } } },
    ],
    ['tctx.required', { tctx: { type: 'object', properties: {}, required: ['a'] } }],
    ['rctx.additionalProperties', { rctx: { type: 'object', properties: {}, additionalProperties: true } }],
    ['rctx.$ref', { rctx: { type: 'object', properties: {}, $ref: 'https://evil.example' } }],
    ['observed[0]', { observed: ['user_agent'] }],
    ['hops', { hops: 33 }],
    ['claims.txn', { claims: { txn: "'x'" } }],
    ['claims.req_wl', { claims: { req_wl: "'x'" } }],
    ['claims.tctx', { claims: { tctx: "'x'" } }],
  ])('a fault in %s is told with its place', async (path, settings) => {
    const target = document('Target', 'odd', {
      audience: 'odd.example',
      tokens: [{ kind: 'transaction-token', ...settings }],
    })
    await expect(server.apply(target)).rejects.toThrow(`spec.tokens[0].${path}`)
  })

  it('TX-20: the trust domain is one that a target says, and no other', async () => {
    await refused({ audience: 'elsewhere.example' }, 'target_unknown', 'invalid_target')
    expect(claimsOf(await shop.begin())['aud']).toBe(DOMAIN)
  })
})
