import fc from 'fast-check'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, it } from 'vitest'
import { confirmedKey, keyOfWit, readConfirmation } from '../../../../src/credentials/proofs/confirmation.ts'
import type { JsonObject } from '../../../../src/lib/json.ts'
import { Refusal } from '../../../../src/refusal.ts'
import { proofJwk, sha256 } from '../../../harness/proofs.ts'
import { type Claims, SigningKey } from '../../../harness/tokens.ts'
import { refused } from './refused.ts'

const key = new SigningKey('ES256')
const jwk = proofJwk(key)
const { alg: _alg, ...bare } = jwk
const jkt = sha256('key')
const claims = (cnf: unknown) => ({ cnf }) as JsonObject
const ASYMMETRIC = new Set(['ES256', 'PS256'])

describe('readConfirmation', () => {
  it('answers what must be proven', async () => {
    expect(readConfirmation({})).toBeUndefined()
    expect(readConfirmation(claims({ jkt }))).toEqual({ jkt })
    expect(readConfirmation(claims({ 'x5t#S256': jkt }))).toEqual({ certificate: jkt })
    expect(readConfirmation(claims({ jkt, 'x5t#S256': sha256('der') }))).toEqual({ jkt, certificate: sha256('der') })
    const read = readConfirmation(claims({ jwk }))?.jwk
    expect(read?.algorithm).toBe('ES256')
    expect(read?.key.thumbprint).toBe(await calculateJwkThumbprint(jwk))
    expect(readConfirmation(claims({ jwk: bare }))?.jwk?.algorithm).toBeUndefined()
  })

  it.each<[string, unknown, Refusal['reason'], RegExp]>([
    ['null', null, 'claim_malformed', /not an object/],
    ['a text', jkt, 'claim_malformed', /not an object/],
    ['a list', [{ jkt }], 'claim_malformed', /not an object/],
    ['an empty one', {}, 'claim_malformed', /empty/],
    ['a kid', { kid: 'a' }, 'confirmation_unproven', /"kid"/],
    ['a jwe', { jwe: 'a' }, 'confirmation_unproven', /"jwe"/],
    ['a SHA-1 of a certificate', { x5t: 'a' }, 'confirmation_unproven', /"x5t"/],
    ['an unknown member beside a known one (P-16)', { jkt, osc: {} }, 'confirmation_unproven', /"osc"/],
    ['a jkt that is short', { jkt: jkt.slice(1) }, 'claim_malformed', /cnf\.jkt/],
    ['a jkt with stray bits', { jkt: `${jkt.slice(0, -1)}B` }, 'claim_malformed', /cnf\.jkt/],
    ['a jkt that is a list', { jkt: [jkt] }, 'claim_malformed', /cnf\.jkt/],
    ['a jkt that is null', { jkt: null }, 'claim_malformed', /cnf\.jkt/],
    ['a thumbprint in hexadecimal', { 'x5t#S256': 'a'.repeat(64) }, 'claim_malformed', /x5t#S256/],
    ['a private key', { jwk: { ...jwk, d: key.privateJwk['d'] } }, 'claim_malformed', /private/],
    ['a shared secret (T2)', { jwk: { kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' } }, 'claim_malformed', /secret/],
    ['a key with an algorithm of another', { jwk: { ...jwk, alg: 'RS256' } }, 'claim_malformed', /does not fit/],
    ['a key with an algorithm for encryption', { jwk: { ...jwk, alg: 'ECDH-ES' } }, 'claim_malformed', /does not fit/],
    ['a key with no algorithm at all', { jwk: { ...jwk, alg: 'none' } }, 'claim_malformed', /does not fit/],
    ['a key for encryption', { jwk: { ...jwk, use: 'enc' } }, 'claim_malformed', /use other than sig/],
    ['a key that is a text', { jwk: 'a' }, 'claim_malformed', /not a JSON object/],
  ])('refuses %s', (_name, cnf, reason, detail) => {
    expect(refused(() => readConfirmation(claims(cnf)))).toEqual({ reason, detail: expect.stringMatching(detail) })
  })

  it('never answers that nothing must be proven where there is a cnf, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (cnf) => {
        try {
          expect(readConfirmation(claims(cnf))).not.toEqual({})
          expect(readConfirmation(claims(cnf))).toBeDefined()
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
        }
      }),
    )
  })
})

describe('the key of a credential that must hold one', () => {
  it('is that of cnf.jwk, and of a WIT with its algorithm', () => {
    expect(confirmedKey(claims({ jwk: bare })).algorithm).toBeUndefined()
    expect(keyOfWit(claims({ jwk }), ASYMMETRIC)).toMatchObject({
      algorithm: 'ES256',
      key: { algorithms: new Set(['ES256']) },
    })
  })

  it.each<[string, Claims, Refusal['reason']]>([
    ['no cnf', {}, 'claim_missing'],
    ['a thumbprint alone', { cnf: { jkt } }, 'claim_missing'],
    ['more than the key', { cnf: { jwk, jkt } }, 'claim_malformed'],
    ['no algorithm', { cnf: { jwk: bare } }, 'claim_missing'],
    [
      'an algorithm that its profile does not take',
      { cnf: { jwk: proofJwk(new SigningKey('EdDSA')) } },
      'algorithm_refused',
    ],
  ])('refuses %s', (_name, from, reason) => {
    expect(refused(() => keyOfWit(from as JsonObject, ASYMMETRIC)).reason).toBe(reason)
  })
})
