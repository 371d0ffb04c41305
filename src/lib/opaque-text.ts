import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const RANDOM = 43
const CHECKSUM = 6

/**
 * A secret that means nothing by itself: a prefix by which scanners of code and logs know it for what it is, 256 random
 * bits in base64url, and a checksum, so that nothing has to be looked up to tell a misspelt or invented one.
 */
export function newOpaqueText(prefix: string): string {
  const text = `${prefix}${randomBytes(32).toString('base64url')}`
  return `${text}${checksum(text)}`
}

/** Whether a text is one that newOpaqueText() could have made. */
export function isOpaqueText(prefix: string, text: string): boolean {
  const end = prefix.length + RANDOM
  return (
    text.length === end + CHECKSUM &&
    text.startsWith(prefix) &&
    /^[A-Za-z0-9_-]+$/.test(text) &&
    checksum(text.slice(0, end)) === text.slice(end)
  )
}

/** CRC-32 of what stands before it: six characters. */
function checksum(text: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(text))
  return bytes.toString('base64url')
}
