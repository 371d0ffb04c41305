// The library that is asked for its reading decorates its classes, and this has to be there before it.
import 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'
import * as peculiar from '@peculiar/x509'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { certificatesInPem, readCertificate } from '../../../src/lib/x509/certificate.ts'
import { type Certificate, CertificateFault, type CertificateFaultCode } from '../../../src/lib/x509/contract.ts'
import { validatePath } from '../../../src/lib/x509/path.ts'
import { der, oid, writeCertificate } from '../../harness/der.ts'
import {
  type Authority,
  createRoot,
  extension,
  type Issued,
  type IssueOptions,
  keyPair,
  OID,
  pemOf,
  VALID_FROM,
  VALID_UNTIL,
} from '../../harness/pki.ts'

const keys = keyPair()
let root: Authority
let leaf: Issued
beforeAll(async () => {
  root = await createRoot()
  leaf = await root.leaf({ keys, uris: ['spiffe://prod.example/api'] })
})

const codeOf = (read: () => unknown): CertificateFaultCode | 'read' => {
  try {
    read()
    return 'read'
  } catch (error) {
    if (error instanceof CertificateFault) return error.code
    throw error
  }
}
const readingOf = async (options: IssueOptions) => {
  const issued = await root.leaf({ keys, ...options })
  return codeOf(() => readCertificate(issued.der))
}

describe('a certificate', () => {
  let read: Certificate
  let issued: Issued
  beforeAll(async () => {
    issued = await root.leaf({
      ...{ keys, subject: 'C=DE,O=Acme\\, Inc.,OU=a+OU=b,CN=api,1.2.3.4=x', serialNumber: '00ff01' },
      uris: ['spiffe://prod.example/api', 'urn:a,URI:urn:b'],
      dns: ['api.prod.example', '*.prod.example'],
      ips: ['10.0.0.1', '2001:db8::1'],
      emails: ['a@prod.example'],
      keyUsage: ['digitalSignature', 'keyEncipherment'],
      extensions: [
        extension('2.5.29.14', der(0x04, 'own')),
        extension('2.5.29.35', der(0x30, der(0x80, 'theirs'))),
        extension('1.2.3.4', '0500', true),
        extension('1.2.3.5', '0500'),
      ],
    })
    read = readCertificate(issued.der)
  })

  it('has the names that are encoded, each by itself (S-21)', () => {
    expect(read.names).toEqual({
      uris: ['spiffe://prod.example/api', 'urn:a,URI:urn:b'],
      dns: ['api.prod.example', '*.prod.example'],
      ips: [Buffer.from([10, 0, 0, 1]), Buffer.from('20010db8000000000000000000000001', 'hex')],
      emails: ['a@prod.example'],
      directories: [],
      others: 0,
    })
  })

  it('counts names of other kinds, and has the directory names', async () => {
    const name = der(0x30, der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, 'x'))))
    const others = [der(0xa0, '\x06\x01\x2a', der(0xa0, der(0x0c, 'x'))), der(0x88, '\x2a\x03')]
    const extensions = [extension('2.5.29.17', der(0x30, der(0xa4, name), ...others, der(0x86, 'urn:a')))]
    const { names } = readCertificate((await root.leaf({ keys, extensions })).der)
    expect([names.uris, names.directories, names.others]).toEqual([['urn:a'], [name], 2])
  })

  it('has its subject in order', () => {
    expect(read.subjectAttributes).toEqual([
      ['C', 'DE'],
      ['O', 'Acme, Inc.'],
      ['OU', 'a'],
      ['OU', 'b', 'joined'],
      ['CN', 'api'],
      ['1.2.3.4', 'x'],
    ])
  })

  it('has its extensions, and the critical ones that nobody knows', () => {
    expect(read).toMatchObject({
      ...{ isCa: false, pathLength: undefined, nameConstraints: undefined, unfitSignature: undefined },
      keyUsage: new Set(['digitalSignature', 'keyEncipherment']),
      extendedKeyUsage: [OID.serverAuth, OID.clientAuth],
      subjectKeyIdentifier: Buffer.from('own'),
      authorityKeyIdentifier: { key: Buffer.from('theirs'), issuers: undefined, serialNumber: undefined },
      unknownCritical: ['1.2.3.4'],
    })
  })

  it('has what identifies it, and its dates in seconds', () => {
    expect(read).toMatchObject({
      serialNumber: 'ff01',
      notBefore: VALID_FROM,
      notAfter: VALID_UNTIL,
      selfIssued: false,
    })
    expect(read.serial).toEqual(Buffer.from('00ff01', 'hex'))
    expect(read.fingerprint).toBe(createHash('sha256').update(issued.der).digest('base64url'))
    expect(read.publicKey.equals(keys.publicKey)).toBe(true)
    expect(read.x509.raw).toEqual(issued.der)
    expect(read.issuer).toEqual(readCertificate(root.der).subject)
  })

  it('of an authority says so', async () => {
    expect(readCertificate(root.der)).toMatchObject({ isCa: true, pathLength: undefined, selfIssued: true })
    const authority = readCertificate((await root.intermediate({ pathLength: 3 })).der)
    expect(authority).toMatchObject({ isCa: true, pathLength: 3, keyUsage: new Set(['keyCertSign', 'cRLSign']) })
    expect(authority.extendedKeyUsage).toBeUndefined()
  })

  it('is frozen, and keeps no hold of the bytes it was read from', () => {
    const bytes = Buffer.from(issued.der)
    const again = readCertificate(bytes)
    bytes.fill(0)
    expect(again.der).toEqual(issued.der)
    for (const part of [again, again.names, again.names.uris, again.subjectAttributes, again.unknownCritical])
      expect(Object.isFrozen(part)).toBe(true)
  })

  it('is read as another library reads it', () => {
    const other = new peculiar.X509Certificate(issued.der)
    const names = other.getExtension(peculiar.SubjectAlternativeNameExtension)?.names.items ?? []
    const of = (type: string) => names.filter((name) => name.type === type).map(({ value }) => value)
    expect([read.names.uris, read.names.dns, read.names.emails]).toEqual([of('url'), of('dns'), of('email')])
    expect([read.notBefore, read.notAfter]).toEqual(
      [other.notBefore, other.notAfter].map((date) => date.getTime() / 1000),
    )
  })
})

