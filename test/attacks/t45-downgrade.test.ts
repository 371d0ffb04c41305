import { beforeAll, describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../harness/cambist.ts'
import { attestation } from '../harness/proofs.ts'
import { expectRefusal, refusal } from '../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'
import { ask, byAttestation, byDpop, type Headers, TrustDomain, witAndWpt } from '../harness/workload.ts'

const server = await startCambist()
const { clock, issuer: us } = server
const registered = new SigningKey('ES256')
await server.apply(
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
  document('Target', 'bound', {
    audience: 'https://bound.example',
    scopes: ['x'],
    tokens: [{ kind: 'access-token', binding: 'any' }],
  }),
  document('Target', 'careful', { audience: 'https://careful.example', scopes: ['x'] }),
  document('Policy', 'bound', { clients: ['checkout'], targets: ['bound'], scopes: ['x'] }),
  document('Policy', 'demanding', {
    clients: ['checkout', 'registered'],
    targets: ['careful'],
    scopes: ['x'],
    authentication: ['private_key_jwt'],
    delegation: { mode: 'delegate' },
  }),
)

it('T45 issues no bearer token where the target demands one that is bound', async () => {
  await refusal(server, { audience: 'https://bound.example' }, 'binding_required')
})

it('T45 takes no certificate and no proof from a header that nobody vouches for', async () => {
  const sent = async (header: string) => {
    const { id } = await server.exchange(
      { audience: 'https://bound.example' },
      { [header]: 'Hash=aa;URI=spiffe://x/y' },
    )
    return (await server.record(id))['reason']
  }
  // What may be meant as a certificate is refused (HC-05, T14); what nobody knows is nothing.
  for (const header of ['X-Forwarded-Client-Cert', 'Client-Cert', 'X-SSL-Client-Cert', 'ssl-client-cert'])
    expect(await sent(header)).toBe('certificate_header')
  for (const header of ['X-Client-Verify', 'X-Client-Dn']) expect(await sent(header)).toBe('binding_required')
})

it('T45 looks at how the client was found, and not at what it might have shown', async () => {
  await refusal(server, { audience: 'https://careful.example' }, 'authentication_insufficient')
  const assertion = {
    client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
    client_assertion_type: TYPE.clientAssertion,
  }
  expect((await server.exchange({ audience: 'https://careful.example', ...assertion })).status).toBe(200)
  const forged = {
    client_assertion: clientAssertion('registered', new SigningKey('ES256', registered.kid), us, clock.seconds()),
    client_assertion_type: TYPE.clientAssertion,
  }
  await refusal(server, { audience: 'https://careful.example', ...forged }, 'signature_invalid', 'client')
})

it('T45 does not fall back to the subject token where the client assertion is refused', async () => {
  const forged = { client_assertion: 'x.y.z', client_assertion_type: TYPE.clientAssertion }
  expect((await server.exchange()).status).toBe(200)
  await refusal(server, forged, 'token_malformed', 'client')
  await refusal(server, { actor_token: 'x.y.z', actor_token_type: TYPE.jwt }, 'token_malformed', 'actor')
})

describe('T45 a rule that demands a way of client authentication is met by that way alone', () => {
  const prod = new TrustDomain(clock.seconds)
  const [attester, holder] = [new SigningKey('ES256'), new SigningKey('ES256')]
  const SVID = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'
  const methods = [
    ...['private_key_jwt', 'client_assertion', 'spiffe_jwt', 'spiffe_wit', 'workload_identity_token'],
    ...['attest_jwt_client_auth', 'attest_jwt_client_auth_dpop', 'subject_token', 'actor_token'],
  ]

  beforeAll(async () => {
    await server.apply(
      ...prod.trusted(us),
      document('Client', 'svc', {
        workloads: ['prod', 'prod-wit'].map((issuer) => ({ issuer, ids: [prod.id('svc')] })),
      }),
      document('Client', 'by-svid', {
        authentication: { method: 'spiffe_jwt', issuer: 'prod', spiffeId: prod.id('svid/*') },
      }),
      document('Client', 'by-wit', {
        authentication: { method: 'spiffe_wit', issuer: 'prod-wit', spiffeId: prod.id('wit/*') },
      }),
      document('Client', 'wallet', {
        authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
      }),
      ...methods.flatMap((method) => {
        const name = `only-${method.replaceAll('_', '-')}`
        return [
          document('Target', name, { audience: `urn:${method}`, scopes: ['x'] }),
          document('Policy', name, {
            clients: ['*'],
            targets: [name],
            scopes: ['x'],
            authentication: [method],
            delegation: { mode: 'delegate' },
            changes: ['format', 'scope', 'authority', 'unbind'],
          }),
        ]
      }),
    )
  })

  const attested = () => attestation(attester, holder, { client: 'wallet', now: clock.seconds() })
  /** A good request by each way. */
  const ways: Readonly<Record<string, () => { form: Form; headers?: (body: string) => Headers }>> = {
    private_key_jwt: () => ({
      form: {
        client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
        client_assertion_type: TYPE.clientAssertion,
      },
    }),
    client_assertion: () => ({
      form: { client_assertion: server.cluster.token(), client_assertion_type: TYPE.clientAssertion },
    }),
    spiffe_jwt: () => ({ form: { client_assertion: prod.svid('svc', us), client_assertion_type: SVID } }),
    spiffe_wit: () => ({ form: {}, headers: () => byAttestation(server, holder, prod.wit('svc', holder)) }),
    workload_identity_token: () => ({
      form: {},
      headers: (body) => witAndWpt(server, holder, prod.wit('svc', holder), body),
    }),
    attest_jwt_client_auth: () => ({ form: {}, headers: () => byAttestation(server, holder, attested()) }),
    attest_jwt_client_auth_dpop: () => ({
      form: {},
      headers: () => ({ 'OAuth-Client-Attestation': attested(), ...byDpop(server, holder) }),
    }),
    subject_token: () => ({ form: {} }),
    actor_token: () => ({ form: { actor_token: prod.svid('svc', us), actor_token_type: TYPE.jwt } }),
  }

  it.each(methods)('%s', async (method) => {
    for (const [way, request] of Object.entries(ways)) {
      const { form, headers } = request()
      const answer = await ask(server, { ...form, audience: `urn:${method}`, scope: 'x' }, headers)
      const record = await server.record(answer.id)
      expect(record['authentication']).toBe(way)
      expect([way, record['reason']]).toEqual([way, way === method ? 'granted' : 'authentication_insufficient'])
    }
  })

  const registeredAs = {
    'by-svid': ['spiffe_jwt', 'svid/1'],
    'by-wit': ['spiffe_wit', 'wit/1'],
  } as const

  it.each(Object.entries(registeredAs))(
    'a client that is registered so is reached in no other way: %s',
    async (client, [own, path]) => {
      const wit = () => prod.wit(path, holder)
      const svid = () => prod.svid(path, us)
      const tries: Readonly<Record<string, { form: Form; headers?: (body: string) => Headers }>> = {
        spiffe_jwt: { form: { client_assertion: svid(), client_assertion_type: SVID } },
        spiffe_wit: { form: {}, headers: () => byAttestation(server, holder, wit()) },
        workload_identity_token: { form: {}, headers: (body) => witAndWpt(server, holder, wit(), body) },
        subject_token: { form: { subject_token: svid() } },
        actor_token: { form: { actor_token: svid(), actor_token_type: TYPE.jwt } },
      }
      for (const [way, { form, headers }] of Object.entries(tries)) {
        for (const client_id of [undefined, client, prod.id(path)]) {
          const answer = await ask(server, { ...form, client_id, audience: `urn:${own}`, scope: 'x' }, headers)
          const record = await server.record(answer.id)
          expect([way, record['reason']]).toEqual([way, way === own ? 'granted' : 'client_unknown'])
          clock.advance(1)
        }
      }
    },
  )

  it('nor is one that is registered by a key: not by its name, and not by what has its name', async () => {
    for (const form of [
      { client_id: 'registered' },
      { client_id: 'wallet' },
      {
        client_id: 'registered',
        client_assertion: server.cluster.token(),
        client_assertion_type: TYPE.clientAssertion,
      },
    ])
      await refusal(server, form, 'client_mismatch')
    const assertion = clientAssertion('wallet', attester, us, clock.seconds())
    const form = { client_assertion: assertion, client_assertion_type: TYPE.clientAssertion }
    await refusal(server, form, 'issuer_unknown', 'client')
    const attestedKey = attestation(registered, holder, { client: 'registered', now: clock.seconds() })
    const answer = await ask(server, {}, () => byAttestation(server, holder, attestedKey))
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'issuer_unknown' })
  })
})

