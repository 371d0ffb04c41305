import { der as encoded } from './der.ts'
import { type Authority, createRoot, extension, type Issued, pemOf } from './pki.ts'

/** What a TLS client or server presents, and its key. */
export interface Chain {
  /** DER, leaf first. */
  readonly der: readonly Buffer[]
  /** PEM of the same, one certificate each. */
  readonly pem: readonly string[]
  /** PKCS #8 PEM of the leaf's key. */
  readonly key: string
}

/** A chain of so many certificates, each signed by the one behind it and the last by a root that nobody presents; padding makes the leaf larger. */
export async function makeChain(length: number, { padding = 0 }: { padding?: number } = {}): Promise<Chain> {
  let authority: Authority = await createRoot()
  for (let count = 1; count < length; count++)
    authority = await authority.intermediate({ subject: `CN=Authority ${count}` })
  const extensions = padding === 0 ? [] : [extension('1.3.6.1.4.1.99999.1', encoded(0x04, Buffer.alloc(padding)))]
  const leaf: Issued = await authority.leaf({ extensions })
  return { der: leaf.chain(), pem: leaf.chain().map(pemOf), key: leaf.keyPem }
}

/** What each proxy writes of a chain, to the letter: the captured shapes of binding.md §4. */
export const written = {
  /** RFC 9440, as HAProxy and Google's balancer write it. */
  rfc9440: (der: readonly Buffer[]): Record<string, string> => {
    const [leaf = '', ...behind] = der.map((one) => `:${one.toString('base64')}:`)
    return { 'Client-Cert': leaf, ...(behind.length === 0 ? {} : { 'Client-Cert-Chain': behind.join(', ') }) }
  },
  /** `$ssl_client_escaped_cert`: everything but unreserved characters is escaped. */
  nginx: (pem: string): string => encodeURIComponent(pem),
  /** Envoy escapes five characters of the PEM. */
  envoy: (pem: string): string =>
    pem.replace(/[\n +/=]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`),
}
