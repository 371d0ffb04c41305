/** UC-76, UC-91: the signed documents of clouds. Every fault has a message that shows it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { derOf } from '../../../src/lib/ber.ts'
import {
  CmsFault,
  type CmsFaultCode,
  readSignedData,
  type SignedDataOptions,
  verifySignedData,
} from '../../../src/lib/cms.ts'
import {
  attribute,
  childrenOf,
  type Message,
  makeSigner,
  OID,
  setOf,
  signMessage,
  streamed,
  tlv,
} from '../../harness/cms.ts'

const CONTENT = Buffer.from('{ "accountId" : "123456789012", "instanceId" : "i-1234567890abcdef0" }')
const signer = await makeSigner('RSA-2048')
const other = await makeSigner('RSA-2048')
const stranger = await makeSigner('P-256', 'CN=somebody', '02')
/** Of another issuer, with the number of the signer's. */
const namesake = await makeSigner('P-256', 'CN=somebody else', '01')
const made = (message: Partial<Message> = {}) => signMessage({ content: CONTENT, signers: [signer], ...message })

function fault(bytes: Uint8Array, options?: SignedDataOptions): CmsFaultCode | undefined {
  try {
    verifySignedData(bytes, options)
  } catch (error) {
    expect(error).toBeInstanceOf(CmsFault)
    return (error as CmsFault).code
  }
  return undefined
}

describe('a message that is taken', () => {
  it('hands back its content, its signer and the further certificates', () => {
    const certificates = [stranger.certificate, signer.certificate]
    expect(verifySignedData(made({ certificates }))).toEqual({
      content: CONTENT,
      signer: signer.certificate,
      certificates: [stranger.certificate],
    })
  })

  it.each([
    ['without signed attributes', { attributes: false }],
    ['with the key identifier of its signer', { bySubjectKey: true }],
    ['with the signature algorithm by its full name', { signatureOid: OID.rsaSha256 }],
    // As Azure writes it.
    ['with the signature algorithm as its digest', { digestOid: OID.rsaSha256, attributes: false }],
    ['with SHA-384', { digest: 'sha384' }],
    ['with SHA-512', { digest: 'sha512' }],
    ['with nothing as content', { content: Buffer.alloc(0) }],
    [
      'with further attributes',
      { attributes: (all) => [...all, attribute('1.2.840.113549.1.9.5', new Uint8Array([5, 0]).buffer)] },
    ],
  ] satisfies [string, Partial<Message>][])('may be %s', (_what, message) => {
    expect(verifySignedData(made(message)).content).toEqual('content' in message ? message.content : CONTENT)
  })

  it.each(['P-256', 'P-384', 'P-521'] as const)('may be signed with %s, with any of the digests', async (kind) => {
    const signers = [await makeSigner(kind)]
    for (const digest of ['sha256', 'sha384', 'sha512'] as const)
      expect(fault(made({ signers, digest }))).toBeUndefined()
  })

  it('may have its content beside it', () => {
    const bytes = made({ detached: true })
    expect(verifySignedData(bytes, { content: CONTENT }).content).toEqual(CONTENT)
    expect(fault(bytes)).toBe('content')
    expect(fault(bytes, { content: Buffer.from('{}') })).toBe('digest')
    expect(fault(made({ detached: true, attributes: false }), { content: Buffer.from('{}') })).toBe('signature')
    expect(fault(made(), { content: CONTENT })).toBeUndefined()
    expect(fault(made(), { content: Buffer.from('{}') })).toBe('content')
  })

  it('may have no certificate, where the signer is known beforehand', () => {
    const bytes = made({ certificates: [] })
    const signers = [stranger.certificate, signer.certificate]
    expect(verifySignedData(bytes, { signers })).toEqual({
      content: CONTENT,
      signer: signer.certificate,
      certificates: [],
    })
    expect(fault(bytes)).toBe('signer')
    expect(fault(bytes, { signers: [] })).toBe('signer')
    expect(fault(bytes, { signers: [stranger.certificate] })).toBe('signer')
    expect(fault(bytes, { signers: [namesake.certificate] })).toBe('signer')
  })

  it('may be written with open lengths and the content in pieces, as EC2 does', () => {
    const bytes = streamed(made({ certificates: [] }))
    expect(bytes.subarray(0, 2)).toEqual(Buffer.from([0x30, 0x80]))
    expect(bytes.includes(Buffer.from([0x24, 0x80, 0x04]))).toBe(true)
    expect(verifySignedData(bytes, { signers: [signer.certificate] }).content).toEqual(CONTENT)
    const tampered = Buffer.from(bytes)
    tampered[tampered.indexOf('123456789012') + 3] = 0x39
    expect(fault(tampered, { signers: [signer.certificate] })).toBe('digest')
  })
})

