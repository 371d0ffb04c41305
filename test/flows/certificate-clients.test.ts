/** Clients that authenticate by a certificate: of a trust domain, of an authority by one name, or of their own (RFC 8705 §2, SC-20). */
import { describe, expect, it } from 'vitest'
import { document } from '../harness/cambist.ts'
import { byTls } from '../harness/certificates.ts'
import { createRoot, type Issued, type IssueOptions } from '../harness/pki.ts'
import { expectRefusal } from '../harness/refusal.ts'
import {
  boundTo,
  byHeader,
  CLIENT,
  claimsOf,
  clock,
  corporate,
  documents,
  first,
  forPod,
  NAME,
  NAMES,
  partner,
  registered,
  SUBJECT,
  selfMade,
  trustedBy,
  unknown,
  workload,
} from './certificate-world.ts'

describe('spiffe_x509: a client that is registered by a pattern (SC-62)', () => {
  it('is each of its workloads, and nobody beside them', async () => {
    const within = await workload('fleet/a/1')
    for (const client_id of [undefined, 'fleet', 'spiffe://prod.example/fleet/a/1']) {
      const answer = await byHeader.present(within, forPod(client_id))
      expect(claimsOf(answer)).toMatchObject({ client_id: 'fleet', act: { sub: 'spiffe://prod.example/fleet/a/1' } })
    }
    for (const path of ['fleet', 'fleet2/a', 'other'])
      await expectRefusal(first, await byHeader.present(await workload(path), forPod('fleet')), {
        ...CLIENT,
        reason: 'client_unknown',
      })
  })

  it('needs no row for a workload (UC-11)', async () => {
    const count = async () => ((await (await first.adminGet('/admin/v1/clients')).json()) as { items: [] }).items.length
    const before = await count()
    const subjects = new Set<unknown>()
    for (let number = 1; number <= 10; number++)
      subjects.add(claimsOf(await byHeader.present(await workload(`fleet/${number}`)))['sub'])
    expect(subjects.size).toBe(10)
    expect(await count()).toBe(before)
  })
})

