import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { hashesOf } from '../../../src/credentials/spellings.ts'
import { hashOf } from '../../../src/lib/ids.ts'

const CURVES = [
  ['ES256', 'P-256', 'sha256', 64],
  ['ES384', 'P-384', 'sha384', 96],
  ['ES512', 'P-521', 'sha512', 132],
] as const
const ORDERS: Readonly<Record<string, bigint>> = {
  // From SEC 2, in another spelling than in the source: 2 to the power of the size, less what it lacks.
  ES256: 2n ** 256n - 2n ** 224n + 2n ** 192n - 0x4319055258e8617b0c46353d039cdaafn,
  ES384: 2n ** 384n - 0x389cb27e0bc8d220a7e5f24db74f58851313e695333ad68dn,
  ES512: 2n ** 521n - 0x5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7n,
}

describe('T11 the hashes of a token', () => {
  it.each(CURVES)('of %s are those of its two signatures, and both verify', (alg, namedCurve, hash, bytes) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
    for (let round = 0; round < 20; round++) {
      const input = `eyJhbGciOiJ4In0.${Buffer.from(JSON.stringify({ round })).toString('base64url')}`
      const signature = signed(privateKey, input, hash)
      expect(signature).toHaveLength(bytes)
      const token = `${input}.${signature.toString('base64url')}`
      const twin = twinOf(signature, ORDERS[alg] ?? 0n)
      expect(verify(hash, Buffer.from(input), { key: publicKey, dsaEncoding: 'ieee-p1363' }, twin)).toBe(true)
      const other = `${input}.${twin.toString('base64url')}`
      expect(hashesOf(token, hashOf(token), { alg })).toEqual([hashOf(token), hashOf(other)])
      expect(hashesOf(other, hashOf(other), { alg })).toEqual([hashOf(other), hashOf(token)])
    }
  })

  it('of any other algorithm, and of what is no JWT, is one', () => {
    for (const alg of ['RS256', 'PS256', 'EdDSA', undefined, 7 as never])
      expect(hashesOf('a.b.c', 'HASH', alg === undefined ? {} : { alg })).toEqual(['HASH'])
  })
})

const signed = (key: KeyObject, input: string, hash: string): Buffer =>
  sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })

function twinOf(signature: Buffer, order: bigint): Buffer {
  const half = signature.length / 2
  const s = order - BigInt(`0x${signature.subarray(half).toString('hex')}`)
  return Buffer.concat([signature.subarray(0, half), Buffer.from(s.toString(16).padStart(half * 2, '0'), 'hex')])
}
