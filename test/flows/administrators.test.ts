/** docs/administrators.md, as it stands there: its documents, its token, its commands. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readDocuments } from '../../src/documents/read.ts'
import { askAdmin, Corporate } from '../harness/administrators.ts'
import { baseDocuments, startCambist } from '../harness/cambist.ts'
import type { Claims } from '../harness/tokens.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const page = readFileSync(join(ROOT, 'docs/administrators.md'), 'utf8')
const block = (language: string): string => new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? ''

const server = await startCambist()
const corporate = new Corporate(server.clock.seconds)
const documents = readDocuments(block('yaml'), 'application/yaml').map((each) =>
  each.kind === 'TrustedIssuer'
    ? { ...each, spec: { ...each.spec, keys: { jwks: { keys: [corporate.key.jwk] } } } }
    : each,
)
/** Ada's claims as the page has them, but for now. */
const { iat: _iat, exp: _exp, ...ada } = JSON.parse(block('json')) as Claims
const ADA = 'wimse://127.0.0.1/corporate/ada'

const directory = mkdtempSync(join(tmpdir(), 'cambist-administrators-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** The command line with a token in its file. */
function cambist(token: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const tokenFile = join(directory, 'ada.jwt')
  writeFileSync(tokenFile, `${token}\n`)
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, 'src/start.js'), ...args],
      { cwd: directory, env: { CAMBIST_ADMIN_URL: server.admin, CAMBIST_ADMIN_TOKEN_FILE: tokenFile } },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}

/** The role that a token has: the highest whose door opens. */
async function roleOf(claims: Claims): Promise<string> {
  const token = corporate.token({ ...ada, ...claims })
  const changed = { ...baseDocuments(server.cluster)[0], metadata: { name: 'cluster', labels: { seen: 'yes' } } }
  const statuses: number[] = []
  for (const path of ['/admin/v1/export', '/admin/v1/audit'])
    statuses.push((await askAdmin(server, path, { token })).status)
  for (const body of [baseDocuments(server.cluster), [changed]]) {
    const asked = { method: 'POST', type: 'application/json', body: JSON.stringify(body), token }
    statuses.push((await askAdmin(server, '/admin/v1/apply?dryRun=true', asked)).status)
  }
  return ['none', 'viewer', 'auditor', 'editor', 'admin'][statuses.filter((status) => status === 200).length] ?? ''
}

describe('a company’s people', () => {
  it('have the roles that the documents give, and the highest of several', async () => {
    await server.apply(...documents)
    expect(await roleOf({})).toBe('admin')
    expect(await roleOf({ groups: ['cambist-teams'], acr: 'mfa' })).toBe('editor')
    expect(await roleOf({ groups: ['cambist-teams', 'cambist-platform'], acr: 'mfa' })).toBe('admin')
  })

  it('have no role by a condition that fails', async () => {
    expect(await roleOf({ groups: ['cambist-teams'] })).toBe('viewer')
    expect(await roleOf({ groups: undefined })).toBe('viewer')
    expect(await roleOf({ groups: [], email_verified: false })).toBe('none')
    expect(await roleOf({ groups: [], email: 'ada@corporate.example.evil.example' })).toBe('none')
  })

  it('come with the command line, and are named in the history', async () => {
    const token = corporate.token(ada)
    const file = join(directory, 'label.yaml')
    const [, team] = documents
    writeFileSync(
      file,
      JSON.stringify({ ...team, metadata: { name: team?.metadata.name, labels: { owner: 'platform' } } }),
    )
    const applied = await cambist(token, 'apply', '-f', file)
    expect([applied.code, applied.err]).toEqual([0, expect.any(String)])
    const { json } = await askAdmin(server, '/admin/v1/history?limit=1', { token })
    expect(json.items[0]).toMatchObject({
      author: ADA,
      changes: [{ kind: 'Administrator', name: 'platform-team', action: 'updated' }],
    })
    const rotated = await askAdmin(server, '/admin/v1/keys/rotate', { method: 'POST', token, body: '' })
    expect(rotated.status).toBe(200)
    expect((await askAdmin(server, '/admin/v1/history?limit=1', { token })).json.items[0].author).toBe(ADA)
  })

  it('are told by the command line what is wrong, and nothing of the token', async () => {
    const old = corporate.token({ ...ada, iat: server.clock.seconds() - 900, exp: server.clock.seconds() - 300 })
    const { code, out, err } = await cambist(old, 'keys')
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain('This is not an administrator’s token.')
    expect(err).not.toContain(old.split('.')[1])
  })

  it('have tokens for another audience where the configuration says so', async () => {
    const google = await startCambist({ env: { CAMBIST_ADMIN_AUDIENCE: '1234.apps.example' } })
    await google.apply(...documents)
    const status = async (aud: string) =>
      (await askAdmin(google, '/admin/v1/keys', { token: corporate.token({ ...ada, aud }) })).status
    expect([await status('1234.apps.example'), await status('cambist-admin')]).toEqual([200, 401])
  })
})
