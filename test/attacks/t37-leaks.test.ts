/** T37, I8, T39: what anybody may read names nobody, and what administrators may read holds no token, no secret and no private key. */
import { describe, expect, it } from 'vitest'
import { sampleOf } from '../harness/admin-samples.ts'
import { adminRoutes, askAdmin, Corporate } from '../harness/administrators.ts'
import { document, startCambist } from '../harness/cambist.ts'
import { SigningKey } from '../harness/tokens.ts'

const server = await startCambist()
const corporate = new Corporate(server.clock.seconds)
const registered = new SigningKey('ES256')
/** A word that stands in the name of everything that somebody here has. */
const CANARY = 'zebra'
await server.apply(
  ...corporate.documents(),
  document('TrustedIssuer', 'zebra-corporate', {
    ...{ preset: 'oidc', issuer: 'https://login.zebra.example', audiences: [server.issuer] },
    keys: { jwks: { keys: [corporate.key.jwk] } },
  }),
  document('Client', 'zebra-client', {
    authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } },
    audiences: ['zebra-api'],
  }),
  document('Target', 'zebra-target', {
    ...{ audience: 'https://zebra.example', scopes: ['zebra:read'], tokens: [{ kind: 'access-token' }] },
  }),
  document('Policy', 'zebra-policy', { clients: ['zebra-client'], targets: ['zebra-target'], scopes: ['zebra:read'] }),
)
const granted = await server.exchange()
const world = { server, corporate, record: granted.id }

describe('what anybody may read at the workloads’ door', () => {
  it.each(['/jwks', '/bundle', '/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])(
    '%s names nobody who comes, and nowhere that they go',
    async (path) => {
      const text = await (await server.get(path)).text()
      for (const word of [CANARY, 'checkout', 'orders', 'corporate', 'administrator', server.cluster.issuer])
        expect(text).not.toContain(word)
    },
  )

  it('has no keys but ours, and of them the public part', async () => {
    const { keys } = (await (await server.get('/jwks')).json()) as { keys: Record<string, unknown>[] }
    const foreign = [server.cluster.key.kid, corporate.key.kid, registered.kid]
    expect(keys.length).toBeGreaterThan(0)
    for (const key of keys) {
      expect(foreign).not.toContain(key['kid'])
      expect(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'].filter((member) => member in key)).toEqual([])
    }
  })

  it('says of a token nothing to whoever does not say who he is', async () => {
    const token = String(granted.body['access_token'])
    for (const path of ['/introspect', '/revoke', '/token/introspection']) {
      const response = await fetch(`${server.workloads}${path}`, {
        method: 'POST',
        body: new URLSearchParams({ token }),
      })
      expect(response.status).toBeGreaterThanOrEqual(400)
      expect(await response.text()).not.toMatch(/"active"|checkout|orders/)
    }
  })
})

describe('what anybody may read at the administrators’ door', () => {
  const open = adminRoutes.filter(({ role }) => role === 'nobody')

  it.each(open.map(({ path }) => path))('%s names no client, target, policy or key', async (path) => {
    const { text } = await askAdmin(server, path, { authorization: '' })
    for (const word of [
      'zebra-client',
      'zebra-target',
      'zebra-policy',
      'zebra:read',
      'checkout',
      registered.kid,
      granted.id,
    ])
      expect(text).not.toContain(word)
  })

  it('is the same at a path that leads to something and at one that does not', async () => {
    const [one, other] = await Promise.all(
      ['zebra-client', 'no-such-client'].map((name) =>
        askAdmin(server, `/admin/v1/clients/${name}`, { authorization: '' }),
      ),
    )
    expect([one?.status, one?.json.detail]).toEqual([401, other?.json.detail])
  })
})

describe('what administrators may read', () => {
  const reading = adminRoutes.filter(({ method }) => method === 'get')

  it.each(reading.map((route) => [route.path, route] as const))(
    '%s holds no token, secret or private key',
    async (path, route) => {
      const { parameters = {} } = await sampleOf(route, world)
      const filled = path.replace(/:(\w+)/g, (_, name: string) => parameters[name] ?? '')
      const { text, status } = await askAdmin(server, filled)
      expect(status).toBe(200)
      expect(text).not.toContain(server.adminToken)
      expect(text).not.toMatch(/eyJ[\w-]{8,}\.[\w-]+\.[\w-]+/)
      expect(text).not.toMatch(/cambist_at_[\w-]{20,}/)
      expect(text).not.toMatch(/"?\b(?:d|p|q|dp|dq|qi|wrapped)"?\s*:\s*"?[\w+/=-]{20,}/)
    },
  )
})
