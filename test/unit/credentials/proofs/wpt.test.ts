import fc from 'fast-check'
import { SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { verifyWpt } from '../../../../src/credentials/proofs/wpt.ts'
import { dpop, proofJwk, sha256, wit, wpt } from '../../../harness/proofs.ts'
import { type Claims, hmacToken, SigningKey, segment } from '../../../harness/tokens.ts'
import { ALIAS, at, BODY, ENDPOINT, ISSUER, mutated, NOW, refused, verificationKey } from './refused.ts'

const domain = new SigningKey('ES256')
const holder = new SigningKey('ES256')
const TXN = 'eyJ0eXAiOiJ0eG50b2tlbitqd3QifQ.e30.c2ln'
const DPOP = dpop(new SigningKey('ES256'), { url: ENDPOINT, now: NOW })
const token = wit(domain, holder, { subject: 'spiffe://prod.example/checkout', now: NOW })
const of = { token, key: verificationKey(holder), algorithm: 'ES256' }
const good = (changes: Claims = {}, header: Claims = {}, key = holder) =>
  wpt(key, { token, audience: ENDPOINT, body: BODY, now: NOW }, changes, header)

describe('verifyWpt takes', () => {
  it('a proof of this request, and answers the mark that spends it', () => {
    expect(verifyWpt(good({ jti: 'once', exp: NOW + 300 }), of, at())).toEqual({
      mark: { purpose: 'wpt', issuer: of.key.thumbprint, id: 'once', until: NOW + 300 },
    })
  })

  it('an end within a second, and keeps the mark until the next', () => {
    expect(verifyWpt(good({ exp: NOW + 0.5 }), of, at()).mark.until).toBe(NOW + 1)
  })

  it.each([
    ['the mTLS alias', ALIAS],
    ['our issuer', ISSUER],
    ['a query and a fragment, which are not compared', `${ENDPOINT}?a=b#c`],
    ['a list of one', [ENDPOINT]],
  ])('as audience %s', (_name, aud) => {
    expect(verifyWpt(good({ aud }), of, at()).mark.purpose).toBe('wpt')
  })

  it('the hash of the transaction token that came with it (W-44)', () => {
    expect(verifyWpt(good({ tth: sha256(TXN) }), of, { ...at(), transactionToken: TXN }).mark.purpose).toBe('wpt')
  })

  it('the hash of the DPoP proof that came with it (W-45, T45)', () => {
    expect(verifyWpt(good({ oth: { dpop: sha256(DPOP) } }), of, { ...at(), dpop: DPOP }).mark.purpose).toBe('wpt')
  })

  it('a long jti, and keeps its digest (T10)', () => {
    const jti = 'j'.repeat(257)
    expect(verifyWpt(good({ jti }), of, at()).mark.id).toBe(`sha256:${sha256(jti)}`)
    expect(verifyWpt(good({ jti: 'j'.repeat(256) }), of, at()).mark.id).toBe('j'.repeat(256))
  })

  it('an empty oth, and claims that nobody knows', () => {
    expect(verifyWpt(good({ oth: {}, iat: NOW, wonder: 1 }), of, at()).mark.purpose).toBe('wpt')
  })

  it('a proof that another implementation made', async () => {
    const made = await new SignJWT({ wth: sha256(token), cambist_bh: sha256(BODY), jti: 'jose' })
      .setProtectedHeader({ alg: 'ES256', typ: 'wpt+jwt' })
      .setAudience(ENDPOINT)
      .setExpirationTime(NOW + 60)
      .sign(holder.privateKey)
    expect(verifyWpt(made, of, at()).mark.id).toBe('jose')
  })

  it.each(['RS256', 'PS256', 'ES384', 'ES512', 'EdDSA'])('%s, where cnf.jwk.alg says so', (algorithm) => {
    const key = new SigningKey(algorithm)
    const bound = wit(domain, key, { subject: 'spiffe://prod.example/checkout', now: NOW })
    const proof = wpt(key, { token: bound, audience: ENDPOINT, body: BODY, now: NOW })
    expect(verifyWpt(proof, { token: bound, key: verificationKey(key), algorithm }, at()).mark.purpose).toBe('wpt')
  })
})

describe('verifyWpt refuses', () => {
  const thief = new SigningKey('ES256')
  it.each<[string, string, RegExp]>([
    ['another key', good({}, {}, thief), /does not verify/],
    ['a proof for another WIT', good({ wth: sha256(`${token}x`) }), /wth is not the hash/],
    ['no wth', good({ wth: undefined }), /wth.* missing/],
    ['a wth in hexadecimal', good({ wth: Buffer.from(sha256(token), 'base64url').toString('hex') }), /wth is not/],
    ['another body', good({ cambist_bh: sha256(`${BODY}&scope=admin`) }), /cambist_bh is not the hash of the body/],
    ['no hash of the body', good({ cambist_bh: undefined }), /cambist_bh.* missing/],
    ['another audience', good({ aud: 'https://orders.example/token' }), /not this endpoint/],
    ['an audience that begins like ours', good({ aud: `${ENDPOINT}/x` }), /not this endpoint/],
    ['an audience of another case', good({ aud: ENDPOINT.toUpperCase() }), /not this endpoint/],
    ['two audiences (T8)', good({ aud: [ENDPOINT, 'https://orders.example'] }), /2 audiences/],
    ['no audience', good({ aud: undefined }), /aud is missing/],
    ['an audience that is a number', good({ aud: 7 }), /aud is neither/],
    ['an end that has passed (W-43)', good({ exp: NOW }), /expired/],
    ['an end far away', good({ exp: NOW + 301 }), /at most 300 s/],
    ['no end', good({ exp: undefined }), /exp is missing/],
    ['an end that is a text', good({ exp: `${NOW + 60}` }), /exp is not a number/],
    ['a beginning that is still to come', good({ nbf: NOW + 31 }), /not valid for another/],
    ['no jti', good({ jti: undefined }), /jti is missing/],
    ['a jti that is a number', good({ jti: 7 }), /jti is not a text/],
    ['a jti with NUL', good({ jti: 'a\u0001' }), /jti is not a text/],
    ['typ JWT (T9)', good({}, { typ: 'JWT' }), /typ/],
    ['no typ', good({}, { typ: undefined }), /typ/],
    ['the typ of the WIT', good({}, { typ: 'wit+jwt' }), /typ/],
    ['the typ of a DPoP proof', good({}, { typ: 'dpop+jwt' }), /typ/],
    ['the WIT itself as its proof', token, /typ/],
    ['tth without a transaction token', good({ tth: sha256(TXN) }), /none came/],
    ['context tokens that are not read here (W-45)', good({ oth: { 'x-user': sha256('u') } }), /x-user/],
    ['the hash of a DPoP proof that did not come', good({ oth: { dpop: sha256(DPOP) } }), /dpop.*did not come/],
    ['an oth that is no object', good({ oth: [] }), /oth is not an object/],
    ['ath, which the older form had', good({ ath: sha256('at') }), /older form/],
    ['crit', good({}, { crit: ['exp'] }), /crit/],
    ['a key of its own (T5)', good({}, { jwk: proofJwk(thief) }), /jwk/],
    ['the address of a key (T5)', good({}, { jku: 'https://evil.example' }), /jku/],
    ['no text', '', /not a compact JWS/],
    ['padding (T11)', `${good()}=`, /not a compact JWS/],
    ['two proofs in one', `${good()}, ${good()}`, /not a compact JWS/],
    ['a proof without end', `${good()}${'A'.repeat(8192)}`, /at most 8192/],
  ])('%s', (_name, proof, detail) => {
    expect(refused(() => verifyWpt(proof, of, at()))).toEqual({
      reason: 'proof_invalid',
      detail: expect.stringMatching(detail),
    })
  })

  it.each<[string, string | undefined, RegExp]>([
    ['no tth', undefined, /tth.* missing/],
    ['the tth of another', sha256(`${TXN}x`), /tth is not the hash/],
  ])('%s where a transaction token came (W-44)', (_name, tth, detail) => {
    const call = () => verifyWpt(good({ tth }), of, { ...at(), transactionToken: TXN })
    expect(refused(call)).toEqual({ reason: 'proof_invalid', detail: expect.stringMatching(detail) })
  })

  it.each<[string, Claims | undefined, RegExp]>([
    ['no oth', undefined, /dpop.*missing/],
    ['an oth without it', {}, /dpop.*missing/],
    ['the hash of another', { dpop: sha256(`${DPOP}x`) }, /dpop is not the hash/],
    ['a hash that is no text', { dpop: [sha256(DPOP)] }, /dpop/],
    ['its hash, and something that is not read', { dpop: sha256(DPOP), 'x-user': sha256('u') }, /x-user/],
  ])('%s where a DPoP proof came (W-45, T45)', (_name, oth, detail) => {
    const call = () => verifyWpt(good({ oth }), of, { ...at(), dpop: DPOP })
    expect(refused(call)).toEqual({ reason: 'proof_invalid', detail: expect.stringMatching(detail) })
  })

  it('every algorithm but that of cnf.jwk, though the key fits it (W-41, T2, T3)', () => {
    const rsa = new SigningKey('RS256')
    const bound = { token, key: verificationKey(rsa), algorithm: 'RS256' }
    const claims = { aud: ENDPOINT, exp: NOW + 60, jti: 'a', wth: sha256(token), cambist_bh: sha256(BODY) }
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const other = new SigningKey('RS512')
    expect(verifyWpt(rsa.sign(claims, { typ: 'wpt+jwt' }), bound, at()).mark.id).toBe('a')
    for (const proof of [
      hmacToken({ alg: 'HS256', typ: 'wpt+jwt' }, claims, pem),
      `${segment({ alg: 'none', typ: 'wpt+jwt' })}.${segment(claims)}.AA`,
      rsa.sign(claims, { typ: 'wpt+jwt', alg: 'rs256' }),
      other.sign(claims, { typ: 'wpt+jwt' }),
      rsa.sign(claims, { typ: 'wpt+jwt', alg: 'PS256' }),
      rsa.sign(claims, { typ: 'wpt+jwt', alg: undefined }),
    ]) {
      expect(refused(() => verifyWpt(proof, bound, at()))).toEqual({
        reason: 'proof_invalid',
        detail: expect.stringMatching(/is not the RS256 of cnf\.jwk/),
      })
    }
    // An algorithm that the credential names and its key cannot have.
    const call = () =>
      verifyWpt(rsa.sign(claims, { typ: 'wpt+jwt', alg: 'ES256' }), { ...bound, algorithm: 'ES256' }, at())
    expect(refused(call).detail).toMatch(/is not one for key/)
  })

  it('whatever differs in a character, and junk, by its one reason', () => {
    const proof = good()
    const character = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= ')
    fc.assert(
      fc.property(fc.nat(), character, (place, other) => {
        const text = mutated(proof, place, other)
        fc.pre(text !== proof)
        expect(refused(() => verifyWpt(text, of, at())).reason).toBe('proof_invalid')
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.dictionary(fc.string(), fc.jsonValue()).map((claims) => holder.sign(claims as Claims, { typ: 'wpt+jwt' })),
        ),
        (junk) => {
          expect(refused(() => verifyWpt(junk, of, at())).reason).toBe('proof_invalid')
        },
      ),
    )
  })

  it('every set of claims but the good one', () => {
    const claims = ['aud', 'exp', 'jti', 'wth', 'cambist_bh']
    fc.assert(
      fc.property(fc.constantFrom(...claims), fc.jsonValue(), (name, value) => {
        fc.pre(!(name === 'jti' && typeof value === 'string' && value.length > 0))
        expect(refused(() => verifyWpt(good({ [name]: value }), of, at())).reason).toBe('proof_invalid')
      }),
    )
  })

  it('says nothing of the proof or of the credential in its detail (I8)', () => {
    const { detail } = refused(() => verifyWpt(good({ wth: sha256('another') }), of, at()))
    expect(detail).not.toContain(token.slice(-20))
    expect(detail).not.toContain(sha256(token))
  })
})
