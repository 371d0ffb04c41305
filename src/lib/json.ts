/**
 * JSON from strangers: one reading of one text, or none.
 * JSON.parse is the parser; what it forgives (repeated members, depth without end, bytes that are no UTF-8, lone
 * surrogates, NUL) is refused here, because two readers of one token must not see two tokens (JV-06, T12, T30).
 */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

export interface JsonLimits {
  /** How deep arrays and objects may nest; the outermost counts as 1. */
  readonly depth: number
}

const DEFAULT_LIMITS: JsonLimits = { depth: 16 }
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The object that the bytes hold, or undefined where they hold anything else or anything doubtful. Never throws. */
export function parseJsonObject(bytes: Uint8Array, limits: JsonLimits = DEFAULT_LIMITS): JsonObject | undefined {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return undefined
  }
  return parseJsonObjectText(text, limits)
}

export function parseJsonObjectText(text: string, limits: JsonLimits = DEFAULT_LIMITS): JsonObject | undefined {
  const value = parseJson(text, limits)
  return isJsonObject(value) ? value : undefined
}

/** The value that the text holds, or undefined where it is not JSON or is doubtful in one of the ways above. */
export function parseJson(text: string, limits: JsonLimits = DEFAULT_LIMITS): Json | undefined {
  const members = scan(text, limits.depth)
  if (members < 0) return undefined
  let value: Json
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  // A repeated member name leaves fewer members than the text has colons.
  return countMembers(value) === members ? value : undefined
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Members written in the text (colons outside strings), or -1 where it nests too deep or hides NUL or a lone surrogate. */
function scan(text: string, depthLimit: number): number {
  if (!text.isWellFormed()) return -1
  let depth = 0
  let members = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      for (at++; at < text.length; at++) {
        const inner = text.charCodeAt(at)
        if (inner === QUOTE) break
        if (inner === BACKSLASH) {
          at++
          // \u0000 and escaped surrogates are checked on the characters they make
          if (text.charCodeAt(at) === 0x75 && !escapeIsSound(text, at)) return -1
        }
      }
    } else if (code === 0x3a) members++
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > depthLimit) return -1
    } else if (code === 0x7d || code === 0x5d) depth--
  }
  return members
}

/** Whether the \uXXXX escape whose `u` stands at `at` makes a character that may stand in a text of ours. */
function escapeIsSound(text: string, at: number): boolean {
  const unit = Number.parseInt(text.slice(at + 1, at + 5), 16)
  if (unit === 0) return false
  if (unit >= 0xd800 && unit <= 0xdbff) {
    const next = text.slice(at + 5, at + 11)
    return /^\\u[dD][c-fC-F][0-9a-fA-F]{2}$/.test(next)
  }
  if (unit >= 0xdc00 && unit <= 0xdfff) {
    return /\\u[dD][89abAB][0-9a-fA-F]{2}$/.test(text.slice(Math.max(0, at - 7), at - 1))
  }
  return true
}

function countMembers(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const item of value) count += countMembers(item)
    return count
  }
  const object = value as JsonObject
  for (const name of Object.keys(object)) count += 1 + countMembers(object[name] as Json)
  return count
}

/** JSON with the members of every object in code-point order and no white space: equal values have equal texts (RFC 8785 spirit). */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const object = value as Record<string, unknown>
  const members = Object.keys(object)
    .filter((name) => object[name] !== undefined)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(object[name])}`)
  return `{${members.join(',')}}`
}
