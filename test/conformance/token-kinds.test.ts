import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Principal } from '../../src/identity/principal.ts'
import type { Permission } from '../../src/policy/contract.ts'
import { compileTarget } from '../../src/targets/target.ts'
import type { Mintable, TokenKind } from '../../src/tokens/contract.ts'
import * as register from '../../src/tokens/kinds/index.ts'
import { tokenSchema } from '../harness/documentation.ts'
import { schemaFaults } from '../harness/json-schema.ts'

const kinds: readonly TokenKind[] = Object.values(register)
/** Claims by which a token would say when, to whom, by whom and how it was issued: no target's own. */
const OURS = [
  'iss',
  'sub',
  'aud',
  'exp',
  'nbf',
  'iat',
  'jti',
  'cnf',
  'act',
  'may_act',
  'cambist_lineage',
  'cambist_path',
]

const principal = (issuer: string, name: string): Principal => ({
  ...{ id: `wimse://cambist.example/${issuer}/${name}`, issuer, subject: name, kind: 'jwt', key: false },
  ...{ instance: '', scopes: [], attributes: {} },
})
const DETAILS = [{ type: 'payment', actions: ['initiate'], amount: 12.5, urgent: false, currency: 'EUR' }]
const subject = principal('cluster', 'x')
const client = principal('clients', 'checkout')

/** Credentials that say who a workload is and nothing else: what they would leave out is refused. */
const workload: Partial<Permission> = { subject: 'spiffe://cambist.example/x', scopes: [], actors: [] }
/** What a kind needs where not every request will do. */
const NEEDS: Readonly<Record<string, { permission: Partial<Permission>; more?: Partial<Mintable> }>> = {
  'jwt-svid': { permission: workload },
  wit: {
    permission: { ...workload, binding: 'dpop' },
    more: { provenKey: { jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }, algorithm: 'ES256' } },
  },
}
const WITHOUT_AUDIENCE: ReadonlySet<string> = new Set(['wit'])
/** The type of the subject token, where a kind takes no other. */
const SUBJECT: Readonly<Record<string, string>> = { 'id-jag': 'urn:ietf:params:oauth:token-type:id_token' }

function mintable(kind: TokenKind, changes: Partial<Permission> = {}, claims: Record<string, unknown> = {}): Mintable {
  const target = compileTarget(
    'orders',
    {
      audience: 'https://orders.example',
      // A peer whose scopes are listed has no grant without one.
      ...(kind.chains === true ? {} : { scopes: ['a', 'b'] }),
      tokens: [{ kind: kind.name }],
    },
    kinds,
  )
  const [profile] = target.tokens
  if (profile === undefined) throw new Error('no profile')
  const { permission = {}, more = {} } = NEEDS[kind.name] ?? {}
  return {
    issuer: 'https://cambist.example',
    permission: {
      permitted: true,
      client: 'checkout',
      targets: [target],
      profile,
      scopes: ['a', 'b'],
      authorizationDetails: [],
      subject: 'wimse://cambist.example/cluster/x',
      actors: [{ sub: 'gateway' }, { sub: 'browser', iss: 'https://idp.example' }],
      lifetime: 300,
      binding: 'none',
      rules: ['one'],
      changes: [],
      errors: [],
      shadow: [],
      ...permission,
      ...changes,
    },
    trustDomain: 'cambist.example',
    facts: {
      grant: 'token-exchange',
      client: { candidates: ['checkout'], authentication: 'private_key_jwt', principal: client },
      subject,
      actors: [],
      audiences: ['https://orders.example'],
      resources: [],
      scopes: ['a', 'b'],
      tokenType: kind.tokenType,
      binding: 'none',
      format: 'jwt',
      ...(kind.name === 'id-jag' ? { issuedTo: ['checkout'] } : {}),
      time: 1_800_000_000,
    },
    subject: {
      principal: subject,
      tokenType: SUBJECT[kind.name] ?? 'urn:ietf:params:oauth:token-type:jwt',
      audiences: ['https://cambist.example'],
      ours: undefined,
      seen: { assertion: {}, header: {} },
    },
    audience: 'https://orders.example',
    issuedAt: 1_800_000_000,
    expiresAt: 1_800_000_300,
    id: '01a20b80-cb83-71a7-8e49-793db2574a2b',
    lineage: '01a20b80-cb83-71a7-8e49-793db2574a2b',
    path: ['checkout'],
    confirmation: undefined,
    provenKey: undefined,
    transaction: undefined,
    remote: '192.0.2.1',
    claims,
    ...more,
  }
}

/** What a kind makes no token of, by the names of the cases below. */
const REFUSES: Readonly<Record<string, readonly string[]>> = {
  'transaction-token': ['several audiences', 'no scope'],
  'jwt-svid': ['several audiences'],
}

const write = (kind: TokenKind, given: Mintable) => kind.write(given, given.permission.profile.settings)

const refuses = (kind: TokenKind, what: string): boolean => REFUSES[kind.name]?.includes(what) === true

/** The refusal of a kind to make a token of what it is given. */
function expectUnfit(kind: TokenKind, given: Mintable): void {
  expect(() => write(kind, given)).toThrow(expect.objectContaining({ reason: 'token_unfit' }))
}

/** Kinds that are asked for by one type: a target has one of them. */
const ALIKE = [
  ['access-token', 'opaque'],
  ['authorization-grant', 'jwt-svid'],
]

it('no two kinds have one name, nor one type but for those of which a target has one', () => {
  expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length)
  const byType = Map.groupBy(kinds, ({ tokenType }) => tokenType)
  const alike = [...byType.values()].filter((of) => of.length > 1).map((of) => of.map(({ name }) => name).sort())
  expect(alike.sort()).toEqual(ALIKE)
})

