import { describe, expect, it } from 'vitest'
import { type Answer, document, type Form, startCambist } from '../../harness/cambist.ts'
import { BEHIND_PROXY, svidOf } from '../../harness/certificates.ts'
import { written } from '../../harness/client-chain.ts'
import { createRoot } from '../../harness/pki.ts'
import { attestation } from '../../harness/proofs.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../../harness/tokens.ts'
import { ask, byAttestation, type Headers, TrustDomain, witAndWpt } from '../../harness/workload.ts'

/** RFC 6749 §4.4: a client asks for itself, in every way in which a client can prove who it is. */
const server = await startCambist({ env: BEHIND_PROXY })
const { clock, cluster, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const [key, attester, holder] = [new SigningKey('ES256'), new SigningKey('ES256'), new SigningKey('ES256')] as const
const root = await createRoot()
const corporate = await createRoot({ subject: 'CN=Corporate' })
const own = await createRoot({ subject: 'CN=self', keyUsage: ['digitalSignature', 'keyCertSign'] })
const grants = ['client-credentials']
const registered = (name: string, authentication: object) => document('Client', name, { authentication, grants })
const selected = (name: string, ...workloads: object[]) => document('Client', name, { workloads, grants })
await server.apply(
  ...prod.trusted(us),
  document('TrustedIssuer', 'certificates', {
    ...{ credential: 'spiffe-x509-svid', trustDomain: 'prod.example', maxLifetime: '5000d', keys: { roots: root.pem } },
  }),
  document('TrustedIssuer', 'corporate', { credential: 'x509', maxLifetime: '5000d', keys: { roots: corporate.pem } }),
  registered('by-key', { method: 'private_key_jwt', jwks: { keys: [key.jwk] } }),
  registered('by-attestation', { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } }),
  registered('by-svid', { method: 'spiffe_jwt', issuer: 'prod', spiffeId: prod.id('job') }),
  registered('by-certificate', { method: 'spiffe_x509', issuer: 'certificates', spiffeId: prod.id('job') }),
  registered('by-name', { method: 'tls_client_auth', issuer: 'corporate', sanDns: 'job.example' }),
  registered('by-itself', {
    method: 'self_signed_tls_client_auth',
    jwks: { keys: [{ kty: 'EC', x5c: [own.der.toString('base64')] }] },
  }),
  selected('checkout', { issuer: 'cluster', match: { serviceaccount: ['checkout'] } }),
  selected('by-wit', { issuer: 'prod-wit', ids: [prod.id('job')] }),
  document('Policy', 'for-themselves', {
    clients: ['*'],
    grants: ['client-credentials'],
    targets: ['orders'],
    scopes: ['orders:read'],
    // A key that only authenticates the client binds nothing.
    changes: ['format', 'scope', 'authority', 'unbind'],
  }),
  document('Policy', 'checkout-reads-orders', { clients: ['checkout'], targets: ['orders'], disabled: true }),
)

const asserted = (assertion: string, type = 'jwt-bearer'): Form => ({
  client_assertion: assertion,
  client_assertion_type: `urn:ietf:params:oauth:client-assertion-type:${type}`,
})
const byKey = (changes = {}) => asserted(clientAssertion('by-key', key, us, clock.seconds(), changes))

/** With nothing but what authenticates the client, and for whom the token is to be. */
const itself = (form: Form, headers: (body: string) => Headers = () => ({})): Promise<Answer> =>
  ask(
    server,
    { grant_type: 'client_credentials', subject_token: undefined, subject_token_type: undefined, ...form },
    headers,
  )

const X509 = await svidOf(root, clock.seconds(), prod.id('job'))
const NAMED = await corporate.leaf({ subject: 'CN=job', dns: ['job.example'] })
type Way = readonly [method: string, client: string, ask: () => Promise<Answer>, sub: string]
const WAYS: readonly Way[] = [
  ['private_key_jwt', 'by-key', () => itself(byKey()), 'wimse://127.0.0.1/clients/by-key'],
  [
    'client_assertion',
    'checkout',
    () => itself(asserted(cluster.token())),
    'wimse://127.0.0.1/cluster/system%3Aserviceaccount%3Ashop%3Acheckout',
  ],
  ['spiffe_jwt', 'by-svid', () => itself(asserted(prod.svid('job', us), 'jwt-spiffe')), prod.id('job')],
  [
    'workload_identity_token',
    'by-wit',
    () => itself({}, (body) => witAndWpt(server, holder, prod.wit('job', holder), body)),
    prod.id('job'),
  ],
  [
    'attest_jwt_client_auth',
    'by-attestation',
    () =>
      itself({}, () =>
        byAttestation(
          server,
          holder,
          attestation(attester, holder, { client: 'by-attestation', now: clock.seconds() }),
        ),
      ),
    'wimse://127.0.0.1/clients/by-attestation',
  ],
  [
    'spiffe_x509',
    'by-certificate',
    () => itself({ client_id: 'by-certificate' }, () => written.rfc9440(X509.chain())),
    prod.id('job'),
  ],
  [
    'tls_client_auth',
    'by-name',
    () => itself({ client_id: 'by-name' }, () => written.rfc9440(NAMED.chain())),
    'wimse://127.0.0.1/corporate/job',
  ],
  [
    'self_signed_tls_client_auth',
    'by-itself',
    () => itself({ client_id: 'by-itself' }, () => written.rfc9440([own.der])),
    'wimse://127.0.0.1/clients/by-itself',
  ],
]

