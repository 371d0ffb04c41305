/** google-auth-library, which exchanges for Google's own STS (TE-80 to TE-88), at our token endpoint, as docs/recipes/google-auth-library.md has it. */
import { createHash } from 'node:crypto'
import { GoogleAuth, IdentityPoolClient } from 'google-auth-library'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { document, startCambist, TestClock } from '../harness/cambist.ts'
import { createRoot, type Issued } from '../harness/pki.ts'
import { pageOf, withKeys } from '../harness/recipes.ts'
import { Cluster } from '../harness/tokens.ts'
import { AUDIENCE } from './clients.ts'
import { type Ended, Files, insteadOf, runProgram } from './program.ts'

const US = 'https://cambist.example'
const page = pageOf('google-auth-library')
const [fromFile = '', byCertificate = '', certificateConfig = ''] = page.blocks('json')
const [program = ''] = page.blocks('js')
const files = new Files()

// The library checks the server's certificate, and has no clock but the real one.
const now = Math.floor(Date.now() / 1000)
const dates = { notBefore: now - 3600, notAfter: now + 2 * 86_400 }
const hostRoot = await createRoot({ subject: 'CN=Hosts', ...dates })
const host = await hostRoot.leaf({ ips: ['127.0.0.1'], ...dates })
const machines = await createRoot({ subject: 'CN=Machines', ...dates })
const middle = await machines.intermediate({ subject: 'CN=Machines of the shop', ...dates })

const clock = new TestClock(now * 1000)
const cluster = new Cluster({ issuer: 'https://oidc.prod.example', audience: US, now: clock.seconds })
const server = await startCambist({
  clock,
  env: { CAMBIST_ISSUER: US },
  mtls: { cert: host.chainPem(), key: host.keyPem },
  documents: [
    ...withKeys(pageOf('kubernetes').documents, { 'prod-cluster': { jwks: cluster.jwks } }),
    // Its target is that of the other page.
    ...withKeys(page.documents, { machines: { roots: machines.pem } }).filter(({ kind }) => kind !== 'Target'),
  ],
})

const keys = createRemoteJWKSet(new URL(`${server.workloads}/jwks`))
async function claimsOf(token: unknown, audience = AUDIENCE) {
  const { payload } = await jwtVerify(String(token), keys, { issuer: US, audience, typ: 'at+jwt' })
  return payload
}

const tokenFile = files.write('token', cluster.token())
/** The configuration of the page, here. */
const configured = (more: object = {}): object => ({
  ...JSON.parse(insteadOf(fromFile, { [US]: server.workloads, '/var/run/secrets/cambist/token': tokenFile })),
  ...more,
})
const clientOf = (more: object = {}): IdentityPoolClient =>
  new IdentityPoolClient(configured(more) as ConstructorParameters<typeof IdentityPoolClient>[0])
const file = (name: string, content: object): string => files.write(name, JSON.stringify(content))
const asShown = (configuration: string) => insteadOf(program, { '/etc/checkout/cambist.json': configuration })