describe('is not taken', () => {
  it.each([
    ['an empty URI', { extensions: [extension('2.5.29.17', der(0x30, der(0x86)))] }, 'names'],
    ['a NUL in a URI', { uris: ['spiffe://prod.example/a\0b'] }, 'names'],
    ['a NUL in a DNS name', { dns: ['prod.example\0.other.example'] }, 'names'],
    ['a space in a mailbox', { emails: ['a @prod.example'] }, 'names'],
    ['a letter beyond ASCII', { extensions: [extension('2.5.29.17', der(0x30, der(0x82, 'pröd.example')))] }, 'names'],
    ['a NUL in the subject', { subject: 'CN=api\0other' }, 'names'],
    ['no name in subjectAltName', { extensions: [extension('2.5.29.17', '3000')] }, 'names'],
    [
      'an address with a mask',
      { extensions: [extension('2.5.29.17', der(0x30, der(0x87, '\n\0\0\0\xff\0\0\0')))] },
      'names',
    ],
    [
      'an address of three bytes',
      { extensions: [extension('2.5.29.17', der(0x30, der(0x87, '\n\0\0')))] },
      'malformed',
    ],
    ['an extension twice', { extensions: [extension('1.2.3.4', '0500'), extension('1.2.3.4', '0500')] }, 'malformed'],
    [
      'a subjectAltName twice',
      { uris: ['urn:a'], extensions: [extension('2.5.29.17', der(0x30, der(0x86, 'urn:b')))] },
      'malformed',
    ],
    [
      'a keyUsage that allows nothing',
      { keyUsage: false, extensions: [extension('2.5.29.15', '030100')] },
      'malformed',
    ],
    ['a negative pathLenConstraint', { extensions: [extension('2.5.29.19', '30060101ff0201ff')] }, 'malformed'],
    [
      'a huge pathLenConstraint',
      { extensions: [extension('2.5.29.19', '300e0101ff0209010000000000000000')] },
      'malformed',
    ],
    ['a spelled-out default', { extensions: [extension('2.5.29.19', '3003010100')] }, 'malformed'],
    ['a TRUE that is not 255', { extensions: [extension('2.5.29.19', '3003010101')] }, 'malformed'],
    ['more members than there are', { extensions: [extension('2.5.29.19', '30050101ff0500')] }, 'malformed'],
    ['bytes after an extension', { extensions: [extension('2.5.29.19', '30000500')] }, 'malformed'],
    ['an extension of another type', { extensions: [extension('2.5.29.19', '0500')] }, 'malformed'],
    [
      'a name in a long form',
      { extensions: [extension('2.5.29.17', der(0x30, Buffer.from('86810375726e', 'hex')))] },
      'malformed',
    ],
    [
      'a name of parts',
      { extensions: [extension('2.5.29.17', der(0x30, der(0xa6, der(0x16, 'urn:a'))))] },
      'malformed',
    ],
    ['more than 16 KiB', { extensions: [extension('1.2.3.4', der(0x04, Buffer.alloc(16_384)))] }, 'malformed'],
  ] as const)('%s', async (_, options, code) => {
    expect(await readingOf(options)).toBe(code)
  })
})

