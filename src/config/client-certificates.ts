import { BlockList, isIP } from 'node:net'
import type { Address, TlsFiles } from './config.ts'
import type { Environment, VariableName } from './environment.ts'

/** In which form a proxy hands a client certificate on (binding.md §4). */
export const CERTIFICATE_HEADERS = ['rfc9440', 'xfcc', 'nginx'] as const
export type CertificateHeader = (typeof CERTIFICATE_HEADERS)[number]

/** How client certificates reach the workloads' door, if at all. */
export interface ClientCertificates {
  /** The listener that asks for them. */
  readonly listen: Address | undefined
  /** Public base URL of that listener, or of the proxy that asks in its place; `mtls_endpoint_aliases` (CB-07). */
  readonly url: string | undefined
  /** What a trusted proxy sends; undefined: no header is believed from anybody. */
  readonly header: CertificateHeader | undefined
  /** Peers whose headers are believed: the certificate's, where one is configured, and X-Forwarded-For (T14, T32). */
  readonly proxies: BlockList
}

type Report = (path: VariableName, message: string) => void

/** Reads what the environment says of client certificates; `listen` and `tls` have been read before. */
export function readClientCertificates(
  env: Environment,
  { listen, tls }: { readonly listen: Address | undefined; readonly tls: TlsFiles | undefined },
  fault: Report,
): ClientCertificates {
  const header = headerOf(env, fault)
  const url = env.CAMBIST_MTLS_URL
  if (listen !== undefined) {
    if (tls === undefined)
      fault('CAMBIST_MTLS_LISTEN', 'needs a server certificate: set CAMBIST_TLS_CERT and CAMBIST_TLS_KEY')
    if (url === undefined)
      fault(
        'CAMBIST_MTLS_URL',
        'is required with CAMBIST_MTLS_LISTEN: write the URL at which clients reach that listener',
      )
  } else if (url !== undefined && header === undefined) {
    fault(
      'CAMBIST_MTLS_URL',
      'names a place where nobody asks for certificates: set CAMBIST_MTLS_LISTEN, or CAMBIST_CLIENT_CERT_HEADER for a proxy that asks',
    )
  }
  if (url !== undefined) checkUrl(url, fault)
  return { listen, url, header, proxies: proxiesOf(env.CAMBIST_TRUSTED_PROXIES, fault) }
}

/** The `Host` value of the URL, '' where it is none. */
export const hostOf = (url: string | undefined): string => (URL.canParse(url ?? '') ? new URL(url ?? '').host : '')

/** Never http, on loopback neither: a client certificate is shown in a TLS handshake or not at all. */
function checkUrl(text: string, fault: Report): void {
  const host = hostOf(text)
  if (host === '' || text !== `https://${host}`) {
    const plain = `https://${host === '' ? 'mtls.cambist.example' : host}`
    fault(
      'CAMBIST_MTLS_URL',
      `${JSON.stringify(text)} is not https and a host, without a path or a slash at its end; write ${plain}`,
    )
  }
}

function headerOf(env: Environment, fault: Report): CertificateHeader | undefined {
  const text = env.CAMBIST_CLIENT_CERT_HEADER
  if (text === undefined) return undefined
  const header = CERTIFICATE_HEADERS.find((one) => one === text)
  if (header === undefined)
    fault(
      'CAMBIST_CLIENT_CERT_HEADER',
      `${JSON.stringify(text)} is not one of ${CERTIFICATE_HEADERS.join(', ')}; take the one that your proxy sends`,
    )
  if (env.CAMBIST_TRUSTED_PROXIES === undefined)
    fault(
      'CAMBIST_CLIENT_CERT_HEADER',
      'needs CAMBIST_TRUSTED_PROXIES: a certificate in a header is believed from named addresses alone; write those of the proxy',
    )
  return header
}

/** Addresses and CIDR blocks of both families. */
function proxiesOf(text: string | undefined, fault: Report): BlockList {
  const proxies = new BlockList()
  for (const one of (text ?? '').split(',').map((item) => item.trim())) {
    if (one === '') continue
    const [address = '', prefix, ...more] = one.split('/')
    const family = isIP(address)
    const bits = prefix === undefined ? undefined : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
    const longest = family === 4 ? 32 : 128
    if (family === 0 || more.length > 0 || address.includes('%') || Number.isNaN(bits) || (bits ?? 0) > longest) {
      fault(
        'CAMBIST_TRUSTED_PROXIES',
        `${JSON.stringify(one)} is neither an address nor a CIDR block: write one such as 10.0.0.7, 10.1.0.0/16 or fd00:1::/64`,
      )
    } else if (bits === 0) {
      fault(
        'CAMBIST_TRUSTED_PROXIES',
        `${JSON.stringify(one)} is every address, and anybody could then send any certificate; write the addresses of the proxies`,
      )
    } else if (bits === undefined) proxies.addAddress(address, family === 4 ? 'ipv4' : 'ipv6')
    else proxies.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6')
  }
  return proxies
}
