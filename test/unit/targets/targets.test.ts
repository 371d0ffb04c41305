import { describe, expect, it } from 'vitest'
import { Faults } from '../../../src/lib/fault.ts'
import { lintTarget } from '../../../src/targets/lint.ts'
import { resourceKey } from '../../../src/targets/resource.ts'
import { compileTarget } from '../../../src/targets/target.ts'
import { targetIndex } from '../../../src/targets/target-index.ts'
import { accessToken } from '../../../src/tokens/kinds/access-token.ts'
import { authorizationGrant } from '../../../src/tokens/kinds/authorization-grant.ts'

const kinds = [
  accessToken,
  { ...accessToken, name: 'wit', tokenType: 'urn:example:wit' },
  { ...accessToken, name: 'twin' },
]
const target = (spec: object, name = 'orders') =>
  compileTarget(name, { audience: 'https://orders.example', ...spec }, kinds)

describe('a Target document', () => {
  it('is for access tokens of 5 minutes, signed with ES256, where it says nothing', () => {
    expect(target({})).toMatchObject({
      name: 'orders',
      disabled: false,
      audiences: ['https://orders.example'],
      resources: [],
      defaultScopes: [],
      clients: undefined,
      tokens: [
        {
          kind: 'access-token',
          tokenType: accessToken.tokenType,
          lifetime: 300,
          algorithm: 'ES256',
          binding: 'none',
          revocable: false,
          subject: undefined,
          claims: [],
          settings: { typ: 'at+jwt' },
        },
      ],
    })
  })

  it('says how tokens look', () => {
    const token = {
      kind: 'access-token',
      typ: 'JWT',
      lifetime: '1h',
      algorithm: 'RS256',
      binding: 'any',
      subject: 'subject.subject',
      revocable: true,
      claims: { team: 'subject.namespace' },
    }
    const [profile] = target({ tokens: [token] }).tokens
    expect(profile).toMatchObject({
      lifetime: 3600,
      algorithm: 'RS256',
      binding: 'any',
      revocable: true,
      settings: { typ: 'JWT' },
    })
    expect(profile?.claims[0]?.[1].value({ subject: { namespace: 'shop' } })).toBe('shop')
  })

  it.each<[string, object, string]>([
    ['no audience', { audience: undefined }, 'exactly one of them'],
    ['two ways to name audiences', { audiences: ['a'] }, 'exactly one of them'],
    ['a misspelt field', { scope: [] }, 'spec.scope: there is no field `scope` here; did you mean `scopes`?'],
    [
      'a misspelt field of a token',
      { tokens: [{ kind: 'access-token', lifetme: '5m' }] },
      'spec.tokens[0].lifetme: there is no field `lifetme` here; did you mean `lifetime`?',
    ],
    ['another kind', { tokens: [{ kind: 'saml' }] }, 'spec.tokens[0].kind: `kind` is one of access-token, wit, twin'],
    ['a setting that the kind does not know', { tokens: [{ kind: 'access-token', typ: 'jwt' }] }, 'spec.tokens[0].typ'],
    ['no tokens', { tokens: [] }, 'spec.tokens: is an empty list'],
    [
      'two kinds of one type',
      { tokens: [{ kind: 'access-token' }, { kind: 'twin' }] },
      'spec.tokens[1].kind: twin is asked for by urn:ietf:params:oauth:token-type:access_token',
    ],
    ['a life of days', { tokens: [{ kind: 'access-token', lifetime: '25h' }] }, '24h at most'],
    [
      'a life that is none',
      { tokens: [{ kind: 'access-token', lifetime: '5 minutes' }] },
      'a lifetime is a duration such as 90s',
    ],
    [
      'another algorithm',
      { tokens: [{ kind: 'access-token', algorithm: 'HS256' }] },
      'spec.tokens[0].algorithm: an algorithm is one of RS256',
    ],
    ['a scope with a space', { scopes: ['a b'] }, 'spec.scopes[0]: a scope has printable ASCII'],
    ['a scope with a quote', { scopes: ['a"'] }, 'spec.scopes[0]'],
    [
      'a default that is no scope',
      { scopes: ['a'], defaultScopes: ['b'] },
      "spec.defaultScopes[0]: b is not among the target's `scopes`",
    ],
    [
      'a resource with a fragment',
      { resources: ['https://a.example/#x'] },
      'spec.resources[0]: a resource is an absolute URI',
    ],
    ['a resource that is relative', { resources: ['/api'] }, 'spec.resources[0]'],
    [
      'a mapping that cannot be read',
      { tokens: [{ kind: 'access-token', subject: 'subjct.id' }] },
      'spec.tokens[0].subject: line 1, column 1: `subjct` is not known here; did you mean `subject`?',
    ],
    ['an audience with a space', { audience: 'my orders' }, 'spec.audience: an audience has printable ASCII'],
  ])('refuses %s', (_, spec, message) => {
    expect(() => target(spec)).toThrow(Faults)
    expect(() => target(spec)).toThrow(message)
  })

  it.each([
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'client_id',
    'scope',
    'act',
    'may_act',
    'cnf',
    'txn',
    'cambist_lineage',
    'acr',
  ])('cannot set the claim %s', (claim) => {
    expect(() => target({ tokens: [{ kind: 'access-token', claims: { [claim]: "'x'" } }] })).toThrow(
      `spec.tokens[0].claims.${claim}: the claim ${claim} is written by Cambist alone`,
    )
  })

  it('has names of its own among all targets', () => {
    const make = (spec: object, name: string) => target({ audience: `https://${name}.example`, ...spec }, name)
    expect(() => targetIndex([make({ audience: 'x' }, 'a'), make({ audience: 'x' }, 'b')])).toThrow(
      'targets a and b share the audience x',
    )
    expect(() =>
      targetIndex([make({ resources: ['https://r.example'] }, 'a'), make({ resources: ['https://R.example/'] }, 'b')]),
    ).toThrow('targets a and b share the resource https://r.example/')
    const index = targetIndex([
      make({ audience: undefined, audiences: ['x', 'y'], resources: ['https://r.example'] }, 'b'),
      make({}, 'a'),
    ])
    expect(index.byAudience('y')?.name).toBe('b')
    expect(index.byAudience('z')).toBeUndefined()
    expect(index.byResource('https://r.example/')?.name).toBe('b')
    expect(index.byResource('https://r.example/x')).toBeUndefined()
    expect(index.byResource('no uri')).toBeUndefined()
    expect(index.byName('a')?.name).toBe('a')
    expect([index.size, ...[...index.all()].map(({ name }) => name)]).toEqual([2, 'a', 'b'])
  })
})

