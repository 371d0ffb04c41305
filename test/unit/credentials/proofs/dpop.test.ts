import fc from 'fast-check'
import { calculateJwkThumbprint, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { verifyDpop } from '../../../../src/credentials/proofs/dpop.ts'
import { algorithms } from '../../../../src/lib/algorithms.ts'
import { dpop, proofJwk, sha256 } from '../../../harness/proofs.ts'
import { type Claims, hmacToken, SigningKey, segment } from '../../../harness/tokens.ts'
import { ALIAS, ENDPOINT, ISSUER, mutated, NOW, refused, verificationKey } from './refused.ts'

const key = new SigningKey('ES256')
const { thumbprint } = verificationKey(key)
const good = (changes: Claims = {}, header: Claims = {}, by = key) =>
  dpop(by, { url: ENDPOINT, now: NOW }, changes, header)
const verify = (proof: string, now = NOW) => verifyDpop(proof, { endpoints: [ENDPOINT, ALIAS], now, method: 'POST' })

describe('verifyDpop takes', () => {
  it('a proof of this request, and answers its key and the mark that spends it (DP-04, DP-06)', async () => {
    const jkt = await calculateJwkThumbprint(proofJwk(key))
    expect(verify(good({ jti: 'once' }))).toEqual({
      jkt,
      provenKey: { jwk: proofJwk(key), algorithm: 'ES256' },
      mark: { purpose: 'dpop', issuer: jkt, id: 'once', until: NOW + 60 },
    })
  })

  it.each([...algorithms.keys()])('a key of %s in its header', (algorithm) => {
    const by = new SigningKey(algorithm)
    expect(verify(good({}, {}, by)).jkt).toBe(verificationKey(by).thumbprint)
  })

  it('a proof that another implementation made', async () => {
    const made = await new SignJWT({ htm: 'POST', htu: ENDPOINT, jti: 'jose' })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.publicKey.export({ format: 'jwk' }) })
      .setIssuedAt(NOW)
      .sign(key.privateKey)
    expect(verify(made)).toMatchObject({ jkt: thumbprint, mark: { id: 'jose' } })
  })

  it.each([
    ['the alias (CB-08)', ALIAS],
    ['a query and a fragment, which are not compared', `${ENDPOINT}?a=b#c`],
    ['another case of scheme and host', 'HTTPS://Cambist.TEST.example/token'],
    ['the default port', 'https://cambist.test.example:443/token'],
    ['an empty port', 'https://cambist.test.example:/token'],
  ])('as htu %s (DP-03)', (_name, htu) => {
    expect(verify(good({ htu })).jkt).toBe(thumbprint)
  })

  it('an empty path, where the endpoint has none', () => {
    const at = { endpoints: ['https://cambist.test.example/'], now: NOW, method: 'POST' } as const
    expect(verifyDpop(good({ htu: 'https://cambist.test.example' }), at).jkt).toBe(thumbprint)
  })

  it('the seconds from 60 back to 10 ahead (DP-06)', () => {
    expect(verify(good({ iat: NOW + 10 })).mark.until).toBe(NOW + 70)
    expect(verify(good({ iat: NOW - 60 })).mark.until).toBe(NOW)
    expect(verify(good({ iat: NOW - 59.5 })).mark.until).toBe(NOW + 1)
  })

  it('ath and nonce, which say nothing here', () => {
    expect(verify(good({ ath: sha256('x'), nonce: 'n' })).jkt).toBe(thumbprint)
  })

  it('a long jti, and keeps its digest (T10)', () => {
    const jti = 'j'.repeat(1000)
    expect(verify(good({ jti })).mark.id).toBe(`sha256:${sha256(jti)}`)
  })
})

