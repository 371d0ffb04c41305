import { createHash } from 'node:crypto'
import { ORDERS } from '../lib/ecdsa.ts'
import { hashOf } from '../lib/ids.ts'
import type { JsonObject } from '../lib/json.ts'
import { respelt } from '../lib/x509/respelt.ts'
import type { Possession } from './contract.ts'

/** The orders, by the algorithms of JWS. */
const BY_ALGORITHM: Readonly<Record<string, bigint>> = {
  ES256: ORDERS['P-256'],
  ES384: ORDERS['P-384'],
  ES512: ORDERS['P-521'],
}

/**
 * The hashes that a verified token can be known by: whoever holds one that ECDSA signed can give it another spelling, and by
 * that another hash (T11). All else that is verified has one spelling (lib/jws.ts).
 */
export function hashesOf(token: string, tokenHash: string, { alg }: JsonObject): readonly string[] {
  const order = typeof alg === 'string' ? BY_ALGORITHM[alg] : undefined
  if (order === undefined) return [tokenHash]
  const at = token.lastIndexOf('.') + 1
  const signature = Buffer.from(token.slice(at), 'base64url')
  const half = signature.length / 2
  const s = order - BigInt(`0x${signature.subarray(half).toString('hex')}`)
  const other = Buffer.concat([signature.subarray(0, half), Buffer.from(s.toString(16).padStart(half * 2, '0'), 'hex')])
  return [tokenHash, hashOf(`${token.slice(0, at)}${other.toString('base64url')}`)]
}

/**
 * The thumbprint of a presented certificate that ECDSA signed, in its other spelling: whoever holds it can make that one of
 * the same certificate, with the same key and the same names (T11). Undefined where it has one spelling.
 */
export function otherThumbprint(certificate: Possession['certificate']): string | undefined {
  const [leaf] = certificate?.chain ?? []
  if (certificate === undefined || leaf === undefined) return undefined
  const known = thumbprints.get(certificate)
  if (known !== undefined) return known.other
  const der = respelt(leaf)
  const other = der === undefined ? undefined : createHash('sha256').update(der).digest('base64url')
  thumbprints.set(certificate, { other })
  return other
}

/** A connection has one certificate, however many requests come on it. */
const thumbprints = new WeakMap<NonNullable<Possession['certificate']>, { readonly other: string | undefined }>()
