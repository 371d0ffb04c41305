import { hashOf } from '../lib/ids.ts'
import type { JsonObject } from '../lib/json.ts'

/** Orders of the curves of ECDSA (SEC 2): with (r, s) a signature, (r, n - s) is one of the same text by the same key. */
const ORDERS: Readonly<Record<string, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512:
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
}

/**
 * The hashes that a verified token can be known by: whoever holds one that ECDSA signed can give it another spelling, and by
 * that another hash (T11). All else that is verified has one spelling (lib/jws.ts).
 */
export function hashesOf(token: string, tokenHash: string, { alg }: JsonObject): readonly string[] {
  const order = typeof alg === 'string' ? ORDERS[alg] : undefined
  if (order === undefined) return [tokenHash]
  const at = token.lastIndexOf('.') + 1
  const signature = Buffer.from(token.slice(at), 'base64url')
  const half = signature.length / 2
  const s = order - BigInt(`0x${signature.subarray(half).toString('hex')}`)
  const other = Buffer.concat([signature.subarray(0, half), Buffer.from(s.toString(16).padStart(half * 2, '0'), 'hex')])
  return [tokenHash, hashOf(`${token.slice(0, at)}${other.toString('base64url')}`)]
}