describe('RFC 6749 §4.4: client credentials', () => {
  it.each(WAYS)('AT-03, BC-07: by %s, client %s is the subject, and nobody acts', async (method, client, asks, sub) => {
    const answer = await asks()
    expect(answer, JSON.stringify(await server.record(answer.id))).toMatchObject({ status: 200 })
    expect(answer.body).not.toHaveProperty('issued_token_type')
    expect(answer.body).not.toHaveProperty('refresh_token')
    const { claims } = decode(String(answer.body['access_token']))
    expect(claims).toMatchObject({ client_id: client, sub, scope: 'orders:read', cambist_path: [client] })
    expect(claims).not.toHaveProperty('act')
    expect(await server.record(answer.id)).toMatchObject({
      grant: 'client-credentials',
      authentication: method,
      subject: { id: sub },
      rules: ['for-themselves'],
    })
  })

  it('has a way for every method that metadata lists', async () => {
    const metadata = await (await server.get('/.well-known/oauth-authorization-server')).json()
    const listed = (metadata as { token_endpoint_auth_methods_supported: string[] })
      .token_endpoint_auth_methods_supported
    const tried = WAYS.map(([method]) => method)
    // A workload identity token that is registered is the same token; DPoP in place of the attestation's own proof is tested with that; none is nobody.
    const elsewhere = ['spiffe_wit', 'attest_jwt_client_auth_dpop', 'none']
    expect([...listed].sort()).toEqual(
      [...new Set([...tried.filter((one) => listed.includes(one)), ...elsewhere])].sort(),
    )
  })

  it('P-11: lives as long as policy says, and not as short as the assertion that proves who asks', async () => {
    const answer = await itself(byKey({ exp: clock.seconds() + 20 }))
    expect(answer.body['expires_in']).toBe(300)
    const platform = await itself(asserted(cluster.token({ exp: clock.seconds() + 20 })))
    expect(platform.body['expires_in']).toBe(20)
  })

  it('RP-01: the assertion is used once all the same', async () => {
    const form = byKey()
    expect((await itself(form)).status).toBe(200)
    await expectRefusal(server, await itself(form), { status: 401, error: 'invalid_client', reason: 'replayed' })
  })

  it('UC-74: a job that a rule lets ask at its hours has a token then, for its scope, and none at any other', async () => {
    await server.apply(
      document('Target', 'reports', { audience: 'urn:reports', scopes: ['reports:write', 'reports:delete'] }),
      document('Policy', 'reports-by-night', {
        ...{ clients: ['by-key'], grants: ['client-credentials'], targets: ['reports'], scopes: ['reports:write'] },
        // from two to four in the morning, UTC
        condition: 'int(request.time) % 86400 >= 7200 && int(request.time) % 86400 < 14400',
      }),
    )
    const asked = (scope = 'reports:write') => itself({ ...byKey(), audience: 'urn:reports', scope })
    const toHour = (hour: number) => clock.advance((hour * 3600 - (clock.seconds() % 86_400) + 86_400) % 86_400)
    toHour(1)
    await expectRefusal(server, await asked(), { error: 'invalid_target', reason: 'denied' })
    toHour(3)
    expect((await asked()).body).toMatchObject({ scope: 'reports:write' })
    await expectRefusal(server, await asked('reports:delete'), { error: 'invalid_scope', reason: 'scope_denied' })
    toHour(4)
    await expectRefusal(server, await asked(), { error: 'invalid_target', reason: 'denied' })
  })

  it('RI-04: names its target by resource or audience, and gets no other', async () => {
    const form = { ...byKey(), audience: undefined, resource: 'https://orders.example/api' }
    expect((await itself(form)).status).toBe(200)
    const unknown = await itself({ ...byKey(), audience: 'urn:nobody' })
    await expectRefusal(server, unknown, { error: 'invalid_target', reason: 'target_unknown' })
  })

  it.each(['subject_token', 'actor_token', 'assertion', 'requested_token_type'])(
    'T24: refuses %s, which would make it another grant',
    async (name) => {
      const answer = await itself({ ...byKey(), [name]: TYPE.jwt })
      await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_unexpected' })
    },
  )

  it('BC-10: is nobody’s without authentication, whatever client_id says', async () => {
    for (const form of [{}, { client_id: 'by-key' }])
      await expectRefusal(server, await itself(form), {
        status: 401,
        error: 'invalid_client',
        reason: 'client_required',
      })
  })

  it('is no exchange: a rule about the grant permits none', async () => {
    await server.apply(document('Client', 'checkout', { workloads: [{ issuer: 'cluster', ids: ['x'] }] }))
    const answer = await server.exchange({ subject_token: cluster.token({ sub: 'x' }) })
    await expectRefusal(server, answer, { error: 'invalid_target', reason: 'denied' })
  })
})
