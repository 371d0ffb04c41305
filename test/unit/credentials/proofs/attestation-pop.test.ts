import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verifyAttestationPop } from '../../../../src/credentials/proofs/attestation-pop.ts'
import { attestationPop, proofJwk } from '../../../harness/proofs.ts'
import { type Claims, hmacToken, SigningKey, segment } from '../../../harness/tokens.ts'
import { ENDPOINT, ISSUER, mutated, NOW, refused, verificationKey } from './refused.ts'

const holder = new SigningKey('ES256')
const SUBJECT = 'spiffe://prod.example/checkout'
const of = { key: verificationKey(holder), algorithm: 'ES256', subject: SUBJECT }
const good = (changes: Claims = {}, header: Claims = {}, by = holder) =>
  attestationPop(by, { issuer: ISSUER, now: NOW }, changes, header)
const verify = (pop: string, now = NOW) => verifyAttestationPop(pop, of, { issuer: ISSUER, now })

describe('verifyAttestationPop takes', () => {
  it('a proof for us, and answers the mark that spends it (AB-03, AB-13)', () => {
    expect(verify(good({ jti: 'once' }))).toEqual({
      mark: { purpose: 'attestation-pop', issuer: of.key.thumbprint, id: 'once', until: NOW + 60 },
    })
  })

  it.each<[string, Claims]>([
    ['an iss of the older form, which is the subject of the attestation (SC-33)', { iss: SUBJECT }],
    ['a list of one audience', { aud: [ISSUER] }],
    ['a challenge, of which none was given', { challenge: 'c' }],
    ['an end that is still to come', { exp: NOW + 1 }],
  ])('%s', (_name, changes) => {
    expect(verify(good(changes)).mark.purpose).toBe('attestation-pop')
  })

  it('any algorithm that the key is fit for, where the attestation names none (AB-01)', () => {
    const rsa = new SigningKey('PS256')
    const { alg: _alg, ...jwk } = proofJwk(rsa)
    const key = { ...verificationKey(rsa), algorithms: new Set(['RS256', 'PS256']) }
    expect(jwk['alg']).toBeUndefined()
    const at = { issuer: ISSUER, now: NOW }
    expect(verifyAttestationPop(good({}, {}, rsa), { key, algorithm: undefined }, at).mark.purpose).toBe(
      'attestation-pop',
    )
    expect(refused(() => verifyAttestationPop(good({}, {}, rsa), { key, algorithm: 'RS256' }, at)).detail).toMatch(
      /is not the RS256/,
    )
  })
})

describe('verifyAttestationPop refuses', () => {
  const claims = { aud: ISSUER, jti: 'a', iat: NOW }
  const typ = 'oauth-client-attestation-pop+jwt'
  it.each<[string, string, RegExp]>([
    ['another key', good({}, {}, new SigningKey('ES256')), /does not verify/],
    ['the token endpoint as audience', good({ aud: ENDPOINT }), /not our issuer/],
    ['our issuer with a query', good({ aud: `${ISSUER}?x` }), /not our issuer/],
    ['two audiences', good({ aud: [ISSUER, ENDPOINT] }), /2 audiences/],
    ['no audience', good({ aud: undefined }), /aud is missing/],
    ['another iss', good({ iss: 'spiffe://prod.example/other' }), /iss/],
    ['an iss that is no text', good({ iss: [SUBJECT] }), /iss/],
    ['no jti', good({ jti: undefined }), /jti is missing/],
    ['61 seconds of age', good({ iat: NOW - 61 }), /61 s ago/],
    ['11 seconds ahead', good({ iat: NOW + 11 }), /in the future/],
    ['no iat', good({ iat: undefined }), /iat is missing/],
    ['an end that has passed', good({ exp: NOW }), /expired/],
    ['typ JWT (T9)', good({}, { typ: 'JWT' }), /typ/],
    ['no typ', good({}, { typ: undefined }), /typ/],
    ['the typ of the attestation', good({}, { typ: 'oauth-client-attestation+jwt' }), /typ/],
    ['the typ of a WPT', good({}, { typ: 'wpt+jwt' }), /typ/],
    [
      'HS256 with the public key as secret (T2)',
      hmacToken({ alg: 'HS256', typ }, claims, holder.publicKey.export({ type: 'spki', format: 'pem' })),
      /"HS256" is not the ES256/,
    ],
    ['none (T3)', `${segment({ alg: 'none', typ })}.${segment(claims)}.AA`, /"none" is not the ES256/],
    ['no algorithm', good({}, { alg: undefined }), /alg absent/],
    ['a key of its own (T5)', good({}, { jwk: proofJwk(holder) }), /jwk/],
    ['crit', good({}, { crit: ['x'] }), /crit/],
    ['no proof', '', /not a compact JWS/],
    ['padding (T11)', `${good()}=`, /not a compact JWS/],
  ])('%s', (_name, pop, detail) => {
    expect(refused(() => verify(pop))).toEqual({ reason: 'proof_invalid', detail: expect.stringMatching(detail) })
  })

  it('an iss where the subject is not known', () => {
    const call = () =>
      verifyAttestationPop(good({ iss: SUBJECT }), { key: of.key, algorithm: 'ES256' }, { issuer: ISSUER, now: NOW })
    expect(refused(call).detail).toMatch(/iss/)
  })

  it('an algorithm that is none of the key, where the attestation names none', () => {
    for (const alg of ['HS256', 'none', 'RS256']) {
      const pop = holder.sign(claims, { typ, alg })
      const call = () => verifyAttestationPop(pop, { key: of.key, algorithm: undefined }, { issuer: ISSUER, now: NOW })
      expect(refused(call).detail).toMatch(/is not one for key/)
    }
  })

  it('whatever differs in a character, and junk, by its one reason', () => {
    const proof = good()
    const character = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ')
    fc.assert(
      fc.property(fc.nat(), character, (place, other) => {
        const text = mutated(proof, place, other)
        fc.pre(text !== proof)
        expect(refused(() => verify(text)).reason).toBe('proof_invalid')
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.string(), fc.dictionary(fc.string(), fc.jsonValue()), (text, junk) => {
        for (const pop of [text, holder.sign(junk as Claims, { typ })])
          expect(refused(() => verify(pop)).reason).toBe('proof_invalid')
      }),
    )
  })
})
