import { beforeAll, describe, expect, it } from 'vitest'
import { readCertificate } from '../../../src/lib/x509/certificate.ts'
import { svidOf } from '../../../src/trust/svid-profile.ts'
import { type Authority, createRoot, extension, type IssueOptions, keyPair, OID } from '../../harness/pki.ts'

const keys = keyPair()
let root: Authority
beforeAll(async () => {
  root = await createRoot()
})

const svid = async (options: IssueOptions = {}) => {
  const issued = await root.leaf({ keys, subject: '', uris: ['spiffe://prod.example/api'], ...options })
  return () => svidOf(readCertificate(issued.der))
}

describe('an X.509-SVID', () => {
  it('names one workload', async () => {
    expect((await svid())()).toMatchObject({
      ...{ uri: 'spiffe://prod.example/api', trustDomain: 'prod.example', path: '/api' },
    })
  })

  it.each<[string, IssueOptions]>([
    ['a subject and a subjectAltName that is not critical, as SPIRE makes them (S-28)', { subject: 'C=US,O=SPIRE' }],
    [
      'further names of other kinds (S-21)',
      { dns: ['a.example', 'b.example'], ips: ['10.0.0.1'], emails: ['a@b.example'] },
    ],
    ['keyEncipherment and keyAgreement (S-26)', { keyUsage: ['digitalSignature', 'keyEncipherment', 'keyAgreement'] }],
    ['a keyUsage that is not critical', { keyUsage: false, extensions: [extension('2.5.29.15', '03020780')] }],
    ['no extKeyUsage (S-27)', { extendedKeyUsage: false }],
    ['an extKeyUsage with clientAuth alone', { extendedKeyUsage: [OID.clientAuth] }],
    ['basicConstraints that say it is no authority', { extensions: [extension('2.5.29.19', '3000', true)] }],
  ])('may have %s', async (_, options) => {
    expect((await svid(options))().path).toBe('/api')
  })

  it.each<[string, string, IssueOptions, RegExp]>([
    ['no URI (S-21)', 'names', { uris: [], dns: ['a.example'] }, /has 0 /],
    ['two URIs (S-21)', 'names', { uris: ['spiffe://prod.example/a', 'spiffe://prod.example/b'] }, /has 2 /],
    ['one URI twice (S-21)', 'names', { uris: ['spiffe://prod.example/a', 'spiffe://prod.example/a'] }, /has 2 /],
    ['a URI of another kind beside it (S-21)', 'names', { uris: ['spiffe://prod.example/a', 'urn:a'] }, /has 2 /],
    ['a URI of another scheme (S-22)', 'names', { uris: ['https://prod.example/a'] }, /not a SPIFFE ID/],
    ['a WIMSE identifier (S-22)', 'names', { uris: ['wimse://prod.example/a'] }, /not a SPIFFE ID/],
    ['a trust domain alone (S-22)', 'names', { uris: ['spiffe://prod.example'] }, /no workload/],
    ['a slash at the end (S-4)', 'names', { uris: ['spiffe://prod.example/'] }, /not a SPIFFE ID/],
    ['upper case (S-6)', 'names', { uris: ['spiffe://Prod.example/a'] }, /not a SPIFFE ID/],
    ['a step back (S-4)', 'names', { uris: ['spiffe://prod.example/a/../b'] }, /not a SPIFFE ID/],
    ['no keyUsage (S-26)', 'key_usage', { keyUsage: false }, /digitalSignature/],
    ['no digitalSignature (SC-21)', 'key_usage', { keyUsage: ['keyEncipherment'] }, /digitalSignature/],
    ['keyCertSign (S-24)', 'key_usage', { keyUsage: ['digitalSignature', 'keyCertSign'] }, /keyCertSign/],
    ['cRLSign (S-24)', 'key_usage', { keyUsage: ['digitalSignature', 'cRLSign'] }, /cRLSign/],
    [
      'an extKeyUsage for servers alone (S-27)',
      'extended_key_usage',
      { extendedKeyUsage: [OID.serverAuth] },
      /clientAuth/,
    ],
    ['any purpose in the place of one', 'extended_key_usage', { extendedKeyUsage: [OID.any] }, /clientAuth/],
    ['an authority (S-23)', 'is_a_ca', { extensions: [extension('2.5.29.19', '30030101ff', true)] }, /authority/],
  ])('is none with %s: %s', async (_, code, options, message) => {
    expect(await svid(options)).toThrow(expect.objectContaining({ name: 'CertificateFault', code }))
    expect(await svid(options)).toThrow(message)
  })
})
