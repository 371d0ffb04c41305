import { createHash } from 'node:crypto'
import type { CertificateHeader } from '../config/client-certificates.ts'
import { type Member, parseItem, parseList } from '../lib/structured-fields.ts'
import { type Reason, Refusal } from '../refusal.ts'

/**
 * What proxies write of a client certificate, each form read by its own strict grammar: whatever is not exactly that is
 * refused, since a proxy writes it by machine (HC-06). The answer is DER, leaf first.
 */
export const readers: Readonly<Record<CertificateHeader, HeaderReader>> = {
  rfc9440: { names: ['client-cert', 'client-cert-chain'], read: fromFields },
  xfcc: { names: ['x-forwarded-client-cert'], read: fromForwarded },
  nginx: { names: ['ssl-client-cert'], read: fromEscapedPem },
}

interface HeaderReader {
  /** The header that carries the leaf, and the one for the certificates behind it where that is another. */
  readonly names: readonly [leaf: string, chain?: string]
  /** Throws Refusal `certificate_header`. */
  read(leaf: string, chain: string | undefined): readonly Buffer[]
}

function refuse(detail: string, reason: Reason = 'certificate_header'): never {
  throw new Refusal(reason, detail)
}

const LEAF_BYTES = 16 * 1024
const CHAIN_BYTES = 64 * 1024
const CERTIFICATES = 10

/** Refuses, for the reason, what is larger than any workload's chain (HC-06). Throws Refusal. */
export function checkSize(chain: readonly Buffer[], reason?: Reason): readonly Buffer[] {
  const bytes = chain.reduce((sum, { length }) => sum + length, 0)
  if (chain.length > CERTIFICATES) refuse(`more than ${CERTIFICATES} client certificates were presented`, reason)
  if ((chain[0]?.length ?? 0) > LEAF_BYTES) refuse('the client certificate has more than 16 KiB', reason)
  if (bytes > CHAIN_BYTES) refuse('the client certificates have more than 64 KiB together', reason)
  return chain
}

/** RFC 9440: an Item and a List of Byte Sequences (RFC 8941), one each, without parameters (HC-01, HC-02). */
function fromFields(leaf: string, chain: string | undefined): readonly Buffer[] {
  const behind = chain === undefined ? [] : parseList(chain)
  if (behind === undefined || (chain !== undefined && behind.length === 0))
    refuse('Client-Cert-Chain is not a list of base64 between colons, as RFC 9440 writes it')
  return [byteSequence(parseItem(leaf), 'Client-Cert'), ...behind.map((one) => byteSequence(one, 'Client-Cert-Chain'))]
}

function byteSequence(member: Member | undefined, name: string): Buffer {
  if (member?.kind !== 'item' || member.bare.type !== 'bytes' || member.parameters.size > 0)
    refuse(`${name} is not base64 between colons, as RFC 9440 writes it`)
  return sequence(member.bare.value, name)
}

/** The DER in canonical base64: one encoding of one certificate and nothing behind it. */
function der(base64: string, name: string): Buffer {
  const bytes = Buffer.from(base64, 'base64')
  if (base64 === '' || bytes.toString('base64') !== base64) refuse(`${name} is not canonical base64`)
  return sequence(bytes, name)
}

function sequence(bytes: Buffer, name: string): Buffer {
  // One SEQUENCE and no trailing bytes; the rest of the reading is lib/x509's. No certificate fits a length of one byte.
  const [tag, form, short = 0] = bytes
  const size = form === 0x81 ? 3 + short : form === 0x82 && bytes.length > 4 ? 4 + bytes.readUInt16BE(2) : 0
  if (tag !== 0x30 || size !== bytes.length) refuse(`${name} does not hold exactly one DER certificate`)
  return bytes
}

/** `$ssl_client_escaped_cert` of nginx: the leaf alone (NG-01, NG-03). */
function fromEscapedPem(text: string): readonly Buffer[] {
  return [single(text, 'ssl-client-cert')]
}

function single(text: string, name: string): Buffer {
  const [certificate, ...further] = escapedPem(text, name)
  if (certificate === undefined || further.length > 0) refuse(`${name} does not hold exactly one certificate`)
  return certificate
}

const ESCAPED = /^(?:[A-Za-z0-9._~+/=-]|%[0-9A-Fa-f]{2})+$/
const PEM = /-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----(?:\n|$)/y

/** Percent-escapes alone are decoded: a plus sign is a plus sign, and no space (NG-04). */
function escapedPem(text: string, name: string): readonly Buffer[] {
  if (!ESCAPED.test(text)) refuse(`${name} is not percent-encoded PEM`)
  const pem = text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  const certificates: Buffer[] = []
  for (let at = 0; at < pem.length; at = PEM.lastIndex) {
    PEM.lastIndex = at
    const body = PEM.exec(pem)?.[1] ?? refuse(`${name} is not PEM of certificates and nothing else`)
    certificates.push(der(body.replaceAll('\n', ''), name))
  }
  return certificates
}

/**
 * Envoy's X-Forwarded-Client-Cert: the one element that the proxy itself wrote (XF-04). `Cert` is demanded, since names
 * alone are an assertion of the proxy (XF-05); so is `Hash`, which Envoy always writes before anything that it copies out
 * of the certificate: an alternative name that pretends to be a `Cert` does not fit it.
 */
function fromForwarded(text: string): readonly Buffer[] {
  const [element = [], ...further] = forwardedElements(text)
  if (further.length > 0)
    refuse('x-forwarded-client-cert has several elements: have the proxy replace what came in (SANITIZE_SET)')
  const one = (key: string): string | undefined => {
    const values = element.filter(([name]) => name === key).map(([, value]) => value)
    if (values.length > 1) refuse(`x-forwarded-client-cert has several ${key}`)
    return values[0]
  }
  const cert = one('cert') ?? refuse('x-forwarded-client-cert has no Cert: have the proxy set it')
  const leaf = single(cert, 'Cert of x-forwarded-client-cert')
  if (one('hash') !== createHash('sha256').update(leaf).digest('hex'))
    refuse('Hash of x-forwarded-client-cert is not the hash of its Cert')
  const chain = one('chain')
  if (chain === undefined) return [leaf]
  const certificates = escapedPem(chain, 'Chain of x-forwarded-client-cert')
  if (certificates[0]?.equals(leaf) !== true) refuse('Chain of x-forwarded-client-cert does not begin with its Cert')
  return certificates
}

type Pair = readonly [key: string, value: string]
/** A key, and a value that is quoted, with escapes, or has none of the signs that end it; then what ends the pair. */
const PAIR = /([A-Za-z]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^",;]*))([,;]|$)/y

/** XF-01: elements by commas, pairs by semicolons. A backslash in quotes takes the sign behind it with it, as in the DN it was copied from. */
export function forwardedElements(text: string): readonly (readonly Pair[])[] {
  const elements: Pair[][] = [[]]
  for (let at = 0, ended = ';'; ended !== ''; at = PAIR.lastIndex) {
    PAIR.lastIndex = at
    const [, key = '', quoted, bare = '', end = ''] =
      PAIR.exec(text) ?? refuse(`x-forwarded-client-cert cannot be read from its sign ${at + 1} on`)
    elements.at(-1)?.push([key.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare])
    if (end === ',') elements.push([])
    ended = end
  }
  return elements
}
