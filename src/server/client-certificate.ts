import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import type { ClientCertificates } from '../config/client-certificates.ts'
import { Refusal } from '../refusal.ts'
import { checkSize, readers } from './certificate-header.ts'
import { peerCertificates } from './listen.ts'

/** Whose header is believed, and in which form. */
export type CertificateRules = Pick<ClientCertificates, 'header' | 'proxies'>

/** Every header that some proxy is known to carry a certificate in, whichever of them is configured (binding.md §4). */
export const certificateHeaderNames: readonly string[] = [
  'client-cert',
  'client-cert-chain',
  'x-forwarded-client-cert',
  'ssl-client-cert',
  'x-ssl-client-cert',
  'x-forwarded-tls-client-cert',
  'x-amzn-mtls-clientcert',
]
/** Also in spellings that some proxy or gateway takes for the same name (T14). */
const NAME_OR_ALIAS = new RegExp(
  `^(?:${certificateHeaderNames.map((name) => name.replaceAll('-', '[-_.]')).join('|')})$`,
  'i',
)

/**
 * The certificates of the client, DER, leaf first, whose key was proven in a handshake with us or with a trusted proxy;
 * undefined where none was presented. Nothing is said of the chain: that is for path validation (HC-07).
 * A certificate header that is not exactly what the configured proxy sends, or comes from anybody else, throws Refusal
 * `certificate_header`: to ignore it would leave its sender in the belief that it was heard (HC-05, T14, W-77).
 */
export function certificatesOf(message: IncomingMessage, rules: CertificateRules): readonly Buffer[] | undefined {
  const carrying = certificateHeaders(message)
  const presented = peerCertificates(message.socket)
  if (presented !== undefined) {
    for (const name of carrying.keys()) refuse(`${name} came to the listener that sees certificates itself`)
    return presented.length === 0 ? undefined : checkSize(presented, 'certificate_refused')
  }
  if (carrying.size === 0) return undefined
  const first = carrying.keys().next().value
  if (rules.header === undefined) return refuse(`${first} came, and CAMBIST_CLIENT_CERT_HEADER is not set`)
  if (!isTrusted(message.socket.remoteAddress, rules.proxies))
    return refuse(`${first} came from ${message.socket.remoteAddress}, which is not in CAMBIST_TRUSTED_PROXIES`)
  const { names, read } = readers[rules.header]
  for (const [name, values] of carrying) {
    if (!names.includes(name)) refuse(`${name} came, and CAMBIST_CLIENT_CERT_HEADER is ${rules.header}`)
    if (values.length > 1) refuse(`${name} came ${values.length} times`)
  }
  const [leafName, chainName = ''] = names
  const leaf = carrying.get(leafName)?.[0] ?? refuse(`${first} came without ${leafName}`)
  const chain = carrying.get(chainName)?.[0]
  const text = `${rules.header}\n${leaf}\n${chain ?? ''}`
  const known = chains.get(text)
  if (known !== undefined) return known
  const certificates = Object.freeze(checkSize(read(leaf, chain)))
  chains.set(text, certificates)
  return certificates
}

/** What was read of a text once is kept: a proxy writes the same for every request of a connection. */
const chains = new LRUCache<string, readonly Buffer[]>({
  maxSize: 4 * 1024 * 1024,
  sizeCalculation: (_, text) => 2 * text.length,
})

function refuse(detail: string): never {
  throw new Refusal('certificate_header', detail)
}

/** Line by line as they came: Node joins what is repeated (HC-04). Names in lower case. */
function certificateHeaders({ rawHeaders }: IncomingMessage): ReadonlyMap<string, readonly string[]> {
  let found: Map<string, string[]> | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (!NAME_OR_ALIAS.test(name)) continue
    found ??= new Map()
    const values = found.get(name.toLowerCase()) ?? []
    values.push(rawHeaders[index + 1] ?? '')
    found.set(name.toLowerCase(), values)
  }
  return found ?? NONE
}

const NONE: ReadonlyMap<string, readonly string[]> = new Map()

/**
 * The caller's address, for the record and for rates. Behind trusted proxies it is the right-most address of
 * X-Forwarded-For that is none of theirs: what stands left of it is the caller's own word (T32). It is the peer's own where
 * the peer is nobody's proxy, the header says nothing that can be read, or TLS ends here and nobody could have added it.
 */
export function remoteOf(message: IncomingMessage, proxies: BlockList): string {
  const peer = message.socket.remoteAddress ?? ''
  const forwarded = message.headers['x-forwarded-for']
  if (forwarded === undefined || !isTrusted(peer, proxies) || peerCertificates(message.socket) !== undefined)
    return peer
  for (const address of String(forwarded).split(',').reverse()) {
    const one = address.trim()
    if (!isAddress(one)) return peer
    if (!isTrusted(one, proxies)) return one
  }
  return peer
}

const isAddress = (text: string): boolean => isIP(text) !== 0 && !text.includes('%')

const isTrusted = (address: string | undefined, proxies: BlockList): boolean =>
  address !== undefined && isAddress(address) && proxies.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