describe('a body that no library would write', () => {
  const NONE = Buffer.alloc(0)

  it('is taken where it is in order', () => {
    expect(readCertificate(writeCertificate()).subjectAttributes).toEqual([['CN', 'x']])
    // Versions 1 and 2 have no extensions, and are nobody's authority.
    expect(readCertificate(writeCertificate({ version: NONE, extensions: NONE })).isCa).toBe(false)
  })

  it.each([
    ['version 1 with extensions', { version: NONE }],
    ['version 2 with extensions', { version: der(0xa0, der(0x02, '\x01')) }],
    ['version 4', { version: der(0xa0, der(0x02, '\x03')) }],
    ['version 1 that is spelled out', { version: der(0xa0, der(0x02, '\0')), extensions: NONE }],
    ['two algorithms', { outer: der(0x30, oid('2a8648ce3d040303')) }],
    ['no issuer', { issuer: der(0x30) }],
    ['a serial number with a byte too many', { serial: der(0x02, '\0\x01') }],
    ['a date without seconds', { validity: der(0x30, der(0x17, '2601010000Z'), der(0x17, '360101000000Z')) }],
    ['a date of another zone', { validity: der(0x30, der(0x17, '260101000000+0100'), der(0x17, '360101000000Z')) }],
    ['a date with a fraction', { validity: der(0x30, der(0x18, '20260101000000.5Z'), der(0x17, '360101000000Z')) }],
    ['a date that no calendar has', { validity: der(0x30, der(0x17, '261301000000Z'), der(0x17, '360101000000Z')) }],
    ['a third date', { validity: der(0x30, ...Array.from({ length: 3 }, () => der(0x17, '260101000000Z'))) }],
    [
      'a key that is none',
      { spki: der(0x30, der(0x30, oid('2a8648ce3d0201'), oid('2a8648ce3d030107')), der(0x03, '\0\x04ab')) },
    ],
    ['extensions that are none', { extensions: der(0xa3, der(0x30, der(0x30, oid('2a0304')))) }],
    [
      'a critical FALSE that is spelled out',
      { extensions: der(0xa3, der(0x30, der(0x30, oid('2a0304'), der(0x01, '\0'), der(0x04, '\x05\0')))) },
    ],
    ['a signature that ends inside of a byte', { unused: Buffer.from([1]) }],
    [
      'a member after the last',
      { extensions: Buffer.concat([der(0xa3, der(0x30, der(0x30, oid('2a0304'), der(0x04, '\x05\0')))), der(0x05)]) },
    ],
  ])('%s is malformed', (_, changed) => {
    expect(codeOf(() => readCertificate(writeCertificate(changed)))).toBe('malformed')
  })

  it.each([
    ['nothing', () => NONE],
    ['a text', () => Buffer.from('certificate')],
    ['PEM in the place of DER', () => Buffer.from(leaf.pem)],
    ['a byte after the last', () => Buffer.concat([leaf.der, Buffer.from([0])])],
    ['a certificate after it', () => Buffer.concat([leaf.der, leaf.der])],
    ['no end', () => leaf.der.subarray(0, -1)],
    ['no definite length', () => Buffer.concat([Buffer.from([0x30, 0x80]), leaf.der.subarray(4), Buffer.from([0, 0])])],
    ['a length in too many bytes', () => Buffer.concat([Buffer.from([0x30, 0x83, 0]), leaf.der.subarray(2)])],
    ['sequences in sequences', () => nested(4000)],
    ['thousands of elements', () => der(0x30, Buffer.alloc(16_000, Buffer.from([0x05, 0])))],
  ])('%s is malformed', (_, bytes) => {
    expect(codeOf(() => readCertificate(bytes()))).toBe('malformed')
  })

  const nested = (depth: number): Buffer => {
    let bytes = der(0x05)
    for (let at = 0; at < depth; at++) bytes = der(0x30, bytes)
    return bytes
  }
})

