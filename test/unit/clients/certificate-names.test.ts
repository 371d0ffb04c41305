import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressBytes, matchesCertificate } from '../../../src/clients/certificate-names.ts'
import { compileClient } from '../../../src/clients/client.ts'
import type { CertificateName } from '../../../src/clients/contract.ts'
import { addressOf } from '../../../src/credentials/certificate-facts.ts'
import { Faults } from '../../../src/lib/fault.ts'
import { readCertificate } from '../../../src/lib/x509/certificate.ts'
import { createRoot, pemOf } from '../../harness/pki.ts'

const root = await createRoot()
const leaf = readCertificate(
  (
    await root.leaf({
      subject: 'C=DE, O=Example\\, Inc., CN=billing',
      uris: ['https://billing.example/', 'urn:x'],
      dns: ['Billing.example', '*.billing.example'],
      ips: ['10.0.0.7', '2001:db8::7'],
      emails: ['Billing@example.com'],
    })
  ).der,
)
const compiled = (authentication: object) =>
  compileClient('billing', { authentication: { method: 'tls_client_auth', issuer: 'corporate', ...authentication } })
    .authentication
const matches = (authentication: object): boolean => {
  const read = compiled(authentication)
  if (read?.method !== 'tls_client_auth') throw new Error('it has no name')
  return matchesCertificate(read.name, leaf)
}

describe('the one name that a certificate must have (MT-03)', () => {
  it.each<[object, boolean]>([
    [{ subjectDn: 'CN=billing,O=Example\\, Inc.,C=DE' }, true],
    [{ subjectDn: 'cn=billing, o=Example\\2C Inc., c=DE' }, true],
    [{ subjectDn: '2.5.4.3=billing,2.5.4.10=Example\\, Inc.,2.5.4.6=DE' }, true],
    [{ subjectDn: 'C=DE,O=Example\\, Inc.,CN=billing' }, false],
    [{ subjectDn: 'CN=billing,O=Example\\, Inc.' }, false],
    [{ subjectDn: 'CN=billing' }, false],
    [{ subjectDn: 'CN=Billing,O=Example\\, Inc.,C=DE' }, false],
    [{ subjectDn: 'CN=billing,O=Example\\, Inc.,C=DE,DC=x' }, false],
    [{ sanDns: 'billing.example' }, true],
    [{ sanDns: 'BILLING.EXAMPLE' }, true],
    [{ sanDns: 'a.billing.example' }, false],
    [{ sanDns: '*.billing.example' }, true],
    [{ sanDns: 'billing.example.' }, false],
    [{ sanUri: 'https://billing.example/' }, true],
    [{ sanUri: 'https://billing.example' }, false],
    [{ sanUri: 'https://BILLING.example/' }, false],
    [{ sanUri: 'urn:x' }, true],
    [{ sanIp: '10.0.0.7' }, true],
    [{ sanIp: '::ffff:10.0.0.7' }, false],
    [{ sanIp: '2001:db8::7' }, true],
    [{ sanIp: '2001:0DB8:0:0:0:0:0:0007' }, true],
    [{ sanIp: '2001:db8::0.0.0.7' }, true],
    [{ sanIp: '2001:db8::8' }, false],
    [{ sanEmail: 'Billing@example.com' }, true],
    [{ sanEmail: 'billing@example.com' }, false],
  ])('%j: %s', (name, expected) => {
    expect(matches(name)).toBe(expected)
  })

  it('has each attribute in a part of its own', async () => {
    const joined = readCertificate((await root.leaf({ subject: 'O=Example+CN=billing' })).der)
    const apart = readCertificate((await root.leaf({ subject: 'O=Example, CN=billing' })).der)
    const name: CertificateName = { of: 'dn', attributes: apart.subjectAttributes }
    expect(joined.subjectAttributes.map(([type]) => type).sort()).toEqual(['CN', 'O'])
    for (const attributes of [apart.subjectAttributes, [...apart.subjectAttributes].reverse()])
      expect(matchesCertificate({ of: 'dn', attributes }, joined)).toBe(false)
    expect(matchesCertificate(name, apart)).toBe(true)
  })

  it.each<[object, string]>([
    [{}, 'says no name'],
    [{ sanDns: 'a', sanUri: 'b' }, 'says sanDns and sanUri'],
    [{ subjectDn: 'billing' }, 'is not a distinguished name'],
    [{ subjectDn: 'FOO=billing' }, 'is not a distinguished name'],
    [{ sanIp: '10.0.0' }, 'is not an IP address'],
    [{ sanIp: '10.0.0.7/32' }, 'is not an IP address'],
    [{ sanIp: 'fe80::1%eth0' }, 'is not an IP address'],
    [{ sanDns: 'a', issuer: undefined }, 'spec.authentication.issuer: is missing'],
    [{ sanDns: 'a', spiffeId: 'spiffe://prod.example/a' }, 'is not a field of tls_client_auth'],
  ])('a document without exactly one is refused: %j', (spec, message) => {
    expect(() => compiled(spec)).toThrow(message)
  })
})

