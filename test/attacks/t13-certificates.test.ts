/** T13: a certificate that is wrong anywhere on its path, or is nothing of its issuer's, proves nobody, in whatever position. */
import { rootCertificates } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { asSubject, BEHIND_PROXY, behindProxy, everybodyOf, svidOf } from '../harness/certificates.ts'
import { type PathCase, pathCases, pathVerdicts } from '../harness/path-cases.ts'
import { type Authority, createRoot, type Issued, type IssueOptions, keyPair } from '../harness/pki.ts'
import { expectRefusal } from '../harness/refusal.ts'

const server = await startCambist({ env: BEHIND_PROXY })
const { clock, cluster } = server
const root = await createRoot()
const intermediate = await root.intermediate()
const other = await createRoot({ subject: 'CN=Other Domain' })

const KINDS = {
  'spiffe-x509-svid': { credential: 'spiffe-x509-svid', trustDomain: 'prod.example' },
  x509: { credential: 'x509', subject: 'certificate.uris[0]' },
} as const
const POSITIONS = {
  subject: { status: 400, error: 'invalid_request' },
  client: { status: 401, error: 'invalid_client' },
} as const

/** Whom the server believes: authorities by the name of their document, of a kind and for a position. */
async function believe(
  kind: keyof typeof KINDS,
  position: keyof typeof POSITIONS,
  anchors: Readonly<Record<string, readonly Authority[]>>,
  more: object = {},
): Promise<void> {
  const issuers = Object.entries(anchors).map(([name, authorities]) =>
    document('TrustedIssuer', name, {
      ...KINDS[kind],
      ...(kind === 'x509' ? {} : { trustDomain: `${name}.example` }),
      uses: [position],
      maxLifetime: '5000d',
      keys: { roots: authorities.map(({ pem }) => pem).join('') },
      ...more,
    }),
  )
  await server.apply(...baseDocuments(cluster), ...issuers, ...everybodyOf(...Object.keys(anchors), 'cluster'))
}

/** The request that shows the chain, where it is the subject or where it is to authenticate the client of another's. */
const show = (position: keyof typeof POSITIONS, chain: readonly Buffer[]) =>
  behindProxy(server, chain, position === 'subject' ? asSubject() : { client_id: 'everybody' })

/** What somebody who is sent away by `code` hears: the record knows which of them. */
const reasonOf = (code: string) => (code === 'expired' || code === 'not_yet_valid' ? code : 'certificate_refused')

describe.each(Object.keys(KINDS) as (keyof typeof KINDS)[])('a certificate of kind %s', (kind) => {
  describe.each(Object.keys(POSITIONS) as (keyof typeof POSITIONS)[])('as %s', (position) => {
    const cases = pathCases({ root, intermediate, now: clock.seconds() })
    /** Beyond the profile of SVIDs, several URIs are nothing wrong; and an authority nobody knows is nobody's issuer. */
    const wantedOf = (what: PathCase, verdict: string | number): string | number => {
      if (kind === 'x509' && what === 'two URIs') return 3
      return verdict
    }

    it.each(pathVerdicts)('%s: %s', async (what, verdict) => {
      await believe(kind, position, { prod: [root] })
      const leaf = await cases[what]()
      const chain = leaf.chain()
      const wanted = wantedOf(what, verdict)
      const answer = await show(position, chain)
      if (typeof wanted === 'number') {
        expect(answer.status, JSON.stringify(answer.body)).toBe(200)
        return
      }
      // An authority that no document has among its roots is the authority of nobody.
      const unknown = kind === 'x509' && wanted === 'untrusted'
      if (unknown && position === 'client') {
        // Then the certificate is a key and nothing more, and it is the cluster's pod that asks.
        expect(answer.status).toBe(200)
        expect(await server.record(answer.id)).toMatchObject({ authentication: 'subject_token' })
        return
      }
      const reason = unknown ? 'issuer_unknown' : reasonOf(wanted)
      const record = await expectRefusal(server, answer, { ...POSITIONS[position], reason })
      if (reason === 'certificate_refused')
        expect(record['detail']).toMatch(new RegExp(`^(?:subject token|client assertion): ${wanted}: `))
    })
  })
})