it.each(ALIKE)('no target has both %s and %s, since one request could mean both', (...names) => {
  const tokens = names.map((kind) => ({ kind }))
  expect(() => compileTarget('orders', { audience: 'https://orders.example', tokens }, kinds)).toThrow(
    /one request could mean both/,
  )
})

describe.each(kinds.map((kind) => [kind.name, kind] as const))('token kind %s', (_, kind) => {
  it('says what it is in one word and one sentence', () => {
    expect(kind.name).toMatch(/^[a-z][a-z0-9-]{0,62}$/)
    expect(kind.summary).toMatch(/^[A-Z][^\n]{20,200}\.$/)
    expect(kind.format).toMatch(/^[a-z][a-z0-9-]*$/)
    expect(URL.canParse(kind.tokenType)).toBe(true)
    expect(kind.settings).toBeInstanceOf(z.ZodObject)
  })

  it('is used as Bearer exactly where it is an access token (TE-23, TE-27)', () => {
    const isAccessToken = kind.tokenType === 'urn:ietf:params:oauth:token-type:access_token' || kind.name === 'opaque'
    expect(kind.usage).toBe(isAccessToken ? 'Bearer' : 'N_A')
  })

  it('writes the same for the same, and changes nothing of what it is given', () => {
    const given = mintable(kind)
    const before = JSON.stringify(given)
    expect(write(kind, given)).toEqual(write(kind, mintable(kind)))
    expect(JSON.stringify(given)).toBe(before)
  })

  it('writes the times, the name and the audience that it is given, and none of its own', () => {
    const { claims, header } = write(kind, mintable(kind))
    for (const [name, value] of Object.entries({ exp: 1_800_000_300, iat: 1_800_000_000, nbf: 1_800_000_000 })) {
      if (claims[name] !== undefined) expect(claims[name]).toBe(value)
    }
    expect(claims['exp']).toBe(1_800_000_300)
    expect(claims['aud']).toBe(WITHOUT_AUDIENCE.has(kind.name) ? undefined : 'https://orders.example')
    for (const [name, value] of Object.entries({ ...claims, ...header })) {
      if (typeof value === 'number') expect([name, 1_800_000_000, 1_800_000_300]).toContain(value)
    }
    expect(write(kind, mintable(kind, {}, {})).claims).not.toHaveProperty('undefined')
  })

  it('names neither algorithm nor key, which are the signer’s', () => {
    const { header } = write(kind, mintable(kind))
    expect(Object.keys(header)).not.toEqual(expect.arrayContaining(['alg']))
    expect(Object.keys(header)).not.toEqual(expect.arrayContaining(['kid']))
    // What is not signed has no header.
    if (kind.form === 'reference') expect(header).toEqual({})
    else expect(typeof header['typ']).toBe('string')
  })

  it('lets no claim of a target stand in the place of one of its own', () => {
    const plain = write(kind, mintable(kind)).claims
    const names = [...new Set([...OURS, ...kind.ownClaims])]
    const evil = write(kind, mintable(kind, {}, Object.fromEntries(names.map((name) => [name, 'evil'])))).claims
    for (const name of Object.keys(plain)) expect([name, evil[name]]).toEqual([name, plain[name]])
    expect(write(kind, mintable(kind, {}, { team: 'shop' })).claims['team']).toBe('shop')
  })

  it.each([...new Set([...OURS, ...kind.ownClaims])])('has targets refused that map the claim %s', (claim) => {
    const spec = { audience: 'https://orders.example', tokens: [{ kind: kind.name, claims: { [claim]: "'x'" } }] }
    expect(() => compileTarget('orders', spec, kinds)).toThrow(new RegExp(claim))
  })

  it.each<[string, Partial<Permission>, Partial<Mintable>]>([
    ['everything', {}, { confirmation: { jkt: 'thumbprint' } }],
    ['a certificate', { actors: [] }, { confirmation: { 'x5t#S256': 'thumbprint' } }],
    ['authorization details', { authorizationDetails: DETAILS }, {}],
    ['several audiences', { scopes: [] }, { audience: ['https://orders.example', 'https://billing.example'] }],
  ])('writes of %s what its published schema says, and no member fewer', (what, changes, given) => {
    const schema = tokenSchema(kind)
    const whole = { ...mintable(kind, changes, { team: 'shop' }), ...given }
    if (refuses(kind, what)) return expectUnfit(kind, whole)
    const { claims } = write(kind, whole)
    expect(schemaFaults(schema, claims, schema)).toEqual([])
    for (const name of schema['required'] as readonly string[]) {
      const { [name]: _left, ...lacking } = claims
      expect(schemaFaults(schema, lacking, schema)).toEqual([`it: has no ${name}`])
    }
    const described = Object.keys(schema['properties'] as object)
    expect(Object.keys(claims).filter((name) => !described.includes(name))).toEqual(['team'])
  })

  it('writes the actors it is given, current one outermost, and none where there is none', () => {
    const { claims } = write(kind, mintable(kind))
    if (claims['act'] !== undefined)
      expect(claims['act']).toEqual({ sub: 'gateway', act: { sub: 'browser', iss: 'https://idp.example' } })
    expect(write(kind, mintable(kind, { actors: [] })).claims).not.toHaveProperty('act')
    const scopeless = mintable(kind, { scopes: [] })
    if (refuses(kind, 'no scope')) expectUnfit(kind, scopeless)
    else expect(write(kind, scopeless).claims).not.toHaveProperty('scope')
  })
})
