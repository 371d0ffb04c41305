/** Certificates from the wire to the token: by TLS with us, and in the header of each proxy that is known (UC-01, HC-01, NG-01, XF-01). */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { document, type Form } from '../harness/cambist.ts'
import { asSubject, byTls, svidOf } from '../harness/certificates.ts'
import { createRoot, type Issued } from '../harness/pki.ts'
import { dpop } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { SigningKey, TYPE } from '../harness/tokens.ts'
import {
  boundTo,
  bundles,
  byHeader,
  CLIENT,
  claimsOf,
  clock,
  documents,
  first,
  forPod,
  intermediate,
  root,
  SUBJECT,
  svid,
  trustedBy,
  unknown,
  WAYS,
  workload,
} from './certificate-world.ts'

describe.each(Object.entries(WAYS))('a certificate %s', (_, { server, present }) => {
  it('is the subject, as a text or by itself, and what the token is bound to (TE-86, CB-01)', async () => {
    for (const form of [asSubject(), asSubject(svid.chain()), asSubject([svid.der])]) {
      const answer = await present(svid, form)
      expect(answer.status, JSON.stringify(answer.body)).toBe(200)
      expect(answer.body['token_type']).toBe('Bearer')
      expect(claimsOf(answer)).toMatchObject({
        sub: 'spiffe://prod.example/svc',
        client_id: 'svc',
        cnf: boundTo(svid),
      })
      expect(await server.record(answer.id)).toMatchObject({
        client: 'svc',
        authentication: 'spiffe_x509',
        subject: { issuer: 'prod', id: 'spiffe://prod.example/svc', kind: 'spiffe-x509-svid' },
        granted: { binding: 'mtls' },
      })
    }
  })

  it.each([
    ['none', undefined],
    ['its SPIFFE ID', 'spiffe://prod.example/svc'],
    ['the name of its Client', 'svc'],
  ])('authenticates the client, with %s as client_id (SC-20, SC-65)', async (_, client_id) => {
    const answer = await present(svid, forPod(client_id))
    expect(claimsOf(answer)).toMatchObject({
      client_id: 'svc',
      act: { sub: 'spiffe://prod.example/svc' },
      cnf: boundTo(svid),
    })
    expect(await server.record(answer.id)).toMatchObject({ client: 'svc', authentication: 'spiffe_x509' })
  })

  it.each(['fleet', 'spiffe://prod.example/other', 'spiffe://prod.example/svc/', 'checkout'])(
    'is not %s',
    async (client_id) => {
      await expectRefusal(server, await present(svid, forPod(client_id)), { ...CLIENT, reason: 'client_mismatch' })
    },
  )

  it('that nobody trusts is a key and nothing more (CB-03)', async () => {
    const key = await unknown.leaf()
    const answer = await present(key, forPod())
    expect(claimsOf(answer)).toMatchObject({ client_id: 'checkout', cnf: boundTo(key) })
    expect(await server.record(answer.id)).toMatchObject({ authentication: 'subject_token' })
    await expectRefusal(server, await present(key), { ...SUBJECT, reason: 'issuer_unknown' })
    for (const client_id of ['by-dn', 'self', 'spiffe://prod.example/svc'])
      await expectRefusal(server, await present(key, forPod(client_id)), { ...CLIENT, reason: 'issuer_unknown' })
  })

  it('is another one than the text says: then neither is believed (TE-88)', async () => {
    const other = await workload('svc')
    await expectRefusal(server, await present(svid, asSubject(other.chain())), {
      ...SUBJECT,
      reason: 'confirmation_unproven',
    })
  })
})

describe('an authority of certificates of two kinds', () => {
  it('has its trust domain believed for an SVID, and its own document for every other certificate', async () => {
    await first.apply(
      ...documents(first),
      trustedBy('same-root', { credential: 'x509', keys: { roots: root.pem } }),
      document('Client', 'server', { workloads: [{ issuer: 'same-root', ids: ['server.prod.example'] }] }),
      document('Policy', 'server-reads-orders', {
        clients: ['server'],
        targets: ['orders'],
        scopes: ['orders:read'],
        subject: { scopes: [] },
      }),
    )
    expect(claimsOf(await byTls(first, svid, asSubject()))).toMatchObject({ sub: 'spiffe://prod.example/svc' })
    const named = await intermediate.leaf({ subject: 'CN=server.prod.example', dns: ['server.prod.example'] })
    const answer = await byTls(first, named, asSubject())
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
    expect(await first.record(answer.id)).toMatchObject({ client: 'server', subject: { issuer: 'same-root' } })
    // Of a trust domain that nobody has a document for: a certificate like any other, here without a name.
    const elsewhere = await svidOf(intermediate, clock.seconds(), 'spiffe://nowhere.example/svc')
    await expectRefusal(first, await byTls(first, elsewhere, asSubject()), { ...CLIENT, reason: 'subject_unmapped' })
  })
})

