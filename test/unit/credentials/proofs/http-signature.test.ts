import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { verifyHttpSignature } from '../../../../src/credentials/proofs/http-signature.ts'
import { algorithms } from '../../../../src/lib/algorithms.ts'
import {
  type HttpRequest,
  type HttpSignatureChanges,
  httpSignature,
  sha256,
  signedMessage,
  wit,
} from '../../../harness/proofs.ts'
import { SigningKey } from '../../../harness/tokens.ts'
import { ALIAS, at, BODY, ENDPOINT, ISSUER, mutated, NOW, refused, verificationKey } from './refused.ts'

const domain = new SigningKey('ES256')
const holder = new SigningKey('Ed25519')
const subject = 'wimse://prod.example/checkout'
const token = wit(domain, holder, { subject, now: NOW })
const of = { token, key: verificationKey(holder), algorithm: 'Ed25519' }
const REQUEST: HttpRequest = {
  method: 'POST',
  url: ENDPOINT,
  headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'Workload-Identity-Token': token },
  body: BODY,
}
const ALL = ['@method', '@path', '@query', 'content-type', 'content-digest', 'workload-identity-token']
const without = (name: string) => ALL.filter((one) => one !== name)

const signed = (changes: HttpSignatureChanges = {}, request: Partial<HttpRequest> = {}, key = holder) =>
  httpSignature(key, { ...REQUEST, ...request }, { audience: ENDPOINT, now: NOW }, changes)
const verify = (request: HttpRequest, now = NOW) =>
  verifyHttpSignature(signedMessage(request), of, at(request.body, now))
const refusal = (request: HttpRequest, now = NOW) => refused(() => verify(request, now))
/** The request with headers replaced after it was signed. */
const altered = (
  request: HttpRequest,
  headers: Record<string, string>,
  changes: Partial<HttpRequest> = {},
): HttpRequest => ({
  ...request,
  ...changes,
  headers: { ...request.headers, ...headers },
})

describe('verifyHttpSignature takes', () => {
  it('a signature of this request, and answers the mark that spends it', () => {
    expect(verify(signed({ parameters: { nonce: '"once"' } }))).toEqual({
      mark: { purpose: 'http-signature', issuer: of.key.thumbprint, id: 'once', until: NOW + 90 },
    })
  })

  it.each<[string, HttpSignatureChanges]>([
    ['any label (W-56)', { label: 'sig1' }],
    ['the mTLS alias as recipient', { parameters: { 'wimse-aud': `"${ALIAS}"` } }],
    ['our issuer as recipient', { parameters: { 'wimse-aud': `"${ISSUER}"` } }],
    ['a SHA-512 of the body', { digest: 'sha-512' }],
    ['five minutes', { parameters: { expires: `${NOW + 300}` } }],
    ['a clock that is ahead', { parameters: { created: `${NOW + 30}`, expires: `${NOW + 90}` } }],
    ['a clock that is behind', { parameters: { created: `${NOW - 60}`, expires: `${NOW - 29}` } }],
    ['no signed response', { parameters: { 'wimse-sign-response': '?0' } }],
    ['parameters that nobody knows', { parameters: { wonder: '1' } }],
  ])('%s', (_name, changes) => {
    expect(verify(signed(changes)).mark.until).toBeGreaterThan(NOW)
  })

  it('fields that need not be covered, and those that must because they came', () => {
    const headers = {
      ...REQUEST.headers,
      'Txn-Token': 'a.b.c',
      Authorization: 'Basic eDp5',
      Accept: 'application/json',
    }
    expect(verify(signed({}, { headers })).mark.purpose).toBe('http-signature')
    expect(
      verify(signed({ covered: [...ALL, 'accept', 'txn-token', 'authorization'] }, { headers })).mark.purpose,
    ).toBe('http-signature')
  })

  it('a query', () => {
    expect(verify(signed({}, { url: `${ENDPOINT}?a=b` })).mark.purpose).toBe('http-signature')
  })

  it('a credential in the body, which the digest covers', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(verify(signed({}, { headers, body: `subject_token=${token}` })).mark.purpose).toBe('http-signature')
  })

  it('the signatures of others beside ours, and digests that it does not know', () => {
    const request = signed()
    const others = altered(request, {
      'signature-input': `proxy=("@authority" "x";sf);created=1;keyid="p";tag="proxy", ${request.headers['signature-input']}`,
      signature: `proxy=:AAAA:, ${request.headers['signature']}`,
    })
    expect(verify(others).mark.purpose).toBe('http-signature')
  })

  it.each(['RS256', 'PS512', 'ES256', 'ES384', 'EdDSA'])('%s, where cnf.jwk.alg says so', (algorithm) => {
    const key = new SigningKey(algorithm)
    const bound = wit(domain, key, { subject, now: NOW })
    const request = signed({}, { headers: { ...REQUEST.headers, 'Workload-Identity-Token': bound } }, key)
    const call = verifyHttpSignature(
      signedMessage(request),
      { token: bound, key: verificationKey(key), algorithm },
      at(),
    )
    expect(call.mark.purpose).toBe('http-signature')
  })

  it('a long nonce, and keeps its digest (T10)', () => {
    const nonce = 'n'.repeat(300)
    expect(verify(signed({ parameters: { nonce: `"${nonce}"` } })).mark.id).toBe(`sha256:${sha256(nonce)}`)
  })
})

