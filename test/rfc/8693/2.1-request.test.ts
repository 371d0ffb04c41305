import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { formOf, post } from '../../harness/post.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../../harness/tokens.ts'

/** RFC 8693 §2.1, RFC 6749 §3.2: what a request is. */
const server = await startCambist()
await server.apply(
  document('Target', 'queue', {
    audience: 'queue',
    scopes: ['rabbitmq.read:*/*', 'A', 'a'],
    tokens: [{ kind: 'access-token' }],
  }),
  document('Target', 'reports', {
    audience: 'https://reports.example',
    resources: ['https://reports.example/api?tenant=1', 'urn:example:reports'],
  }),
  document('Policy', 'checkout-reads-queue', {
    clients: ['checkout'],
    targets: ['queue'],
    scopes: ['rabbitmq.read:*/*', 'a'],
  }),
  document('Policy', 'checkout-has-reports', { clients: ['checkout'], targets: ['reports'] }),
)

const MALFORMED = { error: 'invalid_request', reason: 'parameter_malformed' } as const
const MISSING = { error: 'invalid_request', reason: 'parameter_missing' } as const
const TOO_LONG = { error: 'invalid_request', reason: 'parameter_too_long' } as const

const TAKEN = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'audience',
  'resource',
  'scope',
  'requested_token_type',
  'client_id',
  'client_assertion',
  'client_assertion_type',
]
const KNOWN_ELSEWHERE = [
  'assertion',
  'auth_req_id',
  'authorization_details',
  'client_secret',
  'code',
  'code_verifier',
  'device_code',
  'password',
  'redirect_uri',
  'refresh_token',
  'requested_token_use',
  'username',
]

describe('RFC 8693 §2.1: the grant type', () => {
  it.each([
    'password',
    'refresh_token',
    'authorization_code',
    'urn:ietf:params:oauth:grant-type:device_code',
    'urn:ietf:params:oauth:grant-type:Token-Exchange',
    `${TYPE.exchange} `,
    `${TYPE.exchange}/`,
    'token-exchange',
    '__proto__',
  ])('TE-01 takes no other grant type: %s', async (grantType) => {
    const answer = await server.exchange({ grant_type: grantType })
    await expectRefusal(server, answer, { error: 'unsupported_grant_type', reason: 'grant_unsupported' })
  })

  it.each(['client_credentials', TYPE.jwtBearer])('T24 reads nothing of a token exchange in %s', async (grantType) => {
    const answer = await server.exchange({ grant_type: grantType })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_unexpected' })
  })

  it('TE-01 takes the grant type of token exchange', async () => {
    expect((await server.exchange()).status).toBe(200)
  })
})

describe('RFC 8693 §2.1: what must be there', () => {
  it.each(['grant_type', 'subject_token', 'subject_token_type'])(
    'TE-01 TE-02 TE-03 refuses a request without %s',
    async (name) => {
      await expectRefusal(server, await server.exchange({ [name]: undefined }), MISSING)
    },
  )

  it.each(['grant_type', 'subject_token', 'subject_token_type'])(
    'TE-15 takes an empty %s for a missing one',
    async (name) => {
      await expectRefusal(server, await server.exchange({ [name]: '' }), MISSING)
    },
  )

  it('TE-15 takes an empty body for a request without anything', async () => {
    await expectRefusal(server, await post(server, ''), MISSING)
  })

  it('TE-05 refuses an actor token without its type', async () => {
    await expectRefusal(server, await server.exchange({ actor_token: server.cluster.token() }), MISSING)
    await expectRefusal(
      server,
      await server.exchange({ actor_token: server.cluster.token(), actor_token_type: '' }),
      MISSING,
    )
  })

  it('TE-05 refuses the type of an actor token that is not there', async () => {
    await expectRefusal(server, await server.exchange({ actor_token_type: TYPE.jwt }), MISSING)
    await expectRefusal(server, await server.exchange({ actor_token_type: TYPE.jwt, actor_token: '' }), MISSING)
  })

  it('TE-04 TE-15 counts an empty actor token with an empty type as none', async () => {
    expect((await server.exchange({ actor_token: '', actor_token_type: '' })).status).toBe(200)
  })

  it('AF-06 refuses a client assertion without its type, and the reverse', async () => {
    const assertion = clientAssertion('x', new SigningKey('ES256'), server.issuer, server.clock.seconds())
    await expectRefusal(server, await server.exchange({ client_assertion: assertion }), MISSING)
    await expectRefusal(server, await server.exchange({ client_assertion_type: TYPE.clientAssertion }), MISSING)
  })

  it.each(['subject_token_type', 'actor_token_type', 'requested_token_type', 'client_assertion_type'])(
    'TE-03 refuses a %s that is no absolute URI',
    async (name) => {
      for (const value of ['jwt', 'access_token', '/jwt', 'urn:', ':jwt', `${TYPE.jwt} x`, ` ${TYPE.jwt}`, '"']) {
        await expectRefusal(server, await server.exchange({ [name]: value }), MALFORMED)
      }
    },
  )
})

