/** IN-02, RV-01: whoever asks about a token is identified as at the token endpoint, by all that is taken there, made for the place where he asks. */
import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { written } from '../../harness/client-chain.ts'
import { inquire, Services, tokenFor } from '../../harness/inquiries.ts'
import { createRoot } from '../../harness/pki.ts'
import { attestation, dpop, httpSignature, wpt } from '../../harness/proofs.ts'
import { expectWire } from '../../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../../harness/tokens.ts'
import { byAttestation, type Headers, TrustDomain } from '../../harness/workload.ts'

const server = await startCambist({
  env: { CAMBIST_TRUSTED_PROXIES: '127.0.0.1', CAMBIST_CLIENT_CERT_HEADER: 'rfc9440' },
})
const { clock, issuer, cluster } = server
const services = new Services(server)
const prod = new TrustDomain(clock.seconds)
const holder = new SigningKey('ES256')
const attester = new SigningKey('ES256')
const spire = await createRoot({ subject: 'CN=SPIRE', uris: [`spiffe://${prod.name}`] })
const svid = await (await spire.intermediate({ subject: 'CN=SPIRE server' })).leaf({ uris: [prod.id('svc')] })
const bundle = {
  keys: [
    ...prod.bundle.keys,
    { ...spire.publicKey.export({ format: 'jwk' }), use: 'x509-svid', x5c: [spire.der.toString('base64')] },
  ],
}
const audiences = ['https://orders.example']
await server.apply(
  ...services.documents(),
  ...prod.trusted(issuer),
  document('TrustedIssuer', 'prod-x509', {
    ...{ credential: 'spiffe-x509-svid', trustDomain: prod.name, keys: { bundle: { inline: bundle } } },
    maxLifetime: '87600h',
  }),
  document('Client', 'pods', { workloads: [{ issuer: 'cluster', match: { serviceaccount: ['orders'] } }], audiences }),
  document('Client', 'svc', {
    workloads: ['prod', 'prod-wit', 'prod-x509'].map((name) => ({ issuer: name, ids: [prod.id('svc')] })),
    audiences,
  }),
  document('Client', 'wallet', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
    audiences,
  }),
)

type Way = (path: string, body: string) => { form?: Record<string, string>; headers?: Headers }

const attest = () => attestation(attester, holder, { client: 'wallet', now: clock.seconds() })
const WAYS: readonly (readonly [string, Way])[] = [
  [
    'an assertion of a registered client',
    () => ({
      form: {
        client_assertion: clientAssertion('orders-api', services.keys['orders-api'], issuer, clock.seconds()),
        client_assertion_type: TYPE.clientAssertion,
      },
    }),
  ],
  [
    'the token of a pod',
    () => ({
      form: {
        client_assertion: cluster.token({}, { serviceaccount: 'orders' }),
        client_assertion_type: TYPE.clientAssertion,
      },
    }),
  ],
  [
    'a JWT-SVID',
    () => ({
      form: {
        client_assertion: prod.svid('svc', issuer),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe',
      },
    }),
  ],
  ['an X.509-SVID by a proxy', () => ({ headers: written.rfc9440(svid.chain()) })],
  [
    'a workload identity token with a WPT',
    (path, body) => {
      const token = prod.wit('svc', holder)
      const proof = wpt(holder, { token, audience: `${issuer}${path}`, body, now: clock.seconds() })
      return { headers: { 'Workload-Identity-Token': token, Authorization: `WPT ${proof}` } }
    },
  ],
  ['an attestation with its proof', () => ({ headers: byAttestation(server, holder, attest()) })],
  [
    'an attestation with a DPoP proof',
    (path) => ({
      headers: {
        'OAuth-Client-Attestation': attest(),
        DPoP: dpop(holder, { url: `${issuer}${path}`, now: clock.seconds() }),
      },
    }),
  ],
]

const issued = () => tokenFor(server, services.as('web'))

function send(way: Way, token: string, path: string, madeFor = path) {
  // A proof may cover the body, which then is the token alone.
  const { form = {}, headers = {} } = way(madeFor, new URLSearchParams({ token }).toString())
  return inquire(server, path, { token, ...form }, headers)
}

describe.each(WAYS)('by %s', (_, way) => {
  it('IN-02: a client that the token is for is told what it says', async () => {
    expect((await send(way, await issued(), '/introspect')).body).toMatchObject({ active: true, client_id: 'web' })
  })

  it('RV-01: a client is taken for itself, and takes nothing back that is another’s', async () => {
    const token = await issued()
    expect((await send(way, token, '/revoke')).status).toBe(200)
    expect((await send(way, token, '/introspect')).body['active']).toBe(true)
  })
})

describe('proofs that are made for another place', () => {
  it.each(WAYS.filter(([name]) => /WPT|DPoP/.test(name)))('IN-02, T23: %s', async (_, way) => {
    const token = await issued()
    for (const [path, madeFor] of [
      ['/introspect', '/token'],
      ['/introspect', '/revoke'],
      ['/revoke', '/introspect'],
    ] as const) {
      const answer = await send(way, token, path, madeFor)
      expect([400, 401]).toContain(answer.status)
      expect(answer.text).not.toContain('active')
    }
  })

  it('W-61: a signed request is as it was signed, or refused', async () => {
    const token = await issued()
    const credential = prod.wit('svc', holder)
    const body = new URLSearchParams({ token }).toString()
    const { 'content-type': type = '', ...signed } = httpSignature(
      holder,
      {
        method: 'POST',
        url: `${issuer}/introspect`,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Workload-Identity-Token': credential },
        body,
      },
      { audience: `${issuer}/introspect`, now: clock.seconds() },
    ).headers
    const headers = { ...signed, 'Content-Type': type }
    expect((await inquire(server, '/revoke', { token }, headers)).status).toBe(401)
    expect((await inquire(server, '/introspect', { token: `${token}x` }, headers)).status).toBe(401)
    expect((await inquire(server, '/introspect', { token }, headers)).body['active']).toBe(true)
  })
})

describe('the audience of an assertion', () => {
  it.each(['/introspect', '/revoke'])('JC-07: is our issuer alone at %s, and not its URL', async (path) => {
    const token = await issued()
    const asked = (aud: unknown) =>
      inquire(server, path, {
        token,
        client_assertion: clientAssertion('orders-api', services.keys['orders-api'], aud, clock.seconds()),
        client_assertion_type: TYPE.clientAssertion,
      })
    for (const aud of [`${issuer}${path}`, `${issuer}/token`, `${issuer}/`, [issuer, `${issuer}${path}`]]) {
      expectWire(await asked(aud), { status: 401, error: 'invalid_client' })
      clock.advance(1)
    }
    for (const aud of [issuer, [issuer]]) expect((await asked(aud)).status).toBe(200)
  })
})

describe('more than one way at once, or none', () => {
  it('AF-07: is refused', async () => {
    const assertion = services.as('orders-api')
    const headers = { 'OAuth-Client-Attestation': attest() }
    const both = await inquire(server, '/introspect', { token: 'x', ...assertion }, headers)
    expectWire(both, { status: 400, error: 'invalid_request' })
    const secret = await inquire(server, '/introspect', { token: 'x', client_id: 'web', client_secret: 'guess' })
    expectWire(secret, { status: 400, error: 'invalid_request' })
    // A subject token that proves who brings it is no client authentication here.
    const token = await issued()
    const pod = { subject_token: cluster.token({}, { serviceaccount: 'orders' }), subject_token_type: TYPE.jwt }
    expectWire(await inquire(server, '/introspect', { token, ...pod }), { status: 400, error: 'invalid_request' })
  })
})