describe('a resource', () => {
  it.each<[string, string | undefined]>([
    ['https://a.example', 'https://a.example/'],
    ['https://a.example/', 'https://a.example/'],
    ['HTTPS://A.Example:443', 'https://a.example/'],
    ['http://a.example:80/x', 'http://a.example/x'],
    ['https://a.example:8443/x', 'https://a.example:8443/x'],
    ['https://a.example?q=1', 'https://a.example/?q=1'],
    ['https://a.example/X', 'https://a.example/X'],
    ['https://a.example/x/', 'https://a.example/x/'],
    ['https://a.example/x/../y', 'https://a.example/x/../y'],
    ['https://a.example/%78', 'https://a.example/%78'],
    ['urn:orders:api', 'urn:orders:api'],
    ['https://a.example/#', undefined],
    ['https://user@a.example/', undefined],
    ['https:///x', undefined],
    ['https://ä.example/', undefined],
    ['https://a.example/ x', undefined],
    ['urn:', undefined],
    ['orders', undefined],
    ['', undefined],
  ])('%s is compared as %s', (resource, expected) => {
    expect(resourceKey(resource)).toBe(expected)
  })
})

it('lint says what is doubtful', () => {
  const paths = (token: object) =>
    lintTarget(target({ tokens: [{ kind: 'access-token', ...token }] })).map(({ path }) => path)
  expect(paths({})).toEqual([])
  expect(paths({ lifetime: '15m' })).toEqual([])
  expect(paths({ lifetime: '16m', typ: 'JWT', algorithm: 'EdDSA' })).toEqual([
    'spec.tokens[0].lifetime',
    'spec.tokens[0].typ',
    'spec.tokens[0].algorithm',
  ])
})

it('warns of grants that name our clients to a peer by our own names (CM-10)', () => {
  const peer = (more: object) =>
    lintTarget(compileTarget('peer', { audience: 'https://as.b.example', ...more }, [authorizationGrant]))
  const tokens = [{ kind: 'authorization-grant', typ: 'JWT' }]
  expect(peer({ tokens }).map(({ path }) => path)).toEqual(['spec.clientIds'])
  expect(peer({ tokens, clientIds: { checkout: 'a-checkout' } })).toEqual([])
})