describe('RFC 6749 §3.2: repeated, long and unknown parameters', () => {
  const once = TAKEN.filter((name) => name !== 'audience' && name !== 'resource')
  it.each(once)('TE-08 refuses a repeated %s', async (name) => {
    const value = formOf(server).get(name) ?? 'urn:example:x'
    const repeated = { error: 'invalid_request', reason: 'parameter_repeated' } as const
    await expectRefusal(server, await server.exchange({ [name]: [value, value] }), repeated)
    await expectRefusal(server, await server.exchange({ [name]: [value, ''] }), repeated)
    await expectRefusal(server, await server.exchange({ [name]: ['', value] }), repeated)
  })

  it('TE-08 sees through the spelling of a repeated name', async () => {
    const answer = await post(server, `${formOf(server, { scope: 'orders:read' })}&sc%6Fpe=orders:write`)
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_repeated' })
  })

  it('TE-08 refuses a repeated unknown parameter too', async () => {
    const answer = await server.exchange({ colour: ['red', 'blue'] })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_repeated' })
  })

  it.each([
    ['grant_type', 2048],
    ['subject_token', 16_384],
    ['subject_token_type', 2048],
    ['requested_token_type', 2048],
    ['audience', 2048],
    ['resource', 2048],
    ['client_id', 2048],
    ['scope', 8192],
  ])('T12 refuses a %s of more than %i characters, never drops it', async (name, limit) => {
    const start = name === 'resource' ? 'https://orders.example/' : name.endsWith('_type') ? 'urn:x:' : ''
    const long = (length: number) => start.padEnd(length, 'a')
    await expectRefusal(server, await server.exchange({ [name]: long(limit + 1) }), TOO_LONG)
    const read = await server.exchange({ [name]: long(limit) })
    expect((await server.record(read.id))['reason']).not.toBe('parameter_too_long')
  })

  it.each([
    ['actor_token', 'actor_token_type'],
    ['client_assertion', 'client_assertion_type'],
  ])('T12 refuses a %s of more than 16384 characters', async (name, type) => {
    await expectRefusal(server, await server.exchange({ [name]: 'a'.repeat(16_385), [type]: TYPE.jwt }), TOO_LONG)
    await expectRefusal(server, await server.exchange({ [name]: 'a', [type]: 'urn:x:'.padEnd(2049, 'a') }), TOO_LONG)
  })

  it('T12 refuses more than ten audiences, ten resources, a hundred scopes', async () => {
    const many = (count: number, prefix: string) => Array.from({ length: count }, (_, index) => `${prefix}${index}`)
    await expectRefusal(server, await server.exchange({ audience: many(11, 'a') }), MALFORMED)
    await expectRefusal(server, await server.exchange({ resource: many(11, 'https://a.example/') }), MALFORMED)
    await expectRefusal(server, await server.exchange({ scope: many(101, 's').join(' ') }), MALFORMED)
  })

  it('TE-15 ignores parameters that nobody knows', async () => {
    const unknown = {
      'client-request-id': '1',
      colour: 'blue',
      __proto__x: 'y',
      'subject.token': 'a',
      Scope: 'orders:write',
    }
    const answer = await server.exchange(unknown)
    expect(answer).toMatchObject({ status: 200, body: { scope: 'orders:read' } })
  })

  it.each(['__proto__', 'constructor', 'toString'])('TE-15 ignores a parameter of the name %s', async (name) => {
    const answer = await post(server, `${formOf(server)}&${name}=1`)
    expect(answer.status).toBe(200)
  })

  it.each(KNOWN_ELSEWHERE)('T24 refuses %s, which another grant takes', async (name) => {
    const answer = await server.exchange({ [name]: 'x' })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_unexpected' })
  })

  it.each(KNOWN_ELSEWHERE)('TE-15 counts an empty %s as none', async (name) => {
    expect((await server.exchange({ [name]: '' })).status).toBe(200)
  })

  it.each([...TAKEN, ...KNOWN_ELSEWHERE])('BC-10 refuses %s in the query, whatever it says', async (name) => {
    const inQuery = { error: 'invalid_request', reason: 'parameter_in_query' } as const
    await expectRefusal(server, await post(server, `${formOf(server)}`, {}, `/token?${name}=x`), inQuery)
    await expectRefusal(server, await post(server, `${formOf(server)}`, {}, `/token?a=1&${name}`), inQuery)
  })

  it('BC-10 ignores other members of the query', async () => {
    expect((await post(server, `${formOf(server)}`, {}, '/token?client-request-id=7&x')).status).toBe(200)
  })

  it('BC-10 reads nothing from the query instead of the body', async () => {
    const form = formOf(server)
    form.delete('audience')
    const answer = await post(server, `${form}`, {}, '/token?audience=https://orders.example')
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_in_query' })
  })
})

