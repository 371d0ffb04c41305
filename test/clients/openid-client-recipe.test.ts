/** The programs of docs/recipes/openid-client.md, each as a process of its own, over TLS. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Environment } from '../../src/config/environment.ts'
import type { TestServer } from '../harness/cambist.ts'
import { createRoot } from '../harness/pki.ts'
import { pageOf, withClientKeys, withKeys } from '../harness/recipes.ts'
import { SigningKey } from '../harness/tokens.ts'
import { insteadOf } from './program.ts'
import { clusterOf, dates, TlsServers } from './tls-server.ts'

const page = pageOf('openid-client')
const [credentials = '', jwtBearer = '', exchange = '', byCertificate = ''] = page.blocks('js')
const servers = await TlsServers.open()
const { files } = servers
const machines = await createRoot({ subject: 'CN=Machines', ...dates })
const warehouse = await machines.leaf({ subject: 'CN=warehouse', ...dates })
const billing = new SigningKey('ES256')

/** What is here of what the page names. */
const FILES = {
  '/etc/billing/key.pem': files.write(
    'key.pem',
    billing.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  ),
  '/run/warehouse/tls.crt': files.write('tls.crt', warehouse.chainPem()),
  '/run/warehouse/tls.key': files.write('tls.key', warehouse.keyPem),
}

interface Started {
  readonly server: TestServer
  readonly shown: Readonly<Record<string, string>>
}

async function started(env: Environment = {}): Promise<Started> {
  const server = await servers.start({
    env,
    certificates: true,
    documents: page.documents.filter(({ kind }) => kind === 'Target'),
  })
  const { cluster, trusted } = clusterOf(server, pageOf('kubernetes').documents)
  await server.apply(
    ...trusted,
    ...withKeys(
      pageOf('google-auth-library').documents.filter(({ kind }) => kind === 'TrustedIssuer'),
      { machines: { roots: machines.pem } },
    ),
    ...withClientKeys(page.documents, { billing: billing.jwk }),
  )
  const caller = cluster.token({}, { namespace: 'web', serviceaccount: 'front' })
  return {
    server,
    shown: {
      ...FILES,
      'https://cambist.example': server.issuer,
      '/var/run/secrets/cambist/token': files.write(`token-${new URL(server.issuer).port}`, cluster.token()),
      '/run/request/token': files.write(`caller-${new URL(server.issuer).port}`, caller),
    },
  }
}

const [plain, strict] = await Promise.all([started(), started({ CAMBIST_DPOP_NONCE: 'required' })])

async function claimsOf(program: string, { server, shown }: Started) {
  const named = Object.fromEntries(Object.entries(shown).filter(([text]) => program.includes(text)))
  return servers.claimsOf(server, await servers.run(insteadOf(program, named)))
}
const thumbprint = { jkt: expect.stringMatching(/^[\w-]{43}$/) }

describe.each([
  ['that takes proofs as they come', plain],
  ['DP-13 that demands a nonce in each proof', strict],
] as const)('at a server %s', (_what, at) => {
  it('DP-11, AT-03 openid-client obtains a bound token of the client’s own by private_key_jwt', async () => {
    expect(await claimsOf(credentials, at)).toMatchObject({
      client_id: 'billing',
      sub: expect.stringMatching(/\/clients\/billing$/),
      scope: 'orders:read',
      cnf: thumbprint,
    })
  })

  it('DP-11 oauth4webapi exchanges the token of a caller for a bound one', async () => {
    expect(await claimsOf(exchange, at)).toMatchObject({
      client_id: 'billing',
      sub: expect.stringContaining('front'),
      act: { sub: expect.stringMatching(/\/clients\/billing$/) },
      cnf: thumbprint,
    })
  })
})

describe('openid-client', () => {
  it('JG-01 obtains a token by the token of the platform as the grant', async () => {
    expect(await claimsOf(jwtBearer, plain)).toMatchObject({ client_id: 'checkout', scope: 'orders:read' })
  })

  it('CB-07 finds where certificates are asked for, and obtains a token that is bound to its own', async () => {
    expect(await claimsOf(byCertificate, plain)).toMatchObject({
      client_id: 'warehouse',
      cnf: { 'x5t#S256': createHash('sha256').update(warehouse.der).digest('base64url') },
    })
  })
})
