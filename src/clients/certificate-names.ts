import { isIP } from 'node:net'
import type { Certificate } from '../lib/x509/contract.ts'
import type { CertificateName } from './contract.ts'

/** Whether a verified certificate has the name. Exact, but for the case of DNS names (MT-03). */
export function matchesCertificate(name: CertificateName, { names, subjectAttributes }: Certificate): boolean {
  switch (name.of) {
    case 'dn':
      return (
        name.attributes.length === subjectAttributes.length &&
        name.attributes.every(([type, value], at) => {
          const [otherType, otherValue] = subjectAttributes[at] ?? []
          return type === otherType && value === otherValue
        })
      )
    case 'dns':
      return names.dns.some((one) => one.toLowerCase() === name.value.toLowerCase())
    case 'uri':
      return names.uris.includes(name.value)
    case 'email':
      return names.emails.includes(name.value)
    case 'ip':
      return names.ips.some((one) => one.equals(name.bytes))
  }
}

const SHORT_NAMES: ReadonlySet<string> = new Set(['CN', 'L', 'ST', 'O', 'OU', 'C', 'STREET', 'DC', 'UID'])

/**
 * A distinguished name as RFC 4514 writes it, most specific part first, as the attributes of a certificate's subject in
 * their order. Undefined where it cannot be read. Parts of several attributes (`+`) and hexadecimal values are not taken.
 */
export function parseDistinguishedName(text: string): readonly (readonly [type: string, value: string])[] | undefined {
  const attributes: (readonly [string, string])[] = []
  let at = 0
  while (at <= text.length) {
    const type = /^ *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= */.exec(text.slice(at))
    if (type === null) return undefined
    at += type[0].length
    const value = valueAt(text, at)
    if (value === undefined) return undefined
    const name = (type[1] ?? '').toUpperCase()
    attributes.push([SHORT_NAMES.has(name) ? name : (type[1] ?? ''), value.text])
    at = value.end
    if (at === text.length) return attributes.reverse()
    at++
  }
  return undefined
}

/** A value up to a comma that is not escaped, or to the end. */
function valueAt(text: string, from: number): { readonly text: string; readonly end: number } | undefined {
  const bytes: Buffer[] = []
  let at = from
  for (; at < text.length && text[at] !== ','; at++) {
    const char = text[at] ?? ''
    if (char !== '\\') {
      if ('"+;<>\0'.includes(char) || (at === from && char === '#')) return undefined
      bytes.push(Buffer.from(String.fromCodePoint(text.codePointAt(at) ?? 0)))
      if ((text.codePointAt(at) ?? 0) > 0xffff) at++
      continue
    }
    const hex = /^[0-9A-Fa-f]{2}/.exec(text.slice(at + 1))
    if (hex !== null) bytes.push(Buffer.from(hex[0], 'hex'))
    else if (/^[ "#+,;<=>\\]/.test(text.slice(at + 1))) bytes.push(Buffer.from(text[at + 1] ?? ''))
    else return undefined
    at += hex === null ? 1 : 2
  }
  const value = Buffer.concat(bytes).toString('utf8')
  return value === '' || value.includes('\uFFFD') ? undefined : { text: value, end: at }
}

/** The bytes of an address in either version's text, or undefined. */
export function addressBytes(text: string): Buffer | undefined {
  switch (isIP(text)) {
    case 4:
      return Buffer.from(text.split('.').map(Number))
    case 6:
      return text.includes('%') ? undefined : version6(text)
    default:
      return undefined
  }
}

function version6(text: string): Buffer {
  const dotted = /(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const whole =
    dotted === null
      ? text
      : `${dotted[1]}${(dotted[2] ?? '')
          .split('.')
          .map((part) => Number(part).toString(16).padStart(2, '0'))
          .join('')
          .replace(/^(.{4})/, '$1:')}`
  const [before = '', after] = whole.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const head = groups(before)
  const tail = after === undefined ? [] : groups(after)
  const filled = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail]
  const bytes = Buffer.alloc(16)
  for (const [at, group] of filled.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), at * 2)
  return bytes
}
