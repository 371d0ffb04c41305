import { describe, expect, it } from 'vitest'
import { baseDocuments, document, type Form, startCambist } from '../harness/cambist.ts'
import { attestation } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'
import { ask, byAttestation, type Headers, TrustDomain, witAndWpt } from '../harness/workload.ts'

const server = await startCambist()
const { clock, cluster, database, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const [attester, holder, registered] = [new SigningKey('ES256'), new SigningKey('ES256'), new SigningKey('ES256')]
const SVID = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'

const [trustedCluster, checkout, orders, reads] = baseDocuments(cluster)
const [svids, wits] = prod.trusted(us)
const documents: Record<string, object> = {
  cluster: trustedCluster ?? {},
  checkout: checkout ?? {},
  orders: orders ?? {},
  reads: reads ?? {},
  svids: svids ?? {},
  wits: wits ?? {},
  svc: document('Client', 'svc', {
    workloads: ['prod', 'prod-wit'].map((issuer) => ({ issuer, ids: [prod.id('svc')] })),
  }),
  fleet: document('Client', 'fleet', {
    authentication: { method: 'spiffe_jwt', issuer: 'prod', spiffeId: prod.id('fleet/*') },
  }),
  registered: document('Client', 'registered', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } },
  }),
  wallet: document('Client', 'wallet', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
  }),
  all: document('Policy', 'all', {
    clients: ['*'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
}
await server.apply(...Object.values(documents))
/** Another node, which hears of changes a moment later. */
const node = await startCambist({ database, clock, env: { CAMBIST_ISSUER: us }, documents: Object.values(documents) })

const disabled = (name: string, is: boolean) => {
  const { spec, ...one } = documents[name] as { spec: object }
  return { ...one, spec: { ...spec, disabled: is } }
}
const INVALID_REQUEST = { status: 400, error: 'invalid_request' }
const INVALID_CLIENT = { status: 401, error: 'invalid_client' }

/** Every way in which somebody or something takes part, with the document that it hangs on. */
const ways: readonly (readonly [string, string, () => Form, (body: string) => Headers, object])[] = [
  ['an issuer, of the subject', 'cluster', () => ({}), () => ({}), { ...INVALID_REQUEST, reason: 'issuer_disabled' }],
  [
    'an issuer, of the actor',
    'svids',
    () => ({ actor_token: prod.svid('svc', us), actor_token_type: TYPE.jwt }),
    () => ({}),
    { ...INVALID_REQUEST, reason: 'issuer_disabled' },
  ],
  [
    'an issuer, of the client',
    'svids',
    () => ({ client_assertion: prod.svid('svc', us), client_assertion_type: SVID }),
    () => ({}),
    { ...INVALID_CLIENT, reason: 'issuer_disabled' },
  ],
  [
    'an issuer, of a registered client',
    'svids',
    () => ({ client_assertion: prod.svid('fleet/1', us), client_assertion_type: SVID }),
    () => ({}),
    { ...INVALID_CLIENT, reason: 'issuer_disabled' },
  ],
  [
    'an issuer, of a client by WIT',
    'wits',
    () => ({}),
    (body) => witAndWpt(server, holder, prod.wit('svc', holder), body),
    { ...INVALID_CLIENT, reason: 'issuer_disabled' },
  ],
  ['a client that is found', 'checkout', () => ({}), () => ({}), { ...INVALID_CLIENT, reason: 'client_disabled' }],
  [
    'a client by its own assertion',
    'registered',
    () => ({
      client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
    }),
    () => ({}),
    { ...INVALID_CLIENT, reason: 'client_disabled' },
  ],
  [
    'a client by JWT-SVID',
    'fleet',
    () => ({ client_assertion: prod.svid('fleet/1', us), client_assertion_type: SVID }),
    () => ({}),
    { ...INVALID_CLIENT, reason: 'client_disabled' },
  ],
  [
    'a client by WIT',
    'svc',
    () => ({}),
    (body) => witAndWpt(server, holder, prod.wit('svc', holder), body),
    { ...INVALID_CLIENT, reason: 'client_disabled' },
  ],
  [
    'a client by attestation',
    'wallet',
    () => ({}),
    () => byAttestation(server, holder, attestation(attester, holder, { client: 'wallet', now: clock.seconds() })),
    { ...INVALID_CLIENT, reason: 'client_disabled' },
  ],
  [
    'a client by its actor token',
    'svc',
    () => ({ actor_token: prod.svid('svc', us), actor_token_type: TYPE.jwt }),
    () => ({}),
    { ...INVALID_CLIENT, reason: 'client_disabled' },
  ],
  ['a target', 'orders', () => ({}), () => ({}), { status: 400, error: 'invalid_target', reason: 'target_closed' }],
]

describe('T22 what is disabled does not work, on any node, from the moment it is acknowledged (I3)', () => {
  it.each(ways)('%s', async (_, name, form, headers, refused) => {
    for (const at of [server, node]) expect((await ask(at, own(form()), headers)).status).toBe(200)
    await server.apply(disabled(name, true))
    for (const at of [node, server]) {
      const answer = await ask(at, own(form()), headers)
      await expectRefusal(server, answer, refused as Parameters<typeof expectRefusal>[2])
    }
    await node.apply(disabled(name, false))
    for (const at of [server, node]) expect((await ask(at, own(form()), headers)).status).toBe(200)
  })

  it('a client that is deleted, an issuer whose key was taken away', async () => {
    const assertion = () => ({
      client_assertion: clientAssertion('registered', registered, us, clock.seconds()),
      client_assertion_type: TYPE.clientAssertion,
    })
    const another = new SigningKey('ES256')
    await server.apply(
      document('Client', 'registered', {
        authentication: { method: 'private_key_jwt', jwks: { keys: [another.jwk] } },
      }),
    )
    const answer = await ask(node, own(assertion()))
    await expectRefusal(server, answer, { ...INVALID_CLIENT, reason: 'key_unknown' })
    await server.apply(documents['registered'] ?? {})
    expect((await ask(node, own(assertion()))).status).toBe(200)
  })

  it('a disabled client is not another one that matches as well: it denies (interfaces.md, "Client")', async () => {
    await server.apply(
      document('Client', 'also-checkout', {
        disabled: true,
        workloads: [{ issuer: 'cluster', match: { serviceaccount: ['checkout'] } }],
      }),
    )
    await expectRefusal(server, await server.exchange(), { ...INVALID_CLIENT, reason: 'client_disabled' })
    const named = await server.exchange({ client_id: 'checkout' })
    await expectRefusal(server, named, { ...INVALID_CLIENT, reason: 'client_disabled' })
    await server.apply(
      document('Client', 'also-checkout', { workloads: [{ issuer: 'cluster', match: { serviceaccount: ['none'] } }] }),
    )
  })

  it('a registered client that is disabled is not the client whose workload it is as well', async () => {
    const svid = () => ({ client_assertion: prod.svid('fleet/1', us), client_assertion_type: SVID })
    const also = (is: boolean) =>
      document('Client', 'also-fleet', { disabled: is, workloads: [{ issuer: 'prod', ids: [prod.id('fleet/1')] }] })
    await server.apply(disabled('fleet', true), also(false))
    await expectRefusal(server, await server.exchange(svid()), { ...INVALID_CLIENT, reason: 'client_disabled' })
    await server.apply(disabled('fleet', false), also(true))
    await expectRefusal(server, await server.exchange(svid()), { ...INVALID_CLIENT, reason: 'client_disabled' })
    await server.apply(document('Client', 'also-fleet', { workloads: [{ issuer: 'prod', ids: [prod.id('nobody')] }] }))
    expect((await server.exchange(svid())).status).toBe(200)
  })

  it('a token of ours helps nobody who is disabled', async () => {
    const token = String((await server.exchange()).body['access_token'])
    const again = () => ({
      subject_token: token,
      subject_token_type: TYPE.accessToken,
      client_assertion: cluster.token(),
      client_assertion_type: TYPE.clientAssertion,
    })
    expect((await server.exchange(again())).status).toBe(200)
    for (const [name, refused] of [
      ['checkout', { ...INVALID_CLIENT, reason: 'client_disabled' }],
      ['cluster', { ...INVALID_CLIENT, reason: 'issuer_disabled' }],
      ['orders', { status: 400, error: 'invalid_target', reason: 'target_closed' }],
    ] as const) {
      await server.apply(disabled(name, true))
      await expectRefusal(server, await node.exchange(again()), refused)
      await server.apply(disabled(name, false))
    }
  })

  const own = (form: Form): Form => ({ subject_token: cluster.token(), ...form })
})
