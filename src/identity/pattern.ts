import { Faults } from '../lib/fault.ts'

/**
 * A pattern over names such as SPIFFE IDs, subjects and attribute values (interfaces.md, "In `ids` and `match`"): `*`
 * stands for one segment and crosses neither `/` nor `:`; `**`, only at the end, for one or more segments, crossing `/`
 * but not `:`. A star is a whole segment, so that `checkout-*` can never come to mean a name that somebody else chose
 * (T15, T21). A pattern speaks of the whole text, byte for byte, and takes linear time (T33).
 */
export interface Pattern {
  readonly source: string
  /** The text itself where the pattern has no star, for indexes; else undefined. */
  readonly literal: string | undefined
  matches(text: string): boolean
}

const MAX_PATTERN = 2048

/** Throws Faults (with the empty path) where a star stands anywhere but as a whole segment, or `**` anywhere but at the end. */
export function parsePattern(source: string): Pattern {
  const wrong = patternFault(source)
  if (wrong !== undefined) throw new Faults([{ path: '', message: wrong }])
  if (!source.includes('*'))
    return Object.freeze({ source, literal: source, matches: (text: string) => text === source })
  const parts = split(source)
  const open = parts.at(-1) === '**'
  if (open) parts.pop()
  return Object.freeze({ source, literal: undefined, matches: (text: string) => matchParts(parts, open, text) })
}

function patternFault(source: string): string | undefined {
  if (source === '') return 'a pattern is empty; leave the field out where everything may match'
  if (source.length > MAX_PATTERN) return `a pattern has ${source.length} characters, and ${MAX_PATTERN} is the most`
  const parts = split(source)
  for (const [index, part] of parts.entries()) {
    if (!part.includes('*') || part === '*') continue
    if (part !== '**') {
      return `in ${JSON.stringify(source)} a * stands inside a segment; it stands for a whole segment between / or : only. List the names, or match an attribute`
    }
    if (index !== parts.length - 1)
      return `in ${JSON.stringify(source)} a ** stands before the end; use * for each single segment`
  }
  return undefined
}

/** Segments and separators in turn: `a/b:c` → a / b : c. */
const split = (text: string): string[] => text.split(/([/:])/)

function matchParts(parts: readonly string[], open: boolean, text: string): boolean {
  let at = 0
  for (const part of parts) {
    if (part === '*') {
      const end = segmentEnd(text, at)
      if (end === at) return false
      at = end
    } else if (text.startsWith(part, at)) at += part.length
    else return false
  }
  return open ? restIsSegments(text, at) : at === text.length
}

/** Where the segment that begins at `from` ends. */
export function segmentEnd(text: string, from: number): number {
  let at = from
  while (at < text.length && !isSeparator(text.charCodeAt(at))) at++
  return at
}

/** One or more segments up to the end, none of them empty, none beyond a `:`. */
function restIsSegments(text: string, from: number): boolean {
  let at = from
  for (;;) {
    const end = segmentEnd(text, at)
    if (end === at) return false
    if (end === text.length) return true
    if (text.charCodeAt(end) === COLON) return false
    at = end + 1
  }
}

const SLASH = 0x2f
const COLON = 0x3a
export const isSeparator = (code: number): boolean => code === SLASH || code === COLON