describe('a certificate as a text', () => {
  it('is nobody’s without the connection that proves its key (TE-88)', async () => {
    for (const answer of [
      await first.exchange(asSubject(svid.chain())),
      await byTls(first, undefined, asSubject(svid.chain())),
    ])
      await expectRefusal(first, answer, { ...SUBJECT, reason: 'confirmation_unproven' })
    await expectRefusal(first, await byTls(first, undefined, asSubject()), { ...SUBJECT, reason: 'parameter_missing' })
  })

  it('adds intermediates to what the connection showed, and nothing else', async () => {
    const leaf = await svidOf(intermediate, clock.seconds(), 'spiffe://deep.example/svc')
    const alone = { ...leaf, chainPem: () => leaf.pem }
    await expectRefusal(first, await byTls(first, alone), { ...SUBJECT, reason: 'certificate_refused' })
    const answer = await byTls(first, alone, asSubject([leaf.der, intermediate.der]))
    expect(claimsOf(answer)).toMatchObject({ sub: 'spiffe://deep.example/svc', cnf: boundTo(leaf) })
  })

  it('may be of the actor', async () => {
    const answer = await byTls(first, svid, {
      actor_token: String(asSubject(svid.chain())['subject_token']),
      actor_token_type: String(asSubject()['subject_token_type']),
    })
    expect(claimsOf(answer)).toMatchObject({ act: { sub: 'spiffe://prod.example/svc' }, cnf: boundTo(svid) })
  })

  const text = svid.der.toString('base64')
  it.each([
    ['no list', text, 'token_malformed'],
    ['a number behind the first', JSON.stringify([text, 1]), 'token_malformed'],
    ['base64url behind the first', JSON.stringify([text, intermediate.der.toString('base64url')]), 'token_malformed'],
    ['half a certificate behind the first', JSON.stringify([text, text.slice(0, 400)]), 'token_malformed'],
    ['eleven certificates', JSON.stringify(Array.from({ length: 11 }, () => text)), 'token_malformed'],
    // What does not begin with the connection's certificate is not read at all (T38).
    ['an empty list', '[]', 'confirmation_unproven'],
    ['PEM', JSON.stringify([svid.pem]), 'confirmation_unproven'],
    ['a byte behind the certificate', JSON.stringify([`${text}AA==`]), 'confirmation_unproven'],
    ['a list in a list', JSON.stringify([[text]]), 'confirmation_unproven'],
  ] as const)('is none with %s', async (_, subject_token, reason) => {
    const answer = await byTls(first, svid, { ...asSubject(), subject_token })
    await expectRefusal(first, answer, { ...SUBJECT, reason })
  })
})

describe('a token that is bound to a certificate', () => {
  const own = (token: string): Form => ({ subject_token: token, subject_token_type: TYPE.accessToken })

  it('of ours comes back with it, and with no other and not without (TE-74, T45)', async () => {
    const token = String((await byTls(first, svid)).body['access_token'])
    expect(claimsOf(await byTls(first, svid, own(token)))).toMatchObject({
      sub: 'spiffe://prod.example/svc',
      cnf: boundTo(svid),
    })
    const renewed = await workload('svc')
    for (const answer of [
      await first.exchange(own(token)),
      await byTls(first, undefined, own(token)),
      await byTls(first, renewed, own(token)),
      await byHeader.present(renewed, own(token)),
    ])
      await expectRefusal(first, answer, { ...SUBJECT, reason: 'confirmation_unproven' })
  })

  it('of another issuer comes with it as well (P-16)', async () => {
    const key = await unknown.leaf()
    const subject_token = first.cluster.token({ cnf: boundTo(key) })
    expect(claimsOf(await byTls(first, key, { subject_token }))).toMatchObject({
      client_id: 'checkout',
      cnf: boundTo(key),
    })
    for (const answer of [
      await first.exchange({ subject_token }),
      await byTls(first, await unknown.leaf(), { subject_token }),
    ])
      await expectRefusal(first, answer, { ...SUBJECT, reason: 'confirmation_unproven' })
  })

  it('is bound by a DPoP proof instead, where the request has both (DP-22)', async () => {
    const key = new SigningKey('ES256')
    const proof = dpop(key, { url: `${first.mtls}/token`, now: clock.seconds() })
    const answer = await byTls(first, svid, asSubject(), [`DPoP: ${proof}`])
    expect(answer.body['token_type']).toBe('DPoP')
    expect(Object.keys(claimsOf(answer)['cnf'] as object)).toEqual(['jkt'])
  })
})

describe('a bundle', () => {
  const write = (sequence: number, ...authorities: readonly Issued[]) =>
    writeFileSync(
      join(bundles, 'turning.json'),
      JSON.stringify({
        spiffe_sequence: sequence,
        keys: authorities.map(({ der, publicKey }) => ({
          ...publicKey.export({ format: 'jwk' }),
          ...{ use: 'x509-svid', x5c: [der.toString('base64')] },
        })),
      }),
    )

  it('that turns from one authority to the next takes both between, and the old one no more (SC-23)', async () => {
    const [old, next] = [await createRoot({ subject: 'CN=Old' }), await createRoot({ subject: 'CN=Next' })]
    write(1, old)
    await first.apply(
      trustedBy('turning', {
        ...{ credential: 'spiffe-x509-svid', trustDomain: 'turning.example', uses: ['subject'] },
        keys: { bundle: { file: 'turning.json' } },
      }),
      document('Client', 'svc', {
        workloads: [{ issuer: 'prod', ids: ['spiffe://prod.example/svc'] }, { issuer: 'turning' }],
      }),
    )
    const leaves = await Promise.all(
      [old, next].map((authority) => svidOf(authority, clock.seconds(), 'spiffe://turning.example/svc')),
    )
    const settles = (statuses: readonly number[]) =>
      vi.waitFor(
        async () => {
          const answers = await Promise.all(leaves.map((leaf) => byHeader.present(leaf)))
          expect(answers.map(({ status }) => status)).toEqual(statuses)
        },
        { timeout: 5000, interval: 20 },
      )
    await settles([200, 400])
    write(2, old, next)
    clock.advance(10)
    await settles([200, 200])
    write(3, next)
    clock.advance(10)
    await settles([400, 200])
    const [leaf = svid] = leaves
    await expectRefusal(first, await byHeader.present(leaf), { ...SUBJECT, reason: 'certificate_refused' })
  })
})
