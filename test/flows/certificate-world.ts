import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { type Answer, baseDocuments, document, type Form, startCambist, type TestServer } from '../harness/cambist.ts'
import { asSubject, byTls, envoyHeader, svidOf } from '../harness/certificates.ts'
import { written } from '../harness/client-chain.ts'
import { createRoot, type Issued, type IssueOptions, pemOf } from '../harness/pki.ts'
import { sha256 } from '../harness/proofs.ts'
import { decode } from '../harness/tokens.ts'

/** What the tests of certificates begin with: authorities, three servers with all ways in, clients of every sort, one rule for all of them. */
export const bundles = mkdtempSync(join(tmpdir(), 'cambist-bundles-'))
afterAll(() => rmSync(bundles, { recursive: true, force: true }))

export const root = await createRoot()
export const intermediate = await root.intermediate()
export const corporate = await createRoot({ subject: 'CN=Corporate' })
export const partner = await createRoot({ subject: 'CN=Partner' })
/** Of nobody whom a server here believes. */
export const unknown = await createRoot({ subject: 'CN=Unknown' })
/** Self-made, as OpenSSL makes them: their own authority. */
export const selfMade = await createRoot({ subject: 'CN=self', keyUsage: ['digitalSignature', 'keyCertSign'] })

const own = await unknown.leaf({ ips: ['127.0.0.1'] })
const proxied = { CAMBIST_TRUSTED_PROXIES: '127.0.0.1' }
export const first = await startCambist({
  mtls: { cert: own.chainPem(), key: own.keyPem },
  env: { ...proxied, CAMBIST_CLIENT_CERT_HEADER: 'rfc9440', CAMBIST_BUNDLES_DIR: bundles },
})
export const { clock } = first
const behindEnvoy = await startCambist({ clock, env: { ...proxied, CAMBIST_CLIENT_CERT_HEADER: 'xfcc' } })
const behindNginx = await startCambist({ clock, env: { ...proxied, CAMBIST_CLIENT_CERT_HEADER: 'nginx' } })

interface Way {
  readonly server: TestServer
  present(shown: Issued, form?: Form): Promise<Answer>
}
const behind = (server: TestServer, header: (chain: readonly Buffer[]) => Record<string, string>): Way => ({
  server,
  present: (shown, form = asSubject()) => server.exchange(form, header(shown.chain())),
})
export const byHeader = behind(first, written.rfc9440)
export const WAYS: Readonly<Record<string, Way>> = {
  'by TLS': { server: first, present: (shown, form) => byTls(first, shown, form) },
  'in Client-Cert': byHeader,
  'in X-Forwarded-Client-Cert': behind(behindEnvoy, envoyHeader),
  'in ssl-client-cert': behind(behindNginx, ([leaf = Buffer.alloc(0)]) => ({
    'ssl-client-cert': written.nginx(pemOf(leaf)),
  })),
}

export const NAME = 'C=DE, O=Example\\, Inc., CN=billing'
export const registered = (name: string, authentication: object) => document('Client', name, { authentication })
export const NAMES = {
  'by-dn': { subjectDn: 'CN=billing,O=Example\\, Inc.,C=DE' },
  'by-dns': { sanDns: 'billing.example' },
  'by-uri': { sanUri: 'https://billing.example/' },
  'by-ip': { sanIp: '2001:DB8:0::7' },
  'by-email': { sanEmail: 'billing@example.com' },
} as const
const CLIENTS = ['svc', 'fleet', 'self', 'worker', 'checkout', ...Object.keys(NAMES)]
export const trustedBy = (name: string, more: object) =>
  document('TrustedIssuer', name, { maxLifetime: '5000d', ...more })
export const documents = (server: TestServer) => [
  ...baseDocuments(server.cluster),
  trustedBy('prod', {
    ...{ credential: 'spiffe-x509-svid', trustDomain: 'prod.example' },
    keys: { roots: root.pem, intermediates: intermediate.pem },
  }),
  trustedBy('deep', {
    ...{ credential: 'spiffe-x509-svid', trustDomain: 'deep.example', uses: ['subject'], keys: { roots: root.pem } },
  }),
  trustedBy('corporate', { credential: 'x509', keys: { roots: corporate.pem } }),
  trustedBy('partner', { credential: 'x509', keys: { roots: partner.pem } }),
  document('Client', 'svc', {
    workloads: [{ issuer: 'prod', ids: ['spiffe://prod.example/svc'] }, { issuer: 'deep' }],
  }),
  registered('fleet', { method: 'spiffe_x509', issuer: 'prod', spiffeId: 'spiffe://prod.example/fleet/**' }),
  registered('self', {
    method: 'self_signed_tls_client_auth',
    jwks: { keys: [{ kty: 'EC', x5c: [selfMade.der.toString('base64')] }] },
  }),
  document('Client', 'worker', { workloads: [{ issuer: 'corporate', ids: ['worker'] }] }),
  ...Object.entries(NAMES).map(([name, said]) =>
    registered(name, { method: 'tls_client_auth', issuer: 'corporate', ...said }),
  ),
  document('Policy', 'all-read-orders', {
    clients: CLIENTS,
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
    subject: { scopes: [] },
  }),
]
for (const server of [first, behindEnvoy, behindNginx]) await server.apply(...documents(server))

export const CLIENT = { status: 401, error: 'invalid_client' } as const
export const SUBJECT = { status: 400, error: 'invalid_request' } as const
export const workload = (path: string, more: IssueOptions = {}) =>
  svidOf(intermediate, clock.seconds(), `spiffe://prod.example/${path}`, more)
export const svid = await workload('svc')
/** A subject of somebody else: the pod's. */
export const forPod = (client_id?: string): Form => ({ client_id })
export const claimsOf = ({ body }: Answer) => decode(String(body['access_token'])).claims
export const boundTo = ({ der }: Issued) => ({ 'x5t#S256': sha256(der) })