describe('a message that is only read', () => {
  it('tells its content, whom it names as its signer, and its certificates', () => {
    const bytes = made({ certificates: [stranger.certificate] })
    const { content, signer: named, certificates } = readSignedData(bytes)
    expect([content, certificates]).toEqual([CONTENT, [stranger.certificate]])
    expect(named?.serial).toEqual(Buffer.from([1]))
    expect(signer.certificate.includes(named?.issuer ?? 'nobody')).toBe(true)
  })

  it('tells no content where it has none, and no name where it names a key', () => {
    const { content, signer: named } = readSignedData(made({ detached: true, bySubjectKey: true }))
    expect([content, named]).toEqual([undefined, undefined])
  })
})

describe('a message that is refused', () => {
  it.each([
    ['a version of its own', 4, 'malformed'],
    ['a digest announced that is not its signer’s', OID.sha256, 'algorithm'],
  ] as const)('with %s, although no signature covers it (RFC 5652 §5.1)', (_what, where, expected) => {
    const bytes = made({ certificates: [] })
    const before =
      typeof where === 'number' ? Buffer.from('020101', 'hex') : Buffer.from('0609608648016503040201', 'hex')
    const at = bytes.indexOf(before) + before.length - 1
    const copy = Buffer.from(bytes)
    copy[at] = 3
    expect(fault(bytes, { signers: [signer.certificate] })).toBeUndefined()
    expect(fault(copy, { signers: [signer.certificate] })).toBe(expected)
  })

  const changed = (bytes: Buffer, text: string): Buffer => {
    const copy = Buffer.from(bytes)
    copy[copy.indexOf(text)] = 0x7e
    return copy
  }
  const dataAttribute = (all: Parameters<Exclude<Message['attributes'], false | undefined>>[0]) => all[0] as never

  it.each<[string, CmsFaultCode, () => Buffer]>([
    ['has other content than was signed', 'digest', () => changed(made(), 'accountId')],
    ['has other content, and no attributes', 'signature', () => changed(made({ attributes: false }), 'accountId')],
    ['names the digest of other content', 'digest', () => made({ digestOf: Buffer.from('other') })],
    [
      'is signed by another key than its certificate has',
      'signature',
      () => made({ signers: [{ ...other, certificate: signer.certificate }] }),
    ],
    [
      'has attributes that were changed after they were signed',
      'signature',
      () => {
        const bytes = made({
          attributes: (all) => [...all, attribute('1.2.840.113549.1.9.5', new Uint8Array([4, 1, 0x61]).buffer)],
        })
        const at = bytes.indexOf(Buffer.from([0x31, 3, 4, 1, 0x61]))
        bytes[at + 4] = 0x62
        return bytes
      },
    ],
    ['has two signers', 'signer', () => made({ signers: [signer, other] })],
    ['has no signer', 'signer', () => made({ signers: [], certificates: [signer.certificate] })],
    ['is signed by somebody who is not there', 'signer', () => made({ certificates: [stranger.certificate] })],
    [
      'has two certificates of one name and number',
      'signer',
      () => made({ certificates: [other.certificate, signer.certificate] }),
    ],
    ['is digested with SHA-1', 'algorithm', () => made({ digest: 'sha1' })],
    ['is signed with SHA-1', 'algorithm', () => made({ signatureOid: OID.rsaSha1 })],
    ['is signed with RSA-PSS', 'algorithm', () => made({ signatureOid: OID.rsaPss })],
    ['names another digest in its signature', 'algorithm', () => made({ signatureOid: OID.rsaSha384 })],
    ['names an algorithm of another key', 'algorithm', () => made({ signatureOid: OID.ecdsaSha256 })],
    ['names RSA for a P-256 key', 'algorithm', () => made({ signers: [stranger], signatureOid: OID.rsa })],
    ['has parameters of ECDSA', 'algorithm', () => made({ signers: [stranger], nullParameters: true })],
    ['names another digest than was used', 'digest', () => made({ digestOid: OID.sha384 })],
    ['has content that is no data', 'content', () => made({ contentType: OID.signedData })],
    [
      'has attributes of other content',
      'attributes',
      () =>
        made({
          attributes: ([, digest]) => [attribute(OID.contentType, new Uint8Array([6, 1, 42]).buffer), digest as never],
        }),
    ],
    [
      'has no content type among its attributes',
      'attributes',
      () => made({ attributes: ([, digest]) => [digest as never] }),
    ],
    ['has no digest among its attributes', 'attributes', () => made({ attributes: (all) => [dataAttribute(all)] })],
    ['has an attribute twice', 'attributes', () => made({ attributes: (all) => [...all, dataAttribute(all)] })],
    [
      'has two values of an attribute',
      'attributes',
      () =>
        made({
          attributes: ([type, digest]) => [
            type as never,
            attribute(OID.messageDigest, ...Array(2).fill(digest?.attrValues[0])),
          ],
        }),
    ],
    ['has bytes behind its end', 'malformed', () => Buffer.concat([made(), Buffer.from([0])])],
    ['has bytes behind its open end', 'malformed', () => Buffer.concat([streamed(made()), Buffer.from([0, 0])])],
    ['ends early', 'malformed', () => made().subarray(0, -1)],
    [
      'has a member that nobody knows',
      'malformed',
      () => tlv(0x30, Buffer.concat([...childrenOf(made()), Buffer.from([5, 0])])),
    ],
    ['is another message', 'malformed', () => signer.certificate],
    ['is more than is read', 'too_large', () => made({ content: Buffer.alloc(65_536) })],
    ['has a herd of certificates', 'certificate', () => made({ certificates: Array(17).fill(signer.certificate) })],
  ])('because it %s', (_what, code, bytes) => {
    expect(fault(bytes())).toBe(code)
  })

  it('because its key is weak', async () => {
    expect(fault(made({ signers: [await makeSigner('RSA-1024')] }))).toBe('certificate')
  })

  it('because the attributes of another message are its content', () => {
    let signed: Buffer = Buffer.alloc(0)
    made({
      attributes: (all) => {
        signed = setOf(all)
        return all
      },
    })
    expect(signed[0]).toBe(0x31)
    expect(fault(made({ content: signed, attributes: false }))).toBe('content')
  })

  it('because a certificate inside is not the one that was known beforehand', () => {
    expect(fault(made({ signers: [other] }), { signers: [signer.certificate] })).toBe('signature')
  })

  it('because a certificate handed in is none', () => {
    expect(fault(made(), { signers: [Buffer.from('junk')] })).toBe('malformed')
  })
})

