import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../harness/cambist.ts'
import { type Claims, decode, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const key = new SigningKey('ES256')
await server.apply(
  document('TrustedIssuer', 'mapped', {
    credential: 'jwt',
    issuer: 'https://mapped.test.example',
    audiences: [us],
    keys: { jwks: { keys: [key.jwk] } },
    act: 'keep',
    multipleAudiences: true,
    condition: "!has(assertion.blocked) || assertion.blocked.exists(one, one == 'x') || size(assertion.blocked) > 1",
    tenant: 'assertion.tenant',
    tenants: ['t1'],
    subject: "assertion.sub + ':' + assertion.name",
    instance: 'assertion.deep.uid',
    attributes: {
      groups: 'assertion.groups',
      first: 'assertion.groups[0]',
      deep: 'assertion.deep',
      number: 'assertion.number',
      typ: 'header.typ',
    },
  }),
  document('Client', 'mapped', {
    workloads: [{ issuer: 'mapped', condition: "workload.first == 'x' || workload.number > 1" }],
  }),
  document('Target', 'mirror', {
    audience: 'https://mirror.example',
    scopes: ['x'],
    tokens: [
      { kind: 'access-token', claims: { groups: 'subject.groups', deep: 'subject.deep', number: 'subject.number' } },
    ],
  }),
  document('Policy', 'mapped-reads', {
    clients: ['*'],
    targets: ['*'],
    scopes: ['x', 'orders:read'],
    delegation: { mode: 'delegate', maxDepth: 3 },
    condition: "subject.groups.exists(group, group.startsWith('x')) || request.time > 0",
  }),
)

const WIRE = [
  'invalid_request',
  'invalid_client',
  'invalid_target',
  'invalid_scope',
  'unauthorized_client',
  'unsupported_grant_type',
]

async function judged(form: Form): Promise<Awaited<ReturnType<typeof server.exchange>>> {
  clock.advance(0.2)
  const answer = await server.exchange(form)
  expect([200, 400, 401]).toContain(answer.status)
  if (answer.status === 200) expect(Object.keys(answer.body)).toContain('access_token')
  else expect(WIRE).toContain(answer.body['error'])
  expect(await server.record(answer.id)).toMatchObject({ outcome: answer.status === 200 ? 'granted' : 'refused' })
  return answer
}

const NAMES = [
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'act',
  'may_act',
  'cnf',
  'tenant',
  'name',
  'groups',
  'deep',
  'number',
  'blocked',
  'kubernetes.io',
  '__proto__',
  'constructor',
  'toString',
]
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<unknown>,
  fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => text.isWellFormed() && !text.includes('\0')),
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    1e308,
    [],
    {},
    [[]],
    ['x'],
    ['x', 1],
    { uid: 'u' },
    { uid: 1 },
    true,
    'x',
    't1',
    [us],
    [us, 'x'],
    { sub: 'x' },
    { sub: 'x', act: { sub: 'y' } },
  ),
)

describe('signed by the right key, claims by chance', () => {
  const good = (): Claims => {
    const now = clock.seconds()
    return {
      ...{ iss: 'https://mapped.test.example', sub: 's', aud: us, iat: now, exp: now + 600, tenant: 't1', name: 'n' },
      ...{ groups: ['x', 'y'], deep: { uid: 'u' }, number: 2 },
    }
  }

  it('grants the good one, so that chance has something to break', async () => {
    const answer = await judged({ subject_token: key.sign(good()), audience: 'https://mirror.example', scope: 'x' })
    expect(decode(String(answer.body['access_token'])).claims).toMatchObject({
      groups: ['x', 'y'],
      deep: { uid: 'u' },
      number: 2,
    })
  })

  it('is granted or refused, and never breaks anything', async () => {
    let granted = 0
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...NAMES), odd, { maxKeys: 3 }),
        fc.boolean(),
        async (changes, ours) => {
          const claims = JSON.stringify({ ...(ours ? cluster.claims() : good()), ...changes })
          const token = (ours ? cluster.key : key).sign(claims)
          const answer = await judged({
            subject_token: token,
            audience: ours ? 'https://orders.example' : 'https://mirror.example',
          })
          if (answer.status !== 200) return
          granted++
          const issued = decode(String(answer.body['access_token'])).claims
          expect(issued).toMatchObject({
            iss: us,
            aud: ours ? 'https://orders.example' : 'https://mirror.example',
            jti: answer.id,
          })
          expect(issued['sub']).toMatch(
            ours ? /^wimse:\/\/127\.0\.0\.1\/cluster\/[^/]+$/ : /^wimse:\/\/127\.0\.0\.1\/mapped\/[^/]+$/,
          )
          expect(Number(issued['exp'])).toBeLessThanOrEqual(clock.seconds() + 300)
        },
      ),
      { numRuns: 250 },
    )
    expect(granted).toBeGreaterThan(10)
  }, 60_000)

  it('with a header by chance', async () => {
    const names = fc.constantFrom(
      'typ',
      'kid',
      'alg',
      'cty',
      'crit',
      'x5c',
      'zip',
      'enc',
      'p2c',
      '__proto__',
      'b64',
      'url',
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, odd, { minKeys: 1, maxKeys: 2 }), async (header) => {
        await judged({ subject_token: cluster.token({}, {}, header as Claims) })
      }),
      { numRuns: 100 },
    )
  }, 30_000)
})

describe('parameters by chance', () => {
  it('are answered, each time, by an answer of the list', async () => {
    const name = fc.oneof(
      fc.constantFrom(
        'grant_type',
        'subject_token',
        'subject_token_type',
        'actor_token',
        'actor_token_type',
        'audience',
        'resource',
        'scope',
        'client_id',
        'client_assertion',
        'client_assertion_type',
        'requested_token_type',
        'assertion',
        'client_secret',
        'token',
        'may_act',
        '__proto__',
      ),
      fc.string({ maxLength: 10 }),
    )
    const value = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.webUrl({ withFragments: true, withQueryParameters: true }),
      fc.constantFrom(
        TYPE.jwt,
        TYPE.idToken,
        TYPE.exchange,
        TYPE.clientAssertion,
        'https://orders.example',
        'https://orders.example/api',
        'orders:read',
        'orders:read orders:write',
        'checkout',
        '',
      ),
      fc.constantFrom('TOKEN'),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(name, fc.oneof(value, fc.array(value, { maxLength: 3 })), { maxKeys: 4 }),
        async (changes) => {
          const put = (text: string) => (text === 'TOKEN' ? cluster.token() : text)
          await judged(
            Object.fromEntries(
              Object.entries(changes).map(([one, text]) => [one, typeof text === 'string' ? put(text) : text.map(put)]),
            ),
          )
        },
      ),
      { numRuns: 250 },
    )
  }, 60_000)
})

it('has counted no failure of our own', async () => {
  const text = await (await server.adminGet('/metrics')).text()
  expect(text).toMatch(/^cambist_failures_total 0$/m)
  expect(text).not.toMatch(/outcome="failed"/)
})
