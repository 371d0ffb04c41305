import { LRUCache } from 'lru-cache'
import { type JsonObject, parseJsonObject } from './json.ts'

/**
 * Compact JWS (RFC 7515 §7.1), read strictly: one token has one spelling. Node's decoder forgives padding, white space
 * and stray bits in the last character, and so does jose; two spellings of one token would defeat every one-use mark and
 * deny list that is not keyed on claims, and every search of a log (T11, JV-01, JB-10).
 */
export interface UnverifiedJws {
  readonly header: JsonObject
  readonly claims: JsonObject
  /** `header.payload`, the text that is signed. */
  readonly signingInput: string
  readonly signature: Buffer
}

const SHAPE = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** Reads a compact JWS whose header and payload are JSON objects, or answers undefined. Nothing in it is verified. */
export function readJws(token: string): UnverifiedJws | undefined {
  if (!SHAPE.test(token)) return undefined
  const first = token.indexOf('.')
  const last = token.lastIndexOf('.')
  const header = decodeHeader(token.slice(0, first))
  if (header === undefined) return undefined
  const claims = decodeJson(token.slice(first + 1, last))
  if (claims === undefined) return undefined
  const signature = token.slice(last + 1)
  if (!isCanonicalBase64url(signature)) return undefined
  return { header, claims, signingInput: token.slice(0, last), signature: Buffer.from(signature, 'base64url') }
}

/** Tokens of one key have one header between them: what was read of it once is kept, the least used are forgotten. */
const headers = new LRUCache<string, JsonObject>({ max: 256 })
const MAX_KEPT_HEADER = 512

function decodeHeader(segment: string): JsonObject | undefined {
  const known = headers.get(segment)
  if (known !== undefined) return known
  const header = decodeJson(segment)
  // A copy of the text: a slice would keep the whole token in memory.
  if (header !== undefined && segment.length <= MAX_KEPT_HEADER)
    headers.set(Buffer.from(segment).toString('latin1'), Object.freeze(header))
  return header
}

function decodeJson(segment: string): JsonObject | undefined {
  return isCanonicalBase64url(segment) ? parseJsonObject(Buffer.from(segment, 'base64url')) : undefined
}

/** Whether a text of base64url characters is the one spelling of its bytes: no impossible length, no bits left over. */
export function isCanonicalBase64url(text: string): boolean {
  switch (text.length % 4) {
    case 0:
      return true
    case 2:
      return 'AQgw'.includes(text.charAt(text.length - 1))
    case 3:
      return 'AEIMQUYcgkosw048'.includes(text.charAt(text.length - 1))
    default:
      return false
  }
}
