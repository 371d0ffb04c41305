import { describe, expect, it } from 'vitest'
import { type Bundle, parseBundle, readBundle } from '../../../src/trust/bundle.ts'
import { authority } from './test-bundles.ts'
import { ecJwk } from './test-keys.ts'

const ca = await authority()
const leaf = (await ca.server(['spiffe://prod.example/server'])).cert.replace(/-----[^-]+-----|\n/g, '')
const key = (kid: string | undefined, extra: object = {}) => ecJwk(kid, { use: 'jwt-svid', ...extra })

function read(value: unknown): Bundle {
  const reading = readBundle(value)
  if (reading.fault !== undefined) throw new Error(reading.fault)
  return reading.bundle
}
const faultOf = (value: unknown) => readBundle(value).fault
const parsed = (text: string) => parseBundle(Buffer.from(text))

describe('a bundle', () => {
  it('has keys of three uses, and each is there for its own use alone (S-49, S-62, SC-23)', () => {
    const bundle = read({
      keys: [ca.entry, key('one'), key('two', { use: 'wit-svid' }), key('three', { alg: 'ES256' })],
      spiffe_sequence: 7,
      spiffe_refresh_hint: 60,
    })
    expect(bundle.keys['jwt-svid'].map(({ kid }) => kid)).toEqual(['one', 'three'])
    expect(bundle.keys['wit-svid'].map(({ kid }) => kid)).toEqual(['two'])
    expect(bundle.certificates.map(({ fingerprint }) => fingerprint)).toEqual([ca.certificate.fingerprint])
    expect(bundle).toMatchObject({ sequence: 7n, refreshHint: 60, ignored: [], unreadable: [] })
  })

  it.each([
    ['no use', ecJwk('x'), 'keys[0] has no use'],
    ['an unknown use', ecJwk('x', { use: 'sig' }), 'keys[0] has a use other than jwt-svid, wit-svid and x509-svid'],
    ['an unknown type', { kty: 'PQC', kid: 'x', use: 'jwt-svid' }, 'keys[0] has a kty other than RSA, EC and OKP'],
    ['no type', { kid: 'x', use: 'jwt-svid' }, 'keys[0] has a kty other than RSA, EC and OKP'],
    ['no certificate', ecJwk(undefined, { use: 'x509-svid' }), 'keys[0] is of use x509-svid and has no x5c'],
    ['no object', 'key', 'keys[0] is not a JSON object'],
  ])('ignores an entry with %s, and not those beside it (S-70)', (_what, entry, phrase) => {
    const bundle = read({ keys: [entry, key('good')] })
    expect(bundle.ignored).toEqual([phrase])
    expect(bundle.unreadable).toEqual([])
    expect(bundle.keys['jwt-svid'].map(({ kid }) => kid)).toEqual(['good'])
  })

  it.each([
    ['jwt-svid', key('bad', { x: 'AA' }), 'has coordinates'],
    ['jwt-svid', key('bad', { d: 'AA' }), 'private or secret part'],
    ['wit-svid', key('bad', { use: 'wit-svid', alg: 'HS256' }), 'has an alg that does not fit'],
    [
      'jwt-svid',
      { kty: 'RSA', use: 'jwt-svid', kid: 'bad', e: 'AQAB', n: Buffer.alloc(8192, 0xff).toString('base64url') },
      'bits',
    ],
    ['x509-svid', { ...ca.entry, x5c: [] }, 'does not begin with a certificate'],
    ['x509-svid', { ...ca.entry, x5c: 'AAAA' }, 'does not begin with a certificate'],
    ['x509-svid', { ...ca.entry, x5c: [7] }, 'does not begin with a certificate'],
    ['x509-svid', { ...ca.entry, x5c: ['AAAA'] }, 'cannot be used (malformed)'],
    ['x509-svid', { ...ca.entry, x5c: [`${ca.certificate.der.toString('base64')} `] }, 'does not begin'],
    ['x509-svid', { ...ca.entry, x5c: [leaf] }, 'none of an authority'],
  ] as const)('reports an entry of use %s that cannot be read: %#', (use, entry, phrase) => {
    const { unreadable, keys } = read({ keys: [key('good'), entry] })
    expect(unreadable).toEqual([{ use, fault: expect.stringMatching(/^keys\[1\] /) }])
    expect(unreadable[0]?.fault).toContain(phrase)
    expect(keys['jwt-svid'].map(({ kid }) => kid)).toEqual(['good'])
  })

  it('has the first certificate of an entry, and no other (X509-SVID §6)', async () => {
    const other = await authority('CN=Other')
    const [first] = ca.entry['x5c'] as string[]
    const two = { ...ca.entry, x5c: [first, other.certificate.der.toString('base64')] }
    expect(read({ keys: [two, ca.entry] }).certificates.map(({ fingerprint }) => fingerprint)).toEqual([
      ca.certificate.fingerprint,
    ])
  })

  it.each([
    ['no object', [], 'is not a JSON object'],
    ['no keys', { spiffe_sequence: 1 }, 'has no list named keys'],
    ['a map', { trust_domains: {} }, 'is a map of several trust domains'],
    ['101 keys', { keys: Array.from({ length: 101 }, () => 0) }, 'has 101 keys, at most 100 are taken'],
    ['a key without kid', { keys: [key(undefined)] }, 'has a key of use jwt-svid without kid (keys[0])'],
    ['a kid that is none', { keys: [key('', { use: 'wit-svid' })] }, 'has a key of use wit-svid without kid (keys[0])'],
    ['one kid twice', { keys: [key('one'), key('one', { use: 'wit-svid' })] }, 'has two keys of kid "one"'],
    ['a negative sequence', { keys: [], spiffe_sequence: -1 }, 'spiffe_sequence'],
    ['a broken sequence', { keys: [], spiffe_sequence: 1.5 }, 'spiffe_sequence'],
    ['a sequence in quotes', { keys: [], spiffe_sequence: '1' }, 'spiffe_sequence'],
    ['a sequence that lost its last digits', { keys: [], spiffe_sequence: 2 ** 60 }, 'spiffe_sequence'],
  ])('that has %s is none', (_what, value, fault) => {
    expect(faultOf(value)).toContain(fault)
  })

  it('may be empty: that says something (S-71)', () => {
    expect(read({ keys: [] })).toMatchObject({ certificates: [], ignored: [], unreadable: [] })
  })

  it('says what is odd about its hint, and goes on without', () => {
    const bundle = read({ keys: [], spiffe_refresh_hint: '5m' })
    expect([bundle.refreshHint, bundle.ignored]).toEqual([
      undefined,
      ['spiffe_refresh_hint is not a number of seconds'],
    ])
  })
})

describe('the text of a bundle', () => {
  it.each([
    ['0', 0n],
    ['9007199254740991', 9007199254740991n],
    ['9007199254740993', 9007199254740993n],
    ['18446744073709551615', 18446744073709551615n],
  ])('keeps every digit of sequence %s', (digits, sequence) => {
    const reading = parsed(`{"spiffe_sequence":${digits},"keys":[{"use":"x","spiffe_sequence":99999999999999999999}]}`)
    expect(reading).toMatchObject({ bundle: { sequence } })
  })

  it.each(['18446744073709551616', '1e30', '99999999999999999999999', '9007199254740993.5', '-9007199254740993'])(
    'has none with sequence %s',
    (digits) => {
      expect(parsed(`{"keys":[],"spiffe_sequence":${digits}}`).fault).toContain('spiffe_sequence')
    },
  )

  it.each(['', '[]', '{"keys":[]', '{"keys":[],"keys":[]}', '{"keys":[{"use":"a","use":"b"}]}', '\ufeff{"keys":[]}'])(
    'that is no sound JSON object is none: %s (S-76)',
    (text) => {
      expect(parsed(text).fault).toBe('is not one sound JSON object')
    },
  )
})
