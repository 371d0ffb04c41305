import { createPublicKey, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { algorithms } from '../../../src/lib/algorithms.ts'
import { componentOf, type SignedMessage, signatureBase, signatureTagged } from '../../../src/lib/message-signature.ts'
import { type InnerList, parseDictionary } from '../../../src/lib/structured-fields.ts'

function message(fields: Record<string, string>, target = '/foo?param=Value&Pet=dog', method = 'POST'): SignedMessage {
  const [path = '', query = ''] = target.split('?')
  return { method, path, query: `?${query}`, field: (name) => fields[name] }
}

function innerList(text: string): InnerList {
  const member = parseDictionary(text)?.values().next().value
  if (member?.kind !== 'list') throw new Error(`not an inner list: ${text}`)
  return member
}

/** RFC 9421 §B.1.3 and §B.1.4. */
const P256 = createPublicKey({
  format: 'jwk',
  key: {
    kty: 'EC',
    crv: 'P-256',
    x: 'qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA',
    y: 'Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0',
  },
})
const ED25519 = createPublicKey({
  format: 'jwk',
  key: { kty: 'OKP', crv: 'Ed25519', x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs' },
})

/** RFC 9421 §B.2: the request of the examples. */
const REQUEST = message({
  date: 'Tue, 20 Apr 2021 02:07:55 GMT',
  'content-type': 'application/json',
  'content-digest':
    'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
  'content-length': '18',
})
const RESPONSE = message({
  'content-type': 'application/json',
  'content-digest':
    'sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
  'content-length': '23',
})

interface Example {
  readonly section: string
  readonly message: SignedMessage
  /** Derived components that are not read here. */
  readonly derived: Readonly<Record<string, string>>
  readonly input: string
  readonly lines: readonly string[]
  readonly algorithm: string
  readonly key: KeyObject
  readonly signature: string
}

const EXAMPLES: readonly Example[] = [
  {
    section: 'B.2.4 ecdsa-p256-sha256',
    message: RESPONSE,
    derived: { '@status': '200' },
    input:
      'sig-b24=("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"',
    lines: [
      '"@status": 200',
      '"content-type": application/json',
      '"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
      '"content-length": 23',
      '"@signature-params": ("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"',
    ],
    algorithm: 'ES256',
    key: P256,
    signature: 'wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==',
  },
  {
    section: 'B.2.6 ed25519',
    message: REQUEST,
    derived: { '@authority': 'example.com' },
    input:
      'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
    lines: [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@method": POST',
      '"@path": /foo',
      '"@authority": example.com',
      '"content-type": application/json',
      '"content-length": 18',
      '"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
    ],
    algorithm: 'Ed25519',
    key: ED25519,
    signature: 'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
  },
  {
    section: 'B.3 with a query',
    message: message({
      'client-cert':
        ':MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:',
    }),
    derived: { '@authority': 'service.internal.example' },
    input: 'ttrp=("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256"',
    lines: [
      '"@path": /foo',
      '"@query": ?param=Value&Pet=dog',
      '"@method": POST',
      '"@authority": service.internal.example',
    ],
    algorithm: 'ES256',
    key: P256,
    signature: 'xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==',
  },
  {
    section: 'B.4 with a field of two lines',
    message: message({ accept: 'application/json, */*' }, '/demo?name1=Value1&Name2=value2', 'GET'),
    derived: { '@authority': 'example.org' },
    input: 'transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"',
    lines: ['"@method": GET', '"@path": /demo', '"@authority": example.org', '"accept": application/json, */*'],
    algorithm: 'Ed25519',
    key: ED25519,
    signature: 'ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==',
  },
]

describe('signatureBase', () => {
  it.each(EXAMPLES)(
    'is that of RFC 9421 §$section',
    ({ message, derived, input, lines, algorithm, key, signature }) => {
      const base = signatureBase(innerList(input), (name) => derived[name] ?? componentOf(message, name))
      if ('fault' in base) throw new Error(base.fault)
      expect(base.text.split('\n').slice(0, lines.length)).toEqual(lines)
      const verifies = (text: string) =>
        algorithms.get(algorithm)?.verify(key, Buffer.from(text), Buffer.from(signature, 'base64'))
      expect(verifies(base.text)).toBe(true)
      expect(verifies(`${base.text} `)).toBe(false)
    },
  )

  it('signs the parameters as they were spelt', () => {
    const base = signatureBase(innerList('s=( "@method"  );tag="a\\\\b"; x'), (name) => componentOf(REQUEST, name))
    expect(base).toEqual({
      text: '"@method": POST\n"@signature-params": ( "@method"  );tag="a\\\\b"; x',
      covered: new Set(['@method']),
    })
  })

  it.each([
    ['a component with parameters', '("content-type";sf)', /has parameters/],
    ['a component of the request, in a request', '("@method";req)', /has parameters/],
    ['a component twice', '("@method" "@method")', /twice/],
    ['an upper-case name', '("Content-Type")', /lower-case/],
    ['a token', '(content-type)', /in quotes/],
    ['a name that ends a line', '("a\\"b")', /lower-case/],
    ['an absent field', '("accept")', /not in the request/],
    ['the older form of the target', '("@request-target")', /not one that is read here/],
    ['itself', '("@signature-params")', /not one that is read here/],
    ['the authority', '("@authority")', /not one that is read here/],
  ])('refuses %s', (_name, list, fault) => {
    const base = signatureBase(innerList(`s=${list}`), (name) => componentOf(REQUEST, name))
    expect(base).toEqual({ fault: expect.stringMatching(fault) })
  })

  it.each(['a\nb', 'a\rb', 'ü', '\0'])(
    'refuses a value that could end its line or be read in two ways: %j',
    (value) => {
      expect(signatureBase(innerList('s=("x")'), () => value)).toEqual({
        fault: expect.stringMatching(/printable ASCII/),
      })
    },
  )
})

describe('signatureTagged', () => {
  const inputs = 'proxy=("@method");tag="other", wimse=("@path");tag="ours"'
  const fields = (input: string, signature = 'proxy=:AAAA:, wimse=:BBBB:') =>
    message({ 'signature-input': input, signature })

  it('finds the signature by its tag, under whatever label', () => {
    expect(signatureTagged(fields(inputs), 'ours')).toEqual({
      input: innerList('x=("@path");tag="ours"'),
      signature: Buffer.from('BBBB', 'base64'),
    })
  })

  it.each([
    ['no Signature-Input', message({ signature: 'wimse=:BBBB:' }), /no signature-input/],
    ['no Signature', message({ 'signature-input': inputs }), /no signature/],
    ['a Signature-Input that is none', fields('wimse=("@path"'), /not a structured dictionary/],
    ['a Signature that is none', fields(inputs, 'wimse=:BBBB'), /not a structured dictionary/],
    ['another tag under our label', fields('ours=("@path");tag="other"'), /no signature has the tag/],
    ['a tag that is a token', fields('wimse=("@path");tag=ours'), /no signature has the tag/],
    ['two with the tag', fields('a=("@path");tag="ours", b=("@path");tag="ours"'), /2 signatures/],
    ['an item', fields('wimse="@path";tag="ours"'), /not a list/],
    ['no signature under the label', fields(inputs, 'proxy=:AAAA:'), /no bytes under the label/],
    ['a signature that is a string', fields(inputs, 'wimse="BBBB"'), /no bytes under the label/],
    ['one label twice', fields(`${inputs}, wimse=("@method");tag="ours"`), /not a structured dictionary/],
  ])('refuses %s', (_name, from, fault) => {
    expect(signatureTagged(from, 'ours')).toEqual({ fault: expect.stringMatching(fault) })
  })
})
