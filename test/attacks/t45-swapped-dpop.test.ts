import { expect, it } from 'vitest'
import { verifyHttpSignature } from '../../src/credentials/proofs/http-signature.ts'
import { dpop, type HttpSignatureChanges, httpSignature, signedMessage, wit } from '../harness/proofs.ts'
import { SigningKey } from '../harness/tokens.ts'
import { at, BODY, ENDPOINT, NOW, refused, verificationKey } from '../unit/credentials/proofs/refused.ts'

const holder = new SigningKey('ES256')
const thief = new SigningKey('ES256')
const token = wit(new SigningKey('ES256'), holder, { subject: 'wimse://prod.example/checkout', now: NOW })
const of = { token, key: verificationKey(holder), algorithm: 'ES256' }
const COVERED = ['@method', '@path', '@query', 'content-type', 'content-digest', 'workload-identity-token']

const signed = (changes: HttpSignatureChanges = {}) => {
  const headers = {
    'Content-Type': 'application/x-www-form-urlencoded',
    'Workload-Identity-Token': token,
    DPoP: dpop(holder, { url: ENDPOINT, now: NOW }),
  }
  const request = { method: 'POST', url: ENDPOINT, headers, body: BODY }
  return httpSignature(holder, request, { audience: ENDPOINT, now: NOW }, changes)
}
const verify = (request: ReturnType<typeof signed>, changes: Record<string, string> = {}) =>
  verifyHttpSignature(
    signedMessage({ ...request, headers: { ...request.headers, ...changes } }),
    of,
    at(request.body, NOW),
  )

// The DPoP proof says whose the issued token will be, so a workload that signs its request signs that as well.
it('T45: a signed request keeps the DPoP proof that it was sent with', () => {
  const whole = signed({ covered: [...COVERED, 'dpop'] })
  expect(verify(whole).mark.purpose).toBe('http-signature')
  const other = { dpop: dpop(thief, { url: ENDPOINT, now: NOW }) }
  expect(refused(() => verify(whole, other)).detail).toMatch(/does not verify/)
  expect(refused(() => verify(signed({ covered: COVERED }), other)).detail).toMatch(/dpop came and is not covered/)
})
