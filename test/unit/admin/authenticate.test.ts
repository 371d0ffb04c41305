import { describe, expect, it } from 'vitest'
import { authenticator } from '../../../src/admin/authenticate.ts'
import type { AdministratorTrust } from '../../../src/admin/contract.ts'
import { Problem } from '../../../src/admin/problem.ts'
import { roleBindings } from '../../../src/administrators/role-bindings.ts'
import { NO_BLOCKS } from '../../../src/blocks/block-index.ts'
import { jwt } from '../../../src/credentials/kinds/jwt.ts'
import { spiffeJwtSvid } from '../../../src/credentials/kinds/spiffe-jwt-svid.ts'
import { wit } from '../../../src/credentials/kinds/wit.ts'
import { credentialKinds } from '../../../src/credentials/look-up.ts'
import { Compiler } from '../../../src/documents/compile.ts'
import type { Document } from '../../../src/documents/contract.ts'
import { Secret } from '../../../src/lib/secret.ts'
import { type Reason, Refusal } from '../../../src/refusal.ts'
import type { TrustedIssuer } from '../../../src/trust/contract.ts'
import { trustIndex } from '../../../src/trust/trust-index.ts'
import { ADMIN_AUDIENCE, Corporate } from '../../harness/administrators.ts'
import { type Claims, SigningKey } from '../../harness/tokens.ts'
import { context, document, ISSUER } from '../documents/world.ts'
import { TOKEN } from './world.ts'

const NOW = 1_795_395_600
const corporate = new Corporate(() => NOW)
const wits = new SigningKey('ES256')
const svids = new SigningKey('ES256')
const documents = [
  ...corporate.documents({ uses: ['administrator', 'subject'], audiences: [ISSUER], act: 'keep' }),
  document('TrustedIssuer', 'workloads', {
    ...{ preset: 'oidc', issuer: 'https://workloads.example', audiences: [ISSUER] },
    keys: { jwks: { keys: [corporate.key.jwk] } },
  }),
  document('TrustedIssuer', 'wits', {
    ...{ credential: 'wit', trustDomain: 'prod.example', uses: ['administrator'] },
    keys: { jwks: { keys: [wits.jwk] } },
  }),
  document('TrustedIssuer', 'operators', {
    ...{ credential: 'spiffe-jwt-svid', trustDomain: 'ops.example', uses: ['administrator'] },
    keys: { bundle: { inline: { keys: [{ ...svids.jwk, use: 'jwt-svid' }] } } },
  }),
  document('Administrator', 'operators', {
    ...{ issuer: 'operators', condition: "assertion.sub == 'spiffe://ops.example/deployer'", role: 'editor' },
  }),
] as Document[]
const kinds = [jwt, spiffeJwtSvid, wit]
const compiled = new Compiler({ ...context, credentialKinds: kinds, adminAudience: ADMIN_AUDIENCE }).compile(documents)

const trust = (changes: Partial<AdministratorTrust> = {}): AdministratorTrust => ({
  version: 3,
  kinds: credentialKinds(kinds),
  issuers: compiled.issuers,
  administrators: roleBindings(compiled.nouns.administrators.values()),
  keys: {
    find: ({ keys }, kid) => {
      const found = keys.from === 'inline' ? keys.keys.find((each) => each.kid === kid) : undefined
      if (found === undefined) throw new Refusal('key_unknown', 'there is no such key')
      return found
    },
    anchors: () => {
      throw new Error('nobody asks for certificates')
    },
  },
  source: { present: () => Promise.reject(new Error('nobody asks a platform')) },
  status: { check: () => undefined },
  references: { claimsOf: () => undefined },
  revoked: () => undefined,
  blocked: NO_BLOCKS,
  ourIssuer: ISSUER,
  adminAudience: ADMIN_AUDIENCE,
  trustDomain: 'cambist.example',
  now: NOW,
  ...changes,
})

const door = (changes: Partial<AdministratorTrust> = {}) =>
  authenticator({
    adminToken: new Secret(TOKEN),
    trust: { current: () => trust(changes), newerThan: async () => undefined },
  })
const authenticate = (token: string, changes: Partial<AdministratorTrust> = {}) => door(changes)(`Bearer ${token}`)

/** The problem, and the reason behind it for the log. */
async function refusal(token: string, changes: Partial<AdministratorTrust> = {}) {
  const problem: unknown = await authenticate(token, changes).catch((error: unknown) => error)
  if (!(problem instanceof Problem) || !(problem.cause instanceof Refusal)) throw new Error(`no refusal: ${problem}`)
  return { problem, reason: problem.cause.reason, detail: problem.cause.detail }
}