describe('tls_client_auth (MT-01 to MT-06)', () => {
  const NAMED = {
    ...{ subject: NAME, dns: ['billing.example'], uris: ['https://billing.example/'] },
    ...{ ips: ['2001:db8::7'], emails: ['billing@example.com'] },
  }
  const clients = Object.keys(NAMES)
  const mismatch = { ...CLIENT, reason: 'client_mismatch' } as const

  it.each(clients)('MT-01, MT-02, MT-03: %s', async (client_id) => {
    const leaf = await corporate.leaf(NAMED)
    const answer = await byTls(first, leaf, forPod(client_id))
    expect(answer.status, JSON.stringify(answer.body)).toBe(200)
    expect(claimsOf(answer)).toMatchObject({ client_id, cnf: boundTo(leaf) })
    expect(await first.record(answer.id)).toMatchObject({ client: client_id, authentication: 'tls_client_auth' })
  })

  it.each(clients)('MT-02, MT-05: %s is not who has the same names of another authority', async (client_id) => {
    await expectRefusal(first, await byTls(first, await partner.leaf(NAMED), forPod(client_id)), mismatch)
    await expectRefusal(first, await byTls(first, await unknown.leaf(NAMED), forPod(client_id)), {
      ...CLIENT,
      reason: 'issuer_unknown',
    })
  })

  it.each<[string, string, IssueOptions]>([
    ['by-dn', 'the parts in another order', { subject: 'CN=billing, O=Example\\, Inc., C=DE' }],
    ['by-dn', 'a part more', { subject: `${NAME}, OU=x` }],
    ['by-dn', 'parts that a comma makes of one', { subject: 'C=DE, O=Example, O=Inc., CN=billing' }],
    ['by-dn', 'parts made one', { subject: 'C=DE, O=Example\\, Inc.+CN=billing' }],
    ['by-dns', 'a name below', { dns: ['a.billing.example'] }],
    ['by-dns', 'a wildcard', { dns: ['*.example'] }],
    ['by-uri', 'a slash less', { uris: ['https://billing.example'] }],
    ['by-ip', 'another address', { ips: ['2001:db8::8'] }],
    ['by-email', 'other capitals', { emails: ['Billing@example.com'] }],
    ['by-dns', 'the name in the place of an address', { emails: ['a@billing.example'], uris: ['billing.example'] }],
  ])('MT-03, MT-05: %s is not who has %s', async (client_id, _, changed) => {
    const { subject, dns, uris, ips, emails }: IssueOptions = { subject: 'CN=other', ...changed }
    const leaf = await corporate.leaf({
      ...(subject === undefined ? {} : { subject }),
      ...{ dns: dns ?? [], uris: uris ?? [], ips: ips ?? [], emails: emails ?? [] },
    })
    await expectRefusal(first, await byTls(first, leaf, forPod(client_id)), mismatch)
  })

  it.each<[string, object]>([
    ['no name', {}],
    ['two names', { sanDns: 'billing.example', sanUri: 'https://billing.example/' }],
    ['an address that is none', { sanIp: '2001:db8' }],
    ['a subject that is none', { subjectDn: 'billing' }],
  ])('MT-03: is registered by exactly one, and not by %s', async (_, said) => {
    const client = registered('by-many', { method: 'tls_client_auth', issuer: 'corporate', ...said })
    await expect(first.apply(client)).rejects.toThrow(/spec\.authentication/)
  })

  it('MT-01, MT-05: is nobody without client_id, or without the certificate', async () => {
    const leaf = await corporate.leaf(NAMED)
    await expectRefusal(first, await byTls(first, leaf, forPod()), { ...CLIENT, reason: 'client_unknown' })
    await expectRefusal(first, await byTls(first, undefined, forPod('by-dn')), mismatch)
    await expectRefusal(first, await byTls(first, leaf, forPod('nobody')), { ...CLIENT, reason: 'client_unknown' })
    // And the workload that has a Client of its own is that, and not who it says.
    const worker = await corporate.leaf({ subject: 'CN=worker' })
    expect(claimsOf(await byTls(first, worker, forPod()))).toMatchObject({ client_id: 'worker' })
    await expectRefusal(first, await byTls(first, worker, forPod('by-dn')), mismatch)
  })

  it('frees nobody by its name from what denies another client that the certificate is as well (T22, I3)', async () => {
    const both = await corporate.leaf({ subject: 'CN=worker', dns: ['billing.example'] })
    const all = documents(first)
    const refusedAs = async (reason: 'client_disabled' | 'forbidden', client_id?: string) => {
      const wire = reason === 'forbidden' ? { status: 400, error: 'invalid_target' } : CLIENT
      await expectRefusal(first, await byTls(first, both, forPod(client_id)), { ...wire, reason })
    }
    expect(claimsOf(await byTls(first, both, forPod('by-dns')))).toMatchObject({ client_id: 'by-dns' })
    expect(claimsOf(await byTls(first, both, forPod()))).toMatchObject({ client_id: 'worker' })

    const worker = { workloads: [{ issuer: 'corporate', ids: ['worker'] }] }
    await first.apply(document('Client', 'worker', { ...worker, disabled: true }))
    for (const client_id of [undefined, 'by-dns']) await refusedAs('client_disabled', client_id)
    await first.apply(...all, document('Policy', 'no-worker', { effect: 'forbid', clients: ['worker'] }))
    for (const client_id of [undefined, 'by-dns']) await refusedAs('forbidden', client_id)
    await first.apply(
      ...all,
      document('Policy', 'no-worker', { effect: 'forbid', mode: 'shadow', clients: ['worker'] }),
    )

    await first.apply(
      document('Client', 'by-dns', {
        disabled: true,
        authentication: { method: 'tls_client_auth', issuer: 'corporate', sanDns: 'billing.example' },
      }),
    )
    for (const client_id of [undefined, 'by-dns']) await refusedAs('client_disabled', client_id)
    const alone = await corporate.leaf({ subject: 'CN=worker' })
    expect(claimsOf(await byTls(first, alone, forPod()))).toMatchObject({ client_id: 'worker' })
    await first.apply(...all)
  })

  it('is kept out by a block on any client that it is, and on its key (UC-46, T22)', async () => {
    const both = await corporate.leaf({ subject: 'CN=worker', dns: ['billing.example'] })
    const alone = await corporate.leaf({ subject: 'CN=worker' })
    const block = async (match: object) => {
      const { status, json } = await first.adminSend('POST', '/admin/v1/blocks', { match, reason: 'stolen' })
      expect(status).toBe(200)
      return async () => first.adminSend('DELETE', `/admin/v1/blocks/${(json['block'] as { id: string }).id}`)
    }
    for (const client of ['by-dns', 'worker']) {
      const lift = await block({ client })
      for (const client_id of [undefined, 'by-dns'])
        await expectRefusal(first, await byTls(first, both, forPod(client_id)), { ...CLIENT, reason: 'blocked' })
      if (client === 'by-dns')
        expect(claimsOf(await byTls(first, alone, forPod()))).toMatchObject({ client_id: 'worker' })
      await lift()
    }
    const key = boundTo(both)['x5t#S256']
    const lift = await block({ key })
    await expectRefusal(first, await byTls(first, both, forPod()), { ...CLIENT, reason: 'blocked' })
    expect(claimsOf(await byTls(first, alone, forPod()))).toMatchObject({ client_id: 'worker' })
    await lift()
    expect(claimsOf(await byTls(first, both, forPod()))).toMatchObject({ client_id: 'worker' })
  })

  it('is refused while its authority is (MT-06)', async () => {
    const leaf = await corporate.leaf(NAMED)
    const all = documents(first)
    await first.apply(trustedBy('corporate', { credential: 'x509', disabled: true, keys: { roots: corporate.pem } }))
    await expectRefusal(first, await byTls(first, leaf, forPod('by-dn')), { ...CLIENT, reason: 'issuer_disabled' })
    // Where it is not meant to authenticate, a certificate of an authority that is disabled is a key like any other.
    expect(claimsOf(await byTls(first, leaf, forPod()))).toMatchObject({ client_id: 'checkout', cnf: boundTo(leaf) })
    await first.apply(...all)
  })
})