describe('changed bytes', () => {
  it('are refused with a code, or read, and never on a path (T13)', () => {
    const anchors = [readCertificate(root.der)]
    const options = { anchors, intermediates: [], now: VALID_FROM, purpose: 'clientAuth' } as const
    expect(validatePath(readCertificate(leaf.der), [], options).certificates).toHaveLength(2)
    const seen = new Set<string>()
    fc.assert(
      fc.property(
        fc.nat(leaf.der.length - 1),
        fc.constantFrom('set', 'insert', 'remove', 'cut'),
        fc.nat(255),
        (at, how, byte) => {
          const rest = { set: at + 1, insert: at, remove: at + 1, cut: leaf.der.length }[how]
          const put = how === 'set' || how === 'insert' ? [byte] : []
          const changed = Buffer.concat([leaf.der.subarray(0, at), Buffer.from(put), leaf.der.subarray(rest)])
          fc.pre(!changed.equals(leaf.der))
          const code = codeOf(() => validatePath(readCertificate(changed), [], options))
          expect(code).not.toBe('read')
          seen.add(code)
        },
      ),
      { numRuns: 2000 },
    )
    expect(seen).toContain('malformed')
    expect(seen).toContain('signature')
  })

  it('of any kind are refused as certificates are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(codeOf(() => readCertificate(bytes))).toBe('malformed')
      }),
    )
  })

  it('of the key lead to no path for the holder of another', async () => {
    const other = keyPair().publicKey.export({ format: 'der', type: 'spki' })
    const own = keys.publicKey.export({ format: 'der', type: 'spki' })
    const swapped = Buffer.from(leaf.der)
    swapped.set(other, swapped.indexOf(own))
    const read = readCertificate(swapped)
    expect(read.publicKey.equals(keys.publicKey)).toBe(false)
    const options = {
      anchors: [readCertificate(root.der)],
      intermediates: [],
      now: VALID_FROM,
      purpose: 'clientAuth',
    } as const
    expect(codeOf(() => validatePath(read, [], options))).toBe('signature')
  })
})

describe('PEM', () => {
  it('is read in order, with texts between and any ends of lines', () => {
    const text = `the root\n${root.pem}\nsubject=CN=leaf\n${leaf.pem}`
    const fingerprints = [root, leaf].map(({ der }) => readCertificate(der).fingerprint)
    for (const pem of [text, text.replaceAll('\n', '\r\n'), text.replaceAll('\n', '\n\t').trimEnd()])
      expect(
        certificatesInPem(pem)
          .map(readCertificate)
          .map(({ fingerprint }) => fingerprint),
      ).toEqual(fingerprints)
  })

  it('is what Node reads', () => {
    expect(new X509Certificate(pemOf(leaf.der)).raw).toEqual(certificatesInPem(leaf.pem).map(readCertificate)[0]?.der)
  })

  it.each([
    ['nothing', () => ''],
    ['a text', () => 'not PEM'],
    ['a key', () => leaf.keyPem],
    ['a key after a certificate', () => leaf.pem + leaf.keyPem],
    ['a certificate that does not end', () => leaf.pem.replace(/-----END.*/, '')],
    ['a certificate in a certificate', () => leaf.pem.replace('\n', `\n${leaf.pem}`)],
    ['a certificate without its beginning', () => leaf.pem.split('\n').slice(1).join('\n')],
    ['other kinds of certificate', () => leaf.pem.replaceAll(' CERTIFICATE', ' TRUSTED CERTIFICATE')],
    ['letters that are not base64', () => leaf.pem.replace('MII', 'M!I')],
    ['base64url', () => pemOf(Buffer.alloc(60, 0xff)).replaceAll('/', '_')],
    ['no bytes', () => '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
  ])('%s is malformed', (_, pem) => {
    expect(codeOf(() => certificatesInPem(pem()).map(readCertificate))).toBe('malformed')
  })
})
