import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import { document, startCambist, TestClock } from '../harness/cambist.ts'
import { createRoot, type Issued, keyPair } from '../harness/pki.ts'
import { TYPE } from '../harness/tokens.ts'
import { AUDIENCE } from './clients.ts'

/** Clients that know nothing of Cambist, at the listener that asks for certificates: Node's own, and curl as a shell script has it. */
const curlPresent = spawnSync('curl', ['--version']).status === 0
if (!curlPresent) console.log('curl is not on this machine: its tests of mutual TLS are skipped')

// They check the server's certificate, and have no clock but the real one.
const now = Math.floor(Date.now() / 1000)
const dates = { notBefore: now - 3600, notAfter: now + 2 * 86_400 }
const hostRoot = await createRoot({ subject: 'CN=Hosts', ...dates })
const host = await hostRoot.leaf({ ips: ['127.0.0.1'], ...dates })
const root = await createRoot({ subject: 'CN=Workloads', ...dates })
const middle = await root.intermediate({ subject: 'CN=Workloads of the shop', ...dates })
const keys = { 'P-256': keyPair(), RSA: keyPair('rsa', { modulusLength: 2048 }), Ed25519: keyPair('ed25519') }
const workload = (pair = keys['P-256']) => middle.leaf({ subject: 'CN=checkout', keys: pair, ...dates })
const stranger = await (await createRoot({ subject: 'CN=Others', ...dates })).leaf({ subject: 'CN=checkout', ...dates })

const server = await startCambist({
  clock: new TestClock(now * 1000),
  mtls: { cert: host.chainPem(), key: host.keyPem },
})
await server.apply(
  document('TrustedIssuer', 'workloads', { credential: 'x509', maxLifetime: '3d', keys: { roots: root.pem } }),
  document('Client', 'checkout', {
    workloads: [
      { issuer: 'cluster', match: { namespace: ['shop'], serviceaccount: ['checkout'] } },
      { issuer: 'workloads', ids: ['checkout'] },
    ],
  }),
)
/** As a client finds it. */
const metadata = (await (await server.get('/.well-known/oauth-authorization-server')).json()) as {
  mtls_endpoint_aliases: { token_endpoint: string }
}
const endpoint = metadata.mtls_endpoint_aliases.token_endpoint

const directory = mkdtempSync(join(tmpdir(), 'cambist-mutual-tls-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}
const authorities = file('hosts.pem', hostRoot.pem)

interface Told {
  readonly status: number
  readonly body: Record<string, unknown>
}
type Ask = (form: Record<string, string>, certificate?: Issued) => Promise<Told>

const byNode: Ask = (form, certificate) =>
  new Promise((resolve, reject) => {
    const body = new URLSearchParams(form).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length }
    const own = certificate === undefined ? {} : { cert: certificate.chainPem(), key: certificate.keyPem }
    const sent = request(endpoint, { method: 'POST', headers, agent: false, ca: hostRoot.pem, ...own }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) as Told['body'] }))
    })
    sent.on('error', reject).end(body)
  })

const byCurl: Ask = async (form, certificate) => {
  const own =
    certificate === undefined
      ? []
      : ['--cert', file('own.pem', certificate.chainPem()), '--key', file('own.key', certificate.keyPem)]
  const written = await promisify(execFile)('curl', [
    ...['--silent', '--show-error', '--noproxy', '*', '--cacert', authorities, '--write-out', '\n%{http_code}'],
    ...own,
    ...Object.entries(form).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]),
    endpoint,
  ])
  const [body = '', status] = written.stdout.split(/\n(?=\d{3}$)/)
  return { status: Number(status), body: JSON.parse(body) as Told['body'] }
}

const certificateAlone = {
  grant_type: TYPE.exchange,
  subject_token_type: 'urn:ietf:params:oauth:token-type:mtls',
  audience: AUDIENCE,
}

/** What jose reads of the token. */
async function claimsOf({ body }: Told) {
  const { payload } = await jwtVerify(
    String(body['access_token']),
    createRemoteJWKSet(new URL(`${server.issuer}/jwks`)),
    { issuer: server.issuer, audience: AUDIENCE, typ: 'at+jwt' },
  )
  return payload
}
const boundTo = ({ der }: Issued) => ({ 'x5t#S256': createHash('sha256').update(der).digest('base64url') })

describe.each([
  ["Node's https", byNode, true],
  ['curl', byCurl, curlPresent],
] as const)('%s with a client certificate', (_, ask, present) => {
  it.runIf(present).each(['P-256', 'RSA', 'Ed25519'] as const)(
    'TE-86 CB-01 obtains a token for its certificate alone, bound to it, with a key of %s',
    async (kind) => {
      const certificate = await workload(keys[kind])
      const answer = await ask(certificateAlone, certificate)
      expect(answer).toMatchObject({ status: 200, body: { token_type: 'Bearer', issued_token_type: TYPE.accessToken } })
      expect(await claimsOf(answer)).toMatchObject({ client_id: 'checkout', cnf: boundTo(certificate) })
    },
  )

  it.runIf(present)('has a token of its platform bound to a certificate that says nothing of it', async () => {
    const form = { ...certificateAlone, subject_token: server.cluster.token(), subject_token_type: TYPE.jwt }
    const answer = await ask(form, stranger)
    expect(answer.status).toBe(200)
    expect(await claimsOf(answer)).toMatchObject({ client_id: 'checkout', cnf: boundTo(stranger) })
  })

  it.runIf(present)('is told in JSON, after a whole handshake, that its certificate is not taken', async () => {
    expect(await ask(certificateAlone, stranger)).toMatchObject({
      status: 400,
      body: { error: 'invalid_request', error_description: expect.stringContaining('comes from the right issuer') },
    })
  })

  it.runIf(present)('needs no certificate for what needs none', async () => {
    const answer = await ask({
      ...certificateAlone,
      subject_token: server.cluster.token(),
      subject_token_type: TYPE.jwt,
    })
    expect(answer.status).toBe(200)
    expect(await claimsOf(answer)).not.toHaveProperty('cnf')
    expect(await ask(certificateAlone)).toMatchObject({ status: 400, body: { error: 'invalid_request' } })
  })
})
