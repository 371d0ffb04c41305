import { describe, expect, it } from 'vitest'
import { Faults } from '../../../src/lib/fault.ts'
import type { TrustedIssuer } from '../../../src/trust/contract.ts'
import { trustIndex } from '../../../src/trust/trust-index.ts'
import { issuerWith } from './test-keys.ts'

const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'
const issuer = (name: string, authority: string, audiences: readonly string[], more: Partial<TrustedIssuer> = {}) =>
  issuerWith({ from: 'inline', keys: [] }, { name, authority, audiences, ...more })

const west = issuer('west', 'https://kubernetes.default.svc', ['https://cambist.example/west', 'shared-by-nobody'])
const east = issuer('east', 'https://kubernetes.default.svc', ['https://cambist.example/east'])
const ci = issuer('ci', 'https://ci.example', ['https://cambist.example'], { tokenTypes: [JWT, ID_TOKEN] })
const index = trustIndex([west, east, ci])

describe('the issuer of a credential', () => {
  it('is found by declared type and exact authority', () => {
    expect(index.find(JWT, 'https://ci.example', ['https://cambist.example'])).toBe(ci)
    expect(index.find(ID_TOKEN, 'https://ci.example', [])).toBe(ci)
    expect(index.knows(ID_TOKEN, 'https://ci.example')).toBe(true)
    expect(index.knows(ID_TOKEN, 'https://kubernetes.default.svc')).toBe(false)
  })

  it('that stands alone is answered whatever the audience', () => {
    expect(index.find(JWT, 'https://ci.example', ['https://elsewhere.example'])).toBe(ci)
  })

  it.each([
    'https://ci.example/',
    'https://CI.example',
    'https://ci.example.evil.example',
    'https://ci.exampl',
    '',
    '__proto__',
    'constructor',
  ])('is not found by %j', (authority) => {
    expect(() => index.find(JWT, authority, ['https://cambist.example'])).toThrow('issuer_unknown')
    expect(index.knows(JWT, authority)).toBe(false)
  })

  it('is not found under another declared type', () => {
    expect(() => index.find('urn:x', 'https://ci.example', [])).toThrow('issuer_unknown')
    expect(() => index.find('__proto__', 'https://ci.example', [])).toThrow('issuer_unknown')
  })

  it('is told from its namesakes by our audience (K-8)', () => {
    expect(index.find(JWT, 'https://kubernetes.default.svc', ['https://cambist.example/west'])).toBe(west)
    expect(index.find(JWT, 'https://kubernetes.default.svc', ['other', 'https://cambist.example/east'])).toBe(east)
    expect(
      index.find(JWT, 'https://kubernetes.default.svc', ['https://cambist.example/west', 'shared-by-nobody']),
    ).toBe(west)
  })

  it('is refused where the audience fits none, or several', () => {
    expect(() => index.find(JWT, 'https://kubernetes.default.svc', ['https://cambist.example'])).toThrow(
      'audience_mismatch',
    )
    expect(() => index.find(JWT, 'https://kubernetes.default.svc', [])).toThrow('audience_mismatch')
    expect(() =>
      index.find(JWT, 'https://kubernetes.default.svc', [
        'https://cambist.example/west',
        'https://cambist.example/east',
      ]),
    ).toThrow('issuer_ambiguous: trusted issuers west and east')
  })
})

describe('the index', () => {
  it('knows names, but not those of registered clients', () => {
    const client = issuer('clients', 'checkout', ['https://cambist.example'])
    const other = issuer('clients', 'orders', ['https://cambist.example'])
    const all = trustIndex([west, client, other])
    expect(all.byName('west')).toBe(west)
    expect(all.byName('clients')).toBeUndefined()
    expect(all.size).toBe(3)
    expect([...all.all()]).toEqual([west, client, other])
    expect(all.find(JWT, 'orders', [])).toBe(other)
  })

  it('refuses two documents for one key, once for each pair (P-20)', () => {
    const types = { tokenTypes: [JWT, ID_TOKEN] }
    const one = issuer('one', 'https://a.example', ['x', 'y'], types)
    const two = issuer('two', 'https://a.example', ['y', 'z'], types)
    const client = issuer('clients', 'https://a.example', ['z'])
    try {
      trustIndex([one, two, client])
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(Faults)
      expect((error as Faults).faults).toEqual([
        expect.objectContaining({
          path: 'spec.audiences',
          message: expect.stringMatching(
            /^trusted issuer one and trusted issuer two both answer to "https:\/\/a\.example" with audience "y"/,
          ),
        }),
        expect.objectContaining({
          path: 'spec.audiences',
          message: expect.stringMatching(/^trusted issuer two and client https:\/\/a\.example both .* audience "z"/),
        }),
      ])
    }
  })

  it('refuses two documents of one name', () => {
    expect(() => trustIndex([west, issuer('west', 'https://b.example', ['x'])])).toThrow(
      'two trusted issuers are named west',
    )
  })

  it('does not slow down with ten thousand issuers', () => {
    const many = trustIndex(Array.from({ length: 10_000 }, (_, i) => issuer(`i-${i}`, `https://${i}.example`, ['a'])))
    const before = performance.now()
    for (let i = 0; i < 10_000; i++) many.find(JWT, `https://${i}.example`, ['a'])
    expect(performance.now() - before).toBeLessThan(200)
  })
})
