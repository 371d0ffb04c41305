import { promisify } from 'node:util'
import { constants, deflate, inflateSync } from 'node:zlib'

/** A Token Status List as we write it in JSON (draft-ietf-oauth-status-list-20 §4.2). */
export interface WrittenStatusList {
  readonly bits: 1
  readonly lst: string
}

/** One that has been read: the status of each index, 0x00 for valid and 0x01 for revoked. */
export interface StatusList {
  readonly size: number
  /** Undefined out of bounds: nothing can be said then, and the token is refused (§8.3). */
  at(index: number): number | undefined
}

/** What a list may have when it is inflated: 2^24 statuses of one byte. */
const MAX_BYTES = 2 ** 24
const deflated = promisify(deflate)

/** So many statuses of one bit, all valid. */
export const validStatuses = (size: number): Uint8Array => new Uint8Array(Math.ceil(size / 8))

/** @throws RangeError for an index beyond the list */
export function revokeAt(bytes: Uint8Array, index: number): void {
  const [at, bit] = [index >> 3, 1 << (index & 7)]
  const byte = Number.isInteger(index) && index >= 0 ? bytes[at] : undefined
  if (byte === undefined) throw new RangeError(`a list of ${bytes.length * 8} has no index ${index}`)
  // Bits are counted from the least significant one (§4.1).
  bytes[at] = byte | bit
}

/**
 * By runs alone: bits that were drawn by chance repeat in no other way. For a hundredth of the time that the full search takes
 * (which §4.1 recommends for its size), a list of a million is 1 KB larger where 1 % are revoked, and smaller where more or
 * fewer are. Off this thread.
 */
export async function writeStatusList(bytes: Uint8Array): Promise<WrittenStatusList> {
  const compressed = await deflated(bytes, {
    level: constants.Z_BEST_COMPRESSION,
    strategy: constants.Z_RLE,
    memLevel: constants.Z_MAX_MEMLEVEL,
  })
  return { bits: 1, lst: compressed.toString('base64url') }
}

/** The list in the claim `status_list`, of any number of bits. @throws TypeError where it is none. */
export function readStatusList({ bits, lst }: Readonly<Record<string, unknown>>): StatusList {
  if (bits !== 1 && bits !== 2 && bits !== 4 && bits !== 8) throw new TypeError('bits is not 1, 2, 4 or 8')
  if (typeof lst !== 'string') throw new TypeError('lst is no text')
  const bytes = inflated(lst)
  const [perByte, mask] = [8 / bits, 2 ** bits - 1]
  const size = bytes.length * perByte
  return Object.freeze({
    size,
    at(index: number) {
      if (!Number.isInteger(index) || index < 0 || index >= size) return undefined
      return ((bytes[Math.floor(index / perByte)] ?? 0) >> ((index % perByte) * bits)) & mask
    },
  })
}

function inflated(lst: string): Uint8Array {
  try {
    return inflateSync(Buffer.from(lst, 'base64url'), { maxOutputLength: MAX_BYTES })
  } catch (cause) {
    throw new TypeError('lst is no ZLIB stream, or a longer one than is read', { cause })
  }
}
