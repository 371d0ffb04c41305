import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import {
  type Claims,
  Cluster,
  clientAssertion,
  decode,
  hmacToken,
  SigningKey,
  segment,
  TYPE,
} from '../../harness/tokens.ts'
import { TrustDomain } from '../../harness/workload.ts'

/** RFC 7521 §4.1 and RFC 7523 §3: JWTs as authorization grants, of platforms and of trust domains. */
const server = await startCambist()
const { clock, cluster, issuer: us } = server
const GRANTS = ['token-exchange', 'jwt-bearer', 'client-credentials']
const gateway = new SigningKey('ES256')
const prod = new TrustDomain(clock.seconds)
const issuer = (name: string) =>
  new Cluster({ issuer: `https://${name}.test.example`, audience: us, key: cluster.key, now: clock.seconds })
const trusted = (name: string, spec: object = {}) =>
  document('TrustedIssuer', name, {
    preset: 'kubernetes',
    issuer: issuer(name).issuer,
    audiences: [us],
    keys: { jwks: cluster.jwks },
    ...spec,
  })
const selected = (name: string, from: string) =>
  document('Client', name, {
    workloads: [{ issuer: from, match: { namespace: ['shop'], serviceaccount: ['checkout'] } }],
    grants: GRANTS,
  })
await server.apply(
  ...prod.trusted(us),
  trusted('once', { singleUse: true, maxLifetime: '10m' }),
  trusted('endpoint', { audiences: [us, `${us}/token`] }),
  trusted('several', { multipleAudiences: true }),
  trusted('typed', { typ: ['JWT', 'at+jwt'] }),
  trusted('not-as-grant', { uses: ['subject', 'client'] }),
  ...['once', 'endpoint', 'several', 'typed', 'not-as-grant'].map((name) => selected(`of-${name}`, name)),
  selected('checkout', 'cluster'),
  document('Client', 'svc', { workloads: [{ issuer: 'prod', ids: [prod.id('svc')] }], grants: GRANTS }),
  document('Client', 'gateway', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } },
    grants: GRANTS,
  }),
  document('Policy', 'everybody-reads', {
    clients: ['*'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

const grant = (assertion: string | undefined, form: Form = {}) =>
  server.token({ grant_type: TYPE.jwtBearer, assertion, audience: 'https://orders.example', ...form })
const asGateway = (): Form => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('gateway', gateway, us, clock.seconds()),
})
const GRANT = { error: 'invalid_grant' } as const

describe('RFC 7521 §4.1: an assertion as the grant', () => {
  it('AF-01, AF-03, JG-01, JG-09: gives what policy grants its subject, in an ordinary answer', async () => {
    const answer = await grant(cluster.token(), { scope: 'orders:read' })
    expect(answer.status).toBe(200)
    expect(Object.keys(answer.body).sort()).toEqual(['access_token', 'expires_in', 'scope', 'token_type'])
    expect(decode(String(answer.body['access_token'])).claims).toMatchObject({ client_id: 'checkout' })
    expect(await server.record(answer.id)).toMatchObject({ grant: 'jwt-bearer', authentication: 'assertion' })
    const wider = await grant(cluster.token(), { scope: 'orders:write' })
    await expectRefusal(server, wider, { error: 'invalid_scope', reason: 'scope_denied' })
  })

  it('JG-01: takes a JWT-SVID, which names no issuer, by the trust domain of its sub', async () => {
    const answer = await grant(prod.svid('svc', us))
    expect(decode(String(answer.body['access_token'])).claims).toMatchObject({ sub: prod.id('svc'), client_id: 'svc' })
  })

  it('AF-03, JG-01: exactly one assertion, in a parameter of its own', async () => {
    await expectRefusal(server, await grant(undefined), { error: 'invalid_request', reason: 'parameter_missing' })
    await expectRefusal(server, await grant(cluster.token(), { assertion: [cluster.token(), cluster.token()] }), {
      error: 'invalid_request',
      reason: 'parameter_repeated',
    })
  })

  it.each(['subject_token', 'actor_token', 'requested_token_type'])(
    'T24: refuses %s beside it, which would be another grant’s',
    async (name) => {
      const answer = await grant(cluster.token(), { [name]: TYPE.jwt })
      await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_unexpected' })
    },
  )

  it('AF-04, BC-02: gives no refresh token, and takes the same assertion again while it is valid', async () => {
    const assertion = cluster.token()
    for (const _ of ['once', 'again']) {
      const answer = await grant(assertion)
      expect(answer.status).toBe(200)
      expect(answer.body).not.toHaveProperty('refresh_token')
    }
  })
})

describe('RFC 7521 §4.1, §4.2: the client that brings it', () => {
  it('AF-05: may authenticate beside it, and then acts for its subject', async () => {
    const answer = await grant(cluster.token(), asGateway())
    expect(decode(String(answer.body['access_token'])).claims).toMatchObject({
      client_id: 'gateway',
      sub: expect.stringContaining('checkout'),
      act: { sub: expect.stringMatching(/clients\/gateway$/) },
    })
    const bad = await grant(cluster.token(), { ...asGateway(), client_assertion: cluster.token({ aud: 'x' }) })
    await expectRefusal(server, bad, { status: 401, error: 'invalid_client', reason: 'audience_mismatch' })
  })

  it('AF-06: is the one that client_id names, or nobody', async () => {
    expect((await grant(cluster.token(), { client_id: 'checkout' })).status).toBe(200)
    const other = await grant(cluster.token(), { client_id: 'gateway' })
    await expectRefusal(server, other, { status: 401, error: 'invalid_client', reason: 'client_mismatch' })
  })

  it('T18: is not found from an assertion that was made for others too', async () => {
    const { issuer: iss } = issuer('several')
    const assertion = cluster.token({ iss, aud: [us, 'https://elsewhere.example'] })
    const alone = await grant(assertion)
    await expectRefusal(server, alone, { status: 401, error: 'invalid_client', reason: 'client_required' })
    expect((await grant(assertion, asGateway())).status).toBe(200)
  })

  it('TE-62: uses a grant that its document lists, whoever it is', async () => {
    await server.apply(document('Client', 'checkout', { workloads: [{ issuer: 'cluster', ids: ['x'] }] }))
    const answer = await grant(cluster.token({ sub: 'x' }))
    await expectRefusal(server, answer, { error: 'unauthorized_client', reason: 'grant_not_allowed' })
    await server.apply(selected('checkout', 'cluster'))
  })
})

describe('RFC 7523 §3: what the JWT must say', () => {
  const now = () => clock.seconds()
  it.each<[string, () => Claims, string]>([
    ['JG-02: no iss', () => ({ iss: undefined }), 'claim_missing'],
    ['JG-02: an iss that is a little different', () => ({ iss: `${cluster.issuer}/` }), 'issuer_unknown'],
    ['JG-02: an iss in other letters', () => ({ iss: cluster.issuer.toUpperCase() }), 'issuer_unknown'],
    ['JG-03: no sub', () => ({ sub: undefined }), 'subject_unmapped'],
    ['JG-03: an empty sub', () => ({ sub: '' }), 'subject_unmapped'],
    ['JG-04, AF-02: no aud', () => ({ aud: undefined }), 'claim_missing'],
    ['JG-04, AF-02: another aud', () => ({ aud: 'https://elsewhere.example' }), 'audience_mismatch'],
    ['JG-04: our URL in another spelling', () => ({ aud: `${us}/` }), 'audience_mismatch'],
    [
      'JG-04: the token endpoint, where its issuer does not say so',
      () => ({ aud: `${us}/token` }),
      'audience_mismatch',
    ],
    ['JG-04, BG-04: us and another', () => ({ aud: [us, 'https://elsewhere.example'] }), 'audience_several'],
    ['JG-05: no exp', () => ({ exp: undefined }), 'claim_missing'],
    ['JG-05, AF-02: an exp that is over', () => ({ exp: now() - 31 }), 'expired'],
    ['JG-05, RP-03: an exp beyond what its issuer may have', () => ({ exp: now() + 86_500 }), 'too_long_lived'],
    ['JG-06: an nbf to come', () => ({ nbf: now() + 61 }), 'not_yet_valid'],
    ['JG-06: an iat too long ago', () => ({ iat: now() - 86_500 }), 'too_old'],
  ])('%s', async (_, claims, reason) => {
    const answer = await grant(cluster.token(claims()))
    const record = await server.record(answer.id)
    expect(record['reason'], String(record['detail'])).toBe(reason)
    await expectRefusal(server, answer, { ...GRANT, reason: record['reason'] as 'expired' })
  })

  it('JG-04: may name the token endpoint where the document of its issuer lists it', async () => {
    const { issuer: iss } = issuer('endpoint')
    for (const aud of [us, `${us}/token`, [`${us}/token`]])
      expect((await grant(cluster.token({ iss, aud }))).status).toBe(200)
  })

  it('JG-07, AF-02: signed by its issuer, by nobody else, and not by a secret', async () => {
    const claims = cluster.claims()
    const [header, , signature] = cluster.token().split('.')
    const pem = String(cluster.key.publicKey.export({ type: 'spki', format: 'pem' }))
    for (const [token, reason] of [
      [new SigningKey('RS256', cluster.key.kid).sign(claims), 'signature_invalid'],
      [`${header}.${segment({ ...claims, sub: 'x' })}.${signature}`, 'signature_invalid'],
      [`${segment({ alg: 'none' })}.${segment(claims)}.`, 'token_malformed'],
      [`${segment({ alg: 'none' })}.${segment(claims)}.AA`, 'algorithm_refused'],
      [hmacToken({ alg: 'HS256', kid: cluster.key.kid }, claims, pem), 'algorithm_refused'],
    ] as const)
      await expectRefusal(server, await grant(token), { ...GRANT, reason })
  })

  it.each([
    'at+jwt',
    'application/at+jwt',
    'txntoken+jwt',
    'client-authentication+jwt',
    'dpop+jwt',
    'wit+jwt',
    'logout+jwt',
    'token-introspection+jwt',
    'secevent+jwt',
    'nonsense',
  ])('JG-10, JB-08: is not of type %s', async (typ) => {
    await expectRefusal(server, await grant(cluster.token({}, {}, { typ })), {
      ...GRANT,
      reason: 'token_type_mismatch',
    })
  })

  it('JG-10: may be of no type, of type JWT, and of one that the document of its issuer lists', async () => {
    for (const typ of [undefined, 'JWT', 'application/jwt'])
      expect((await grant(cluster.token({}, {}, { typ }))).status).toBe(200)
    const { issuer: iss } = issuer('typed')
    expect((await grant(cluster.token({ iss }, {}, { typ: 'at+jwt' }))).status).toBe(200)
  })

  it.each(['dpop+jwt', 'client-authentication+jwt', 'txntoken+jwt', 'logout+jwt', 'token-introspection+jwt'])(
    'JG-10: no document makes %s a platform’s token',
    async (typ) => {
      await expect(server.apply(trusted('typed', { typ: [typ] }))).rejects.toThrow(/spec\.typ/)
    },
  )

  it('JG-10, KX-01: is no token of ours, whoever brings it', async () => {
    const ours = String((await grant(cluster.token())).body['access_token'])
    await expectRefusal(server, await grant(ours, asGateway()), { ...GRANT, reason: 'issuer_unknown' })
  })

  it('is of an issuer whose credentials may stand there', async () => {
    const { issuer: iss } = issuer('not-as-grant')
    await expectRefusal(server, await grant(cluster.token({ iss })), { ...GRANT, reason: 'position_refused' })
  })

  it('JG-11, RI-01: names its target as an exchange does', async () => {
    const byResource = await grant(cluster.token(), { audience: undefined, resource: 'https://orders.example/api' })
    expect(decode(String(byResource.body['access_token'])).claims['aud']).toBe('https://orders.example')
    for (const form of [{ audience: 'urn:nobody' }, { resource: 'https://orders.example/api#x' }]) {
      const answer = await grant(cluster.token(), form)
      await expectRefusal(server, answer, { error: 'invalid_target', reason: 'target_unknown' })
    }
  })

  it('I4: the token does not outlive it', async () => {
    expect((await grant(cluster.token({ exp: now() + 40 }))).body['expires_in']).toBe(40)
  })
})

describe('RFC 7523 §3 item 7: how often', () => {
  const { issuer: iss } = issuer('once')
  const single = (claims: Claims = {}) => cluster.token({ iss, exp: clock.seconds() + 300, ...claims })

  it('RP-01, RP-05: once, where the document of its issuer says so; of twenty at once, one', async () => {
    const assertion = single()
    const answers = await Promise.all(Array.from({ length: 20 }, () => grant(assertion)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const answer of answers.filter(({ status }) => status !== 200))
      await expectRefusal(server, answer, { ...GRANT, reason: 'replayed' })
  })

  it('RP-01, T10: a use as the grant is a use in every place', async () => {
    const assertion = single()
    expect((await grant(assertion)).status).toBe(200)
    const answer = await server.exchange({ subject_token: assertion })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'replayed' })
  })

  it('RP-04: a client assertion with the same jti does not use it up', async () => {
    const jti = randomUUID()
    const credential = clientAssertion('gateway', gateway, us, clock.seconds(), { jti })
    const form = { client_assertion: credential, client_assertion_type: TYPE.clientAssertion }
    expect((await grant(single({ jti }), form)).status).toBe(200)
  })

  it('RP-03: for no longer than the document of its issuer says', async () => {
    const answer = await grant(single({ exp: clock.seconds() + 660 }))
    await expectRefusal(server, answer, { ...GRANT, reason: 'too_long_lived' })
  })
})