describe('T45 a binding that is demanded', () => {
  beforeAll(async () => {
    await server.apply(
      document('Target', 'by-dpop', {
        audience: 'urn:by-dpop',
        scopes: ['x'],
        tokens: [{ kind: 'access-token', binding: 'dpop' }],
      }),
      document('Target', 'by-mtls', {
        audience: 'urn:by-mtls',
        scopes: ['x'],
        tokens: [{ kind: 'access-token', binding: 'mtls' }],
      }),
      document('Target', 'by-rule', { audience: 'urn:by-rule', scopes: ['x'] }),
      document('Policy', 'by-target', { clients: ['checkout'], targets: ['by-dpop', 'by-mtls'], scopes: ['x'] }),
      document('Policy', 'by-rule', { clients: ['checkout'], targets: ['by-rule'], scopes: ['x'], binding: 'dpop' }),
    )
  })

  it('is by the proof that is named, and a token is never without it', async () => {
    const key = new SigningKey('ES256')
    for (const audience of ['urn:by-dpop', 'urn:by-rule', 'https://bound.example']) {
      await refusal(server, { audience, scope: 'x' }, 'binding_required')
      const bound = await ask(server, { audience, scope: 'x' }, () => byDpop(server, key))
      expect(bound.body['token_type']).toBe('DPoP')
      expect(decode(String(bound.body['access_token'])).claims).toHaveProperty('cnf.jkt')
    }
    await refusal(server, { audience: 'urn:by-mtls', scope: 'x' }, 'binding_required')
    const other = await ask(server, { audience: 'urn:by-mtls', scope: 'x' }, () => byDpop(server, key))
    await expectRefusal(server, other, { status: 400, error: 'invalid_request', reason: 'binding_required' })
  })

  it('is there where nobody demands it, too: a proof that came binds', async () => {
    const answer = await ask(server, {}, () => byDpop(server, new SigningKey('ES256')))
    expect(answer.body['token_type']).toBe('DPoP')
  })
})
