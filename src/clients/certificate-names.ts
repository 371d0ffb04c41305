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
          const [otherType, otherValue, joined] = subjectAttributes[at] ?? []
          return type === otherType && value === otherValue && joined === undefined
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