describe('self_signed_tls_client_auth (MT-04)', () => {
  const shown = (issued: Issued): Issued => ({ ...issued, chain: () => [issued.der] })

  it.each([['self'], [undefined]])(
    'MT-04: is who holds the key of the certificate, with client_id %s',
    async (client_id) => {
      for (const answer of [
        await byTls(first, selfMade, forPod(client_id)),
        await byHeader.present(shown(selfMade), forPod(client_id)),
      ]) {
        expect(claimsOf(answer)).toMatchObject({ client_id: 'self', cnf: boundTo(selfMade) })
        expect(await first.record(answer.id)).toMatchObject({ authentication: 'self_signed_tls_client_auth' })
      }
    },
  )

  it('MT-04, MT-05: vouches for nobody else: neither a namesake, nor what it has issued, nor a client of another name', async () => {
    const namesake = await createRoot({ subject: 'CN=self' })
    const renewed = await createRoot({
      ...{ subject: 'CN=self', serialNumber: '02' },
      keys: { privateKey: selfMade.privateKey, publicKey: selfMade.publicKey },
    })
    for (const other of [namesake, renewed, await selfMade.leaf({ subject: 'CN=self' })])
      await expectRefusal(first, await byTls(first, other, forPod('self')), {
        ...CLIENT,
        reason: 'issuer_unknown',
      })
    for (const client_id of ['by-dn', 'svc', 'fleet'])
      await expectRefusal(first, await byTls(first, selfMade, forPod(client_id)), {
        ...CLIENT,
        reason: 'client_mismatch',
      })
  })

  it('is no subject and no actor, and has its dates', async () => {
    await expectRefusal(first, await byTls(first, selfMade), { ...SUBJECT, reason: 'issuer_unknown' })
    const past = await createRoot({ subject: 'CN=past', notAfter: clock.seconds() - 60 })
    await first.apply(
      registered('self', {
        method: 'self_signed_tls_client_auth',
        jwks: { keys: [{ kty: 'EC', x5c: [past.der.toString('base64')] }] },
      }),
    )
    await expectRefusal(first, await byTls(first, past, forPod('self')), { ...CLIENT, reason: 'expired' })
    await first.apply(...documents(first))
  })
})
