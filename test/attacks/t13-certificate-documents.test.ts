import { describe, expect, it } from 'vitest'
import { certificateFacts } from '../../src/credentials/certificate-facts.ts'
import type { VerifiedFacts } from '../../src/credentials/contract.ts'
import { spiffeX509Svid, x509 } from '../../src/credentials/kinds/index.ts'
import { readChain } from '../../src/credentials/presented-certificate.ts'
import { readCertificate } from '../../src/lib/x509/certificate.ts'
import { compileTrustedIssuer } from '../../src/trust/trusted-issuer.ts'
import { createRoot, VALID_FROM } from '../harness/pki.ts'
import { verifyTools } from '../harness/verify-tools.ts'

const root = await createRoot()
const context = { kinds: [x509, spiffeX509Svid], ourIssuer: 'https://cambist.example' }

it('T13: no name in a certificate reads as two in certificate.dn', async () => {
  const one = await root.leaf({ subject: 'CN=x\\,OU\\=admin' })
  const two = await root.leaf({ subject: 'CN=x,OU=admin' })
  const [dn, other] = [one, two].map(({ der }) => certificateFacts(readCertificate(der))['dn'])
  expect([dn, other]).toEqual(['CN=x\\,OU\\=admin', 'CN=x,OU=admin'])
})

describe('T13: maxAge of a document', () => {
  it.each([
    ['x509', {}],
    ['spiffe-x509-svid', { trustDomain: 'prod.example' }],
  ] as const)('holds for the certificates of %s', async (credential, settings) => {
    const leaf = await root.leaf({ subject: 'CN=x', uris: ['spiffe://prod.example/x'], notBefore: VALID_FROM })
    const kind = context.kinds.find(({ name }) => name === credential)
    const verified = async (maxAge: string | undefined, age: number): Promise<VerifiedFacts> => {
      const spec = { credential, keys: { roots: root.pem }, maxLifetime: '87600h', ...settings }
      const issuer = compileTrustedIssuer('ca', maxAge === undefined ? spec : { ...spec, maxAge }, context)
      const tools = verifyTools({
        now: VALID_FROM + age,
        keys: [],
        carried: { certificate: leaf.chain() },
        anchors: () => ({ certificates: [readCertificate(root.der)], intermediates: [] }),
      })
      const chain = readChain(JSON.stringify([leaf.der.toString('base64')]))
      if (kind === undefined) throw new Error('no such kind')
      return await kind.verify(chain, issuer as never, tools)
    }
    await expect(verified(undefined, 86_400 * 365)).resolves.toMatchObject({ keyProven: true })
    await expect(verified('1h', 3630)).resolves.toMatchObject({ keyProven: true })
    await expect(verified('1h', 3631)).rejects.toMatchObject({ reason: 'too_old' })
  })
})
