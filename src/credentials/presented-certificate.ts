/**
 * A certificate as a credential: the JSON array of base64 DER, leaf first, that token exchange has for it (TE-86). The
 * certificate of a connection is turned into the same text, so that it is hashed, looked up and recorded like every
 * other credential.
 */
import { LRUCache } from 'lru-cache'
import { parseJson } from '../lib/json.ts'
import { MTLS_TYPE } from '../lib/token-types.ts'
import { readCertificate } from '../lib/x509/certificate.ts'
import { type Certificate, CertificateFault } from '../lib/x509/contract.ts'
import { Refusal } from '../refusal.ts'
import type { Possession, Presented } from './contract.ts'

/** A chain as it was presented: leaf first. */
export interface PresentedChain {
  readonly leaf: Certificate
  readonly others: readonly Certificate[]
}

const MAX_CERTIFICATES = 10
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** The text for a chain. A connection has one chain, however many requests come on it. */
export function certificateToken(chain: readonly Buffer[]): string {
  const known = texts.get(chain)
  if (known !== undefined) return known
  const text = JSON.stringify(chain.map((der) => der.toString('base64')))
  texts.set(chain, text)
  return text
}

const texts = new WeakMap<readonly Buffer[], string>()

/**
 * A certificate is public, and one costs a millisecond to read: what does not begin with the connection's own proves
 * nothing, and is not even read (T38, TE-88). Throws Refusal `confirmation_unproven`. A text that is no list is for readChain().
 */
export function checkConnection({ tokenType, token }: Presented, { certificate }: Possession): void {
  if (tokenType !== MTLS_TYPE || (certificate !== undefined && token === certificateToken(certificate.chain))) return
  const list = parseJson(token)
  if (!Array.isArray(list)) return
  if (certificate === undefined)
    throw unproven('a certificate was presented, and the connection has none that proves its key')
  if (list[0] !== certificate.chain[0]?.toString('base64'))
    throw unproven('the certificate that was presented is not that of the connection')
}

const unproven = (detail: string): Refusal => new Refusal('confirmation_unproven', detail)

/** What was read of a text once is kept: certificates cost a thousand times more to read than to find, and 25 KB each to keep. */
const readings = new LRUCache<string, PresentedChain>({
  maxSize: 2048,
  sizeCalculation: ({ others }) => 1 + others.length,
})

/** Throws Refusal `token_malformed`. Verifies nothing. */
export function readChain(token: string): PresentedChain {
  const known = readings.get(token)
  if (known !== undefined) return known
  const list = token.startsWith('[') ? parseJson(token) : undefined
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_CERTIFICATES)
    throw malformed(`not a JSON array of 1 to ${MAX_CERTIFICATES} certificates`)
  const [leaf, ...others] = list.map(certificateOf)
  if (leaf === undefined) throw malformed('an empty array')
  const chain = Object.freeze({ leaf, others: Object.freeze(others) })
  readings.set(token, chain)
  return chain
}

function certificateOf(text: unknown): Certificate {
  if (typeof text !== 'string' || !BASE64.test(text)) throw malformed('a member is not base64')
  const der = Buffer.from(text, 'base64')
  if (der.toString('base64') !== text) throw malformed('a member is not canonical base64')
  try {
    return readCertificate(der)
  } catch (error) {
    if (error instanceof CertificateFault) throw malformed(error.message)
    throw error
  }
}

const malformed = (detail: string): Refusal => new Refusal('token_malformed', `no chain of certificates: ${detail}`)
