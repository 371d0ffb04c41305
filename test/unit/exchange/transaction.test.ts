import { describe, expect, it } from 'vitest'
import { checkTokenless } from '../../../src/exchange/transaction.ts'
import { Refusal } from '../../../src/refusal.ts'

const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl'

describe('TX-03: what is said of a transaction holds no token', () => {
  it.each<[string, Parameters<typeof checkTokenless>[0]]>([
    ['as a value', { a: JWT }],
    ['as a name', { [JWT]: 1 }],
    ['deep inside', { a: [1, { b: [null, JWT] }] }],
    ['with words around it', { a: `Authorization: Bearer ${JWT}, please` }],
    ['behind other letters', { a: `x${JWT}` }],
    ['without its signature', { a: JWT.slice(0, JWT.lastIndexOf('.') + 1) }],
    ['that was presented, whatever it looks like', { a: 'it is opaque-token!' }],
  ])('%s', (_, said) => {
    expect(() => checkTokenless(said, 'request_details', ['opaque-token'])).toThrow(Refusal)
  })

  it('and is let alone where it only looks a little like one', () => {
    const said = { a: 'eyJ', b: 'www.example.com', c: 'eyJx y.z.', d: 'version eyJ.1', e: 1.5, f: null, g: 'opaque' }
    expect(() => checkTokenless(said, 'request_details', ['opaque-token'])).not.toThrow()
  })
})
