import { createHash } from 'node:crypto'
import { certificateToken } from '../../src/credentials/presented-certificate.ts'
import { MTLS_TYPE } from '../../src/lib/token-types.ts'
import { type Answer, document, type Form, type TestServer } from './cambist.ts'
import { written } from './client-chain.ts'
import { type Authority, type Issued, type IssueOptions, pemOf } from './pki.ts'
import { formOf } from './post.ts'
import { postTls } from './tls-client.ts'

/** The environment of a server behind a proxy that hands certificates on as RFC 9440 writes them: on this machine. */
export const BEHIND_PROXY = {
  CAMBIST_TRUSTED_PROXIES: '127.0.0.1',
  CAMBIST_CLIENT_CERT_HEADER: 'rfc9440',
} as const

/** The form of a subject that is a certificate: that of the connection, or the text that is given. */
export const asSubject = (chain?: readonly Buffer[]): Form => ({
  subject_token_type: MTLS_TYPE,
  subject_token: chain === undefined ? undefined : certificateToken(chain),
})

/** An exchange behind the proxy, of a client that showed the chain there; its subject is that certificate where nothing else is said. */
export const behindProxy = (
  server: TestServer,
  chain: readonly Buffer[],
  form: Form = asSubject(),
  headers: Record<string, string> = {},
): Promise<Answer> => server.exchange(form, { ...written.rfc9440(chain), ...headers })

/** An exchange by TLS with the server itself, of a client that shows a certificate, or none. */
export async function byTls(
  server: TestServer,
  shown: Issued | undefined,
  form: Form = asSubject(),
  headers: readonly string[] = [],
): Promise<Answer> {
  const {
    status,
    headers: heard,
    body,
  } = await postTls(server.mtls, {
    chain: shown === undefined ? undefined : { pem: [shown.chainPem()], key: shown.keyPem },
    lines: ['Content-Type: application/x-www-form-urlencoded', ...headers],
    body: formOf(server, form).toString(),
  })
  const id = heard.get('Cambist-Request-Id') ?? ''
  return { status, headers: heard, body: JSON.parse(body) as Record<string, unknown>, id }
}

/** What Envoy writes of a client certificate (XF-01, XF-02). */
export function envoyHeader(chain: readonly Buffer[]): Record<string, string> {
  const [leaf = Buffer.alloc(0)] = chain
  const hash = createHash('sha256').update(leaf).digest('hex')
  const pem = (certificates: readonly Buffer[]) => written.envoy(certificates.map(pemOf).join(''))
  const value = `By=spiffe://prod.example/envoy;Hash=${hash};Cert="${pem([leaf])}";Chain="${pem(chain)}"`
  return { 'X-Forwarded-Client-Cert': value }
}

/** An hour's certificate of a workload, as SPIRE makes them. */
export const svidOf = (authority: Authority, now: number, uri: string, more: IssueOptions = {}): Promise<Issued> =>
  authority.leaf({
    ...{ subject: 'C=US, O=SPIRE', uris: [uri], notBefore: now - 10, notAfter: now + 3600 },
    ...more,
  })

/** A client of every workload of an issuer, who may read orders. */
export const everybodyOf = (...issuers: readonly string[]): object[] => [
  document('Client', 'everybody', { workloads: issuers.map((issuer) => ({ issuer })) }),
  document('Policy', 'everybody-reads-orders', {
    clients: ['everybody'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
]
