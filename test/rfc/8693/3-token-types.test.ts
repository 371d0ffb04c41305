import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../../harness/tokens.ts'

/** RFC 8693 §3: what a declared type claims. */
const server = await startCambist()
const gateway = new SigningKey('ES256')
await server.apply(
  document('Client', 'gateway', { authentication: { method: 'private_key_jwt', jwks: { keys: [gateway.jwk] } } }),
  document('Policy', 'gateway-acts', {
    clients: ['gateway'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)

const UNSUPPORTED = { error: 'invalid_request', reason: 'token_type_unsupported' } as const
const TYPES = ['refresh_token', 'saml1', 'saml2', 'id-jag', 'self_signed', 'unsigned_json', 'JWT'].map(
  (name) => `urn:ietf:params:oauth:token-type:${name}`,
)
const FOREIGN = [
  'urn:ietf:params:aws:token-type:aws4',
  'https://example.com/token',
  TYPE.clientAssertion.replace('jwt', 'saml2'),
]

const asGateway = () => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('gateway', gateway, server.issuer, server.clock.seconds()),
})

describe('RFC 8693 §3: token type identifiers', () => {
  it.each([...TYPES, ...FOREIGN])('TE-30 TE-31 takes no subject token of the declared type %s', async (type) => {
    await expectRefusal(server, await server.exchange({ subject_token_type: type }), UNSUPPORTED)
  })

  it.each([...TYPES, ...FOREIGN])('TE-31 takes no actor token of the declared type %s', async (type) => {
    const form = { actor_token: server.cluster.token(), actor_token_type: type }
    await expectRefusal(server, await server.exchange(form), UNSUPPORTED)
  })

  it('TE-30 takes no foreign JWT as an access token or a transaction token of ours, and no JWT as a certificate', async () => {
    const labelled = async (type: string) => server.exchange({ subject_token_type: type })
    const ours = { error: 'invalid_request', reason: 'issuer_unknown' } as const
    for (const type of [TYPE.accessToken, TYPE.transactionToken])
      await expectRefusal(server, await labelled(type), ours)
    const certificate = { error: 'invalid_request', reason: 'token_malformed' } as const
    await expectRefusal(server, await labelled('urn:ietf:params:oauth:token-type:mtls'), certificate)
  })

  it.each([...TYPES, ...FOREIGN, TYPE.jwt, TYPE.idToken].filter((type) => type !== TYPE.accessToken))(
    'TE-31 issues no token of the type %s that the target does not have',
    async (type) => {
      const answer = await server.exchange({ requested_token_type: type })
      await expectRefusal(server, answer, { error: 'invalid_request', reason: 'requested_type_unsupported' })
    },
  )

  it('TE-31 issues no transaction token where the target has none', async () => {
    const answer = await server.exchange({ requested_token_type: TYPE.transactionToken, scope: 'orders:read' })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'requested_type_unsupported' })
  })

  it.each(['urn:ietf:params:oauth:client-assertion-type:saml2-bearer'])(
    'JC-09 takes no client assertion of the type %s',
    async (type) => {
      const answer = await server.exchange({ ...asGateway(), client_assertion_type: type })
      await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'token_type_unsupported' })
    },
  )

  it('TE-30 takes a foreign JWT as jwt, and an ID token as id_token beside a client that authenticates', async () => {
    expect((await server.exchange({ subject_token_type: TYPE.jwt })).status).toBe(200)
    expect((await server.exchange({ subject_token_type: TYPE.idToken, ...asGateway() })).status).toBe(200)
  })

  it('TE-32 never lets an ID token say which client brings it', async () => {
    const answer = await server.exchange({ subject_token_type: TYPE.idToken })
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'client_required' })
  })

  it('TE-30 takes no token of ours as a foreign JWT, nor as an ID token', async () => {
    const ours = String((await server.exchange()).body['access_token'])
    for (const type of [TYPE.jwt, TYPE.idToken]) {
      const answer = await server.exchange({ subject_token: ours, subject_token_type: type })
      await expectRefusal(server, answer, { error: 'invalid_request', reason: 'issuer_unknown' })
    }
  })

  it('TE-32 does not read a token by a type that was not declared', async () => {
    const form = { subject_token: '<saml:Assertion/>', subject_token_type: TYPE.jwt }
    await expectRefusal(server, await server.exchange(form), { error: 'invalid_request', reason: 'token_malformed' })
    const declared = { subject_token: clientAssertion('gateway', gateway, server.issuer, server.clock.seconds()) }
    await expectRefusal(server, await server.exchange(declared), { error: 'invalid_request', reason: 'issuer_unknown' })
  })

  it('KX-01 takes no type of a client assertion for a subject or actor token', async () => {
    await expectRefusal(server, await server.exchange({ subject_token_type: TYPE.clientAssertion }), UNSUPPORTED)
    const actor = { actor_token: server.cluster.token(), actor_token_type: TYPE.clientAssertion }
    await expectRefusal(server, await server.exchange(actor), UNSUPPORTED)
  })

  it.each([TYPE.jwt, TYPE.idToken])('JC-01 takes no %s for a client assertion', async (type) => {
    for (const assertion of [server.cluster.token(), asGateway().client_assertion]) {
      const answer = await server.exchange({ client_assertion: assertion, client_assertion_type: type })
      await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'token_type_unsupported' })
    }
  })
})
