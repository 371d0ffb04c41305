import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { compileClient, sharedKeys } from '../../../src/clients/client.ts'
import { clientIndex } from '../../../src/clients/client-index.ts'
import { lintClient } from '../../../src/clients/lint.ts'
import type { Principal } from '../../../src/identity/principal.ts'
import { Faults } from '../../../src/lib/fault.ts'
import { atOnce } from '../../../src/lib/slices.ts'

const jwk = () => ({
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  alg: 'ES256',
  kid: 'a',
})
const registered = (...keys: object[]) => ({ authentication: { method: 'private_key_jwt', jwks: { keys } } })
const workload = (subject: string, more: Partial<Principal> = {}): Principal => ({
  id: `wimse://cambist.example/prod/${subject}`,
  issuer: 'prod',
  subject,
  kind: 'jwt',
  key: false,
  instance: '',
  scopes: [],
  attributes: { namespace: 'shop', serviceaccount: 'checkout' },
  ...more,
})
const selecting = (spec: object, principal: Principal) =>
  clientIndex([compileClient('c', spec)]).selecting(principal).length === 1

describe('a Client document', () => {
  it('has token exchange alone where it names no grants', () => {
    const client = compileClient('checkout', { workloads: [{ issuer: 'prod', ids: ['a'] }] })
    expect([...client.grants]).toEqual(['token-exchange'])
    expect(client).toMatchObject({
      name: 'checkout',
      disabled: false,
      audiences: [],
      authentication: undefined,
      defaultTarget: undefined,
    })
  })

  it('keeps how a registered client proves itself', () => {
    const key = jwk()
    const spec = {
      authentication: { method: 'private_key_jwt', jwks: { keys: [key] }, tokenEndpointAudienceUntil: '2027-06-30' },
    }
    expect(compileClient('c', spec).authentication).toEqual({
      method: 'private_key_jwt',
      jwks: { keys: [key] },
      tokenEndpointAudienceUntil: Date.UTC(2027, 5, 30, 23, 59, 59) / 1000,
    })
    expect(
      compileClient('c', { authentication: { method: 'private_key_jwt', jwksUri: 'https://c.example/jwks' } })
        .authentication,
    ).toEqual({ method: 'private_key_jwt', jwksUri: 'https://c.example/jwks' })
  })

  it.each<[string, object, string]>([
    [
      'both ways to be it',
      { ...registered(jwk()), workloads: [{ issuer: 'prod', ids: ['a'] }] },
      'spec: a client has either `authentication`',
    ],
    ['neither', {}, 'spec: a client has either `authentication`'],
    [
      'a misspelt field',
      { workload: [] },
      'spec.workload: there is no field `workload` here; did you mean `workloads`?',
    ],
    [
      'a misspelt field inside',
      { workloads: [{ issuer: 'prod', mach: {} }] },
      'spec.workloads[0].mach: there is no field `mach` here; did you mean `match`?',
    ],
    [
      'another method',
      { authentication: { method: 'client_secret_basic' } },
      'spec.authentication.method: is one of private_key_jwt, tls_client_auth',
    ],
    [
      'two places for keys',
      { authentication: { ...registered(jwk()).authentication, jwksUri: 'https://c.example/' } },
      'exactly one of them',
    ],
    ['no place for keys', { authentication: { method: 'private_key_jwt' } }, 'exactly one of them'],
    [
      'keys over http',
      { authentication: { method: 'private_key_jwt', jwksUri: 'http://c.example/' } },
      'spec.authentication.jwksUri: must be a URL that begins with https://',
    ],
    ['no key', registered(), 'a client without a key could never authenticate'],
    ['a key that is none', registered({ kty: 'oct', k: 'AAAA' }), 'spec.authentication.jwks.keys[0]: the key '],
    [
      'a star inside a segment',
      { workloads: [{ issuer: 'prod', ids: ['check*'] }] },
      'spec.workloads[0].ids[0]: in "check*" a * stands inside a segment',
    ],
    [
      'a list that nothing matches',
      { workloads: [{ issuer: 'prod', match: { namespace: [] } }] },
      'spec.workloads[0].match.namespace: is an empty list',
    ],
    [
      'a number for a text',
      { workloads: [{ issuer: 'prod', match: { repository: [123] } }] },
      'spec.workloads[0].match.repository[0]: is a text; put a number or a date in quotes',
    ],
    [
      'a condition that cannot be read',
      { workloads: [{ issuer: 'prod', condition: "worklod.id == 'a'" }] },
      'spec.workloads[0].condition: line 1, column 1: `worklod` is not known here; did you mean `workload`?',
    ],
    [
      'another grant',
      { workloads: [{ issuer: 'prod', ids: ['a'] }], grants: ['password'] },
      'spec.grants[0]: is one of token-exchange',
    ],
  ])('refuses %s', (_, spec, message) => {
    expect(() => compileClient('c', spec)).toThrow(Faults)
    expect(() => compileClient('c', spec)).toThrow(message)
  })

  it('names every fault at once', () => {
    const spec = {
      workloads: [
        { issuer: 'prod', ids: ['a*', 'b*'], condition: 'x' },
        { issuer: 'prod', match: { n: ['**/x'] } },
      ],
    }
    try {
      compileClient('c', spec)
      expect.unreachable()
    } catch (error) {
      expect((error as Faults).faults.map(({ path }) => path)).toEqual([
        'spec.workloads[0].ids[0]',
        'spec.workloads[0].ids[1]',
        'spec.workloads[0].condition',
        'spec.workloads[1].match.n[0]',
      ])
    }
  })

  it('shares no key with another (T17)', () => {
    const [one, two] = [jwk(), jwk()]
    const clients = [
      compileClient('a', registered(one)),
      compileClient('b', registered({ ...two, kid: 'x' }, { ...one, kid: 'other' })),
      compileClient('c', registered(jwk())),
    ]
    expect(atOnce(sharedKeys(clients))).toMatchObject([{ at: 'b', with: 'a' }])
    expect(atOnce(sharedKeys([clients[0]!, clients[2]!]))).toEqual([])
  })
})

