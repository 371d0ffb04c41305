/** Trust domains with an authority of their own, as their bundles name it, and servers that are known by a SPIFFE ID. */
import { readCertificate } from '../../../src/lib/x509/certificate.ts'
import type { Certificate } from '../../../src/lib/x509/contract.ts'
import { createRoot, type IssueOptions } from '../../harness/pki.ts'
import type { Identity } from './hostile-server.ts'

/** OpenSSL has a clock of its own, so these are good for long. */
const notAfter = Date.UTC(2100, 0) / 1000

export interface TestAuthority {
  readonly certificate: Certificate
  readonly pem: string
  /** As an entry of a bundle. */
  readonly entry: Record<string, unknown>
  /** A server's identity with these URIs as its only names, as SPIRE has them (S-86). */
  server(uris: readonly string[], more?: IssueOptions): Promise<Identity>
}

export async function authority(subject = 'CN=Authority'): Promise<TestAuthority> {
  const root = await createRoot({ subject, notAfter })
  return {
    certificate: readCertificate(root.der),
    pem: root.pem,
    entry: {
      ...root.publicKey.export({ format: 'jwk' }),
      use: 'x509-svid',
      x5c: [root.der.toString('base64')],
    },
    async server(uris, more = {}) {
      const leaf = await root.leaf({ notAfter, uris, ...more })
      return { cert: leaf.chainPem(), key: leaf.keyPem }
    },
  }
}
