/** T35, I8: a token that strayed into a parameter of something else is kept nowhere, whole or in part. */
import { expect, it } from 'vitest'
import { document, type Form, startCambist } from '../harness/cambist.ts'
import { brought, Services, tokenFor } from '../harness/inquiries.ts'
import { post } from '../harness/post.ts'

const server = await startCambist({ env: { CAMBIST_ENTRA_TENANT: 'shop.example' } })
const services = new Services(server)
await server.apply(...services.documents(), document('Target', 'x', { audience: 'urn:x', scopes: ['a'] }))
const opaque = await tokenFor(server, { ...services.as('web'), audience: 'https://vault.example' })
const signed = await tokenFor(server, { ...services.as('web'), audience: 'https://orders.example' })

const WAYS: readonly (readonly [string, (token: string) => Form])[] = [
  ['audience', (audience) => ({ audience })],
  ['one audience of several', (token) => ({ audience: ['urn:x', token] })],
  ['the query of a resource', (token) => ({ resource: `https://orders.example/?access_token=${token}` })],
  ['scope', (scope) => ({ scope })],
  ['one scope of several', (token) => ({ scope: `orders:read ${token}` })],
  ['client_id', (token) => ({ client_id: token })],
  ['requested_token_type', (token) => ({ requested_token_type: `urn:${token}` })],
  ['subject_token_type', (token) => ({ subject_token_type: `urn:${token}` })],
  ['actor_token_type', (token) => ({ actor_token: 'x', actor_token_type: `urn:${token}` })],
  ['client_assertion_type', (token) => ({ client_assertion_type: `urn:${token}` })],
  ['authorization_details', (token) => ({ authorization_details: JSON.stringify([{ type: 'a', actions: [token] }]) })],
  ['grant_type', (token) => ({ grant_type: token })],
  ['a name', (token) => ({ [token]: ['x', 'y'] })],
]
const TOKENS = [
  ['opaque', opaque],
  ['signed', signed],
] as const

it.each(WAYS.flatMap(([name, way]) => TOKENS.map(([kind, token]) => [kind, name, way, token] as const)))(
  'an %s token in %s',
  async (_kind, _name, way, token) => {
    const { id, status, body } = await server.exchange({ ...brought(signed), ...services.as('web'), ...way(token) })
    expect(status).toBe(400)
    // Not even a piece: the tail of the one is secret, and of the other its claims.
    const piece = token.slice(22, 52)
    expect(JSON.stringify(body)).not.toContain(piece)
    expect(JSON.stringify(await server.record(id))).not.toContain(piece)
  },
)

it.each(TOKENS)('an %s token in the scope or the grant of Entra’s clients', async (_, token) => {
  for (const form of [{ scope: `${token}/.default` }, { grant_type: token, scope: 'urn:x/.default' }]) {
    const asked = { grant_type: 'client_credentials', ...services.as('web'), ...form }
    const answer = await post(
      server,
      new URLSearchParams(asked as Record<string, string>).toString(),
      {},
      '/shop.example/oauth2/v2.0/token',
    )
    expect(answer.status).toBe(400)
    expect(JSON.stringify(await server.record(answer.id))).not.toContain(token.slice(22, 52))
  }
})

it('a name that looks a little like one is a name', async () => {
  for (const audience of ['https://keyJob.example.org/eyJ', 'urn:eyJabcdefgh.example', 'eyJ'])
    expect(await server.record((await server.exchange({ audience })).id)).toMatchObject({ reason: 'target_unknown' })
})
