import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { createEngine, ENGINE_FEATURES } from '../../src/oauth/engine.ts'

/** What we rely on in oidc-provider, asked again after every upgrade (engine.md §4). */
interface Defaults {
  readonly features: object
  readonly routes: Readonly<Record<string, string>>
}
interface Features {
  readonly STABLE: ReadonlySet<string>
  readonly EXPERIMENTS: ReadonlyMap<string, unknown>
}
// Private files of the package, which have no types; that they are still there is part of what is asked.
const engineFile = createRequire(import.meta.url)
const { default: defaults } = engineFile('oidc-provider/lib/helpers/defaults.js') as { default: () => Defaults }
const features = engineFile('oidc-provider/lib/helpers/features.js') as Features
const ISSUER = 'http://127.0.0.1:8400'
const servers: Server[] = []
afterAll(() => {
  for (const server of servers) server.close()
})
afterEach(() => void vi.restoreAllMocks())

/** The engine alone, without the door in front of it; `before` is a middleware of ours. */
async function engineAlone(before?: Parameters<Awaited<ReturnType<typeof createEngine>>['use']>[0]): Promise<string> {
  const engine = await createEngine(ISSUER)
  if (before !== undefined) engine.use(before)
  const callback = engine.callback()
  const server = createServer((message, response) => void callback(message, response))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const names = (of: object): string[] => Object.keys(of).sort()

describe('the engine: its features', () => {
  it('has no feature that engine.ts does not write out, and engine.ts none that it has not', () => {
    expect([...ENGINE_FEATURES].sort()).toEqual(names(defaults().features))
  })

  it('counts as stable or experimental what its defaults name', () => {
    expect([...features.STABLE, ...features.EXPERIMENTS.keys()].sort()).toEqual(names(defaults().features))
  })

  it('starts with every one of them written out, and says nothing on the console', async () => {
    const said = (['log', 'info', 'warn', 'error'] as const).map((voice) => vi.spyOn(console, voice))
    await createEngine(ISSUER)
    for (const voice of said) expect(voice).not.toHaveBeenCalled()
  })
})

describe('the engine: reached without the door', () => {
  const form = (body: Record<string, string>) => ({
    method: 'POST',
    body: new URLSearchParams(body),
    headers: { 'X-Forwarded-Proto': 'https', 'X-SSL-Client-Cert': 'x' },
  })

  it.each([
    ['no client', {}],
    ['an unknown client', { client_id: 'checkout' }],
    ['an unknown client with a secret', { client_id: 'checkout', client_secret: 'x' }],
    [
      'an assertion',
      { client_assertion: 'a.b.c', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' },
    ],
  ])('T23 issues nothing at its token endpoint to %s', async (_, client) => {
    const url = await engineAlone()
    for (const grant of [
      'client_credentials',
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ]) {
      const response = await fetch(`${url}/token`, form({ grant_type: grant, ...client }))
      expect(response.status).toBeGreaterThanOrEqual(400)
      expect(response.status).toBeLessThan(500)
      expect(await response.json()).not.toHaveProperty('access_token')
    }
  })

  it('T23 offers by itself nothing but what is off the paths of our table', async () => {
    const url = await engineAlone()
    const answered: string[] = []
    for (const path of Object.values(defaults().routes)) {
      for (const method of ['GET', 'POST']) {
        const response = await fetch(`${url}${path}`, { method, redirect: 'manual' })
        if (response.status < 400) answered.push(`${method} ${path}`)
      }
    }
    expect(answered).toEqual([])
  })

  it('T6 publishes a key that is not one of ours, and no private part of it', async () => {
    const url = await engineAlone()
    const { keys } = (await (await fetch(`${url}/engine/jwks`)).json()) as { keys: Record<string, unknown>[] }
    expect(keys).toHaveLength(1)
    expect(names(keys[0] ?? {})).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    const again = await engineAlone()
    const others = (await (await fetch(`${again}/engine/jwks`)).json()) as { keys: Record<string, unknown>[] }
    expect(others.keys[0]?.['kid']).not.toBe(keys[0]?.['kid'])
  })
})

describe('the engine: behind middleware of ours', () => {
  it('runs our middleware first, and nothing of its own where that does not go on', async () => {
    const seen: string[] = []
    const url = await engineAlone((ctx) => {
      seen.push(ctx.path)
      ctx.status = 204
    })
    for (const path of ['/token', '/engine/jwks', '/.well-known/openid-configuration', '/auth']) {
      const response = await fetch(`${url}${path}`)
      expect(response.status).toBe(204)
      expect(response.headers.get('Access-Control-Allow-Origin')).toBeNull()
      expect(response.headers.get('Cache-Control')).toBeNull()
    }
    expect(seen).toHaveLength(4)
  })

  it('hands us the same request message by which an authenticated client will be marked', async () => {
    const messages: IncomingMessage[] = []
    const url = await engineAlone(async (ctx, next) => {
      messages.push(ctx.req)
      await next()
    })
    await (await fetch(`${url}/engine/jwks`)).arrayBuffer()
    expect(messages[0]?.url).toBe('/engine/jwks')
  })

  it('T32 does not believe what proxies are said to have forwarded', async () => {
    const seen: unknown[] = []
    const url = await engineAlone((ctx) => {
      seen.push([ctx.protocol, ctx.host, ctx.ip.includes('127.0.0.1')])
      ctx.status = 204
    })
    await fetch(url, {
      headers: { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-For': '9.9.9.9' },
    })
    expect(seen).toEqual([['http', new URL(url).host, true]])
  })

  it('stores nothing: a write of the engine says so', async () => {
    vi.spyOn(console, 'info').mockImplementation(() => {}) // a notice about lifetimes, which only this test provokes
    const engine = await createEngine(ISSUER)
    const grant = new engine.Grant({ clientId: 'x', accountId: 'y' })
    await expect(grant.save()).rejects.toThrow('the engine wants to store a Grant, and nothing of it is stored')
  })
})
