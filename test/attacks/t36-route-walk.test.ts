/** T36: every route of the administrators' door × role × credential, over HTTP: let in if, and only if, the role is enough. */
import { describe, expect, it } from 'vitest'
import { type AnyRoute, type Role, roles } from '../../src/admin/contract.ts'
import {
  ADMIN_AUDIENCE,
  type AdminAnswer,
  adminRoutes,
  askAdmin,
  Corporate,
  versionOf,
} from '../harness/administrators.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { SigningKey } from '../harness/tokens.ts'

const server = await startCambist()
const { clock, cluster, issuer: us } = server
const corporate = new Corporate(clock.seconds)
const elsewhere = new Corporate(clock.seconds, 'https://login.elsewhere.example')
const unknown = new Corporate(clock.seconds, 'https://login.unknown.example')
await server.apply(
  // Trusted at both doors, so that it is the audience that keeps them apart.
  ...corporate.documents({ uses: ['administrator', 'subject'], audiences: [us] }),
  // Trusted for workloads alone, and an Administrator document that cannot be meant for it.
  elsewhere.trusted('elsewhere', { uses: ['client', 'subject', 'actor', 'assertion'], audiences: [us] }),
  document('TrustedIssuer', 'shut', {
    ...{ preset: 'oidc', issuer: 'https://login.shut.example', uses: ['administrator'], disabled: true },
    keys: { jwks: { keys: [corporate.key.jwk] } },
  }),
  document('Administrator', 'shut', { issuer: 'shut', condition: 'true', role: 'admin' }),
  document('Administrator', 'disabled', { issuer: 'corporate', condition: 'true', role: 'admin', disabled: true }),
)
const ours = String((await server.exchange()).body['access_token'])
const now = clock.seconds()
const stranger = new SigningKey('RS256', corporate.key.kid)
const bearer = (token: string) => `Bearer ${token}`
const admins = { sub: 'the-admin', groups: ['cambist-admin'] }

/** What is sent as Authorization, and the role that it has; where it has none, the status of every closed route. */
const credentials: readonly (readonly [name: string, authorization: string | readonly string[], is: Role | number])[] =
  [
    ['none', '', 401],
    ['an empty one', 'Bearer ', 401],
    ['garbage', bearer('garbage'), 401],
    ['something like a JWT', bearer('e30.e30.e30'), 401],
    ['Basic', `Basic ${Buffer.from(`admin:${server.adminToken}`).toString('base64')}`, 401],
    ['the bootstrap token without a scheme', server.adminToken, 401],
    ['the bootstrap token, nearly', bearer(server.adminToken.slice(0, -1)), 401],
    ['two headers, both good', [bearer(server.adminToken), bearer(server.adminToken)], 400],
    ['two headers, one good', [bearer('garbage'), bearer(corporate.of('admin'))], 400],
    ['a JWT that has expired', bearer(corporate.of('admin', { iat: now - 700, exp: now - 60 })), 401],
    ['a JWT that is too old', bearer(corporate.of('admin', { iat: now - 7200, exp: now + 60 })), 401],
    ['a JWT of tomorrow', bearer(corporate.of('admin', { nbf: now + 600 })), 401],
    ['a JWT that lives too long', bearer(corporate.of('admin', { exp: now + 90_000 })), 401],
    ['a JWT without end', bearer(corporate.of('admin', { exp: undefined })), 401],
    ['a JWT for the token endpoint', bearer(corporate.of('admin', { aud: us })), 401],
    ['a JWT for both doors', bearer(corporate.of('admin', { aud: [ADMIN_AUDIENCE, us] })), 401],
    ['a JWT for nobody', bearer(corporate.of('admin', { aud: undefined })), 401],
    [
      'a JWT signed by somebody else',
      bearer(stranger.sign({ iss: corporate.issuer, aud: ADMIN_AUDIENCE, iat: now, exp: now + 60, ...admins })),
      401,
    ],
    ['a JWT that nobody signed', bearer(corporate.of('admin').replace(/[^.]+$/, '')), 401],
    ['a JWT of another type', bearer(corporate.token(admins, { typ: 'at+jwt' })), 401],
    ['a JWT of an issuer without administrator', bearer(elsewhere.of('admin')), 401],
    [
      'a JWT of an issuer without administrator, for the token endpoint',
      bearer(elsewhere.of('admin', { aud: us })),
      401,
    ],
    ['a JWT of an issuer that nobody trusts', bearer(unknown.of('admin')), 401],
    ['a JWT of a disabled issuer', bearer(corporate.of('admin', { iss: 'https://login.shut.example' })), 401],
    ['a JWT that is bound to a key', bearer(corporate.of('admin', { cnf: { jkt: 'A'.repeat(43) } })), 401],
    ['a JWT in which somebody acts', bearer(corporate.of('admin', { act: { sub: 'mallory' } })), 401],
    ['a workload’s token', bearer(cluster.token()), 401],
    ['a workload’s token for this door', bearer(cluster.token({ aud: [ADMIN_AUDIENCE] })), 401],
    ['a token of ours', bearer(ours), 401],
    ['a JWT of somebody without a role', bearer(corporate.token({ groups: ['others'] })), 403],
    ['a JWT without groups', bearer(corporate.token()), 403],
    ['a JWT with groups of another form', bearer(corporate.token({ groups: 'cambist-admin' })), 403],
    ...roles.map((role) => [`a JWT of role ${role}`, bearer(corporate.of(role)), role] as const),
    ['a JWT of several roles', bearer(corporate.token({ groups: ['cambist-viewer', 'cambist-editor'] })), 'editor'],
    ['a scheme in capitals', `BEARER ${corporate.of('viewer')}`, 'viewer'],
    ['the bootstrap token', bearer(server.adminToken), 'admin'],
  ]