describe('google-auth-library with a token from a file', () => {
  it('TE-87 obtains a token by the program and the file of the page', async () => {
    const { code, output, errors } = await runProgram(asShown(file('cambist.json', configured())))
    expect([code, code === 0 ? '' : errors]).toEqual([0, ''])
    expect(await claimsOf(output)).toMatchObject({ client_id: 'checkout', scope: 'orders:read' })
  })

  it('obtains one by GoogleAuth with scopes of its own', async () => {
    const auth = new GoogleAuth({ keyFilename: file('google-auth.json', configured()), scopes: ['orders:read'] })
    expect(await claimsOf(await auth.getAccessToken())).toMatchObject({ client_id: 'checkout' })
  })

  it('renews each time a token that lives five minutes, and not one that it is told to keep', async () => {
    const [hasty, patient] = [clientOf(), clientOf({ eagerRefreshThresholdMillis: 30_000 })]
    const twice = async (client: IdentityPoolClient) => [
      (await client.getAccessToken()).token,
      (await client.getAccessToken()).token,
    ]
    expect(new Set(await twice(hasty)).size).toBe(2)
    expect(new Set(await twice(patient)).size).toBe(1)
  })

  it('TE-87 is answered where it sends options of its own, for an audience that looks like a provider’s', async () => {
    const audience = '//iam.googleapis.com/locations/global/workforcePools/shop/providers/cambist'
    await server.apply(
      document('Target', 'pool', {
        audience,
        scopes: ['pool:use'],
        tokens: [{ kind: 'access-token', lifetime: '10m' }],
      }),
      document('Policy', 'pool', { clients: ['checkout'], targets: ['pool'], scopes: ['pool:use'] }),
    )
    const client = clientOf({ audience, scopes: ['pool:use'], workforce_pool_user_project: 'shop' })
    expect(await claimsOf((await client.getAccessToken()).token, audience)).toMatchObject({ scope: 'pool:use' })
    const counted = await (await server.adminGet('/metrics')).text()
    expect(counted).toMatch(/^cambist_unknown_parameters_total [1-9]/m)
  })

  it.each([
    ['that names no scopes', { scopes: undefined }, 'invalid_scope'],
    ['for an audience that is nobody’s', { audience: 'urn:nobody' }, 'invalid_target'],
    ['with a client secret', { client_id: 'checkout', client_secret: 's' }, 'invalid_client'],
    [
      'whose file ends with a line feed',
      { credential_source: { file: files.write('line-feed', `${cluster.token()}\n`) } },
      'invalid_request',
    ],
  ])('understands why a configuration %s is refused', async (_what, changes, error) => {
    await expect(clientOf(changes).getAccessToken()).rejects.toThrow(new RegExp(`^Error code ${error}: [A-Z].*\\.$`))
  })
})

describe('google-auth-library with a certificate', () => {
  const obtained = async (certificate: Pick<Issued, 'chainPem' | 'keyPem'>, name: string) => {
    const cert = files.write(`${name}.crt`, certificate.chainPem())
    const paths = {
      '/run/checkout/tls.crt': cert,
      '/run/checkout/tls.key': files.write(`${name}.key`, certificate.keyPem),
    }
    const certificates = files.write(`${name}-certificate.json`, insteadOf(certificateConfig, paths))
    const configuration = insteadOf(byCertificate, {
      'https://mtls.cambist.example': server.mtls,
      '/etc/checkout/certificate.json': certificates,
      '/run/checkout/tls.crt': cert,
    })
    const path = files.write(`${name}.json`, configuration)
    return runProgram(asShown(path), { NODE_EXTRA_CA_CERTS: files.write('hosts.pem', hostRoot.pem) })
  }

  it('TE-86 obtains a token by what the page shows, bound to the certificate', async () => {
    const certificate = await middle.leaf({ subject: 'CN=warehouse', ...dates })
    const { code, output, errors } = await obtained(certificate, 'warehouse')
    expect([code, code === 0 ? '' : errors]).toEqual([0, ''])
    expect(await claimsOf(output)).toMatchObject({
      client_id: 'warehouse',
      scope: 'orders:read',
      cnf: { 'x5t#S256': createHash('sha256').update(certificate.der).digest('base64url') },
    })
  })

  /** What the program is told, and the reason on the record of the request that it names. */
  async function refusedFor({ code, errors }: Ended) {
    expect(code).not.toBe(0)
    const [, error, sentence] = /error: '(\w+)',\s+error_description: '([^']+)'/.exec(errors) ?? []
    const [, id = ''] = /request_id: '([^']+)'/.exec(errors) ?? []
    return { error, sentence, reason: (await server.record(id))['reason'] }
  }
  const UNTRUSTED = {
    error: 'invalid_request',
    sentence: expect.stringMatching(/^The subject token is not accepted here\./),
    reason: 'issuer_unknown',
  }

  it('TE-88 is refused where nothing in the request leads to the root, in a sentence', async () => {
    const certificate = await middle.leaf({ subject: 'CN=warehouse', ...dates })
    const alone = await obtained({ ...certificate, chainPem: () => certificate.pem }, 'leaf-alone')
    expect(await refusedFor(alone)).toEqual(UNTRUSTED)
    const others = await createRoot({ subject: 'CN=Others', ...dates })
    const stranger = await obtained(await others.leaf({ subject: 'CN=warehouse', ...dates }), 'stranger')
    expect(await refusedFor(stranger)).toEqual(UNTRUSTED)
  })
})
