import { certificateToken, MTLS_TYPE } from '../../src/credentials/presented-certificate.ts'
import { type Answer, document, type Form, type TestServer } from './cambist.ts'
import { written } from './client-chain.ts'
import type { Authority, Issued, IssueOptions } from './pki.ts'

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
