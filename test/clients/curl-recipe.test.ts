/** Every request of docs/recipes/curl.md, as a shell sends it. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createRoot } from '../harness/pki.ts'
import { pageOf, withClientKeys, withKeys } from '../harness/recipes.ts'
import { SigningKey } from '../harness/tokens.ts'
import { TrustDomain } from '../harness/workload.ts'
import { insteadOf, isThere, run } from './program.ts'
import { clusterOf, dates, lastReason, TlsServers } from './tls-server.ts'

const present = isThere('curl') && isThere('openssl')
if (!present) console.log('curl or openssl is not on this machine: the requests of the page on curl are not sent')

const US = 'https://cambist.example'
const page = pageOf('curl')
const [jwtBearer = '', byPlatform = '', bySvid = '', byKey = '', byCertificate = '', certificateAlone = ''] =
  page.blocks('sh')

describe.runIf(present)('curl', async () => {
  const servers = await TlsServers.open()
  const { files } = servers
  const server = await servers.start({
    certificates: true,
    documents: page.documents.filter(({ kind }) => kind === 'Target'),
  })
  const machines = await createRoot({ subject: 'CN=Machines', ...dates })
  const warehouse = await machines.leaf({ subject: 'CN=warehouse', ...dates })
  const billing = new SigningKey('RS256')
  const prod = new TrustDomain(server.clock.seconds)
  const { cluster, trusted } = clusterOf(server, pageOf('kubernetes').documents)
  const issuers = (name: string) => pageOf(name).documents.filter(({ kind }) => kind === 'TrustedIssuer')
  const svids = withKeys(
    issuers('spire').filter(({ metadata }) => metadata.name === 'prod-tokens'),
    { 'prod-tokens': { bundle: { inline: prod.bundle } } },
  )
  await server.apply(
    ...trusted,
    ...svids.map((each) => ({ ...each, spec: { ...each.spec, audiences: [server.issuer] } })),
    ...withKeys(issuers('google-auth-library'), { machines: { roots: machines.pem } }),
    ...withClientKeys(page.documents, { billing: billing.jwk }),
  )

  const HERE = { [US]: server.issuer }
  const TOKEN = { ...HERE, '/var/run/secrets/cambist/token': files.write('token', cluster.token()) }
  const SVID = {
    ...HERE,
    '/run/svid/cambist.jwt': files.write('cambist.jwt', prod.svid('shop/checkout', [server.issuer])),
  }
  const KEY = {
    ...HERE,
    '/etc/billing/key.pem': files.write(
      'key.pem',
      billing.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    ),
  }
  const CERTIFICATE = {
    'https://mtls.cambist.example': server.mtls,
    '/run/warehouse/tls.crt': files.write('tls.crt', warehouse.chainPem()),
    '/run/warehouse/tls.key': files.write('tls.key', warehouse.keyPem),
  }
  const sent = async (block: string, values: Readonly<Record<string, string>>) => {
    const script = insteadOf(block, values)
    const ended = await run('bash', ['-euo', 'pipefail', '-s'], {
      env: { CURL_CA_BUNDLE: servers.authorities },
      input: script,
    })
    const body = JSON.parse(ended.output) as Record<string, unknown>
    return { ...ended, body, token: { ...ended, output: String(body['access_token']) } }
  }
  const boundTo = { cnf: { 'x5t#S256': createHash('sha256').update(warehouse.der).digest('base64url') } }

  it.each([
    ['JG-01 a JWT as the grant', jwtBearer, TOKEN, { client_id: 'checkout' }],
    ['client credentials by a platform’s token', byPlatform, TOKEN, { client_id: 'checkout' }],
    ['client credentials by a JWT-SVID', bySvid, SVID, { client_id: 'checkout' }],
    ['JC-01 client credentials by private_key_jwt', byKey, KEY, { client_id: 'billing' }],
    ['CB-01 client credentials by a certificate', byCertificate, CERTIFICATE, { client_id: 'warehouse', ...boundTo }],
    ['TE-86 a certificate alone', certificateAlone, CERTIFICATE, { client_id: 'warehouse', ...boundTo }],
  ])('%s', async (_what, block, values, claims) => {
    const { body, token } = await sent(block, values)
    expect(await servers.claimsOf(server, token)).toMatchObject({ scope: 'orders:read', ...claims })
    expect(body).toMatchObject({ token_type: 'Bearer', scope: 'orders:read' })
  })

  it('I4 gives no token that outlives the platform’s, and none that ends with an assertion of the client’s own', async () => {
    const ending = cluster.token({ exp: server.clock.seconds() + 100 })
    const byAnother = await sent(byPlatform, {
      ...HERE,
      '/var/run/secrets/cambist/token': files.write('ending', ending),
    })
    expect(byAnother.body['expires_in']).toBeLessThanOrEqual(100)
    expect((await sent(byKey, KEY)).body['expires_in']).toBe(300)
  })

  it('makes the script stop with the sentence that says why', async () => {
    const { code, body } = await sent(byKey.replace('scope=orders:read', 'scope=orders:write'), KEY)
    expect([code, body['error']]).toEqual([22, 'invalid_scope'])
    expect(await lastReason(server)).toBe('scope_denied')
  })
})
