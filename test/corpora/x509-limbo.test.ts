import { afterAll, describe, expect, it } from 'vitest'
import { certificatesInPem, readCertificate } from '../../src/lib/x509/certificate.ts'
import { CertificateFault, type CertificateFaultCode } from '../../src/lib/x509/contract.ts'
import { validatePath } from '../../src/lib/x509/path.ts'
import { svidOf } from '../../src/trust/svid-profile.ts'
import { baseDocuments, document, startCambist, TestClock } from '../harness/cambist.ts'
import { asSubject, BEHIND_PROXY, behindProxy } from '../harness/certificates.ts'
import { corpus } from '../harness/corpora.ts'
import { type LimboRow, limboRows } from '../harness/limbo.ts'
import { expectWire } from '../harness/refusal.ts'

const rows = limboRows(corpus('x509-limbo'))
/** Where a row names no time: while all that it does not mean to be expired is valid. */
const NOW = Date.parse('2026-01-01T00:00:00Z') / 1000
const SVID = 'spiffe://limbo.test/workload/a'

const read = (pem: string) => {
  const [certificate] = certificatesInPem(pem).map(readCertificate)
  if (certificate === undefined) throw new Error('no certificate')
  return certificate
}

/** What a trust domain with the row's roots says of its leaf. Anything thrown that is no fault of a certificate is thrown on. */
function judge({ leaf, intermediates, roots, time = NOW }: LimboRow): CertificateFaultCode | 'accepted' {
  try {
    const anchors = roots.map(read)
    validatePath(read(leaf), intermediates.map(read), { anchors, intermediates: [], now: time, purpose: 'clientAuth' })
    return svidOf(read(leaf)).uri === SVID ? 'accepted' : 'names'
  } catch (error) {
    if (error instanceof CertificateFault) return error.code
    throw error
  }
}

const of = (...verdicts: readonly LimboRow['verdict'][]) => rows.filter(({ verdict }) => verdicts.includes(verdict))
const wrongly = (judged: readonly LimboRow[], right: (verdict: string) => boolean) =>
  judged.map((row) => [row.id, judge(row)] as const).filter(([, verdict]) => !right(verdict))

describe.skipIf(rows.length === 0)('x509-limbo', () => {
  it('is all here', () => {
    expect(
      Map.groupBy(rows, ({ verdict }) => verdict)
        .entries()
        .map(([verdict, { length }]) => [verdict, length])
        .toArray()
        .toSorted(),
    ).toEqual([
      ['must_accept', 16],
      ['must_reject', 29],
      ['must_reject_spiffe', 105],
      ['report_only', 29],
      ['should_reject', 15],
    ])
  })

  it('accepts every leaf that must be accepted', () => {
    expect(wrongly(of('must_accept'), (verdict) => verdict === 'accepted')).toEqual([])
  })

  it('refuses every chain that is broken, and every leaf that is no X.509-SVID', () => {
    expect(wrongly(of('must_reject', 'must_reject_spiffe'), (verdict) => verdict !== 'accepted')).toEqual([])
  })

  it('refuses the broken chains for what is wrong with them', () => {
    const codes = Map.groupBy(of('must_reject'), judge)
    expect(Object.fromEntries(codes.entries().map(([code, { length }]) => [code, length]))).toEqual({
      ...{ malformed: 4, untrusted: 11, path_too_long: 6, unknown_critical: 5, extended_key_usage: 2, not_a_ca: 1 },
    })
  })

  it('has an answer to the rows whose verdict is a matter of taste', () => {
    const accepted = of('should_reject').filter((row) => judge(row) === 'accepted')
    // Key identifiers that are missing, a root whose extensions are not critical, and odd but sound RSA keys.
    expect(accepted.map(({ id }) => id)).toEqual([
      'rfc5280::aki::leaf-missing-aki',
      'rfc5280::aki::intermediate-missing-aki',
      'rfc5280::ski::root-missing-ski',
      'rfc5280::ski::intermediate-missing-ski',
      'rfc5280::root-non-critical-basic-constraints',
      'webpki::aki::root-with-aki-missing-keyidentifier',
      'webpki::forbidden-rsa-not-divisible-by-8-in-root',
    ])
    const reported = of('report_only').filter(({ crls }) => !crls)
    const codes = Map.groupBy(reported, judge).entries()
    console.log(
      `x509-limbo: ${rows.filter(({ crls }) => crls).length} rows are about revocation lists, which are not read: not run as such.`,
      `To report only: ${codes
        .map(([code, { length }]) => `${length} ${code}`)
        .toArray()
        .join(', ')}.`,
    )
  })

  it('answers each row within a second', () => {
    const slow = rows.filter((row) => {
      const began = performance.now()
      judge(row)
      return performance.now() - began > 1000
    })
    expect(slow.map(({ id }) => id)).toEqual([])
  })
})