const NOWHERE: Readonly<Record<string, string>> = { name: 'no-such-name' }
const somewhere = ({ path }: AnyRoute): string =>
  path.replace(/:(\w+)/g, (_, parameter: string) => NOWHERE[parameter] ?? '01900000-0000-7000-8000-00000000abcd')

/** A request that changes nothing, whoever sends it: about nothing that is there, with a body that is none. */
const harmless = (route: AnyRoute) =>
  route.takes === undefined ? {} : { type: route.takes.at(-1) ?? '', body: '{"nothing": of the kind' }

function expectProblem(answer: AdminAnswer): void {
  expect(answer.type).toBe('application/problem+json')
  expect(answer.json).toMatchObject({
    type: expect.any(String),
    title: expect.stringMatching(/^(?!Error$)./),
    status: answer.status,
    detail: expect.stringMatching(/.{10}/),
    instance: answer.headers['cambist-request-id'],
  })
}

const suffices = (is: Role | number, wanted: AnyRoute['role']): boolean =>
  wanted === 'nobody' || (typeof is === 'string' && roles.indexOf(is) >= roles.indexOf(wanted))

describe.each(adminRoutes.map((route) => [route.method.toUpperCase(), route.path, route] as const))(
  '%s %s',
  (method, _, route) => {
    it.each(credentials)('by %s', async (_name, authorization, is) => {
      const answer = await askAdmin(server, somewhere(route), { method, authorization, ...harmless(route) })
      if (suffices(is, route.role) && is !== 400) {
        expect([401, 403]).not.toContain(answer.status)
        expect(answer.status).toBeLessThan(route.path === '/readyz' ? 504 : 500)
        return
      }
      expect(answer.status).toBe(typeof is === 'number' ? is : 403)
      expectProblem(answer)
      if (typeof is === 'string') expect(answer.json.detail).toContain(`the role ${route.role}, and yours is ${is}`)
      if (answer.status === 401) expect(answer.headers['www-authenticate']).toContain('Bearer realm="cambist-admin"')
      for (const sent of [authorization].flat())
        if (sent.length > 20) expect(answer.text).not.toContain(sent.replace(/^\w+ /, ''))
    })
  },
)

describe('the table of routes', () => {
  /** What asks and changes nothing, though it has a body. */
  const READS = ['post /admin/v1/explain', 'post /admin/v1/replay']

  it('leaves nothing open but what probes and scrapers ask', () => {
    const open = adminRoutes.filter(({ role }) => role === 'nobody').map(({ path }) => path)
    expect(open.toSorted()).toEqual(['/livez', '/metrics', '/readyz'])
  })

  it('lets nobody below editor change anything, and nobody below auditor see the record', () => {
    const below = (least: Role, routes: readonly AnyRoute[]) =>
      routes.filter(({ role }) => !suffices(role === 'nobody' ? 0 : role, least)).map(({ path }) => path)
    const writing = adminRoutes.filter(({ method, path }) => method !== 'get' && !READS.includes(`${method} ${path}`))
    expect(writing.length).toBeGreaterThan(2)
    expect(below('editor', writing)).toEqual([])
    expect(
      below(
        'auditor',
        adminRoutes.filter(({ path }) => /\/(audit|entities|explain|replay)/.test(path)),
      ),
    ).toEqual([])
    expect(
      below(
        'admin',
        adminRoutes.filter(({ path }) => /\/(rotate|rollback)$/.test(path)),
      ),
    ).toEqual([])
  })
})

describe('the walk', () => {
  it('has changed nothing', async () => {
    expect(await versionOf(server)).toBe(2)
  })

  it('says one thing of every token that is nobody’s, so that it tells nothing of whom we trust (T25)', async () => {
    const said = new Set<string>()
    for (const [, authorization, is] of credentials.slice(2)) {
      if (is !== 401 || !/^Bearer ./.test(String(authorization))) continue
      const { json, headers } = await askAdmin(server, '/admin/v1/keys', { authorization })
      said.add(JSON.stringify([json.title, json.detail, headers['www-authenticate']]))
    }
    expect([...said]).toHaveLength(1)
  })

  it('tells whoever is verified what is missing, by name', async () => {
    const { json } = await askAdmin(server, '/admin/v1/keys', { token: corporate.token() })
    expect(json.detail).toContain('wimse://127.0.0.1/corporate/ada')
    expect(json.detail).toContain('issuer corporate')
  })

  it('takes none of them at the token endpoint (T9, KX-01)', async () => {
    for (const token of [...roles.map((role) => corporate.of(role)), server.adminToken]) {
      const { status, body } = await server.exchange({ subject_token: token })
      expect([status, body['error']]).toEqual([400, 'invalid_request'])
    }
  })
})