describe('an administrator', () => {
  it('is whoever has the bootstrap token, also where no documents are in force', async () => {
    const down = authenticator({
      adminToken: new Secret(TOKEN),
      trust: {
        current: () => {
          throw new Refusal('snapshot_unavailable', 'nothing is in force', { retryAfter: 1 })
        },
        newerThan: async () => undefined,
      },
    })
    expect(await down(`Bearer ${TOKEN}`)).toEqual({
      ...{ name: 'bootstrap', principal: 'bootstrap', role: 'admin', bootstrap: true },
    })
    const problem = await down(`Bearer ${corporate.of('admin')}`).catch((error: unknown) => error)
    expect(problem).toMatchObject({ status: 503, headers: { 'Retry-After': '1' } })
    expect(String(problem)).not.toContain('nothing is in force')
  })

  it.each(['viewer', 'auditor', 'editor', 'admin'] as const)(
    'is whom a document makes %s, by the id of who it is',
    async (role) => {
      const id = `wimse://cambist.example/corporate/the-${role}`
      expect(await authenticate(corporate.of(role))).toEqual({ name: id, principal: id, role, bootstrap: false })
    },
  )

  it('may be a workload with a JWT-SVID for this door', async () => {
    const id = 'spiffe://ops.example/deployer'
    const svid = (changes: Claims) => svids.sign({ sub: id, aud: [ADMIN_AUDIENCE], exp: NOW + 300, ...changes })
    expect(await authenticate(svid({}))).toEqual({ name: id, principal: id, role: 'editor', bootstrap: false })
    expect((await refusal(svid({ aud: [ISSUER] }))).reason).toBe('audience_mismatch')
    expect((await refusal(svid({ sub: 'spiffe://ops.example/other' }))).reason).toBe('denied')
  })

  it('is nobody without a token', async () => {
    for (const authorization of [undefined, '', 'Bearer', 'Basic x', `bearer ${TOKEN} y`])
      await expect(door()(authorization)).rejects.toMatchObject({ status: 401 })
  })
})

const admin = (claims: Claims, header: Claims = {}) => corporate.token({ groups: ['cambist-admin'], ...claims }, header)
const other = new SigningKey('RS256', corporate.key.kid)

const refused: readonly (readonly [what: string, token: string, reason: Reason])[] = [
  ['no JWT', 'x'.repeat(43), 'token_malformed'],
  ['too long', `${'x'.repeat(20_000)}.y.z`, 'parameter_too_long'],
  ['for the token endpoint', admin({ aud: ISSUER }), 'audience_mismatch'],
  ['for two', admin({ aud: [ADMIN_AUDIENCE, 'https://other.example'] }), 'audience_several'],
  ['for nobody', admin({ aud: undefined }), 'claim_missing'],
  ['of nobody', admin({ iss: undefined }), 'claim_missing'],
  ['of a stranger', admin({ iss: 'https://stranger.example' }), 'issuer_unknown'],
  ['of an issuer of workloads', admin({ iss: 'https://workloads.example' }), 'issuer_unknown'],
  ['of ourselves', admin({ iss: ISSUER }), 'issuer_unknown'],
  ['over', admin({ exp: NOW - 60, iat: NOW - 120 }), 'expired'],
  ['without end', admin({ exp: undefined }), 'claim_missing'],
  ['too old', admin({ iat: NOW - 7200 }), 'too_old'],
  [
    'of another key',
    other.sign({ iss: corporate.issuer, aud: ADMIN_AUDIENCE, iat: NOW, exp: NOW + 60 }),
    'signature_invalid',
  ],
  ['of an unknown key', admin({}, { kid: 'unknown' }), 'key_unknown'],
  [
    'of no key',
    `${Buffer.from('{"alg":"none"}').toString('base64url')}.${admin({}).split('.')[1]}.`,
    'token_malformed',
  ],
  ['of another type', admin({}, { typ: 'at+jwt' }), 'token_type_mismatch'],
  ['bound to a key', admin({ cnf: { jkt: 'A'.repeat(43) } }), 'confirmation_unproven'],
  ['with an actor', admin({ act: { sub: 'mallory' } }), 'actor_claim_refused'],
  ['without sub', admin({ sub: undefined }), 'subject_unmapped'],
  [
    'a WIT, which names no audience',
    wits.sign({ sub: 'spiffe://prod.example/ada', exp: NOW + 60, cnf: { jwk: wits.jwk } }, { typ: 'wit+jwt' }),
    'position_refused',
  ],
]