/** In its last second a certificate is good, and a token that lives no longer is none. */
const TAKEN: ReadonlySet<string> = new Set(['granted', 'no_lifetime_left'])
/** Of a chain that is longer than any header may hold, of a root that no document may have, and of all others. */
const REFUSED = [
  'certificate_header',
  'document_refused',
  'certificate_refused',
  'issuer_unknown',
  'token_malformed',
  'expired',
  'not_yet_valid',
]

const derOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----.*?-----|\s/g, ''), 'base64')

describe.skipIf(rows.length === 0)('x509-limbo over HTTP', async () => {
  const server = await startCambist({ env: BEHIND_PROXY, clock: new TestClock(0) })
  const { clock, cluster } = server
  const outcomes = new Map<LimboRow['verdict'], Record<string, number>>()
  afterAll(() => console.log('x509-limbo over HTTP:', Object.fromEntries(outcomes)))

  /** What becomes of the row: `granted`, the reason of the refusal, or that its document was refused. */
  async function outcomeOf({ leaf, intermediates, roots, time = NOW }: LimboRow): Promise<string> {
    // Never back, and a moment on for each: refusals of strangers are recorded at a rate.
    clock.advance(Math.max(time - clock.now() / 1000, 0.2))
    const keys = { roots: roots.join('\n') }
    try {
      await server.apply(
        ...baseDocuments(cluster),
        document('TrustedIssuer', 'limbo', {
          ...{ credential: 'spiffe-x509-svid', trustDomain: 'limbo.test', uses: ['subject'] },
          ...{ maxLifetime: '999999d', keys },
        }),
        document('Client', 'limbo', { workloads: [{ issuer: 'limbo', ids: [SVID] }] }),
        document('Policy', 'limbo', { clients: ['limbo'], targets: ['orders'], scopes: ['orders:read'] }),
      )
    } catch (error) {
      expect(String(error)).toMatch(/apply answered 400: .*spec\.keys\.roots/)
      return 'document_refused'
    }
    const answer = await behindProxy(server, [leaf, ...intermediates].map(derOf), asSubject())
    const record = await server.record(answer.id)
    if (answer.status === 200) {
      expect(record).toMatchObject({ outcome: 'granted', subject: { id: SVID } })
      return 'granted'
    }
    expectWire(answer, { status: 400, error: 'invalid_request' })
    expect(record).toMatchObject({ outcome: 'refused', detail: expect.stringMatching(/./), tokenHash: '' })
    return String(record['reason'])
  }

  it.each(rows.toSorted((one, other) => (one.time ?? NOW) - (other.time ?? NOW)))('$verdict $id', async (row) => {
    const began = performance.now()
    const outcome = await outcomeOf(row)
    if (row.id.startsWith('pathological')) expect(performance.now() - began).toBeLessThan(1000)
    const counted = outcomes.get(row.verdict) ?? {}
    counted[outcome] = (counted[outcome] ?? 0) + 1
    outcomes.set(row.verdict, counted)
    if (row.verdict === 'must_accept') expect(outcome).toBe('granted')
    if (row.verdict.startsWith('must_reject')) expect(outcome).not.toBe('granted')
    // The door says what the library says, whatever the verdict, and counts whole seconds.
    else expect(TAKEN.has(outcome)).toBe(judge({ ...row, time: Math.floor(row.time ?? NOW) }) === 'accepted')
    expect([...TAKEN, ...REFUSED]).toContain(outcome)
  })
})