describe('a workload is a client', () => {
  it.each<[string, object, Partial<Principal>, boolean]>([
    ['by its id', { ids: ['x'] }, {}, true],
    ['not by another id', { ids: ['y'] }, {}, false],
    ['by one of several ids', { ids: ['y', 'x'] }, {}, true],
    ['by a pattern of ids', { ids: ['*'] }, {}, true],
    ['not of another issuer', { ids: ['x'] }, { issuer: 'other' }, false],
    ['by attributes', { match: { namespace: ['shop'], serviceaccount: ['checkout'] } }, {}, true],
    ['by all of them', { match: { namespace: ['shop'], serviceaccount: ['stock'] } }, {}, false],
    ['by one of several values', { match: { namespace: ['stock', 'shop'] } }, {}, true],
    ['by a literal and a pattern', { match: { namespace: ['shop'], serviceaccount: ['*'] } }, {}, true],
    ['not by an absent attribute', { match: { cluster: ['*'] } }, {}, false],
    ['not by an attribute that is inherited', { match: { constructor: ['*'] } }, {}, false],
    ['not by a number', { match: { n: ['5'] } }, { attributes: { n: 5 } }, false],
    ['not by a list', { match: { n: ['a'] } }, { attributes: { n: ['a'] } }, false],
    ['by a condition that holds', { condition: "workload.namespace == 'shop'" }, {}, true],
    ['not by one that does not', { condition: "workload.instance != ''" }, {}, false],
    ['not by one that fails', { condition: "workload.cluster != ''" }, {}, false],
    ['not by a condition alone', { ids: ['y'], condition: 'true' }, {}, false],
    ['of an issuer as a whole', {}, {}, true],
  ])('%s', (_, selector, principal, expected) => {
    expect(selecting({ workloads: [{ issuer: 'prod', ...selector }] }, workload('x', principal))).toBe(expected)
  })

  it('or several, by name, disabled ones too, each once', () => {
    const clients = clientIndex([
      compileClient('zeta', { workloads: [{ issuer: 'prod', ids: ['x'] }] }),
      compileClient('alpha', {
        workloads: [
          { issuer: 'prod', match: { namespace: ['shop'] } },
          { issuer: 'prod', ids: ['x'] },
        ],
        disabled: true,
      }),
      compileClient('mid', { workloads: [{ issuer: 'prod', ids: ['*'] }] }),
      compileClient('other', { workloads: [{ issuer: 'else', ids: ['x'] }] }),
    ])
    expect(clients.selecting(workload('x')).map(({ name }) => name)).toEqual(['alpha', 'mid', 'zeta'])
    expect(clients.byName('other')?.name).toBe('other')
    expect(clients.size).toBe(4)
    expect([...clients.all()].map(({ name }) => name)).toEqual(['alpha', 'mid', 'other', 'zeta'])
  })

  it('no value can be spelt like two', () => {
    const clients = clientIndex([
      compileClient('c', { workloads: [{ issuer: 'prod', match: { a: ['1:x'], b: ['y'] } }] }),
    ])
    expect(clients.selecting(workload('x', { attributes: { a: '1:x', b: 'y' } }))).toHaveLength(1)
    expect(clients.selecting(workload('x', { attributes: { a: '1', b: 'x1:y' } }))).toHaveLength(0)
  })

  it('found among ten thousand without asking them all', () => {
    const asked: string[] = []
    const clients = clientIndex(
      Array.from({ length: 10_000 }, (_, index) => {
        const client = compileClient(`c${index}`, {
          workloads: [
            {
              issuer: 'prod',
              match: { namespace: [`n${index % 100}`], serviceaccount: [`s${Math.floor(index / 100)}`] },
            },
          ],
        })
        const [selector] = client.workloads
        return {
          ...client,
          workloads: [
            { ...selector!, condition: { source: '', misreadings: () => [], test: () => asked.push(client.name) > 0 } },
          ],
        }
      }),
    )
    expect(
      clients
        .selecting(workload('x', { attributes: { namespace: 'n7', serviceaccount: 's42' } }))
        .map(({ name }) => name),
    ).toEqual(['c4207'])
    expect(asked).toEqual(['c4207'])
  })
})

describe('lint', () => {
  const paths = (spec: object) => lintClient(compileClient('c', spec)).map(({ path }) => path)
  it('says what is wider than it looks', () => {
    expect(paths({ workloads: [{ issuer: 'prod', match: { namespace: ['shop'] } }] })).toEqual([])
    expect(paths({ workloads: [{ issuer: 'prod' }] })).toEqual(['spec.workloads[0]'])
    expect(paths({ workloads: [{ issuer: 'prod', ids: ['**'] }] })).toEqual(['spec.workloads[0].ids'])
    expect(paths({ workloads: [{ issuer: 'prod', ids: ['spiffe://a.example/shop/**'] }] })).toEqual([
      'spec.workloads[0].ids',
    ])
    expect(paths({ workloads: [{ issuer: 'prod', match: { namespace: ['*'] } }] })).toEqual([
      'spec.workloads[0].match.namespace',
      'spec.workloads[0].match',
    ])
    expect(paths({ ...registered(jwk()), grants: [] })).toEqual(['spec.grants'])
  })
})
