import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import { document } from '../harness/cambist.ts'
import { type ChildServer, startChild } from '../harness/child.ts'

const directory = mkdtempSync(join(tmpdir(), 'cambist-quickstart-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function stop(server: ChildServer): Promise<void> {
  server.process.kill('SIGTERM')
  expect(await server.exited).toEqual({ code: 0, signal: null })
}

/** What the printed curl answers when it is pasted into a shell. */
function paste(server: ChildServer): Record<string, unknown> {
  const curl = /^curl (?:.*\\\n)*.*$/m.exec(server.output())?.[0] ?? ''
  return JSON.parse(execFileSync('sh', ['-c', curl], { encoding: 'utf8' }))
}

const exported = async (server: ChildServer): Promise<string> =>
  (
    await fetch(`${server.admin}/admin/v1/export`, { headers: { Authorization: `Bearer ${server.adminToken()}` } })
  ).text()

describe('the first five minutes', () => {
  it('print a request that works, follow a new address, and leave an administrator’s documents alone', {
    timeout: 90_000,
  }, async ({ skip }) => {
    skip(spawnSync('curl', ['--version']).status !== 0, 'there is no curl on this machine')

    const first = await startChild({ directory })
    const answer = paste(first)
    expect(answer).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'orders:read' })
    const { payload } = await jwtVerify(
      String(answer['access_token']),
      createRemoteJWKSet(new URL(`${first.issuer}/jwks`)),
      {
        issuer: first.issuer,
        audience: 'https://orders.example',
        typ: 'at+jwt',
      },
    )
    expect(payload['client_id']).toBe('checkout')
    await stop(first)

    const second = await startChild({ directory })
    expect(second.issuer).not.toBe(first.issuer)
    expect(paste(second)).toMatchObject({ token_type: 'Bearer' })
    const changed = document('Policy', 'checkout-reads-orders', {
      clients: ['checkout'],
      targets: ['orders'],
      scopes: ['orders:write'],
    })
    const applied = await fetch(`${second.admin}/admin/v1/apply?confirm=true`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${second.adminToken()}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(changed),
    })
    expect(applied.status).toBe(200)
    const before = await exported(second)
    await stop(second)

    const third = await startChild({ directory })
    expect(await exported(third)).toBe(before)
    await stop(third)
  })
})
