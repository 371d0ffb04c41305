import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { TYPE } from '../harness/tokens.ts'
import { AUDIENCE, serverForClients } from './clients.ts'

/** curl, as a shell script has it. */
const present = spawnSync('curl', ['--version']).status === 0
if (!present) console.log('curl is not on this machine: its tests are skipped')

describe.runIf(present)('curl', async () => {
  const { server } = await serverForClients()
  const curl = async (...args: string[]) => {
    const written = await promisify(execFile)('curl', [
      '--silent',
      '--noproxy',
      '*',
      '--write-out',
      '\n%{http_code}',
      ...args,
    ])
    const [body = '', status] = written.stdout.split(/\n(?=\d{3}$)/)
    return { status: Number(status), body: JSON.parse(body) as Record<string, unknown> }
  }
  const exchange = (token: string, audience = AUDIENCE) =>
    curl(
      ...[
        `grant_type=${TYPE.exchange}`,
        `subject_token=${token}`,
        `subject_token_type=${TYPE.jwt}`,
        `audience=${audience}`,
      ].flatMap((pair) => ['--data-urlencode', pair]),
      `${server.issuer}/token`,
    )

  it('obtains a token with four parameters', async () => {
    const { status, body } = await exchange(server.cluster.token())
    expect(status).toBe(200)
    const keys = createRemoteJWKSet(new URL(`${server.issuer}/jwks`))
    const { payload } = await jwtVerify(String(body['access_token']), keys, {
      issuer: server.issuer,
      audience: AUDIENCE,
    })
    expect(payload).toMatchObject({ client_id: 'checkout', scope: 'orders:read' })
  })

  it('is told in a sentence what to do about a refusal', async () => {
    const { status, body } = await exchange(server.cluster.token(), 'urn:nobody')
    expect({ status, error: body['error'] }).toEqual({ status: 400, error: 'invalid_target' })
    expect(body['error_description']).toMatch(/^[A-Z].*\.$/)
  })

  it('reads metadata and keys', async () => {
    const metadata = await curl(`${server.issuer}/.well-known/openid-configuration`)
    expect(metadata).toMatchObject({ status: 200, body: { issuer: server.issuer } })
    expect(await curl(String(metadata.body['jwks_uri']))).toMatchObject({
      status: 200,
      body: { keys: expect.any(Array) },
    })
  })
})
