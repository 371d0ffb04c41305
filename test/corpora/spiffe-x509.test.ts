import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseSpiffeId } from '../../src/identity/spiffe-id.ts'
import { certificatesInPem, readCertificate } from '../../src/lib/x509/certificate.ts'
import { CertificateFault } from '../../src/lib/x509/contract.ts'
import { validatePath } from '../../src/lib/x509/path.ts'
import { svidOf } from '../../src/trust/svid-profile.ts'
import { baseDocuments, document, startCambist, TestClock } from '../harness/cambist.ts'
import { BEHIND_PROXY, behindProxy, everybodyOf } from '../harness/certificates.ts'
import { corpus } from '../harness/corpora.ts'
import { der } from '../harness/der.ts'
import { createRoot, extension, keyPair } from '../harness/pki.ts'
import { expectRefusal } from '../harness/refusal.ts'

const directory = corpus('spiffe')
const file = (name: string) => readFileSync(join(directory ?? '', name), 'utf8')
/** While all certificates of go-spiffe but the first were valid. */
const NOW = Date.parse('2021-01-01T00:00:00Z') / 1000

describe.skipIf(directory === undefined)('certificates of go-spiffe', () => {
  const verdict = (name: string): string => {
    try {
      const [leaf] = certificatesInPem(file(`svid_x509svid__${name}`)).map(readCertificate)
      return leaf === undefined ? 'none' : svidOf(leaf).uri
    } catch (error) {
      if (error instanceof CertificateFault) return error.code
      throw error
    }
  }

  it.each([
    ['good-leaf-only.pem', 'spiffe://example.org/workload-1'],
    ['good-leaf-and-intermediate.pem', 'spiffe://example.org/workload-1'],
    ['wrong-leaf-ca-true.pem', 'is_a_ca'],
    ['wrong-leaf-cert-sign.pem', 'key_usage'],
    ['wrong-leaf-crl-sign.pem', 'key_usage'],
    ['wrong-leaf-no-digital-signature.pem', 'key_usage'],
    ['wrong-leaf-empty-id.pem', 'names'],
    ['corrupt-cert.pem', 'malformed'],
    ['not-pem', 'malformed'],
  ])('%s: %s', (name, wanted) => {
    expect(verdict(name)).toBe(wanted)
  })

  it.each([
    ['wrong-intermediate-no-ca.pem', 'not_a_ca'],
    ['wrong-intermediate-no-key-cert-sign.pem', 'key_usage'],
  ])('%s: %s', (name, code) => {
    const [leaf, intermediate] = certificatesInPem(file(`svid_x509svid__${name}`)).map(readCertificate)
    if (leaf === undefined || intermediate === undefined) throw new Error('two certificates are wanted')
    const options = { anchors: [], intermediates: [], now: NOW, purpose: 'clientAuth' } as const
    expect(() => validatePath(leaf, [intermediate], options)).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    // Of 768 bits.
    ['cert.pem', 'weak_key'],
    ['certs.pem', 'weak_key'],
    ['corrupted.pem', 'malformed'],
    ['empty.pem', 'malformed'],
    ['not-pem.pem', 'malformed'],
  ])('a bundle of %s: %s', (name, code) => {
    expect(() => certificatesInPem(file(`bundle_x509bundle__${name}`)).map(readCertificate)).toThrow(
      expect.objectContaining({ code }),
    )
  })
})

describe.skipIf(directory === undefined)('certificates of go-spiffe in a proxy’s header', async () => {
  const server = await startCambist({ env: BEHIND_PROXY, clock: new TestClock(NOW * 1000) })
  // Their authority is not in the corpus. This has its name, so that a path is looked for.
  const root = await createRoot({ subject: 'C=US, O=SPIFFE', notBefore: NOW - 86_400 })
  await server.apply(
    ...baseDocuments(server.cluster),
    document('TrustedIssuer', 'prod', {
      ...{ credential: 'spiffe-x509-svid', trustDomain: 'example.org', uses: ['subject'], keys: { roots: root.pem } },
    }),
    ...everybodyOf('prod'),
  )

  it.each([
    ['good-leaf-only.pem', 'certificate_refused', 'untrusted: '],
    ['good-leaf-and-intermediate.pem', 'expired', 'expired: '],
    ['wrong-leaf-ca-true.pem', 'certificate_refused', 'is_a_ca: '],
    ['wrong-leaf-cert-sign.pem', 'certificate_refused', 'key_usage: '],
    ['wrong-leaf-crl-sign.pem', 'certificate_refused', 'key_usage: '],
    ['wrong-leaf-no-digital-signature.pem', 'certificate_refused', 'key_usage: '],
    ['wrong-leaf-empty-id.pem', 'issuer_unknown', ''],
    ['wrong-intermediate-no-ca.pem', 'certificate_refused', 'not_a_ca: '],
    ['wrong-intermediate-no-key-cert-sign.pem', 'certificate_refused', 'key_usage: '],
    ['corrupt-cert.pem', 'certificate_header', ''],
  ] as const)('%s: %s, %s', async (name, reason, detail) => {
    const chain = file(`svid_x509svid__${name}`)
      .split('-----END CERTIFICATE-----')
      .flatMap((pem) => /BEGIN CERTIFICATE-----([\s\S]*)$/.exec(pem)?.[1] ?? [])
      .map((base64) => Buffer.from(base64, 'base64'))
    const answer = await behindProxy(server, chain)
    const record = await expectRefusal(server, answer, { error: 'invalid_request', reason })
    expect(record['detail']).toContain(detail)
  })
})

interface Ids {
  readonly accept: readonly string[]
  readonly reject: readonly { readonly id: string; readonly why: string }[]
}

describe.skipIf(directory === undefined)('SPIFFE IDs in certificates', () => {
  it('are taken where they are IDs of a workload, and nowhere else', async () => {
    const { accept, reject } = JSON.parse(file('ids.json')) as Ids
    expect([accept.length, reject.length]).toEqual([20, 82])
    const root = await createRoot()
    const keys = keyPair()
    const taken = async (id: string): Promise<boolean> => {
      // Written here, since a library refuses letters that these must not have.
      const extensions = [extension('2.5.29.17', der(0x30, der(0x86, Buffer.from(id))), true)]
      const leaf = await root.leaf({ keys, subject: '', extensions })
      try {
        return svidOf(readCertificate(leaf.der)).uri === id
      } catch (error) {
        if (error instanceof CertificateFault && error.code === 'names') return false
        throw error
      }
    }
    const wrong: string[] = []
    for (const id of accept) if ((await taken(id)) !== (parseSpiffeId(id)?.path !== '')) wrong.push(id)
    for (const { id } of reject) if (await taken(id)) wrong.push(id)
    expect(wrong).toEqual([])
  })
})
