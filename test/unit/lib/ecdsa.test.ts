import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { twinSignature } from '../../../src/lib/ecdsa.ts'

const text = Buffer.from('text')

describe('T11 the other signature of ECDSA', () => {
  it.each(['P-256', 'P-384', 'P-521'])('of %s verifies alike, and its other is the first', (namedCurve) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
    for (let round = 0; round < 40; round++) {
      const signature = sign('sha256', text, privateKey)
      const twin = twinSignature(signature)
      if (twin === undefined) throw new Error(`no other signature of ${signature.toString('hex')}`)
      expect(twin.equals(signature)).toBe(false)
      expect(verify('sha256', text, publicKey, twin)).toBe(true)
      expect(twinSignature(twin)).toEqual(signature)
    }
  })

  it.each([
    ['nothing', ''],
    ['a number', '020101'],
    ['one number', '3003020101'],
    ['bytes after it', '300602010102010100'],
    ['a number that ends early', '30060201010220'],
    ['numbers that no curve has', `308188${`024202${'f'.repeat(130)}`.repeat(2)}`],
  ])('is none of %s', (_, hex) => {
    expect(twinSignature(Buffer.from(hex, 'hex'))).toBeUndefined()
  })

  it('is none of a signature by RSA', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    expect(twinSignature(sign('sha256', text, privateKey))).toBeUndefined()
  })
})
