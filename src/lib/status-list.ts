import { promisify } from 'node:util'
import { constants, deflate } from 'node:zlib'

/** A Token Status List as we write it in JSON (draft-ietf-oauth-status-list-20 §4.2). */
export interface WrittenStatusList {
  readonly bits: 1
  readonly lst: string
}

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
