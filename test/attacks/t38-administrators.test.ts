/** T38: who is nobody at the administrators' door costs little: no question to anybody, no body read, and a count that is exact. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { afterAll, expect, it } from 'vitest'
import { ADMIN_AUDIENCE, askAdmin, Corporate } from '../harness/administrators.ts'
import { startCambist, TestClock } from '../harness/cambist.ts'

const clock = new TestClock()
const corporate = new Corporate(clock.seconds)
let fetches = 0
const provider = createServer((_, response) => {
  fetches++
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify({ keys: [corporate.key.jwk] }))
}).listen(0, '127.0.0.1')
await once(provider, 'listening')
afterAll(() => {
  provider.closeAllConnections()
  provider.close()
})
const host = `127.0.0.1:${(provider.address() as AddressInfo).port}`
const lines: string[] = []
const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
const server = await startCambist({ clock, logger, env: { CAMBIST_INSECURE_FETCH: host } })
await server.apply(
  corporate.trusted('corporate', { keys: { jwksUri: `http://${host}/jwks` } }),
  ...corporate.documents().slice(1),
)

const counted = async (reason: string): Promise<number> => {
  const { text } = await askAdmin(server, '/metrics', { authorization: '' })
  return Number(
    new RegExp(`^cambist_administrators_refused_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
  )
}

it('fetches keys once for any number of keys that nobody has', async () => {
  expect((await askAdmin(server, '/admin/v1/keys', { token: corporate.of('viewer') })).status).toBe(200)
  const before = fetches
  for (let at = 0; at < 40; at++) {
    const token = corporate.token({ groups: ['cambist-admin'] }, { kid: `unknown-${at}` })
    expect((await askAdmin(server, '/admin/v1/keys', { token })).status).toBe(401)
  }
  expect(fetches - before).toBeLessThanOrEqual(1)
  expect(await counted('key_unknown')).toBe(40)
})

it('fetches nothing for what is no token, or for somebody else', async () => {
  const before = fetches
  const tokens = [
    'x'.repeat(64),
    corporate.of('admin', { aud: server.issuer }),
    corporate.of('admin', { iss: 'https://x.example' }),
  ]
  for (const token of tokens) expect((await askAdmin(server, '/admin/v1/keys', { token })).status).toBe(401)
  expect(fetches).toBe(before)
  for (const reason of ['token_malformed', 'audience_mismatch', 'issuer_unknown']) expect(await counted(reason)).toBe(1)
})

it('shuts nobody out for the failures of a neighbour behind the same address', async () => {
  for (let at = 0; at < 60; at++) await askAdmin(server, '/admin/v1/keys', { token: 'x'.repeat(64) })
  expect(await counted('token_malformed')).toBe(61)
  expect((await askAdmin(server, '/admin/v1/keys', { token: corporate.of('viewer') })).status).toBe(200)
  expect((await askAdmin(server, '/admin/v1/keys')).status).toBe(200)
})

it('writes a line of each, up to a rate, and never a token (I8)', async () => {
  clock.advance(60)
  lines.length = 0
  const token = corporate.of('admin', { aud: server.issuer })
  for (let at = 0; at < 40; at++) await askAdmin(server, '/admin/v1/keys', { token })
  const said = lines.filter((line) => line.includes('did not open the administrators’ door'))
  expect(said).toHaveLength(20)
  expect(JSON.parse(said[0] ?? '')).toMatchObject({
    ...{ level: 40, reason: 'audience_mismatch', id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    detail: expect.stringContaining('is not "cambist-admin"'),
  })
  const bootstrap = await askAdmin(server, '/admin/v1/keys')
  expect(bootstrap.status).toBe(200)
  for (const part of [...token.split('.'), server.adminToken]) expect(lines.join('')).not.toContain(part)
})

it('reads no body before it knows who sends it', async () => {
  const asked = { method: 'POST', type: 'application/yaml', body: `# ${'x'.repeat(4 * 1024 * 1024)}` }
  for (const [token, status] of [
    ['nobody', 401],
    [corporate.of('viewer'), 403],
  ] as const) {
    const answer = await askAdmin(server, '/admin/v1/apply', { ...asked, token })
    expect([answer.status, answer.headers['connection']]).toEqual([status, 'close'])
  }
})

it('does not take a token for longer than its issuer’s document says', async () => {
  const token = corporate.of('viewer', { aud: ADMIN_AUDIENCE })
  expect((await askAdmin(server, '/admin/v1/keys', { token })).status).toBe(200)
  clock.advance(631)
  expect((await askAdmin(server, '/admin/v1/keys', { token })).status).toBe(401)
  expect(await counted('expired')).toBe(1)
})
