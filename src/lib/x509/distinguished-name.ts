import type { NameAttribute } from './contract.ts'

/** RFC 4514 §3 and the names that tools print. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.42', 'GN'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
])
const BY_LOWER_CASE = new Map([...SHORT_NAMES.values()].map((name) => [name.toLowerCase(), name]))

/** The name of an attribute type, which is its OID where it has no short one. */
export const shortNameOf = (oid: string): string => SHORT_NAMES.get(oid) ?? oid

/**
 * A name as RFC 4514 writes it, most specific part first. Whatever separates is escaped in values, so that two names never
 * have one text.
 */
export function writeDistinguishedName(attributes: readonly NameAttribute[]): string {
  const parts: string[] = []
  for (const [type, value, joined] of attributes) {
    const written = `${type}=${escaped(value)}`
    if (joined === undefined) parts.push(written)
    else parts.push(`${parts.pop()}+${written}`)
  }
  return parts.reverse().join(',')
}

const escaped = (value: string): string => value.replace(/[",+;<>\\]|^[ #]| $/g, '\\$&').replaceAll('\0', '\\00')

/**
 * The attributes of a name that RFC 4514 writes, in the order of certificates. Undefined where it cannot be read. Parts of
 * several attributes (`+`), values in hexadecimal (`#`), and types that are neither an OID nor known by name are not taken.
 */
export function parseDistinguishedName(text: string): readonly NameAttribute[] | undefined {
  const attributes: NameAttribute[] = []
  for (let at = 0; ; at++) {
    const [start, written = ''] = /^ *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= */.exec(text.slice(at)) ?? []
    const type = BY_LOWER_CASE.get(written.toLowerCase()) ?? (/^\d/.test(written) ? shortNameOf(written) : undefined)
    if (start === undefined || type === undefined) return undefined
    const value = valueAt(text, at + start.length)
    if (value === undefined) return undefined
    attributes.push(Object.freeze([type, value.text] as const))
    at = value.end
    if (at === text.length) return Object.freeze(attributes.reverse())
  }
}

/** A value up to a comma that is not escaped, or to the end. Spaces around it belong to it only where they are escaped. */
function valueAt(text: string, from: number): { readonly text: string; readonly end: number } | undefined {
  const bytes: Buffer[] = []
  let spaces = 0
  let at = from
  while (at < text.length && text[at] !== ',') {
    const char = String.fromCodePoint(text.codePointAt(at) ?? 0)
    if (char === '\\') {
      const [whole, hex, sign] = /^\\(?:([0-9A-Fa-f]{2})|([ "#+,;<=>\\]))/.exec(text.slice(at, at + 3)) ?? []
      if (whole === undefined) return undefined
      bytes.push(hex === undefined ? Buffer.from(sign ?? '') : Buffer.from(hex, 'hex'))
      at += whole.length
    } else {
      if ('"+;<>\0'.includes(char) || (at === from && char === '#')) return undefined
      bytes.push(Buffer.from(char))
      at += char.length
    }
    spaces = char === ' ' ? spaces + 1 : 0
  }
  const value = Buffer.concat(bytes.slice(0, bytes.length - spaces)).toString('utf8')
  // What is no UTF-8 has become a sign that no name needs.
  return value === '' || value.includes('\uFFFD') ? undefined : { text: value, end: at }
}
