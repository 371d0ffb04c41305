import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { type Reason, reasons } from '../../../src/refusal.ts'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { freePorts } from '../../harness/ports.ts'
import { answerOf, expectRefusal, expectWire } from '../../harness/refusal.ts'
import { type Claims, Cluster, clientAssertion, SigningKey, TYPE } from '../../harness/tokens.ts'
import { byDpop } from '../../harness/workload.ts'

/** RFC 8693 §2.2.2, RFC 6749 §5.2: every reason of the closed list that a request can give. */
const [deadPort = 0] = await freePorts(1)
/** An issuer that says of all its credentials that they count no longer. */
const denier = createServer((_, response) => {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"active":false}')
})
await new Promise<void>((resolve) => denier.listen(0, '127.0.0.1', resolve))
afterAll(() => void denier.close())
const denies = `127.0.0.1:${(denier.address() as AddressInfo).port}`
const server = await startCambist({ env: { CAMBIST_INSECURE_FETCH: `127.0.0.1:${deadPort},${denies}` } })
const { cluster, clock } = server

const another = (name: string, options: { audience?: string } = {}) =>
  new Cluster({
    issuer: `https://${name}.test.example`,
    audience: options.audience ?? server.issuer,
    key: cluster.key,
    now: clock.seconds,
  })
const issuerOf = (name: string, spec: object = {}, iss = another(name)) =>
  document('TrustedIssuer', name, {
    preset: 'kubernetes',
    issuer: iss.issuer,
    audiences: [iss.audience],
    keys: { jwks: cluster.jwks },
    ...spec,
  })
const edgeKey = new SigningKey('ES256')
const targetless = { scopes: ['s'], defaultScopes: ['s'] }
await server.apply(
  issuerOf('off', { disabled: true }),
  issuerOf('actors-only', { uses: ['actor'] }),
  issuerOf('unreachable', { keys: { jwksUri: `http://127.0.0.1:${deadPort}/jwks` } }),
  issuerOf('tenants', { tenant: "assertion['kubernetes.io'].namespace", tenants: ['elsewhere'] }),
  issuerOf('unmapped', { subject: 'assertion.email' }),
  issuerOf('once', { singleUse: true }),
  issuerOf('gone', { onlineCheck: { introspection: { url: `http://${denies}/introspect` } } }),
  issuerOf('silent', { onlineCheck: { introspection: { url: `http://127.0.0.1:${deadPort}/introspect` } } }),
  issuerOf('several', { multipleAudiences: true }),
  issuerOf('twin-a', {}, another('twin', { audience: 'urn:twin:a' })),
  issuerOf('twin-b', {}, another('twin', { audience: 'urn:twin:b' })),
  document('Client', 'edge', { authentication: { method: 'private_key_jwt', jwks: { keys: [edgeKey.jwk] } } }),
  document('Client', 'off', { disabled: true, workloads: [{ issuer: 'cluster', match: { serviceaccount: ['off'] } }] }),
  document('Client', 'other-grant', {
    grants: ['jwt-bearer'],
    workloads: [{ issuer: 'cluster', match: { serviceaccount: ['batch'] } }],
  }),
  document('Client', 'once', { workloads: [{ issuer: 'once', match: { serviceaccount: ['checkout'] } }] }),
  document('Client', 'several', { workloads: [{ issuer: 'several', match: { serviceaccount: ['checkout'] } }] }),
  document('Target', 'closed', { audience: 'urn:closed', clients: ['edge'] }),
  document('Target', 'unpermitted', { audience: 'urn:unpermitted' }),
  document('Target', 'forbidden', { audience: 'urn:forbidden' }),
  document('Target', 'renamed', {
    audience: 'urn:renamed',
    tokens: [{ kind: 'access-token', subject: 'subject.serviceaccount' }],
  }),
  document('Target', 'bound', { audience: 'urn:bound', tokens: [{ kind: 'access-token', binding: 'dpop' }] }),
  document('Target', 'detailed', { audience: 'urn:detailed', authorizationDetails: [{ type: 'batch' }] }),
  document('Target', 'guarded', { audience: 'urn:guarded', ...targetless }),
  document('Target', 'domain', { audience: 'urn:domain', tokens: [{ kind: 'transaction-token' }] }),
  document('Target', 'rsa', { audience: 'urn:rsa', tokens: [{ kind: 'access-token', algorithm: 'RS256' }] }),
  document('Policy', 'checkout-more', {
    clients: ['checkout'],
    targets: ['closed', 'forbidden', 'renamed', 'bound', 'domain', 'rsa', 'detailed'],
  }),
  document('Policy', 'once', { clients: ['once'], targets: ['orders'], scopes: ['orders:read'] }),
  document('Policy', 'never', { effect: 'forbid', targets: ['forbidden'] }),
  document('Policy', 'strong', {
    clients: ['checkout'],
    targets: ['guarded'],
    scopes: ['s'],
    authentication: ['tls_client_auth'],
  }),
  document('Policy', 'edge-acts', {
    clients: ['edge'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
    subject: { issuers: ['cluster'], match: { serviceaccount: ['web'] } },
  }),
)

const token = (changes: Claims = {}, pod: Parameters<Cluster['claims']>[1] = {}, header: Claims = {}): Form => ({
  subject_token: cluster.token(changes, pod, header),
})
const of = (name: string, changes: Claims = {}): Form => ({ subject_token: another(name).token(changes) })
const asEdge = (changes: Claims = {}): Form => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('edge', edgeKey, server.issuer, clock.seconds(), changes),
})
const tampered = (text: string): string =>
  `${text.slice(0, -10)}${text.slice(-10, -9) === 'A' ? 'B' : 'A'}${text.slice(-9)}`
