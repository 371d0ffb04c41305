/** The programs of docs/recipes/openid-client.md, each as a process of its own, over TLS. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createRoot } from '../harness/pki.ts'
import { pageOf, withClientKeys, withKeys } from '../harness/recipes.ts'
import { SigningKey } from '../harness/tokens.ts'
import { insteadOf } from './program.ts'
import { clusterOf, dates, TlsServers } from './tls-server.ts'

const US = 'https://cambist.example'
const page = pageOf('openid-client')
const [credentials = '', jwtBearer = '', exchange = '', byCertificate = ''] = page.blocks('js')
const servers = await TlsServers.open()
const { files } = servers
const server = await servers.start({
  certificates: true,
  documents: page.documents.filter(({ kind }) => kind === 'Target'),
})
const machines = await createRoot({ subject: 'CN=Machines', ...dates })
const warehouse = await machines.leaf({ subject: 'CN=warehouse', ...dates })
const billing = new SigningKey('ES256')
const { cluster, trusted } = clusterOf(server, pageOf('kubernetes').documents)
await server.apply(
  ...trusted,
  ...withKeys(
    pageOf('google-auth-library').documents.filter(({ kind }) => kind === 'TrustedIssuer'),
    { machines: { roots: machines.pem } },
  ),
  ...withClientKeys(page.documents, { billing: billing.jwk }),
)

const KEY = {
  [US]: server.issuer,
  '/etc/billing/key.pem': files.write(
    'key.pem',
    billing.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  ),
}
const FILE = { [US]: server.issuer, '/var/run/secrets/cambist/token': files.write('token', cluster.token()) }
const CALLER = {
  ...KEY,
  '/run/request/token': files.write('caller', cluster.token({}, { namespace: 'web', serviceaccount: 'front' })),
}
const CERTIFICATE = {
  [US]: server.issuer,
  '/run/warehouse/tls.crt': files.write('tls.crt', warehouse.chainPem()),
  '/run/warehouse/tls.key': files.write('tls.key', warehouse.keyPem),
}
const claimsOf = async (program: string, values: Readonly<Record<string, string>>) =>
  servers.claimsOf(server, await servers.run(insteadOf(program, values)))
const thumbprint = { jkt: expect.stringMatching(/^[\w-]{43}$/) }

describe('openid-client', () => {
  it('DP-11, AT-03 obtains a bound token of the client’s own by private_key_jwt', async () => {
    expect(await claimsOf(credentials, KEY)).toMatchObject({
      client_id: 'billing',
      sub: expect.stringMatching(/\/clients\/billing$/),
      scope: 'orders:read',
      cnf: thumbprint,
    })
  })

  it('JG-01 obtains a token by the token of the platform as the grant', async () => {
    expect(await claimsOf(jwtBearer, FILE)).toMatchObject({ client_id: 'checkout', scope: 'orders:read' })
  })

  it('CB-07 finds where certificates are asked for, and obtains a token that is bound to its own', async () => {
    expect(await claimsOf(byCertificate, CERTIFICATE)).toMatchObject({
      client_id: 'warehouse',
      cnf: { 'x5t#S256': createHash('sha256').update(warehouse.der).digest('base64url') },
    })
  })
})

describe('oauth4webapi', () => {
  it('DP-05 exchanges the token of a caller for a bound one', async () => {
    expect(await claimsOf(exchange, CALLER)).toMatchObject({
      client_id: 'billing',
      sub: expect.stringContaining('front'),
      act: { sub: expect.stringMatching(/\/clients\/billing$/) },
      cnf: thumbprint,
    })
  })
})
