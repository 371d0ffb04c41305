/**
 * The one place that knows the ASN.1 library. It reads BER, so strictness is made here: what was read is written again,
 * and only bytes that come back the same are taken. Long forms, spelled-out defaults, left-over or unknown members,
 * trailing bytes and texts that are no text of their kind all come back different (HC-06).
 */
import { createRequire } from 'node:module'
import type * as Asn1 from '@peculiar/asn1-schema'
import type * as X509 from '@peculiar/asn1-x509'
import { CertificateFault } from './contract.ts'

export type { X509 }

/** Loaded with the first certificate: the library takes tens of milliseconds, and most processes never read one. */
let loaded: { readonly convert: typeof Asn1.AsnConvert; readonly types: typeof X509 } | undefined

function library() {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url)
    const { AsnConvert: convert } = require('@peculiar/asn1-schema') as typeof Asn1
    loaded = { convert, types: require('@peculiar/asn1-x509') as typeof X509 }
  }
  return loaded
}

/**
 * The value of the type that the DER is, whole. Throws CertificateFault `malformed` for everything else; `what` says in its
 * message what was read. Depth and number of the elements are bounded by the library.
 */
export function decode<T>(der: Uint8Array, type: (types: typeof X509) => new () => T, what: string): T {
  const { convert, types } = library()
  let value: T
  let again: ArrayBuffer
  try {
    value = convert.parse(der, type(types))
    if (value instanceof types.Certificate) {
      // The library keeps the signed bytes as they came and would hand them back unread.
      delete value.tbsCertificateRaw
    }
    again = convert.serialize(value)
  } catch (error) {
    throw new CertificateFault('malformed', `${what} is not DER of its type: ${reason(error)}`)
  }
  if (!Buffer.from(again).equals(der))
    throw new CertificateFault('malformed', `${what} is not canonical DER: read and written again it is different`)
  return value
}

/** The DER of something that `decode` answered: the bytes it was read from. */
export const encode = (value: object): Buffer => Buffer.from(library().convert.serialize(value))

/** Names of the bits of a keyUsage extension. */
export function usagesOf(usage: X509.KeyUsage): readonly string[] {
  const bits = usage.toNumber()
  return Object.entries(library().types.KeyUsageFlags).flatMap(([name, bit]) =>
    typeof bit === 'number' && (bits & bit) !== 0 ? [name] : [],
  )
}

const reason = (error: unknown): string => (error instanceof Error ? error.message.slice(0, 100) : 'unreadable')
