import fc from 'fast-check'
import type { Facts } from '../../../src/policy/contract.ts'
import { factsOf, workload } from './world.ts'

/** Random rules and requests, of the few names of world.ts so that they meet. */
const SCOPES = ['orders:read', 'orders:write', 'pay'] as const
export const TARGETS = { orders: ['orders:read', 'orders:write'], billing: ['orders:read', 'pay'] } as const
export const AUDIENCE = { orders: 'https://orders.example', billing: 'billing' } as const

const some = <T>(...members: readonly T[]) => fc.subarray([...members])
const names = (...members: readonly string[]) =>
  fc.oneof(fc.constant(['*']), fc.subarray([...members], { minLength: 1 }))
const condition = fc.constantFrom(
  "subject.namespace == 'shop'",
  "subject.cluster == 'x'",
  'request.scopes.size() < 2',
  "request.scopes.exists(s, s == 'pay')",
  'has(actor.id)',
)
const maybe = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((each) => (each === undefined ? {} : { [key]: each }))
const record = (...parts: readonly fc.Arbitrary<object>[]) =>
  fc.tuple(...parts).map((each) => Object.assign({}, ...each) as Record<string, unknown>)

export const permit = record(
  names('checkout', 'stock').map((clients) => ({ clients })),
  names('orders', 'billing').map((targets) => ({ targets })),
  maybe('scopes', some(...SCOPES)),
  maybe('condition', condition),
  maybe(
    'subject',
    fc.constantFrom({ issuers: ['prod'] }, { issuers: ['people'] }, { match: { namespace: ['shop'] } }, { scopes: [] }),
  ),
  maybe(
    'delegation',
    fc.constantFrom({ mode: 'none' }, { mode: 'delegate' }, { mode: 'delegate', maxDepth: 1 }, { mode: 'impersonate' }),
  ),
  maybe('changes', some('format', 'scope', 'authority', 'unbind')),
  maybe('mode', fc.constantFrom('enforce', 'shadow')),
)
export const forbid = record(
  fc.constant({ effect: 'forbid' }),
  maybe('clients', names('checkout', 'stock')),
  maybe('targets', names('orders', 'billing')),
  maybe('scopes', fc.subarray([...SCOPES], { minLength: 1 })),
  maybe('condition', condition),
  maybe('mode', fc.constantFrom('enforce', 'shadow')),
)
export const policies = fc
  .array(fc.oneof({ weight: 4, arbitrary: permit }, { weight: 1, arbitrary: forbid }), { maxLength: 6 })
  .map((rules) => Object.fromEntries(rules.map((rule, index) => [`r${index}`, rule])))
export const principal = fc
  .record({
    subject: fc.constantFrom('checkout', 'alice'),
    issuer: fc.constantFrom('prod', 'people', 'self'),
    key: fc.boolean(),
    scopes: some(...SCOPES),
  })
  .map(({ subject, ...more }) => workload(subject, more))
export const request: fc.Arbitrary<Facts> = fc
  .record({
    subject: principal,
    acts: fc.boolean(),
    candidates: fc.constantFrom(['checkout'], ['stock'], ['checkout', 'stock']),
    aimed: fc.subarray(['orders', 'billing'] as const, { minLength: 1 }),
    scopes: some(...SCOPES),
    actors: fc.constantFrom([], [{ sub: 'a' }]),
    subjectAudiences: fc.constantFrom(undefined, [], ['https://orders.example']),
    format: fc.constantFrom('jwt', 'x509'),
  })
  .map(({ subject, acts, candidates, aimed, subjectAudiences, ...more }) =>
    factsOf({
      ...more,
      subject,
      ...(acts ? { actor: workload('checkout') } : {}),
      ...(subjectAudiences === undefined ? {} : { subjectAudiences }),
      subjectClient: candidates[0] ?? '',
      client: { candidates, authentication: 'subject_token', principal: workload('checkout') },
      audiences: aimed.map((name) => AUDIENCE[name]),
    }),
  )

