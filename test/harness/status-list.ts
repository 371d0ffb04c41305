/** A Token Status List as a relying party reads it (draft-ietf-oauth-status-list-20 §8.3). */
import { inflateSync } from 'node:zlib'

/** One that has been read: the status of each index, 0x00 for valid and 0x01 for revoked. */
export interface StatusList {
  readonly size: number
  /** Undefined out of bounds: nothing can be said then, and the token is refused (§8.3). */
  at(index: number): number | undefined
}

/** What a list may have when it is inflated: 2^24 statuses of one byte. */
const MAX_BYTES = 2 ** 24
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
