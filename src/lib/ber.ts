/** How deep elements may nest. A SignedData with certificates in it comes to about twelve. */
const MAX_DEPTH = 24

const OCTET_STRING = 0x04
const SEQUENCE = 0x30
const SET = 0x31
const CONSTRUCTED = 0x20

interface Element {
  readonly der: Buffer
  /** Where the next element begins. */
  readonly end: number
}

/**
 * The DER of one BER element, or undefined where the bytes are anything else. Taken are the two liberties that signers
 * who stream really use, and AWS does: lengths that are not told beforehand, and octet strings in pieces. Everything
 * else that BER allows (lengths in more bytes than they need, other strings in pieces, tags of several bytes) is refused,
 * and so are trailing bytes. Never throws.
 */
export function derOf(ber: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(ber.buffer, ber.byteOffset, ber.byteLength)
  const element = read(bytes, 0, bytes.length, MAX_DEPTH)
  return element?.end === bytes.length ? element.der : undefined
}

function read(bytes: Buffer, at: number, limit: number, depth: number): Element | undefined {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined || at + 2 > limit || depth === 0 || !isKnown(tag)) return undefined
  if (first === 0x80) return (tag & CONSTRUCTED) === 0 ? undefined : members(bytes, tag, at + 2, limit, depth, true)
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  const begin = at + 2 + lengthBytes
  if (lengthBytes > 4 || begin > limit) return undefined
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes)
  // Only the shortest form of a length is DER.
  if (lengthBytes > 0 && (bytes[at + 2] === 0 || length < 0x80)) return undefined
  const end = begin + length
  if (end > limit) return undefined
  if ((tag & CONSTRUCTED) === 0) return { der: bytes.subarray(at, end), end }
  return members(bytes, tag, begin, end, depth, false)
}

/** No tags of several bytes, no end of contents outside its place, nothing of a universal type that is built wrongly. */
function isKnown(tag: number): boolean {
  if ((tag & 0x1f) === 0x1f || tag === 0 || tag === CONSTRUCTED) return false
  if ((tag & 0xc0) !== 0) return true
  const isSequence = tag === SEQUENCE || tag === SET
  return (tag & CONSTRUCTED) === 0
    ? !isSequence && tag !== 0x10 && tag !== 0x11
    : isSequence || tag === (OCTET_STRING | CONSTRUCTED)
}

function members(
  bytes: Buffer,
  tag: number,
  begin: number,
  limit: number,
  depth: number,
  open: boolean,
): Element | undefined {
  const pieces = tag === (OCTET_STRING | CONSTRUCTED)
  const parts: Buffer[] = []
  let at = begin
  for (;;) {
    if (open && bytes[at] === 0 && bytes[at + 1] === 0 && at + 2 <= limit) {
      at += 2
      break
    }
    if (!open && at === limit) break
    const element = read(bytes, at, limit, depth - 1)
    if (element === undefined || (pieces && element.der[0] !== OCTET_STRING)) return undefined
    parts.push(pieces ? contentOf(element.der) : element.der)
    at = element.end
  }
  return { der: derElement(pieces ? OCTET_STRING : tag, Buffer.concat(parts)), end: at }
}

const contentOf = (der: Buffer): Buffer => {
  const first = der[1] ?? 0
  return der.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f))
}

/** One DER element of a tag of one byte. */
export function derElement(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content])
  const size: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256)
  return Buffer.concat([Buffer.from([tag, 0x80 | size.length, ...size]), content])
}
