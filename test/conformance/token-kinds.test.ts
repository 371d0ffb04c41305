import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Principal } from '../../src/identity/principal.ts'
import type { Permission } from '../../src/policy/contract.ts'
import { compileTarget } from '../../src/targets/target.ts'
import type { Mintable, TokenKind } from '../../src/tokens/contract.ts'
import * as register from '../../src/tokens/kinds/index.ts'

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
const subject = principal('cluster', 'x')
const client = principal('clients', 'checkout')

function mintable(kind: TokenKind, changes: Partial<Permission> = {}, claims: Record<string, unknown> = {}): Mintable {
  const target = compileTarget(
    'orders',
    { audience: 'https://orders.example', scopes: ['a', 'b'], tokens: [{ kind: kind.name }] },
    kinds,
  )
  const [profile] = target.tokens
  if (profile === undefined) throw new Error('no profile')
  return {
    issuer: 'https://cambist.example',
    permission: {
      permitted: true,
      client: 'checkout',
      targets: [target],
      profile,
      scopes: ['a', 'b'],
      subject: 'wimse://cambist.example/cluster/x',
      actors: [{ sub: 'gateway' }, { sub: 'browser', iss: 'https://idp.example' }],
      lifetime: 300,
      binding: 'none',
      rules: ['one'],
      changes: [],
      errors: [],
      shadow: [],
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
      binding: 'none',
      format: 'jwt',
      time: 1_800_000_000,
    },
    subject: {
      principal: subject,
      tokenType: 'urn:ietf:params:oauth:token-type:jwt',
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
  }
}

it('no two kinds have one name or one type', () => {
  expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length)
  expect(new Set(kinds.map(({ tokenType }) => tokenType)).size).toBe(kinds.length)
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
    expect(kind.write(given)).toEqual(kind.write(mintable(kind)))
    expect(JSON.stringify(given)).toBe(before)
  })

  it('writes the times, the name and the audience that it is given, and none of its own', () => {
    const { claims, header } = kind.write(mintable(kind))
    for (const [name, value] of Object.entries({ exp: 1_800_000_300, iat: 1_800_000_000, nbf: 1_800_000_000 })) {
      if (claims[name] !== undefined) expect(claims[name]).toBe(value)
    }
    expect(claims).toMatchObject({ exp: 1_800_000_300, aud: 'https://orders.example' })
    for (const [name, value] of Object.entries({ ...claims, ...header })) {
      if (typeof value === 'number') expect([name, 1_800_000_000, 1_800_000_300]).toContain(value)
    }
    expect(kind.write(mintable(kind, {}, {})).claims).not.toHaveProperty('undefined')
  })

  it('names neither algorithm nor key, which are the signer’s', () => {
    const { header } = kind.write(mintable(kind))
    expect(Object.keys(header)).not.toEqual(expect.arrayContaining(['alg']))
    expect(Object.keys(header)).not.toEqual(expect.arrayContaining(['kid']))
    expect(typeof header['typ']).toBe('string')
  })

  it('lets no claim of a target stand in the place of one of its own', () => {
    const plain = kind.write(mintable(kind)).claims
    const names = [...new Set([...OURS, ...kind.ownClaims])]
    const evil = kind.write(mintable(kind, {}, Object.fromEntries(names.map((name) => [name, 'evil'])))).claims
    for (const name of Object.keys(plain)) expect([name, evil[name]]).toEqual([name, plain[name]])
    expect(kind.write(mintable(kind, {}, { team: 'shop' })).claims['team']).toBe('shop')
  })

  it.each([...new Set([...OURS, ...kind.ownClaims])])('has targets refused that map the claim %s', (claim) => {
    const spec = { audience: 'https://orders.example', tokens: [{ kind: kind.name, claims: { [claim]: "'x'" } }] }
    expect(() => compileTarget('orders', spec, kinds)).toThrow(new RegExp(claim))
  })

  it('writes the actors it is given, current one outermost, and none where there is none', () => {
    const { claims } = kind.write(mintable(kind))
    if (claims['act'] !== undefined)
      expect(claims['act']).toEqual({ sub: 'gateway', act: { sub: 'browser', iss: 'https://idp.example' } })
    expect(kind.write(mintable(kind, { actors: [] })).claims).not.toHaveProperty('act')
    expect(kind.write(mintable(kind, { scopes: [] })).claims).not.toHaveProperty('scope')
  })
})