describe('an authority', () => {
  const now = clock.seconds()
  const refused = async (
    chain: readonly Buffer[],
    reason: Parameters<typeof expectRefusal>[2]['reason'],
    detail: RegExp,
  ) =>
    expect(
      (await expectRefusal(server, await show('subject', chain), { ...POSITIONS.subject, reason }))['detail'],
    ).toMatch(detail)
  const workload = (authority: Authority, domain = 'prod', more: IssueOptions = {}): Promise<Issued> =>
    svidOf(authority, now, `spiffe://${domain}.example/api`, more)

  it('vouches for its own trust domain and for no other (S-20, MT-06)', async () => {
    await believe('spiffe-x509-svid', 'subject', { prod: [root], other: [other] })
    for (const [authority, domain] of [
      [root, 'prod'],
      [other, 'other'],
    ] as const)
      expect((await show('subject', (await workload(authority, domain)).chain())).status).toBe(200)
    await refused((await workload(other, 'prod')).chain(), 'certificate_refused', /^subject token: untrusted: /)
    await refused((await workload(root, 'other')).chain(), 'certificate_refused', /^subject token: untrusted: /)
    // Its own root among what it presents makes nobody believe it (TE-88).
    await refused([...(await workload(other)).chain(), other.der], 'certificate_refused', /^subject token: untrusted: /)
  })

  it('of the same name and key in two domains is each domain’s own', async () => {
    const keys = keyPair()
    const [ours, theirs] = [
      await createRoot({ subject: 'CN=Same', keys }),
      await createRoot({ subject: 'CN=Same', keys: keyPair() }),
    ]
    await believe('spiffe-x509-svid', 'subject', { prod: [ours], other: [theirs] })
    expect((await show('subject', (await workload(ours)).chain())).status).toBe(200)
    await refused((await workload(theirs)).chain(), 'certificate_refused', /^subject token: signature: /)
  })

  it('of the system’s store is trusted by nobody (SC-22)', async () => {
    const [system = ''] = rootCertificates.filter((pem) => pem.includes('BEGIN CERTIFICATE'))
    const stored = Buffer.from(system.replace(/-----.*?-----|\s/g, ''), 'base64')
    await believe('spiffe-x509-svid', 'subject', { prod: [root] })
    await refused([stored], 'issuer_unknown', /no SPIFFE ID|no trusted issuer/)
    // A leaf of that name, with the true root behind it.
    await refused([...(await workload(other)).chain(), stored], 'certificate_refused', /^subject token: untrusted: /)
  })

  it('is no workload: neither an intermediate, nor the root, with a SPIFFE ID or without', async () => {
    await believe('spiffe-x509-svid', 'subject', { prod: [root] })
    const named = await root.intermediate({
      uris: ['spiffe://prod.example/ca'],
      keyUsage: ['keyCertSign', 'digitalSignature'],
    })
    await refused(named.chain(), 'certificate_refused', /^subject token: is_a_ca: /)
    await refused([root.der], 'issuer_unknown', /no SPIFFE ID|no trusted issuer/)
    const rootOfDomain = await createRoot({ uris: ['spiffe://prod.example/ca'] })
    await believe('spiffe-x509-svid', 'subject', { prod: [rootOfDomain] })
    await refused([rootOfDomain.der], 'certificate_refused', /^subject token: is_a_ca: /)
  })

  it('that is trusted but no authority vouches for nobody, not even for itself (CVE-2024-2048)', async () => {
    const leaf = await workload(root)
    await expect(believe('spiffe-x509-svid', 'subject', { prod: [leaf as Authority] })).rejects.toThrow(
      'is not of an authority',
    )
  })

  it('ends with its own dates, and takes everybody below it along', async () => {
    const short = await createRoot({ subject: 'CN=Short', notAfter: now + 600 })
    await believe('spiffe-x509-svid', 'subject', { prod: [short] })
    const leaf = await workload(short)
    const answer = await show('subject', leaf.chain())
    expect(answer.status).toBe(200)
    clock.advance(now + 600 - clock.seconds() + 1)
    await refused(leaf.chain(), 'expired', /^subject token: expired: "CN=Short"/)
  })

  it('that is taken out of the document has vouched for nobody, whatever was found before', async () => {
    await believe('spiffe-x509-svid', 'subject', { prod: [root, other] })
    const leaf = await svidOf(other, clock.seconds(), 'spiffe://prod.example/api')
    for (const _ of [1, 2]) expect((await show('subject', leaf.chain())).status).toBe(200)
    await believe('spiffe-x509-svid', 'subject', { prod: [root] })
    await refused(leaf.chain(), 'certificate_refused', /^subject token: untrusted: /)
  })
})

describe('a document', () => {
  const now = clock.seconds()
  it.each([
    ['too_long_lived', { maxLifetime: '1h' }, { notBefore: now - 1, notAfter: now + 3600 }],
    ['too_old', { maxAge: '10m' }, { notBefore: now - 3000, notAfter: now + 7200 }],
  ] as const)('can demand shorter lives: %s', async (reason, more, dates) => {
    for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
      await believe(kind, 'subject', { prod: [root] }, more)
      const leaf = await svidOf(root, now, 'spiffe://prod.example/api', dates)
      await expectRefusal(server, await show('subject', leaf.chain()), { ...POSITIONS.subject, reason })
    }
  })
})