describe('a token is refused', () => {
  it.each(refused)('%s', async (_, token, reason) => {
    const { problem, reason: why, detail } = await refusal(token)
    expect([problem.status, why]).toEqual([401, reason])
    // Nothing of it is told, and nothing of it is logged (I8).
    const told = JSON.stringify([problem.body('id'), problem.headers])
    for (const part of token.split('.').filter((each) => each.length > 20)) {
      expect(told).not.toContain(part)
      expect(detail).not.toContain(part)
    }
  })

  it('in the same words whatever is wrong with it (T25, T34)', async () => {
    const told = await Promise.all(
      refused.map(async ([, token]) => {
        const { problem } = await refusal(token)
        return JSON.stringify([problem.body('id'), problem.headers])
      }),
    )
    expect(new Set(told).size).toBe(1)
  })

  it('where it is verified and gives no role, with what to do', async () => {
    const { problem, reason } = await refusal(admin({ groups: [] }))
    expect([problem.status, reason]).toEqual([403, 'denied'])
    expect(problem.message).toContain('issuer corporate')
  })

  it('where no audience is configured', async () => {
    expect((await refusal(corporate.of('admin'), { adminAudience: undefined })).reason).toBe('audience_mismatch')
  })

  it('where its issuer says that it counts no longer (UC-106)', async () => {
    const asked: string[] = []
    const online = (issuer: TrustedIssuer | undefined) =>
      issuer === undefined
        ? undefined
        : { ...issuer, onlineCheck: { protocol: 'introspection', url: 'https://x', maxAge: 1 } as const }
    const issuers = {
      ...compiled.issuers,
      ofAdministrators: (type: string, iss: string) => online(compiled.issuers.ofAdministrators(type, iss)),
    }
    const status = {
      check: async (issuer: TrustedIssuer) => {
        asked.push(issuer.name)
        throw new Refusal('status_refused', 'it says no')
      },
    }
    expect((await refusal(corporate.of('admin'), { issuers, status })).reason).toBe('status_refused')
    expect(asked).toEqual(['corporate'])
    // What does not verify costs its issuer no question (T38).
    await refusal(admin({ aud: ISSUER }), { issuers, status })
    expect(asked).toHaveLength(1)
  })
})

describe('a node that lags behind (T41)', () => {
  const asked: number[] = []
  const lagging = (newer: Partial<AdministratorTrust> | undefined) =>
    authenticator({
      adminToken: new Secret(TOKEN),
      trust: {
        current: () => trust(),
        newerThan: async (version) => {
          asked.push(version)
          return newer === undefined ? undefined : trust({ version: 4, ...newer })
        },
      },
    })

  it('judges again under the documents that are in force', async () => {
    const token = `Bearer ${corporate.of('admin')}`
    expect(await lagging(undefined)(token)).toMatchObject({ role: 'admin' })
    expect(await lagging({})(token)).toMatchObject({ role: 'admin' })
    await expect(lagging({ administrators: roleBindings([]) })(token)).rejects.toMatchObject({ status: 403 })
    await expect(lagging({ issuers: trustIndex([]) })(token)).rejects.toMatchObject({ status: 401 })
    expect(asked).toEqual([3, 3, 3, 3])
  })

  it('asks nothing for the bootstrap token, nor for a token that is nobody’s (T38)', async () => {
    asked.length = 0
    await lagging({})(`Bearer ${TOKEN}`)
    await expect(lagging({})(`Bearer ${admin({ aud: ISSUER })}`)).rejects.toMatchObject({ status: 401 })
    await expect(lagging({})(`Bearer ${admin({ groups: [] })}`)).rejects.toMatchObject({ status: 403 })
    expect(asked).toEqual([])
  })
})

describe('what cannot be told now', () => {
  it('is 503, with when to try again, and names no issuer', async () => {
    const keys = {
      ...trust().keys,
      find: () => Promise.reject(new Refusal('keys_unavailable', 'the keys of corporate', { retryAfter: 7 })),
    }
    const { problem, reason } = await refusal(corporate.of('admin'), { keys })
    expect([problem.status, reason, problem.headers['Retry-After']]).toEqual([503, 'keys_unavailable', '7'])
    expect(JSON.stringify(problem.body('id'))).not.toContain('corporate')
  })

  it('is not what is our own error', async () => {
    const broken = authenticate(corporate.of('admin'), {
      keys: {
        ...trust().keys,
        find: () => {
          throw new TypeError('a bug')
        },
      },
    })
    await expect(broken).rejects.toThrow(TypeError)
  })
})