/** Seldom enough that some requests are still permitted. */
const seldom = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: value.map((each) => ({ [key]: each })) })

/** Permits that also say who acts, and demand things: they can take away what another permits. */
export const strictPermit = record(
  fc.constantFrom(['*'], ['checkout'], ['checkout', 'stock']).map((clients) => ({ clients })),
  fc.constantFrom(['*'], ['orders'], ['orders', 'billing']).map((targets) => ({ targets })),
  fc.subarray([...SCOPES], { minLength: 1 }).map((each) => ({ scopes: each })),
  seldom('condition', condition),
  seldom(
    'subject',
    fc.constantFrom<object>(
      { issuers: ['prod'] },
      { issuers: ['people'] },
      { scopes: ['pay'] },
      { scopes: [] },
      { scopes: [], proofOfPossession: 'waived' },
    ),
  ),
  seldom('changes', some('format', 'scope', 'authority', 'unbind', 'identity')),
  seldom('mode', fc.constant('shadow')),
  seldom(
    'actor',
    fc.constantFrom({ issuers: ['prod'] }, { issuers: ['people'] }, { match: { serviceaccount: ['checkout'] } }),
  ),
  seldom('lifetime', fc.constantFrom('1m', '2m', '24h')),
  seldom('binding', fc.constantFrom('dpop', 'mtls', 'any')),
  seldom('authentication', fc.constantFrom(['private_key_jwt'], ['subject_token', 'private_key_jwt'])),
  maybe(
    'delegation',
    fc.record(
      {
        mode: fc.constantFrom('none', 'delegate', 'impersonate'),
        maxDepth: fc.integer({ min: 1, max: 8 }),
        requireMayAct: fc.boolean(),
      },
      { requiredKeys: ['mode'] },
    ),
  ),
)
export const strictPolicies = fc
  .array(fc.oneof({ weight: 5, arbitrary: strictPermit }, { weight: 1, arbitrary: forbid }), { maxLength: 6 })
  .map((rules) => Object.fromEntries(rules.map((rule, index) => [`r${index}`, rule])))

const name = fc.oneof(fc.constantFrom('checkout', 'stock', 'admin'), fc.string({ minLength: 1, maxLength: 20 }))
/** What a token may say of who has acted before. */
export const chain = fc.array(fc.record({ sub: name, iss: name }, { requiredKeys: ['sub'] }), { maxLength: 7 })

/** Requests with every part that a rule can look at. */
export const fullRequest: fc.Arbitrary<Facts> = fc
  .record({
    facts: request,
    actors: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: chain }),
    binding: fc.constantFrom('none', 'dpop', 'mtls'),
    authentication: fc.constantFrom('subject_token', 'private_key_jwt'),
    actor: fc.option(
      fc.constantFrom('checkout', 'stock').map((each) => workload(each)),
      { nil: undefined },
    ),
    mayAct: fc.constantFrom(
      undefined,
      { sub: 'checkout' },
      { sub: 'stock' },
      { sub: 'checkout', iss: 'https://idp.example' },
    ),
    path: fc.constantFrom(undefined, [], ['gateway'], ['gateway', 'checkout']),
    subjectUnproven: fc.boolean(),
  })
  .map(({ facts: { actor: _, ...facts }, authentication, actor, mayAct, path, subjectUnproven, ...more }) => ({
    ...facts,
    ...more,
    client: { ...facts.client, authentication },
    ...(actor === undefined ? {} : { actor }),
    ...(mayAct === undefined
      ? {}
      : { mayAct: { members: mayAct, issuer: 'https://idp.example', actorIssuer: 'https://idp.example' } }),
    ...(path === undefined ? {} : { path }),
    ...(subjectUnproven && facts.subject.issuer === 'self'
      ? { subjectUnproven, subject: { ...facts.subject, key: false } }
      : {}),
  }))
