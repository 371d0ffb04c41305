import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Answer, document, type Form, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../../harness/tokens.ts'

/** UC-93, TE-75, I4: tokens that are made of tokens, over hops, targets, grants and delegations, end when their first credential does. */
const server = await startCambist()
const { clock, cluster, issuer: us } = server
const NAMES = ['web', 'api', 'job'] as const
const TARGETS = { orders: 'https://orders.example', stock: 'https://stock.example' }
/** Whose rule lets a chain pass three clients. */
const SHORT = 'https://short.example'
/** Whose rule sets a chain no end, and names nobody who acts. */
const ROUND = 'https://round.example'
const keys = new Map(NAMES.map((name) => [name, new SigningKey('ES256')]))
const keyOf = (name: (typeof NAMES)[number]) => keys.get(name) ?? new SigningKey('ES256')
await server.apply(
  ...NAMES.map((name) =>
    document('Client', name, {
      authentication: { method: 'private_key_jwt', jwks: { keys: [keyOf(name).jwk] } },
      audiences: [...Object.values(TARGETS), SHORT, ROUND],
      grants: ['token-exchange', 'jwt-bearer', 'client-credentials'],
    }),
  ),
  document('Target', 'stock', {
    audience: TARGETS.stock,
    scopes: ['stock:read'],
    tokens: [{ kind: 'access-token', lifetime: '24h' }],
  }),
  document('Target', 'short', { audience: SHORT }),
  document('Policy', 'everything', {
    clients: [...NAMES],
    targets: ['orders', 'stock'],
    scopes: ['orders:read', 'stock:read'],
    subject: { scopes: [] },
    delegation: { mode: 'delegate', maxDepth: 8 },
  }),
  document('Target', 'round', { audience: ROUND, tokens: [{ kind: 'access-token', lifetime: '24h' }] }),
  document('Policy', 'round-and-round', {
    clients: [...NAMES],
    targets: ['round'],
    subject: { scopes: [] },
    delegation: { mode: 'impersonate' },
  }),
  document('Policy', 'three-hops', {
    clients: [...NAMES],
    targets: ['short'],
    subject: { scopes: [] },
    delegation: { mode: 'delegate', maxDepth: 8 },
    condition: 'size(visited) < 3',
  }),
)

const as = (name: (typeof NAMES)[number]): Form => ({
  client_assertion: clientAssertion(name, keyOf(name), us, clock.seconds()),
  client_assertion_type: TYPE.clientAssertion,
})
const own = (token: string): Form => ({ subject_token: token, subject_token_type: TYPE.accessToken })

interface Token {
  readonly text: string
  readonly exp: number
  readonly lineage: unknown
  readonly path: readonly string[]
}
function read({ body }: Answer): Token {
  expect(body).toHaveProperty('access_token')
  const text = String(body['access_token'])
  const { exp, cambist_lineage, cambist_path } = decode(text).claims
  return { text, exp: Number(exp), lineage: cambist_lineage, path: cambist_path as readonly string[] }
}

/** A chain begins by any grant; a registered client has no end of its own, so that its first token has the target's. */
const BEGINNINGS = {
  exchange: (exp: number): Form => ({ subject_token: cluster.token({ exp }) }),
  assertion: (exp: number): Form => ({
    grant_type: TYPE.jwtBearer,
    assertion: cluster.token({ exp }),
    subject_token: undefined,
    subject_token_type: undefined,
  }),
  itself: (): Form => ({ grant_type: 'client_credentials', subject_token: undefined, subject_token_type: undefined }),
} as const

const hop = fc.record({
  client: fc.constantFrom(...NAMES),
  target: fc.constantFrom(...Object.values(TARGETS)),
  wait: fc.integer({ min: 0, max: 90 }),
  actor: fc.boolean(),
})
const chain = fc.record({
  begins: fc.constantFrom<keyof typeof BEGINNINGS>('exchange', 'assertion', 'itself'),
  life: fc.integer({ min: 30, max: 900 }),
  first: fc.constantFrom(...NAMES),
  hops: fc.array(hop, { minLength: 1, maxLength: 8 }),
})

describe('a chain of exchanges', () => {
  it('UC-93, TE-75, I4, T19: never grows a second of life, whoever passes it on to whatever target', async () => {
    let passed = 0
    await fc.assert(
      fc.asyncProperty(chain, async ({ begins, life, first, hops }) => {
        const end = clock.seconds() + life
        const begun = await server.exchange({ ...BEGINNINGS[begins](end), audience: TARGETS.stock, ...as(first) })
        expect(begun.status).toBe(200)
        let token = read(begun)
        expect(token).toMatchObject({ lineage: begun.id, path: [first] })
        expect(token.exp).toBe(begins === 'itself' ? clock.seconds() + 86_400 : end)
        for (const { client, target, wait, actor } of hops) {
          clock.advance(wait)
          const acting = actor ? { actor_token: cluster.token({ exp: end + 900 }), actor_token_type: TYPE.jwt } : {}
          const answer = await server.exchange({ ...own(token.text), audience: target, ...acting, ...as(client) })
          if (clock.seconds() >= token.exp) {
            expect(answer.status).toBe(400)
            return
          }
          // The only other end of a chain is that of its actors.
          if (answer.status !== 200) {
            expect((await server.record(answer.id))['reason']).toBe('delegation_denied')
            return
          }
          const next = read(answer)
          expect(next.exp).toBeLessThanOrEqual(token.exp)
          expect(next).toMatchObject({ lineage: begun.id, path: [...token.path, client] })
          token = next
          passed++
        }
      }),
      { numRuns: 40, seed: 93 },
    )
    expect(passed).toBeGreaterThan(60)
  })

  it('TE-75: the same token once more is no renewal', async () => {
    const first = read(await server.exchange({ audience: TARGETS.stock, ...as('web') }))
    let token = first
    for (let times = 0; times < 5; times++) {
      clock.advance(10)
      token = read(await server.exchange({ ...own(token.text), audience: TARGETS.stock, ...as('web') }))
      expect(token.exp).toBe(first.exp)
    }
    clock.advance(first.exp - clock.seconds())
    const answer = await server.exchange({ ...own(token.text), audience: TARGETS.stock, ...as('web') })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'expired' })
  })

  it.each([[['web']], [['web', 'api']], [['web', 'api', 'job']]] as const)(
    'TE-75, T19: that goes round between %j ends after 32 clients, and not a second later than it would have',
    async (round) => {
      const end = clock.seconds() + 600
      const ask = (form: Form, at: number) =>
        server.exchange({ ...form, audience: ROUND, ...as(round[at % round.length] ?? 'web') })
      let token = read(await ask({ subject_token: cluster.token({ exp: end }) }, 0))
      for (let passed = 1; passed < 32; passed++) {
        clock.advance(1)
        token = read(await ask(own(token.text), passed))
        expect(token).toMatchObject({ exp: end, lineage: expect.any(String) })
        expect(token.path).toHaveLength(passed + 1)
      }
      const record = await expectRefusal(server, await ask(own(token.text), 32), {
        ...{ error: 'invalid_request', reason: 'delegation_denied' },
      })
      expect(record['detail']).toContain('32 clients')
    },
  )

  it('UC-93: a rule ends it sooner, by the clients that it has passed', async () => {
    const audience = SHORT
    let token = read(await server.exchange({ audience, ...as('web') }))
    for (const name of ['api', 'web'] as const)
      token = read(await server.exchange({ ...own(token.text), audience, ...as(name) }))
    expect(token.path).toEqual(['web', 'api', 'web'])
    const answer = await server.exchange({ ...own(token.text), audience, ...as('api') })
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'denied' })
  })
})
