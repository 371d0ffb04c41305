/** @azure/identity, which is made for Microsoft Entra (TE-97), at our token endpoint in the shape of Entra's, as docs/recipes/azure-identity.md has it. */
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { startCambist, TestClock } from '../harness/cambist.ts'
import { createRoot } from '../harness/pki.ts'
import { pageOf, withKeys } from '../harness/recipes.ts'
import { Cluster, SigningKey } from '../harness/tokens.ts'
import { AUDIENCE } from './clients.ts'
import { type Ended, Files, insteadOf, runProgram } from './program.ts'

const US = 'https://cambist.example'
const page = pageOf('azure-identity')
const [byFile = '', byKey = ''] = page.blocks('js')
const files = new Files()

// The library checks the server's certificate, and has no clock but the real one.
const now = Math.floor(Date.now() / 1000)
const dates = { notBefore: now - 3600, notAfter: now + 2 * 86_400 }
const hosts = await createRoot({ subject: 'CN=Hosts', ...dates })
const host = await hosts.leaf({ ips: ['127.0.0.1'], ...dates })

/** What the page's shell blocks put into an environment. */
const variables = (block: string): Record<string, string> =>
  Object.fromEntries(
    block
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/, 2) as [string, string]),
  )
const [{ CAMBIST_ENTRA_TENANT: tenant = '' } = {}] = page.blocks('sh').map(variables)
const [inPod = {}] = page.blocks('ini').map(variables)

const server = await startCambist({
  clock: new TestClock(now * 1000),
  tls: { cert: host.chainPem(), key: host.keyPem },
  env: { CAMBIST_ENTRA_TENANT: tenant },
  documents: page.documents.filter(({ kind }) => kind === 'Target'),
})
const cluster = new Cluster({ issuer: 'https://oidc.prod.example', audience: server.issuer, now: server.clock.seconds })
const billing = new SigningKey('ES256')
const prodCluster = pageOf('kubernetes').documents.filter(({ kind }) => kind === 'TrustedIssuer')
await server.apply(
  ...withKeys(prodCluster, { 'prod-cluster': { jwks: cluster.jwks } }).map((each) => ({
    ...each,
    spec: { ...each.spec, audiences: [server.issuer] },
  })),
  ...page.documents.map((each) =>
    each.metadata.name === 'billing'
      ? {
          ...each,
          spec: { ...each.spec, authentication: { method: 'private_key_jwt', jwks: { keys: [billing.jwk] } } },
        }
      : each,
  ),
)

const authorities = files.write('hosts.pem', hosts.pem)
const tokenFile = files.write('token', cluster.token())
const keyFile = files.write('key.pem', billing.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
const runHere = (program: string, env: Readonly<Record<string, string>> = {}) =>
  runProgram(program, { ...env, NODE_EXTRA_CA_CERTS: authorities })
const environment = (changes: Readonly<Record<string, string>> = {}) => ({
  ...inPod,
  AZURE_AUTHORITY_HOST: insteadOf(inPod['AZURE_AUTHORITY_HOST'] ?? '', { [US]: server.issuer }),
  AZURE_FEDERATED_TOKEN_FILE: insteadOf(inPod['AZURE_FEDERATED_TOKEN_FILE'] ?? '', {
    '/var/run/secrets/cambist/token': tokenFile,
  }),
  ...changes,
})
const byKeyHere = insteadOf(byKey, { [US]: server.issuer, '/etc/billing/key.pem': keyFile })

/** What Node's fetch does not reach: it would check the certificate, too. */
async function published(path: string): Promise<Record<string, unknown>> {
  const program = `console.log(await (await fetch('${server.issuer}${path}')).text())`
  return JSON.parse((await runHere(program)).output) as Record<string, unknown>
}
const keys = createLocalJWKSet((await published('/jwks')) as unknown as JSONWebKeySet)

async function claimsOf({ code, output, errors }: Ended) {
  expect([code, code === 0 ? '' : errors]).toEqual([0, ''])
  const { payload } = await jwtVerify(output, keys, { issuer: server.issuer, audience: AUDIENCE, typ: 'at+jwt' })
  return payload
}

/** The reason on the record of the request that was refused last. */
async function lastReason(): Promise<unknown> {
  const list = (await (await server.adminGet('/admin/v1/audit?limit=1')).json()) as { items: { reason: string }[] }
  return list.items[0]?.reason
}

describe('@azure/identity', () => {
  it('TE-97 obtains a token by the platform’s token in a file, as the page shows', async () => {
    expect(await claimsOf(await runHere(byFile, environment()))).toMatchObject({
      client_id: 'checkout',
      scope: 'orders:read',
    })
  })

  it('TE-97 obtains one by an assertion of its own key, as the page shows', async () => {
    expect(await claimsOf(await runHere(byKeyHere))).toMatchObject({ client_id: 'billing', scope: 'orders:read' })
  })

  it('keeps the token that it has, under what it asked for', async () => {
    const twice = byKeyHere.replace(
      'console.log(token)',
      `
      const again = await credential.getToken('${AUDIENCE}/.default')
      console.log([token === again.token, again.tokenType, again.expiresOnTimestamp > Date.now()].join())`,
    )
    expect(await runHere(twice)).toMatchObject({ code: 0, output: 'true,Bearer,true' })
  })

  it('asks in the same way where it can renew tokens at once (cp1)', async () => {
    const continuous = byKeyHere.replace(/getToken\(([^)]*)\)/, 'getToken($1, { enableCae: true })')
    expect(continuous).not.toBe(byKeyHere)
    expect(await claimsOf(await runHere(continuous))).toMatchObject({ client_id: 'billing' })
  })

  it.each([
    ['a scope of its own', `'${AUDIENCE}/.default'`, "'orders:read'", 'invalid_scope', 'scope_unknown'],
    ['a resource that is nobody’s', AUDIENCE, 'urn:nobody', 'invalid_target', 'target_unknown'],
    ['another client’s name', "'billing', assertion", "'checkout', assertion", 'invalid_client', 'client_mismatch'],
    [
      'an assertion for the token endpoint',
      '.setAudience(us)',
      ".setAudience(us + '/shop.example/oauth2/v2.0/token')",
      'invalid_client',
      'audience_mismatch',
    ],
  ])('tells why %s is refused', async (_what, shown, instead, error, reason) => {
    const { code, errors } = await runHere(insteadOf(byKeyHere, { [shown]: instead }))
    expect(code).not.toBe(0)
    expect(errors).toContain(error)
    expect(errors).toMatch(/Description: [A-Z][^\n]*\./)
    expect(await lastReason()).toBe(reason)
  })

  it('is told that a file holds no token of the cluster', async () => {
    const other = new Cluster({ issuer: cluster.issuer, audience: server.issuer, now: server.clock.seconds })
    const file = files.write('forged', other.token())
    const { code, errors } = await runHere(byFile, environment({ AZURE_FEDERATED_TOKEN_FILE: file }))
    expect(code).not.toBe(0)
    expect(errors).toContain('invalid_client')
    expect(await lastReason()).toBe('key_unknown')
  })
})