const raw = (body: string, headers: Record<string, string> = {}, query = '') =>
  fetch(`${server.issuer}/token${query}`, {
    method: 'POST',
    body,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
  }).then(answerOf)

type Ask = () => ReturnType<typeof raw>
const ask =
  (form: () => Form, headers?: Record<string, string>): Ask =>
  () =>
    server.exchange(form(), headers)
const REQUEST = [400, 'invalid_request'] as const
const CLIENT = [401, 'invalid_client'] as const
const TARGET = [400, 'invalid_target'] as const
const SCOPE = [400, 'invalid_scope'] as const
const DETAILS = [400, 'invalid_authorization_details'] as const
const twice: Ask = async () => {
  const form = of('once')
  await server.exchange(form)
  return server.exchange(form)
}

const table: readonly (readonly [Reason, readonly [status: number, error: string], Ask])[] = [
  ['body_too_large', [413, 'invalid_request'], () => raw('x='.padEnd(70_000, 'x'))],
  ['body_malformed', REQUEST, () => raw('x=%zz')],
  ['media_type', [415, 'invalid_request'], () => raw('{}', { 'Content-Type': 'application/json' })],
  ['parameter_in_query', REQUEST, () => raw('', {}, '?scope=x')],
  ['parameter_repeated', REQUEST, ask(() => ({ scope: ['orders:read', 'orders:write'] }))],
  ['parameter_missing', REQUEST, ask(() => ({ subject_token: undefined }))],
  ['parameter_malformed', REQUEST, ask(() => ({ subject_token_type: 'jwt' }))],
  ['parameter_too_long', REQUEST, ask(() => ({ subject_token: 'e'.repeat(16_385) }))],
  ['parameter_unexpected', REQUEST, ask(() => ({ assertion: 'x' }))],
  ['grant_unsupported', [400, 'unsupported_grant_type'], ask(() => ({ grant_type: 'password' }))],
  ['token_type_unsupported', REQUEST, ask(() => ({ subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }))],
  [
    'requested_type_unsupported',
    REQUEST,
    ask(() => ({ requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag' })),
  ],

  ['certificate_header', REQUEST, ask(() => ({}), { 'Client-Cert': ':AAAA:' })],
  ['dpop_invalid', [400, 'invalid_dpop_proof'], ask(() => ({}), { DPoP: 'eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.c2ln' })],

  [
    'dpop_nonce',
    [400, 'use_dpop_nonce'],
    () => server.exchange({}, byDpop(server, edgeKey, { nonce: 'none-of-ours' })),
  ],

  ['proof_invalid', CLIENT, ask(() => ({}), { Authorization: 'WPT e30.e30.e30' })],

  ['authentication_several', REQUEST, ask(asEdge, { 'Workload-Identity-Token': 'e30.e30.e30' })],
  ['authentication_scheme', CLIENT, ask(() => ({}), { Authorization: 'Basic eDp5' })],
  ['client_unknown', CLIENT, ask(() => token({}, { serviceaccount: 'nobody' }))],
  ['client_mismatch', CLIENT, ask(() => ({ client_id: 'edge' }))],
  ['client_required', CLIENT, ask(() => ({ subject_token_type: TYPE.idToken }))],
  ['client_disabled', CLIENT, ask(() => token({}, { serviceaccount: 'off' }))],
  ['grant_not_allowed', [400, 'unauthorized_client'], ask(() => token({}, { serviceaccount: 'batch' }))],

  ['token_malformed', REQUEST, ask(() => ({ subject_token: 'a.b.c' }))],
  ['token_type_mismatch', REQUEST, ask(() => token({}, {}, { typ: 'at+jwt' }))],
  ['algorithm_refused', REQUEST, ask(() => token({}, {}, { alg: 'PS256' }))],
  ['issuer_unknown', REQUEST, ask(() => token({ iss: 'https://nobody.example' }))],
  ['issuer_ambiguous', REQUEST, ask(() => of('twin', { aud: ['urn:twin:a', 'urn:twin:b'] }))],
  ['issuer_disabled', REQUEST, ask(() => of('off'))],
  ['position_refused', REQUEST, ask(() => of('actors-only'))],
  ['key_unknown', REQUEST, ask(() => token({}, {}, { kid: 'other' }))],
  ['keys_unavailable', [503, 'temporarily_unavailable'], ask(() => of('unreachable'))],
  ['signature_invalid', REQUEST, ask(() => ({ subject_token: tampered(cluster.token()) }))],
  ['claim_missing', REQUEST, ask(() => token({ exp: undefined }))],
  ['claim_malformed', REQUEST, ask(() => token({ exp: 'soon' }))],
  ['expired', REQUEST, ask(() => token({ exp: clock.seconds() - 30 }))],
  ['not_yet_valid', REQUEST, ask(() => token({ nbf: clock.seconds() + 31 }))],
  ['too_old', REQUEST, ask(() => token({ iat: clock.seconds() - 86_431, exp: clock.seconds() + 60, nbf: undefined }))],
  ['too_long_lived', REQUEST, ask(() => token({ exp: clock.seconds() + 86_401 }))],
  ['audience_mismatch', REQUEST, ask(() => token({ aud: 'https://other.example' }))],
  ['audience_several', REQUEST, ask(() => token({ aud: [server.issuer, 'https://other.example'] }))],
  ['condition_refused', REQUEST, ask(() => token({ 'kubernetes.io': undefined }))],
  ['tenant_refused', REQUEST, ask(() => of('tenants'))],
  ['subject_unmapped', REQUEST, ask(() => of('unmapped'))],
  ['confirmation_unproven', REQUEST, ask(() => token({ cnf: { jkt: `${'x'.repeat(42)}A` } }))],
  ['status_refused', REQUEST, ask(() => of('gone'))],
  ['status_unavailable', [503, 'temporarily_unavailable'], ask(() => of('silent'))],
  ['actor_claim_refused', REQUEST, ask(() => token({ act: { sub: 'x' } }))],
  ['replayed', REQUEST, twice],

  ['target_required', TARGET, ask(() => ({ audience: undefined }))],
  ['target_unknown', TARGET, ask(() => ({ audience: 'urn:nobody' }))],
  ['target_closed', TARGET, ask(() => ({ audience: 'urn:closed' }))],
  ['target_combination', TARGET, ask(() => ({ audience: ['https://orders.example', 'urn:rsa'] }))],
  ['denied', TARGET, ask(() => ({ audience: 'urn:unpermitted' }))],
  ['forbidden', TARGET, ask(() => ({ audience: 'urn:forbidden' }))],
  ['scope_unknown', SCOPE, ask(() => ({ scope: 'orders:burn' }))],
  ['scope_denied', SCOPE, ask(() => ({ scope: 'orders:write' }))],
  ['details_unknown', DETAILS, ask(() => ({ authorization_details: '[{"type":"nothing-known"}]' }))],
  ['details_denied', DETAILS, ask(() => ({ authorization_details: '[{"type":"batch"}]', audience: 'urn:detailed' }))],
  [
    'delegation_denied',
    REQUEST,
    ask(() => ({
      actor_token: cluster.token({}, { serviceaccount: 'checkout' }),
      actor_token_type: TYPE.jwt,
      ...token({}, { serviceaccount: 'web' }),
    })),
  ],
  [
    'may_act_mismatch',
    REQUEST,
    ask(() => ({ ...asEdge(), ...token({ may_act: { sub: 'x' } }, { serviceaccount: 'web' }) })),
  ],
  ['change_denied', REQUEST, ask(() => ({ audience: 'urn:renamed' }))],
  ['binding_required', REQUEST, ask(() => ({ audience: 'urn:bound' }))],
  ['authentication_insufficient', REQUEST, ask(() => ({ audience: 'urn:guarded' }))],
  ['no_lifetime_left', REQUEST, ask(() => token({ exp: clock.seconds() - 5 }))],
  ['token_unfit', REQUEST, ask(() => ({ audience: 'urn:domain' }))],
]

/** Reasons that no request alone can give: the server's own state, or a word that is kept for later. */
const NOT_BY_REQUEST: readonly Reason[] = ['overloaded', 'record_unavailable', 'snapshot_unavailable', 'internal']
/** What needs more around it than this file has, and the file that has it. */
const ELSEWHERE: Readonly<Partial<Record<Reason, string>>> = {
  certificate_refused: 'test/attacks/t13-certificates.test.ts',
  revoked: 'test/flows/revocations.test.ts',
  blocked: 'test/flows/blocks.test.ts',
  grant_mismatch: 'test/rfc/identity-chaining/2.4-token.test.ts',
  token_unknown: 'test/flows/own-opaque-token.test.ts',
}

describe('RFC 8693 §2.2.2: errors', () => {
  it('TE-64 tries every reason that a request can give', () => {
    const tried = table.map(([reason]) => reason)
    const elsewhere = Object.keys(ELSEWHERE) as Reason[]
    expect([...tried, ...NOT_BY_REQUEST, ...elsewhere].sort()).toEqual([...reasons].sort())
    for (const reason of elsewhere) expect(readFileSync(ELSEWHERE[reason] ?? '', 'utf8')).toContain(`'${reason}'`)
  })

  it('the documents of this file grant what the cases vary', async () => {
    expect((await server.exchange(of('once'))).status).toBe(200)
    expect((await server.exchange()).status).toBe(200)
    const acting = await server.exchange({ ...asEdge(), ...token({}, { serviceaccount: 'web' }) })
    expect(acting.status).toBe(200)
  })

  it.each(table)('TE-60 TE-64 %s', async (reason, [status, error], request) => {
    const answer = await request()
    expect(status === 503 || answer.status < 500).toBe(true)
    await expectRefusal(server, answer, { status, error, reason })
  })

  it('TE-60 never says invalid_grant of a subject or actor token', async () => {
    for (const bad of [cluster.token({ exp: 1 }), tampered(cluster.token()), 'junk', cluster.token({ aud: 'x' })]) {
      const subject = await server.exchange({ subject_token: bad })
      expectWire(subject, { status: 400, error: 'invalid_request' })
      const actor = await server.exchange({ actor_token: bad, actor_token_type: TYPE.jwt })
      expectWire(actor, { status: 400, error: 'invalid_request' })
      expect(actor.body['error_description']).toMatch(/^The actor token /)
      expect(subject.body['error_description']).toMatch(/^The subject token /)
      clock.advance(1)
    }
  })

  it('TE-62 says invalid_client of the same faults in a client assertion', async () => {
    const faults: readonly [Reason, Form][] = [
      ['expired', asEdge({ exp: clock.seconds() - 60, iat: clock.seconds() - 120 })],
      ['audience_mismatch', asEdge({ aud: 'https://other.example' })],
      ['claim_missing', asEdge({ exp: undefined })],
      ['token_malformed', { ...asEdge(), client_assertion: 'junk' }],
      ['issuer_unknown', asEdge({ iss: 'nobody', sub: 'nobody' })],
    ]
    for (const [reason, form] of faults) {
      const answer = await server.exchange({ ...token({}, { serviceaccount: 'web' }), ...form })
      await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason })
      expect(answer.headers.get('WWW-Authenticate')).toBeNull()
    }
  })

  it('TE-63 T25 tells the administrator what it does not tell the caller', async () => {
    const answer = await server.exchange(token({ iss: 'https://very-particular.example' }))
    expect(JSON.stringify(answer.body)).not.toContain('very-particular')
    expect((await server.record(answer.id))['detail']).toContain('https://very-particular.example')
  })

  it('TE-63 T25 says one sentence for every way in which a token is not trusted, and one for every way in which it does not verify', async () => {
    const sentences = async (...forms: Form[]) => {
      const said = new Set<unknown>()
      for (const form of forms) {
        said.add((await server.exchange(form)).body['error_description'])
        clock.advance(1)
      }
      return said.size
    }
    const untrusted = [
      token({ iss: 'https://nobody.example' }),
      of('off'),
      of('actors-only'),
      of('tenants'),
      token({ aud: 'x' }),
      token({ act: { sub: 'x' } }),
    ]
    expect(await sentences(...untrusted)).toBe(1)
    const unverified = [
      token({}, {}, { kid: 'other' }),
      token({}, {}, { alg: 'PS256' }),
      { subject_token: tampered(cluster.token()) },
    ]
    expect(await sentences(...unverified)).toBe(1)
  })

  it('I8 keeps no token on the record of a refusal', async () => {
    const bad = tampered(cluster.token())
    const answer = await server.exchange({ subject_token: bad, actor_token: bad, actor_token_type: TYPE.jwt })
    const record = JSON.stringify(await server.record(answer.id))
    for (const segment of bad.split('.')) expect(record).not.toContain(segment)
  })
})