describe('RFC 8693 §2.1: resource and audience', () => {
  it.each([
    'orders',
    '/api',
    '//orders.example/api',
    'orders.example/api',
    'https://orders.example/api#part',
    'https://orders.example/api#',
    'https://orders.example/api x',
    'https:// orders.example/api',
    'https://[orders.example/api',
    'https://ordérs.example/api',
    'https:',
  ])('TE-06 RI-01 refuses a resource that is no absolute URI without fragment: %s', async (resource) => {
    const answer = await server.exchange({ audience: undefined, resource })
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_unknown' })
  })

  it('TE-06 refuses a malformed resource beside a good audience', async () => {
    const answer = await server.exchange({ resource: 'https://orders.example/api#part' })
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_unknown' })
  })

  it.each(['https://orders.example/api', 'https://reports.example/api?tenant=1', 'urn:example:reports'])(
    'TE-06 takes the absolute URI %s, also with a query',
    async (resource) => {
      const answer = await server.exchange({ audience: undefined, resource })
      expect(answer.status).toBe(200)
    },
  )

  it('TE-06 compares the query of a resource', async () => {
    for (const resource of ['https://reports.example/api?tenant=2', 'https://reports.example/api']) {
      const answer = await server.exchange({ audience: undefined, resource })
      await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_unknown' })
    }
  })

  it('TE-07 takes an audience that is no URL', async () => {
    expect(await server.exchange({ audience: 'queue' })).toMatchObject({ status: 200 })
  })

  it.each(['https://orders.example/', 'HTTPS://orders.example', 'orders', ' https://orders.example'])(
    'TE-07 compares audiences by character: %s',
    async (audience) => {
      const answer = await server.exchange({ audience })
      await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_unknown' })
    },
  )

  it('TE-08 ignores empty values beside the audience', async () => {
    expect((await server.exchange({ audience: ['', 'https://orders.example', ''], resource: '' })).status).toBe(200)
  })
})

describe('RFC 6749 §3.3: scope', () => {
  it.each([
    ['two spaces', 'orders:read  orders:write'],
    ['a leading space', ' orders:read'],
    ['a trailing space', 'orders:read '],
    ['a tab', 'orders:read\torders:write'],
    ['a line break', 'orders:read\norders:write'],
    ['a quote', 'orders"read'],
    ['a backslash', 'orders\\read'],
    ['a character beyond ASCII', 'ordérs:read'],
    ['a control character', 'orders\u0001read'],
  ])('TE-09 refuses a scope with %s', async (_, scope) => {
    await expectRefusal(server, await server.exchange({ scope }), { error: 'invalid_scope', reason: 'scope_unknown' })
  })

  it('TE-09 tells scopes by case', async () => {
    await expectRefusal(server, await server.exchange({ scope: 'Orders:Read' }), {
      error: 'invalid_scope',
      reason: 'scope_unknown',
    })
    await expectRefusal(server, await server.exchange({ audience: 'queue', scope: 'A' }), {
      error: 'invalid_scope',
      reason: 'scope_denied',
    })
    expect((await server.exchange({ audience: 'queue', scope: 'a' })).body['scope']).toBe('a')
  })

  it('TE-09 takes every scope token that RFC 6749 knows', async () => {
    const answer = await server.exchange({ audience: 'queue', scope: 'rabbitmq.read:*/*' })
    expect(answer).toMatchObject({ status: 200, body: { scope: 'rabbitmq.read:*/*' } })
  })

  it('TE-09 grants a scope once that is asked for twice', async () => {
    const answer = await server.exchange({ scope: 'orders:read orders:read' })
    expect(answer).toMatchObject({ status: 200, body: { scope: 'orders:read' } })
  })
})

describe('RFC 8693 §2.1: requested_token_type', () => {
  it('TE-10 chooses the type by the target where none is requested', async () => {
    expect((await server.exchange()).body['issued_token_type']).toBe(TYPE.accessToken)
  })

  it('TE-10 issues the requested type where the target has it', async () => {
    const answer = await server.exchange({ requested_token_type: TYPE.accessToken })
    expect(answer).toMatchObject({ status: 200, body: { issued_token_type: TYPE.accessToken } })
  })
})

describe('RFC 8693 §2.1: TE-13 the inputs stay as they are', () => {
  it('TE-13 takes one subject token again, for another token with an id of its own', async () => {
    const form = { subject_token: server.cluster.token() }
    const [first, second] = [await server.exchange(form), await server.exchange(form)]
    expect([first.status, second.status]).toEqual([200, 200])
    const idOf = ({ body }: typeof first) => decode(String(body['access_token'])).claims['jti']
    expect(idOf(first)).not.toBe(idOf(second))
  })
})
