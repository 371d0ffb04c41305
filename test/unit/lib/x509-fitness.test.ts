import { createPublicKey, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readCertificate } from '../../../src/lib/x509/certificate.ts'
import { der, writeCertificate } from '../../harness/der.ts'
import { keyPair } from '../../harness/pki.ts'

describe('keys', () => {
  const reading = (publicKey: KeyObject) => () =>
    readCertificate(writeCertificate({ spki: publicKey.export({ format: 'der', type: 'spki' }) }))

  it.each([
    ['RSA of 2048 bits', () => keyPair('rsa', { modulusLength: 2048 }).publicKey],
    ['RSA with exponent 3', () => rsa(modulus(), 'Aw')],
    ['P-256', () => keyPair().publicKey],
    ['P-384', () => keyPair('ec', { namedCurve: 'P-384' }).publicKey],
    ['P-521', () => keyPair('ec', { namedCurve: 'P-521' }).publicKey],
    ['Ed25519', () => keyPair('ed25519').publicKey],
  ])('of %s are taken', (_, publicKey) => {
    const key = publicKey()
    expect(reading(key)().publicKey.equals(key)).toBe(true)
  })

  it.each([
    ['RSA of 1024 bits', () => keyPair('rsa', { modulusLength: 1024 }).publicKey],
    [
      'RSA of 8200 bits',
      () => rsa(Buffer.concat([Buffer.from([0x80]), Buffer.alloc(1023, 0xff), Buffer.from([1])]), 'AQAB'),
    ],
    ['RSA with an even exponent', () => rsa(modulus(), 'Ag')],
    ['RSA with exponent 1', () => rsa(modulus(), 'AQ')],
    ['RSA with an exponent of 33 bits', () => rsa(modulus(), Buffer.from('0100000001', 'hex').toString('base64url'))],
    ['RSA of a small factor', () => rsa(Buffer.alloc(256, 0xff), 'AQAB')],
    ['P-224', () => keyPair('ec', { namedCurve: 'secp224r1' }).publicKey],
    ['secp256k1', () => keyPair('ec', { namedCurve: 'secp256k1' }).publicKey],
    ['a curve that is written out (CVE-2020-0601)', () => keyPair('ec', { paramEncoding: 'explicit' }).publicKey],
    ['Ed448', () => keyPair('ed448' as 'ed25519').publicKey],
    ['RSA-PSS', () => keyPair('rsa-pss' as 'rsa', { modulusLength: 2048 }).publicKey],
  ])('of %s are not (T17)', (_, publicKey) => {
    expect(reading(publicKey())).toThrow(expect.objectContaining({ code: 'weak_key' }))
  })

  const modulus = () =>
    Buffer.from(keyPair('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' }).n ?? '', 'base64url')
  const rsa = (n: Buffer, e: string): KeyObject =>
    createPublicKey({ key: { kty: 'RSA', n: n.toString('base64url'), e }, format: 'jwk' })
})

describe('signature algorithms', () => {
  const pss = (hash: string, salt: string, NULL = '0500') => {
    const digest = der(0x30, Buffer.from(`06096086480165030402${hash}${NULL}`, 'hex'))
    const mask = der(0x30, Buffer.from('06092a864886f70d010108', 'hex'), digest)
    const parameters = der(0x30, der(0xa0, digest), der(0xa1, mask), der(0xa2, Buffer.from(`0201${salt}`, 'hex')))
    return der(0x30, Buffer.from('06092a864886f70d01010a', 'hex'), parameters).toString('hex')
  }
  /** The OID that is not taken, or undefined. */
  const unfit = (identifier: string) => {
    const algorithm = Buffer.from(identifier, 'hex')
    return readCertificate(writeCertificate({ algorithm, outer: algorithm })).unfitSignature
  }

  it.each([
    ['RSA with SHA-256', '300d06092a864886f70d01010b0500'],
    ['RSA with SHA-384', '300d06092a864886f70d01010c0500'],
    ['RSA with SHA-512', '300d06092a864886f70d01010d0500'],
    ['ECDSA with SHA-256', '300a06082a8648ce3d040302'],
    ['ECDSA with SHA-384', '300a06082a8648ce3d040303'],
    ['ECDSA with SHA-512', '300a06082a8648ce3d040304'],
    ['Ed25519', '300506032b6570'],
    // As OpenSSL writes it.
    [
      'RSA-PSS with SHA-256',
      '304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120',
    ],
    ['RSA-PSS with SHA-384', pss('02', '30')],
    ['RSA-PSS with SHA-512', pss('03', '40')],
    ['RSA-PSS with SHA-256 without NULL', pss('01', '20', '')],
  ])('%s is taken', (_, identifier) => {
    expect(unfit(identifier)).toBeUndefined()
  })

  it.each([
    ['RSA with MD5', '300d06092a864886f70d0101040500', '1.2.840.113549.1.1.4'],
    ['RSA with SHA-1', '300d06092a864886f70d0101050500', '1.2.840.113549.1.1.5'],
    ['RSA with SHA-224', '300d06092a864886f70d01010e0500', '1.2.840.113549.1.1.14'],
    ['RSA without the NULL that belongs to it', '300b06092a864886f70d01010b', '1.2.840.113549.1.1.11'],
    ['ECDSA with SHA-1', '300906072a8648ce3d0401', '1.2.840.10045.4.1'],
    ['ECDSA with SHA-224', '300a06082a8648ce3d040301', '1.2.840.10045.4.3.1'],
    ['DSA with SHA-256', '300b0609608648016503040302', '2.16.840.1.101.3.4.3.2'],
    ['Ed448', '300506032b6571', '1.3.101.113'],
    ['RSA-PSS without parameters, which is SHA-1', '300d06092a864886f70d01010a3000', '1.2.840.113549.1.1.10'],
    ['RSA-PSS with a salt of one byte', pss('01', '01'), '1.2.840.113549.1.1.10'],
  ])('%s is not', (_, identifier, oid) => {
    expect(unfit(identifier)).toBe(oid)
  })
})
