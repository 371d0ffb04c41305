/** @azure/identity, which is made for Microsoft Entra (TE-97), at our token endpoint in the shape of Entra's, as docs/recipes/azure-identity.md has it. */
import { describe, expect, it } from 'vitest'
import { pageOf, withClientKeys } from '../harness/recipes.ts'
import { Cluster, SigningKey } from '../harness/tokens.ts'
import { AUDIENCE } from './clients.ts'
import { insteadOf } from './program.ts'
import { clusterOf, lastReason, TlsServers } from './tls-server.ts'

const US = 'https://cambist.example'
const page = pageOf('azure-identity')
const [byFile = '', byKey = ''] = page.blocks('js')
const servers = await TlsServers.open()
const { files } = servers

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

const server = await servers.start({
  env: { CAMBIST_ENTRA_TENANT: tenant },
  documents: page.documents.filter(({ kind }) => kind === 'Target'),
})
const { cluster, trusted } = clusterOf(server, pageOf('kubernetes').documents)
const billing = new SigningKey('ES256')
await server.apply(...trusted, ...withClientKeys(page.documents, { billing: billing.jwk }))

const tokenFile = files.write('token', cluster.token())
const keyFile = files.write('key.pem', billing.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
const environment = (changes: Readonly<Record<string, string>> = {}) => ({
  ...inPod,
  AZURE_AUTHORITY_HOST: insteadOf(inPod['AZURE_AUTHORITY_HOST'] ?? '', { [US]: server.issuer }),
  AZURE_FEDERATED_TOKEN_FILE: insteadOf(inPod['AZURE_FEDERATED_TOKEN_FILE'] ?? '', {
    '/var/run/secrets/cambist/token': tokenFile,
  }),
  ...changes,
})
const byKeyHere = insteadOf(byKey, { [US]: server.issuer, '/etc/billing/key.pem': keyFile })

describe('@azure/identity', () => {
  it('TE-97 obtains a token by the platform’s token in a file, as the page shows', async () => {
    expect(await servers.claimsOf(server, await servers.run(byFile, environment()))).toMatchObject({
      client_id: 'checkout',
      scope: 'orders:read',
    })
  })

  it('TE-97 obtains one by an assertion of its own key, as the page shows', async () => {
    expect(await servers.claimsOf(server, await servers.run(byKeyHere))).toMatchObject({
      client_id: 'billing',
      scope: 'orders:read',
    })
  })

  it('keeps the token that it has, under what it asked for', async () => {
    const twice = byKeyHere.replace(
      'console.log(token)',
      `
      const again = await credential.getToken('${AUDIENCE}/.default')
      console.log([token === again.token, again.tokenType, again.expiresOnTimestamp > Date.now()].join())`,
    )
    expect(await servers.run(twice)).toMatchObject({ code: 0, output: 'true,Bearer,true' })
  })

  it('asks in the same way where it can renew tokens at once (cp1)', async () => {
    const continuous = byKeyHere.replace(/getToken\(([^)]*)\)/, 'getToken($1, { enableCae: true })')
    expect(continuous).not.toBe(byKeyHere)
    expect(await servers.claimsOf(server, await servers.run(continuous))).toMatchObject({ client_id: 'billing' })
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
    const { code, errors } = await servers.run(insteadOf(byKeyHere, { [shown]: instead }))
    expect(code).not.toBe(0)
    expect(errors).toContain(error)
    expect(errors).toMatch(/Description: [A-Z][^\n]*\./)
    expect(await lastReason(server)).toBe(reason)
  })

  it('is told that a file holds no token of the cluster', async () => {
    const other = new Cluster({ issuer: cluster.issuer, audience: server.issuer, now: server.clock.seconds })
    const file = files.write('forged', other.token())
    const { code, errors } = await servers.run(byFile, environment({ AZURE_FEDERATED_TOKEN_FILE: file }))
    expect(code).not.toBe(0)
    expect(errors).toContain('invalid_client')
    expect(await lastReason(server)).toBe('key_unknown')
  })
})
