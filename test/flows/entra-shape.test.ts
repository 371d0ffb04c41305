/** The token endpoint in the shape of Microsoft Entra's (TE-97): what is asked for there, and that it changes nothing else. */
import { describe, expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { post } from '../harness/post.ts'
import { dpop } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { clientAssertion, decode, SigningKey, TYPE } from '../harness/tokens.ts'

const server = await startCambist({ env: { CAMBIST_ENTRA_TENANT: 'shop.example' } })
const key = new SigningKey('ES256')
await server.apply(
  document('Client', 'billing', {
    grants: ['client-credentials', 'token-exchange'],
    authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } },
  }),
  document('Policy', 'billing', { clients: ['billing'], targets: ['orders'], scopes: ['orders:read'] }),
)
const TOKEN = '/shop.example/oauth2/v2.0/token'
const METADATA = '/shop.example/v2.0/.well-known/openid-configuration'
const ORDERS = 'https://orders.example'

/** As MSAL asks; members given replace, undefined leaves out. */
function asked(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const form = {
    grant_type: 'client_credentials',
    client_id: 'billing',
    client_assertion_type: TYPE.clientAssertion,
    client_assertion: clientAssertion('billing', key, server.issuer, server.clock.seconds()),
    scope: `${ORDERS}/.default`,
    'x-client-SKU': 'msal.js.node',
    ...changes,
  }
  const given = Object.entries(form).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return new URLSearchParams(given).toString()
}
const ask = (changes: Parameters<typeof asked>[0] = {}, headers: Record<string, string> = {}, path = TOKEN) =>
  post(server, asked(changes), headers, path)

describe('below the tenant', () => {
  it('is discovery, which names the token endpoint there, the issuer that we are, and client credentials alone', async () => {
    const ours = (await (await server.get('/.well-known/openid-configuration')).json()) as Record<string, unknown>
    const answer = await server.get(METADATA)
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*')
    expect(await answer.json()).toEqual({
      ...ours,
      token_endpoint: `${server.issuer}${TOKEN}`,
      grant_types_supported: ['client_credentials'],
    })
  })

  it.each([
    ['an audience of the target', ORDERS, 'audiences'],
    ['one of its resources', `${ORDERS}/api`, 'resources'],
  ])('is a token with the default scopes of the target, for %s', async (_what, resource, asRecorded) => {
    const answer = await ask({ scope: `${resource}/.default` }, {}, `${TOKEN}?client-request-id=0f2b8c1e`)
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ access_token: expect.any(String), token_type: 'Bearer', expires_in: 300 })
    const { claims } = decode(String(answer.body['access_token']))
    expect(claims).toMatchObject({ iss: server.issuer, aud: ORDERS, client_id: 'billing', scope: 'orders:read' })
    const record = await server.record(answer.id)
    expect(record).toMatchObject({ grant: 'client-credentials', requested: { scopes: [], [asRecorded]: [resource] } })
  })

  it.each([
    ['a scope of the target', { scope: 'orders:read' }, 'invalid_scope', 'scope_unknown'],
    ['no scope', { scope: undefined }, 'invalid_scope', 'scope_unknown'],
    ['default scopes of nothing', { scope: '/.default' }, 'invalid_scope', 'scope_unknown'],
    ['two resources', { scope: `${ORDERS}/.default urn:other/.default` }, 'invalid_scope', 'scope_unknown'],
    ['a scope beside', { scope: `orders:write ${ORDERS}/.default` }, 'invalid_scope', 'scope_unknown'],
    ['a resource of nobody', { scope: 'urn:nobody/.default' }, 'invalid_target', 'target_unknown'],
    ['an audience beside', { audience: 'urn:nobody' }, 'invalid_request', 'parameter_unexpected'],
    ['a resource beside', { resource: 'urn:nobody' }, 'invalid_request', 'parameter_unexpected'],
    ['another grant', { grant_type: TYPE.exchange }, 'unsupported_grant_type', 'grant_unsupported'],
    ['no grant', { grant_type: undefined }, 'invalid_request', 'parameter_missing'],
    ['a secret', { client_secret: 'x' }, 'invalid_request', 'parameter_unexpected'],
  ] as const)('is refused %s', async (_what, changes, error, reason) => {
    await expectRefusal(server, await ask(changes), { error, reason })
  })

  it('is no token that strayed into the scope on the record (I8)', async () => {
    const scope = `${server.cluster.token()}/.default`
    const record = await expectRefusal(server, await ask({ scope }), {
      error: 'invalid_request',
      reason: 'parameter_malformed',
    })
    expect(JSON.stringify(record)).not.toContain('eyJ')
  })

  it('takes assertions that are made for the issuer, and proofs that are made for /token', async () => {
    const { issuer, clock } = server
    const forThere = clientAssertion('billing', key, `${issuer}${TOKEN}`, clock.seconds())
    await expectRefusal(server, await ask({ client_assertion: forThere }), {
      status: 401,
      error: 'invalid_client',
      reason: 'audience_mismatch',
    })
    const holder = new SigningKey('ES256')
    const proof = (path: string) => ({ DPoP: dpop(holder, { url: `${issuer}${path}`, now: clock.seconds() }) })
    expect(await ask({}, proof('/token'))).toMatchObject({ status: 200, body: { token_type: 'DPoP' } })
    await expectRefusal(server, await ask({}, proof(TOKEN)), { error: 'invalid_dpop_proof', reason: 'dpop_invalid' })
  })

  it('is POST alone, and of this tenant alone', async () => {
    const got = await server.get(TOKEN)
    expect([got.status, got.headers.get('Allow')]).toEqual([405, 'POST'])
    for (const path of ['/other.example/oauth2/v2.0/token', '/SHOP.example/oauth2/v2.0/token', `${TOKEN}/`])
      expect((await ask({}, {}, path)).status).toBe(404)
    expect((await server.get('/other.example/v2.0/.well-known/openid-configuration')).status).toBe(404)
  })
})

describe('where no tenant is configured', async () => {
  const plain = await startCambist()

  it('there is nothing', async () => {
    expect((await post(plain, asked(), {}, TOKEN)).status).toBe(404)
    expect((await plain.get(METADATA)).status).toBe(404)
  })
})

it('means nothing at /token, where `/.default` is a scope like any other', async () => {
  await expectRefusal(server, await ask({ audience: ORDERS }, {}, '/token'), {
    error: 'invalid_scope',
    reason: 'scope_unknown',
  })
})