describe('verifyDpop refuses', () => {
  const thief = new SigningKey('ES256')
  it.each<[string, string, RegExp]>([
    ['the signature of another key', good({}, { jwk: proofJwk(thief) }), /does not verify/],
    ['a key that shows its private part', good({}, { jwk: { ...proofJwk(key), d: key.privateJwk['d'] } }), /private/],
    ['no key', good({}, { jwk: undefined }), /not a JSON object/],
    ['a list of keys', good({}, { jwk: [proofJwk(key)] }), /not a JSON object/],
    ['a key for encryption', good({}, { jwk: { ...proofJwk(key), use: 'enc' } }), /use other than sig/],
    [
      'a shared secret as key',
      hmacToken(
        { alg: 'HS256', typ: 'dpop+jwt', jwk: { kty: 'oct', k: 'c2VjcmV0' } },
        { htm: 'POST', htu: ENDPOINT, iat: NOW, jti: 'a' },
        'secret',
      ),
      /secret/,
    ],
    [
      'HS256 with the public key as secret (T2)',
      hmacToken(
        { alg: 'HS256', typ: 'dpop+jwt', jwk: proofJwk(key) },
        { htm: 'POST', htu: ENDPOINT, iat: NOW, jti: 'a' },
        key.publicKey.export({ type: 'spki', format: 'pem' }),
      ),
      /"HS256" is not one for key/,
    ],
    [
      'none (T3)',
      `${segment({ alg: 'none', typ: 'dpop+jwt', jwk: proofJwk(key) })}.${segment({ htm: 'POST', htu: ENDPOINT, iat: NOW, jti: 'a' })}.AA`,
      /"none" is not one for key/,
    ],
    ['no algorithm', good({}, { alg: undefined }), /alg is absent/],
    ['an algorithm of another curve', good({}, { alg: 'ES384' }), /is not one for key/],
    [
      'an algorithm other than the key says',
      good({}, { alg: 'RS256', jwk: proofJwk(new SigningKey('RS512')) }),
      /is not one for key/,
    ],
    ['typ JWT (T9)', good({}, { typ: 'JWT' }), /typ/],
    ['no typ', good({}, { typ: undefined }), /typ/],
    ['the typ of a WPT', good({}, { typ: 'wpt+jwt' }), /typ/],
    ['crit', good({}, { crit: ['x'] }), /crit/],
    ['jku beside the key (T5)', good({}, { jku: 'https://evil.example/keys' }), /jku/],
    ['x5u beside the key (T5)', good({}, { x5u: 'https://evil.example/keys' }), /x5u/],
    ['another method', good({ htm: 'GET' }), /htm/],
    ['another case of the method', good({ htm: 'post' }), /htm/],
    ['no method', good({ htm: undefined }), /htm/],
    ['no htu', good({ htu: undefined }), /htu is missing/],
    ['an htu that is a list', good({ htu: [ENDPOINT] }), /htu is not a text/],
    ['our issuer as htu', good({ htu: ISSUER }), /not this endpoint/],
    ['another host', good({ htu: 'https://evil.example/token' }), /not this endpoint/],
    ['another port', good({ htu: 'https://cambist.test.example:8443/token' }), /not this endpoint/],
    ['another scheme', good({ htu: 'http://cambist.test.example/token' }), /not this endpoint/],
    ['another scheme on our port', good({ htu: 'http://cambist.test.example:443/token' }), /not this endpoint/],
    ['another path', good({ htu: `${ENDPOINT}/` }), /not this endpoint/],
    ['another case of the path', good({ htu: 'https://cambist.test.example/Token' }), /not this endpoint/],
    ['an escaped path (T15)', good({ htu: 'https://cambist.test.example/%74oken' }), /not this endpoint/],
    ['dots in the path', good({ htu: 'https://cambist.test.example/x/../token' }), /not this endpoint/],
    ['userinfo', good({ htu: 'https://cambist.test.example@evil.example/token' }), /not this endpoint/],
    ['userinfo before our host', good({ htu: 'https://u@cambist.test.example/token' }), /not this endpoint/],
    ['backslashes', good({ htu: 'https:\\\\cambist.test.example\\token' }), /not this endpoint/],
    ['a space before it', good({ htu: ` ${ENDPOINT}` }), /not this endpoint/],
    ['a host that ends otherwise', good({ htu: 'https://cambist.test.example./token' }), /not this endpoint/],
    ['61 seconds of age (DP-06)', good({ iat: NOW - 61 }), /61 s ago/],
    ['11 seconds ahead (DP-06)', good({ iat: NOW + 11 }), /in the future/],
    ['no iat', good({ iat: undefined }), /iat is missing/],
    ['an iat that is a text', good({ iat: `${NOW}` }), /iat is not a number/],
    ['an end that has passed', good({ exp: NOW }), /expired/],
    ['no jti', good({ jti: undefined }), /jti is missing/],
    ['an empty jti', good({ jti: '' }), /jti is not a text/],
    ['a jti with a control character', good({ jti: 'a\n' }), /jti is not a text/],
    ['two proofs in one header', `${good()}, ${good()}`, /not a compact JWS/],
    ['no proof', '', /not a compact JWS/],
    ['padding (T11)', `${good()}==`, /not a compact JWS/],
    ['a proof without end', good({ pad: 'x'.repeat(8192) }), /at most 8192/],
  ])('%s', (_name, proof, detail) => {
    expect(refused(() => verify(proof))).toEqual({ reason: 'dpop_invalid', detail: expect.stringMatching(detail) })
  })

  it('its own second, when it has passed', () => {
    expect(verify(good(), NOW + 60).mark.until).toBe(NOW + 60)
    expect(refused(() => verify(good(), NOW + 61)).detail).toMatch(/61 s ago/)
  })

  it('whatever differs in a character, and junk, by its one reason', () => {
    const proof = good()
    const character = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ')
    fc.assert(
      fc.property(fc.nat(), character, (place, other) => {
        const text = mutated(proof, place, other)
        fc.pre(text !== proof)
        expect(refused(() => verify(text)).reason).toBe('dpop_invalid')
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue()), (text, jwk, claims) => {
        for (const junk of [
          text,
          key.sign(claims as Claims, { typ: 'dpop+jwt', jwk }),
          good(claims as Claims, { jwk }),
        ])
          expect(refused(() => verify(junk)).reason).toBe('dpop_invalid')
      }),
    )
  })
})
