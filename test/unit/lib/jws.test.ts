import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCanonicalBase64url, readJws } from '../../../src/lib/jws.ts'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const TOKEN = `${encode({ alg: 'RS256' })}.${encode({ iss: 'a' })}.c2ln`

describe('readJws', () => {
  it('reads header, claims, signing input and signature', () => {
    expect(readJws(TOKEN)).toEqual({
      header: { alg: 'RS256' },
      claims: { iss: 'a' },
      signingInput: TOKEN.slice(0, TOKEN.lastIndexOf('.')),
      signature: Buffer.from('sig'),
    })
  })

  // T11, JV-01, JB-10: jose forgives some of these
  it.each([
    ['padding', `${TOKEN}==`],
    ['a space before', ` ${TOKEN}`],
    ['a line end', `${TOKEN}\n`],
    ['white space inside', TOKEN.replace('.', ' .')],
    ['two segments', TOKEN.slice(0, TOKEN.lastIndexOf('.'))],
    ['four segments', `${TOKEN}.c2ln`],
    ['an empty signature', TOKEN.slice(0, TOKEN.lastIndexOf('.') + 1)],
    ['an empty header', TOKEN.slice(TOKEN.indexOf('.'))],
    ['standard base64', TOKEN.replace('c2ln', 'c2l+')],
    ['stray bits in the signature', TOKEN.replace('c2ln', 'c2lnaB')],
    ['an impossible length', TOKEN.replace('c2ln', 'c2lna')],
    ['the JSON serialisation', JSON.stringify({ payload: '', protected: '', signature: '' })],
    ['a header that is a list', `${encode([])}.${encode({})}.c2ln`],
    ['claims that are no object', `${encode({})}.${encode('x')}.c2ln`],
    ['repeated claims', `${encode({})}.${Buffer.from('{"sub":"a","sub":"b"}').toString('base64url')}.c2ln`],
  ])('refuses %s', (_name, token) => {
    expect(readJws(token)).toBeUndefined()
  })
})

describe('isCanonicalBase64url', () => {
  it('is true of every encoding, and of one spelling alone', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom(...'ABCDEFabcdef0123456789-_'), (data, last) => {
        const text = Buffer.from(data).toString('base64url')
        expect(isCanonicalBase64url(text)).toBe(true)
        const other = text.slice(0, -1) + last
        if (text !== '')
          expect(isCanonicalBase64url(other)).toBe(Buffer.from(other, 'base64url').toString('base64url') === other)
      }),
    )
  })
})
