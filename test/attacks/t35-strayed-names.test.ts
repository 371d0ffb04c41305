import { describe, expect, it } from 'vitest'
import { document, type Form, startCambist } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { SigningKey, TYPE } from '../harness/tokens.ts'

/** T35, I8: what a request names is kept as it is, so that a token which strayed into a name is refused, and kept nowhere. */
const server = await startCambist()
await server.apply(
  document('Target', 'vault', {
    ...{ audience: 'urn:vault', scopes: ['open'], defaultScopes: ['open'], tokens: [{ kind: 'opaque' }] },
    authorizationDetails: [{ type: 'safe', members: { identifier: 'text', actions: 'texts' } }],
  }),
  document('Policy', 'vault', {
    ...{ clients: ['checkout'], targets: ['vault'], scopes: ['open'], authorizationDetails: [{ type: 'safe' }] },
  }),
)
const opaque = String((await server.exchange({ audience: 'urn:vault' })).body['access_token'])
// Short enough for every place.
const jwt = new SigningKey('ES256').sign({ sub: 'john', iat: server.clock.seconds() })
const details = (detail: object): Form => ({
  audience: 'urn:vault',
  authorization_details: JSON.stringify([{ type: 'safe', ...detail }]),
})

const PLACES: Readonly<Record<string, (token: string) => Form>> = {
  audience: (token) => ({ audience: token }),
  resource: (token) => ({ audience: undefined, resource: `https://orders.example/${token}` }),
  scope: (token) => ({ scope: `orders:read ${token}` }),
  client_id: (token) => ({ client_id: token }),
  grant_type: (token) => ({ grant_type: token }),
  'a detail': (token) => details({ identifier: token }),
  'the midst of a detail': (token) => details({ identifier: `Bearer ${token} of mine` }),
  'a list of a detail': (token) => details({ actions: ['look', token] }),
}

describe.each([
  ['an opaque token of ours', opaque],
  ['a JWT', jwt],
])('%s', (_, token) => {
  it.each(Object.entries(PLACES))('in %s', async (_place, form) => {
    const answer = await server.exchange(form(token))
    const record = await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_malformed' })
    expect(JSON.stringify(record)).not.toContain(token.slice(11, 60))
    expect(JSON.stringify(answer.body)).not.toContain(token.slice(11, 60))
  })

  it('in what is said of a transaction', async () => {
    const answer = await server.exchange({
      ...{ requested_token_type: TYPE.transactionToken, audience: 'urn:vault', scope: 'open' },
      request_details: JSON.stringify({ seen: [`x ${token}`] }),
    })
    await expectRefusal(server, answer, { error: 'invalid_request', reason: 'parameter_malformed' })
  })
})