describe('bytes of strangers', () => {
  it('junk ends in a fault and in nothing else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => fault(bytes) !== undefined))
  })

  it('a sound message with a byte changed verifies to the same content, or not at all', () => {
    const sound = [made(), streamed(made()), made({ attributes: false, signers: [stranger] })]
    fc.assert(
      fc.property(fc.constantFrom(...sound), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, at, by) => {
        const copy = Buffer.from(bytes)
        const index = at % copy.length
        copy[index] = (copy[index] ?? 0) ^ by
        try {
          return verifySignedData(copy).content.equals(CONTENT)
        } catch (error) {
          return error instanceof CmsFault
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('a sound message that is cut, doubled or repeated inside is never taken for another', () => {
    const sound = made()
    for (let end = 0; end < sound.length; end++) expect(fault(sound.subarray(0, end))).toBe('malformed')
    expect(fault(Buffer.concat([sound, sound]))).toBe('malformed')
  })

  it('a message of nothing but depth costs nothing', () => {
    const open = Buffer.concat([Buffer.from([0x30, 0x80]), Buffer.alloc(60_000, Buffer.from([0xa0, 0x80]))])
    expect(fault(open)).toBe('malformed')
    expect(fault(Buffer.alloc(65_536, 0x30))).toBe('malformed')
  })
})

describe('BER', () => {
  const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
  it.each([
    ['30 03 02 01 05', '30 03 02 01 05'],
    ['30 80 02 01 05 00 00', '30 03 02 01 05'],
    ['24 80 04 01 61 04 01 62 00 00', '04 02 61 62'],
    ['24 06 04 01 61 04 01 62', '04 02 61 62'],
    ['a0 80 30 80 00 00 00 00', 'a0 02 30 00'],
    ['80 01 61', '80 01 61'],
  ])('%s is %s', (ber, der) => {
    expect(derOf(hex(ber))).toEqual(hex(der))
  })

  it.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['an open primitive', '04 80 61 00 00'],
    ['an open end', '30 80 02 01 05'],
    ['half an end', '30 80 02 01 05 00'],
    ['an end without a beginning', '00 00'],
    ['a length longer than it needs to be', '04 81 01 61'],
    ['a length with a zero before it', '04 82 00 80'],
    ['a length of five bytes', '04 85 00 00 00 00 01 61'],
    ['less than it says', '04 02 61'],
    ['more than it says', '04 01 61 62'],
    ['a member that is longer than the whole', '30 03 02 02 05 05'],
    ['a member that ends beyond the whole', '30 04 30 80 00 00 00'],
    ['a tag of several bytes', '1f 81 01 00'],
    ['a sequence without members', '10 00'],
    ['a set without members', '11 00'],
    ['a text in pieces', '2c 80 0c 01 61 00 00'],
    ['an octet string in pieces of pieces of something else', '24 80 02 01 05 00 00'],
  ])('%s is refused', (_what, ber) => {
    expect(derOf(hex(ber))).toBeUndefined()
  })

  it('of a message is the message', () => {
    const der = made()
    expect(derOf(der)).toEqual(der)
    expect(derOf(streamed(der))).toEqual(der)
    expect(childrenOf(der)).toHaveLength(2)
  })
})
