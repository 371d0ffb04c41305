import { beforeAll, describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../harness/cambist.ts'
import { formOf, post } from '../harness/post.ts'
import { attestation, attestationPop, dpop, wpt } from '../harness/proofs.ts'
import { refusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'
import { byAttestation, byDpop, byWpt, type Headers, TrustDomain, witAndWpt } from '../harness/workload.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const registered = new SigningKey('ES256')
await server.apply(
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
  document('Policy', 'registered-reads-orders', {
    clients: ['registered'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)
const assertion = (header = {}) => clientAssertion('registered', registered, us, clock.seconds(), {}, header)
const asClient = (token: string, type: string = TYPE.clientAssertion) => ({
  client_assertion: token,
  client_assertion_type: type,
})
const asActor = (token: string, type: string = TYPE.jwt) => ({ actor_token: token, actor_token_type: type })

let ours = ''
beforeAll(async () => {
  ours = String((await server.exchange()).body['access_token'])
})

describe('T9 a token of one kind for another (P-14)', () => {
  it('takes the types that are meant, so that the refusals below mean something', async () => {
    for (const typ of [undefined, 'JWT', 'jwt', 'application/jwt', 'APPLICATION/JWT']) {
      expect((await server.exchange({ subject_token: cluster.token({}, {}, { typ }) })).status).toBe(200)
    }
    expect((await server.exchange(asClient(assertion()))).status).toBe(200)
  })

  it.each([
    'at+jwt',
    'application/at+jwt',
    'AT+JWT',
    'dpop+jwt',
    'wit+jwt',
    'wpt+jwt',
    'secevent+jwt',
    'txntoken+jwt',
    'logout+jwt',
    'client-authentication+jwt',
    'oauth-id-jag+jwt',
    'statuslist+jwt',
    'vc+sd-jwt',
    'token-introspection+jwt',
    'oauth-authz-req+jwt',
    'JOSE',
    'application/json',
    'x/jwt',
    'application/application/jwt',
    'jwt ',
    '',
    '__proto__',
  ])('refuses typ %s of the issuer in each position', async (typ) => {
    const token = cluster.token({}, {}, { typ })
    if (typ === '') {
      // Written out as empty it says as little as when it is absent.
      expect((await server.exchange({ subject_token: token })).status).toBe(200)
      return
    }
    await refusal(server, { subject_token: token }, 'token_type_mismatch')
    await refusal(server, asActor(token), 'token_type_mismatch', 'actor')
    await refusal(server, asClient(token), 'token_type_mismatch', 'client')
  })

  it.each([
    ['a list', ['JWT']],
    ['a number', 1],
    ['null', null],
    ['an object', {}],
  ])('refuses typ that is %s', async (_, typ) => {
    await refusal(server, { subject_token: cluster.token({}, {}, { typ }) }, 'token_malformed')
  })

  it.each(['at+jwt', 'dpop+jwt', 'secevent+jwt', 'logout+jwt', 'txntoken+jwt'])(
    'refuses a client assertion of typ %s',
    async (typ) => {
      await refusal(server, asClient(assertion({ typ })), 'token_type_mismatch', 'client')
    },
  )

  it('refuses an access token of ours wherever a JWT of somebody else belongs', async () => {
    await refusal(server, { subject_token: ours }, 'issuer_unknown')
    await refusal(server, { subject_token: ours, subject_token_type: TYPE.idToken }, 'issuer_unknown')
    await refusal(server, asActor(ours), 'issuer_unknown', 'actor')
    const { answer } = await refusal(server, asClient(ours), 'issuer_unknown', 'client')
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
  })

  it("refuses a client's assertion as subject and as actor", async () => {
    await refusal(server, { subject_token: assertion() }, 'issuer_unknown')
    await refusal(
      server,
      { subject_token: assertion(), subject_token_type: TYPE.clientAssertion },
      'token_type_unsupported',
    )
    await refusal(server, asActor(assertion()), 'issuer_unknown', 'actor')
    await refusal(server, asActor(assertion(), TYPE.clientAssertion), 'token_type_unsupported', 'actor')
  })

  it.each([
    'urn:ietf:params:oauth:token-type:refresh_token',
    'urn:ietf:params:oauth:token-type:saml2',
    'urn:ietf:params:oauth:token-type:JWT',
    'urn:ietf:params:oauth:token-type:jwt:',
    'URN:ietf:params:oauth:token-type:jwt',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'https://evil.example/type',
    TYPE.clientAssertion,
  ])('refuses a good token under the declared type %s', async (type) => {
    await refusal(server, { subject_token_type: type }, 'token_type_unsupported')
    await refusal(server, asActor(cluster.token(), type), 'token_type_unsupported', 'actor')
  })

  it('TX-42 TE-30 takes nobody’s token but ours for a transaction token, and none for an actor', async () => {
    await refusal(server, { subject_token_type: TYPE.transactionToken }, 'issuer_unknown')
    await refusal(server, asActor(cluster.token(), TYPE.transactionToken), 'issuer_unknown', 'actor')
  })

  it.each([
    TYPE.jwt,
    TYPE.idToken,
    TYPE.accessToken,
    'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
    'urn:ietf:params:oauth:client-assertion-type:',
  ])('refuses a client assertion under the declared type %s', async (type) => {
    const { answer } = await refusal(server, asClient(assertion(), type), 'token_type_unsupported', 'client')
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } })
    await refusal(server, asClient(cluster.token(), type), 'token_type_unsupported', 'client')
  })

  it('refuses a requested type that the target does not have, also where the type is one that is taken in', async () => {
    for (const type of [TYPE.jwt, TYPE.idToken, 'urn:ietf:params:oauth:token-type:refresh_token']) {
      await refusal(server, { requested_token_type: type }, 'requested_type_unsupported')
    }
  })

  it('does not find the client by an ID token, which its holder need not be the subject of', async () => {
    await refusal(server, { subject_token_type: TYPE.idToken }, 'client_required')
  })

  it('refuses a token that is bound to a key without the proof of that key (P-16)', async () => {
    const digest = `${'x'.repeat(42)}A`
    for (const cnf of [
      { jkt: digest },
      { 'x5t#S256': digest },
      { jwk: registered.jwk },
      { kid: 'x' },
      { jkt: digest, jku: 'x' },
    ]) {
      await refusal(server, { subject_token: cluster.token({ cnf }) }, 'confirmation_unproven')
      await refusal(server, asActor(cluster.token({ cnf })), 'confirmation_unproven', 'actor')
      await refusal(server, asClient(cluster.token({ cnf })), 'confirmation_unproven', 'client')
    }
    for (const cnf of [
      { jkt: 'x' },
      { 'x5t#S256': 'x' },
      { jwk: {} },
      { jwk: registered.privateJwk },
      {},
      null,
      'x',
      false,
    ]) {
      await refusal(server, { subject_token: cluster.token({ cnf }) }, 'claim_malformed')
    }
  })

  it('refuses a token whose issuer may not say who acts', async () => {
    await refusal(server, { subject_token: cluster.token({ act: { sub: 'somebody' } }) }, 'actor_claim_refused')
    for (const act of [{}, [], 'x', null, { sub: '' }, { sub: 'x', act: {} }]) {
      await refusal(server, { subject_token: cluster.token({ act }) }, 'claim_malformed')
    }
  })

  it('refuses tokens of one party in several positions where no rule lets it act for another', async () => {
    const other = cluster.token({}, { serviceaccount: 'other' })
    await refusal(server, { subject_token: other, ...asClient(cluster.token()) }, 'delegation_denied')
    await refusal(server, { subject_token: other, ...asActor(cluster.token()) }, 'delegation_denied')
    await refusal(server, { subject_token: cluster.token(), ...asActor(other) }, 'client_unknown')
    await refusal(server, { subject_token: cluster.token(), ...asClient(other) }, 'client_unknown')
  })
})

describe('T9 every kind of token, where another is meant', () => {
  const prod = new TrustDomain(clock.seconds)
  const attester = new SigningKey('ES256')
  const holder = new SigningKey('ES256')
  const SVID = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe'
  const body = (form: Form) => formOf(server, form).toString()

  beforeAll(async () => {
    await server.apply(
      ...prod.trusted(us),
      document('Client', 'svc', {
        workloads: ['prod', 'prod-wit'].map((issuer) => ({ issuer, ids: [prod.id('svc')] })),
      }),
      document('Client', 'wallet', {
        authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
      }),
      document('Policy', 'all', {
        clients: ['*'],
        targets: ['orders'],
        scopes: ['orders:read'],
        subject: { scopes: [] },
        delegation: { mode: 'delegate' },
        changes: ['format', 'scope', 'authority', 'unbind'],
      }),
    )
  })

  /** A good token of each kind: what is refused of it is refused for where it stands. */
  const kinds: Readonly<Record<string, () => string>> = {
    'service account': () => cluster.token(),
    'client assertion': () => assertion(),
    'JWT-SVID': () => prod.svid('svc', us),
    WIT: () => prod.wit('svc', holder),
    'client attestation': () => attestation(attester, holder, { client: 'wallet', now: clock.seconds() }),
    'access token': () => ours,
    'DPoP proof': () => dpop(holder, { url: `${us}/token`, now: clock.seconds() }),
    'attestation proof': () => attestationPop(holder, { issuer: us, now: clock.seconds() }),
    WPT: () => wpt(holder, { token: prod.wit('svc', holder), audience: us, body: '', now: clock.seconds() }),
  }

  /** Every place in a request where a token can stand, with a proof of the holder’s key in each form that the place knows. */
  const places: Readonly<Record<string, (token: string) => { form: Form; headers?: (body: string) => Headers }>> = {
    'subject, jwt': (token) => ({ form: { subject_token: token, ...asClient(assertion()) } }),
    'subject, jwt, with WPT': (token) => ({
      form: { subject_token: token },
      headers: (sent) => byWpt(server, holder, token, sent),
    }),
    'subject, id_token': (token) => ({
      form: { subject_token: token, subject_token_type: TYPE.idToken, ...asClient(assertion()) },
    }),
    'subject, access_token': (token) => ({
      form: { subject_token: token, subject_token_type: TYPE.accessToken, ...asClient(cluster.token()) },
    }),
    'actor, jwt': (token) => ({ form: asActor(token) }),
    // From an ID token no client is found, so one stands beside it.
    'actor, id_token': (token) => ({ form: { ...asActor(token, TYPE.idToken), ...asClient(cluster.token()) } }),
    'actor, access_token': (token) => ({ form: asActor(token, TYPE.accessToken) }),
    'client, jwt-bearer': (token) => ({ form: asClient(token) }),
    'client, jwt-spiffe': (token) => ({ form: asClient(token, SVID) }),
    'Workload-Identity-Token with WPT': (token) => ({
      form: {},
      headers: (sent) => witAndWpt(server, holder, token, sent),
    }),
    'OAuth-Client-Attestation with PoP': (token) => ({ form: {}, headers: () => byAttestation(server, holder, token) }),
    'OAuth-Client-Attestation with DPoP': (token) => ({
      form: {},
      headers: () => ({ 'OAuth-Client-Attestation': token, ...byDpop(server, holder) }),
    }),
    'DPoP beside a good credential': (token) => ({ form: {}, headers: () => ({ DPoP: token }) }),
    'Authorization: WPT beside a good WIT': (token) => ({
      form: {},
      headers: () => ({ 'Workload-Identity-Token': prod.wit('svc', holder), Authorization: `WPT ${token}` }),
    }),
    'PoP beside a good attestation': (token) => ({
      form: {},
      headers: () => ({
        'OAuth-Client-Attestation': kinds['client attestation']?.() ?? '',
        'OAuth-Client-Attestation-PoP': token,
      }),
    }),
    'Authorization: Bearer': (token) => ({ form: {}, headers: () => ({ Authorization: `Bearer ${token}` }) }),
    'Authorization: DPoP': (token) => ({ form: {}, headers: () => ({ Authorization: `DPoP ${token}` }) }),
  }

  /** The whole of what is meant. */
  const meant: ReadonlySet<string> = new Set([
    'service account as subject, jwt',
    // The same JWT may be called an ID token, from which then no client is found.
    'service account as subject, id_token',
    'service account as actor, jwt',
    'service account as actor, id_token',
    'service account as client, jwt-bearer',
    'client assertion as client, jwt-bearer',
    'JWT-SVID as subject, jwt',
    'JWT-SVID as actor, jwt',
    'JWT-SVID as client, jwt-spiffe',
    'WIT as subject, jwt, with WPT',
    'WIT as Workload-Identity-Token with WPT',
    'WIT as OAuth-Client-Attestation with PoP',
    'client attestation as OAuth-Client-Attestation with PoP',
    'client attestation as OAuth-Client-Attestation with DPoP',
    'access token as subject, access_token',
    'DPoP proof as DPoP beside a good credential',
    'attestation proof as PoP beside a good attestation',
  ])

  it.each(Object.keys(kinds).flatMap((kind) => Object.keys(places).map((place) => [kind, place] as const)))(
    '%s as %s',
    async (kind, place) => {
      const token = kinds[kind]?.() ?? ''
      const { form, headers } = places[place]?.(token) ?? { form: {} }
      const sent = body(form)
      const answer = await post(server, sent, headers?.(sent) ?? {})
      if (meant.has(`${kind} as ${place}`)) {
        expect(answer.body).toHaveProperty('access_token')
        return
      }
      const record = await server.record(answer.id)
      expect([answer.status, record['outcome'], record['granted']]).toEqual([expect.any(Number), 'refused', null])
      expect([400, 401]).toContain(answer.status)
      expect(MISPLACED).toContain(record['reason'])
      expect(JSON.stringify([answer.body, record])).not.toContain(token.slice(-40))
      clock.advance(1)
    },
  )

  /** What is said of a token that is none where it stands: never that it is old, used, or not permitted. */
  const MISPLACED: readonly unknown[] = [
    ...['token_type_unsupported', 'token_type_mismatch', 'issuer_unknown', 'claim_missing', 'claim_malformed'],
    ...['token_malformed', 'position_refused', 'confirmation_unproven', 'proof_invalid', 'dpop_invalid'],
    'authentication_scheme',
  ]
})
