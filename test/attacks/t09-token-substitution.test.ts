import { beforeAll, describe, expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { refusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

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
    'urn:ietf:params:oauth:token-type:access_token',
    'urn:ietf:params:oauth:token-type:saml2',
    'urn:ietf:params:oauth:token-type:txn_token',
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
    for (const cnf of [{ jkt: 'x' }, { 'x5t#S256': 'x' }, { jwk: registered.jwk }, {}, null, 'x', false]) {
      await refusal(server, { subject_token: cluster.token({ cnf }) }, 'confirmation_unproven')
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