describe('verifyHttpSignature refuses', () => {
  const good = signed()
  const parameters = (changes: Record<string, string | undefined>) => signed({ parameters: changes })
  const twice = signed({ label: 'again' })

  it.each<[string, HttpRequest, RegExp]>([
    ['another key', signed({}, {}, new SigningKey('Ed25519')), /does not verify/],
    ['another body (W-53)', { ...good, body: `${BODY}&scope=admin` }, /content-digest sha-256 is not that of the body/],
    [
      'another body with its own digest',
      altered(
        good,
        { 'content-digest': String(signed({}, { body: 'a=b' }).headers['content-digest']) },
        { body: 'a=b' },
      ),
      /does not verify/,
    ],
    ['another query (W-50)', { ...good, url: `${ENDPOINT}?a=b` }, /does not verify/],
    ['another path', { ...good, url: `${ENDPOINT}/x` }, /does not verify/],
    ['another method', { ...good, method: 'PUT' }, /does not verify/],
    ['another content type', altered(good, { 'content-type': 'application/json' }), /does not verify/],
    [
      'another credential',
      altered(good, { 'workload-identity-token': wit(domain, holder, { subject, now: NOW }) }),
      /another credential/,
    ],
    [
      'a credential without the signature over it',
      altered(signed({}, { headers: { 'content-type': 'a' } }), { 'workload-identity-token': token }),
      /workload-identity-token came and is not covered/,
    ],
    ['@method uncovered', signed({ covered: without('@method') }), /@method is not covered/],
    ['@path uncovered', signed({ covered: without('@path') }), /@path is not covered/],
    ['@query uncovered', signed({ covered: without('@query') }), /@query is not covered/],
    ['the content type uncovered', signed({ covered: without('content-type') }), /content-type is not covered/],
    ['the digest uncovered', signed({ covered: without('content-digest') }), /content-digest is not covered/],
    [
      'the credential uncovered',
      signed({ covered: without('workload-identity-token') }),
      /workload-identity-token came/,
    ],
    ['a transaction token put beside it', altered(good, { 'txn-token': 'a.b.c' }), /txn-token came and is not covered/],
    [
      'an authorization put beside it',
      altered(good, { authorization: 'Bearer x' }),
      /authorization came and is not covered/,
    ],
    ['nothing covered', signed({ covered: [] }), /not covered/],
    ['@authority (W-52)', signed({ covered: [...ALL, '@authority'] }), /@authority is covered/],
    [
      'the older form of the target',
      signed({ covered: ['@method', '@request-target', ...ALL.slice(3)] }),
      /@request-target is not one/,
    ],
    ['the older form beside the newer', signed({ covered: [...ALL, '@request-target'] }), /@request-target is not one/],
    ['a component twice', signed({ covered: [...ALL, '@method'] }), /twice/],
    [
      'a component with parameters',
      signed({ covered: [...without('content-type'), 'content-type";sf;x="'] }),
      /parameters/,
    ],
    ['keyid (W-55)', parameters({ keyid: '"k"' }), /keyid is a parameter/],
    ['alg (W-55)', parameters({ alg: '"ed25519"' }), /alg is a parameter/],
    ['another recipient (W-58)', parameters({ 'wimse-aud': '"https://orders.example/token"' }), /not this endpoint/],
    ['no recipient', parameters({ 'wimse-aud': undefined }), /wimse-aud is missing/],
    ['a recipient that is a token', parameters({ 'wimse-aud': 'here' }), /wimse-aud is missing/],
    ['no nonce (W-57)', parameters({ nonce: undefined }), /nonce is missing/],
    ['an empty nonce', parameters({ nonce: '""' }), /nonce is missing/],
    ['a nonce that is a number', parameters({ nonce: '7' }), /nonce is missing/],
    ['no beginning', parameters({ created: undefined }), /created is not a number/],
    ['no end', parameters({ expires: undefined }), /expires is not a number/],
    ['an end that is a text', parameters({ expires: `"${NOW + 60}"` }), /expires is not a number/],
    ['an end with a fraction', parameters({ expires: `${NOW + 60}.5` }), /expires is not a number/],
    ['a beginning before 1970', parameters({ created: '-1' }), /created is not a number/],
    ['an end that has passed', parameters({ created: `${NOW - 90}`, expires: `${NOW - 30}` }), /expired/],
    ['an end far away', parameters({ expires: `${NOW + 301}` }), /at most 300 s/],
    ['an end before its beginning', parameters({ expires: `${NOW}` }), /expires before/],
    ['a beginning in the future', parameters({ created: `${NOW + 31}`, expires: `${NOW + 91}` }), /in the future/],
    ['a demand for a signed response (W-59)', parameters({ 'wimse-sign-response': '?1' }), /not signed here/],
    ['that demand in short', parameters({ 'wimse-sign-response': '' }), /not signed here/],
    ['that demand as a text', parameters({ 'wimse-sign-response': '"no"' }), /not signed here/],
    ['another tag', parameters({ tag: '"workload"' }), /no signature has the tag/],
    ['no tag, under our label', parameters({ tag: undefined }), /no signature has the tag/],
    [
      'two signatures with the tag (W-56)',
      altered(good, {
        'signature-input': `${good.headers['signature-input']}, ${twice.headers['signature-input']}`,
        signature: `${good.headers['signature']}, ${twice.headers['signature']}`,
      }),
      /2 signatures/,
    ],
    ['no Signature-Input', altered(good, { 'signature-input': '' }), /no signature has the tag/],
    ['a signature of no length', altered(good, { signature: 'wimse=::' }), /does not verify/],
    [
      'parameters added after it was signed',
      altered(good, { 'signature-input': `${good.headers['signature-input']};x` }),
      /does not verify/,
    ],
  ])('%s', (_name, request, detail) => {
    expect(refusal(request)).toEqual({ reason: 'proof_invalid', detail: expect.stringMatching(detail) })
  })

  it.each<[string, string, RegExp]>([
    ['no known digest', 'md5=:AAAA:', /neither/],
    ['an empty one', '', /neither/],
    ['no structured field', 'sha-256=', /not a structured dictionary/],
    ['the older Digest', `SHA-256=${Buffer.from(sha256(BODY), 'base64url').toString('base64')}`, /not a structured/],
    ['a text', 'sha-256="x"', /is not bytes/],
    [
      'a wrong one beside a right one',
      `sha-256=:${Buffer.from(sha256(BODY), 'base64url').toString('base64')}:, sha-512=:AAAA:`,
      /sha-512 is not that/,
    ],
  ])('a content digest that is %s, though it is signed', (_name, digest, detail) => {
    const headers = { ...REQUEST.headers, 'content-digest': digest }
    expect(refusal(signed({}, { headers }))).toEqual({ reason: 'proof_invalid', detail: expect.stringMatching(detail) })
  })

  it('an algorithm other than that of cnf.jwk (T2)', () => {
    const rsa = new SigningKey('PS256')
    const bound = { token, key: verificationKey(rsa), algorithm: 'PS256' }
    const request = signed({}, {}, rsa)
    expect(verifyHttpSignature(signedMessage(request), bound, at()).mark.purpose).toBe('http-signature')
    const { sign } = algorithms.get('RS256')!
    const params = String(request.headers['signature-input']).slice('wimse='.length)
    const base = [
      ...ALL.map(
        (name) =>
          `"${name}": ${{ '@method': 'POST', '@path': '/token', '@query': '?' }[name] ?? request.headers[name]}`,
      ),
      `"@signature-params": ${params}`,
    ].join('\n')
    const other = altered(request, {
      signature: `wimse=:${sign(rsa.privateKey, Buffer.from(base)).toString('base64')}:`,
    })
    expect(refused(() => verifyHttpSignature(signedMessage(other), bound, at())).detail).toMatch(/does not verify/)
    expect(
      refused(() => verifyHttpSignature(signedMessage(request), { ...bound, algorithm: 'ES256' }, at())).detail,
    ).toMatch(/is not one for key/)
  })

  it('whatever differs in a character, and junk, by its one reason', () => {
    const fields = ['signature-input', 'signature', 'content-digest', 'workload-identity-token'] as const
    const character = fc.constantFrom(...'ABCxyz019-_.=:;,"()@ ')
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.nat(), character, (name, place, other) => {
        const before = String(good.headers[name])
        const after = mutated(before, place, other)
        // White space around commas and labels that agree are no part of what is signed.
        fc.pre(after.trim() !== before)
        expect(refusal(altered(good, { [name]: after })).reason).toBe('proof_invalid')
      }),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.string(), (name, junk) => {
        expect(refusal(altered(good, { [name]: junk })).reason).toBe('proof_invalid')
      }),
    )
  })

  it('its own second, when it has passed', () => {
    expect(verify(good, NOW + 89).mark.until).toBe(NOW + 90)
    expect(refusal(good, NOW + 90).detail).toMatch(/expired/)
  })
})