describe('IP addresses', () => {
  it('are the same bytes in each of their texts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(8), fc.nat(8), (random, from, length) => {
        const bytes = Buffer.from(random)
        bytes.fill(0, from * 2, Math.min(16, (from + length) * 2))
        const groups = addressOf(bytes).split(':')
        const zeros = groups.slice(from, from + length)
        const short =
          zeros.length < 2 ? groups : [groups.slice(0, from).join(':'), groups.slice(from + zeros.length).join(':')]
        const dotted = `${groups.slice(0, 6).join(':')}:${[...bytes.subarray(12)].join('.')}`
        const texts = [
          groups.join(':'),
          groups.map((group) => group.padStart(4, '0').toUpperCase()).join(':'),
          short.join(zeros.length < 2 ? ':' : '::'),
          dotted,
          new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1),
        ]
        for (const text of texts) expect(addressBytes(text), text).toEqual(bytes)
      }),
    )
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect([...(addressBytes(text) ?? [])].join('.')).toBe(text)
      }),
    )
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(addressBytes(text)).toHaveLength(16)
      }),
    )
  })

  it.each([
    '',
    '1',
    '10.0.0.256',
    '010.0.0.7',
    '0x0a.0.0.7',
    ':',
    ':::',
    '1::2::3',
    '12345::',
    '::1%1',
    ' ::1',
    '[::1]',
  ])('%j is none', (text) => {
    expect(addressBytes(text)).toBeUndefined()
  })
})

describe('other ways to be known by a certificate', () => {
  const faultsOf = (authentication: object): readonly string[] => {
    try {
      compileClient('c', { authentication })
      return []
    } catch (error) {
      if (error instanceof Faults) return error.faults.map(({ path, message }) => `${path}: ${message}`)
      throw error
    }
  }

  it.each([
    ['spiffe://prod.example/*'],
    ['spiffe://prod.example/**'],
    ['spiffe://prod.example/*/*'],
    ['spiffe://prod.example/*/**'],
    ['spiffe://*/checkout'],
  ])('%s is a whole trust domain, and nobody (SC-63)', (spiffeId) => {
    expect(faultsOf({ method: 'spiffe_x509', issuer: 'prod', spiffeId })).toEqual([
      expect.stringContaining('is a whole trust domain'),
    ])
  })

  it('is missing where nothing is written, and says so', () => {
    expect(faultsOf({ method: 'spiffe_x509', issuer: 'prod' })).toEqual([
      expect.stringContaining('spec.authentication.spiffeId: is missing: spiffe_x509 needs the SPIFFE ID'),
    ])
  })

  it.each([
    ['spiffe://prod.example'],
    ['https://prod.example/a'],
    ['spiffe://PROD.example/a'],
    ['spiffe://prod.example/a/'],
  ])('%s is no workload', (spiffeId) => {
    expect(faultsOf({ method: 'spiffe_x509', issuer: 'prod', spiffeId })).toEqual([
      expect.stringContaining('is not the SPIFFE ID of a workload'),
    ])
  })

  it.each([['spiffe://prod.example/a/*'], ['spiffe://prod.example/*/a'], ['spiffe://prod.example/a/**']])(
    '%s is part of one',
    (spiffeId) => {
      expect(faultsOf({ method: 'spiffe_x509', issuer: 'prod', spiffeId })).toEqual([])
    },
  )

  it.each<[string, unknown, string]>([
    ['no certificate', undefined, 'is missing: write the certificate'],
    ['an empty list', [], 'is missing: write the certificate'],
    ['a text', root.der.toString('base64'), 'is missing: write the certificate'],
    ['PEM', [pemOf(root.der)], 'the certificate cannot be taken'],
    ['half a certificate', [root.der.subarray(0, 100).toString('base64')], 'the certificate cannot be taken'],
  ])('self_signed_tls_client_auth is refused with %s in x5c (MT-04)', (_, x5c, message) => {
    const jwks = { keys: [{ kty: 'EC', ...(x5c === undefined ? {} : { x5c }) }] }
    expect(faultsOf({ method: 'self_signed_tls_client_auth', jwks })).toEqual([expect.stringContaining(message)])
  })
})
