/** Orders of the curves of ECDSA (SEC 2). */
export const ORDERS = {
  'P-256': 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  'P-384': 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  'P-521':
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
} as const

/**
 * The other signature (DER, RFC 3279 §2.2.3) of the same text by the same key: with (r, s) there is (r, n - s). Whose curve
 * it is, the size of its numbers says. Undefined where it is no such signature.
 */
export function twinSignature(signature: Buffer): Buffer | undefined {
  const r = integerAt(signature, signature[1] === 0x81 ? 3 : 2)
  const s = r === undefined ? undefined : integerAt(signature, r.end)
  if (signature[0] !== SEQUENCE || r === undefined || s?.end !== signature.length) return undefined
  const order = Object.values(ORDERS).find((each) => r.value < each && s.value < each)
  return order === undefined ? undefined : element(SEQUENCE, element(INTEGER, r.bytes), integer(order - s.value))
}

const SEQUENCE = 0x30
const INTEGER = 0x02

function integerAt(der: Buffer, at: number) {
  const length = der[at + 1]
  if (der[at] !== INTEGER || length === undefined || length === 0 || length > 127) return undefined
  const end = at + 2 + length
  const bytes = der.subarray(at + 2, end)
  return bytes.length === length ? { bytes, end, value: BigInt(`0x${bytes.toString('hex')}`) } : undefined
}

/** A number that begins with a set bit has a zero before it, or it would be less than nothing. */
function integer(value: bigint): Buffer {
  const digits = value.toString(16)
  const even = digits.padStart(digits.length + (digits.length % 2), '0')
  return element(INTEGER, Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, 'hex'))
}

function element(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([
    Buffer.from(content.length > 127 ? [tag, 0x81, content.length] : [tag, content.length]),
    content,
  ])
}
