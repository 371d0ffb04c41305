import type { AnyCredentialKind } from '../../src/credentials/contract.ts'
import { spiffeX509Svid } from '../../src/credentials/kinds/spiffe-x509-svid.ts'
import { x509 } from '../../src/credentials/kinds/x509.ts'
import { certificateToken } from '../../src/credentials/presented-certificate.ts'
import { readCertificate } from '../../src/lib/x509/certificate.ts'
import { compileTrustedIssuer } from '../../src/trust/trusted-issuer.ts'
import { createRoot, type Issued } from '../harness/pki.ts'
import { verifyTools } from '../harness/verify-tools.ts'
import type { CredentialSample } from './credential-kind.ts'

const NOW = 1_800_000_000
const US = 'https://cambist.example'
const SVID = 'spiffe://prod.example/svc'

/** Samples of the kinds that are certificates: a leaf of an intermediate, whose key the connection has proven. */
export const certificateSamples: Readonly<Record<string, () => CredentialSample>> = {
  [x509.name]: () => sampleOf(x509, { maxLifetime: '1h' }, undefined),
  [spiffeX509Svid.name]: () => sampleOf(spiffeX509Svid, { trustDomain: 'prod.example' }, SVID),
}

const root = await createRoot()
const intermediate = await root.intermediate()
const life = { notBefore: NOW - 600, notAfter: NOW + 3000 }
const leaf = await intermediate.leaf({ uris: [SVID], ...life })
const another = await intermediate.leaf({ uris: [SVID], ...life })
const renewed = await intermediate.leaf({
  ...{ uris: [SVID], ...life },
  keys: { privateKey: leaf.privateKey, publicKey: leaf.publicKey },
})
/** An authority of somebody else with the names of ours. */
const forged = await (await createRoot()).intermediate()
const forgedLeaf = await forged.leaf({ uris: [SVID], ...life })

const text = (...chain: readonly Issued[]): string => certificateToken(chain.map(({ der }) => der))

function sampleOf(kind: AnyCredentialKind, settings: object, uri: string | undefined): CredentialSample {
  const spec = { credential: kind.name, keys: { roots: root.pem }, ...settings }
  const token = text(leaf, intermediate)
  const anchors = { certificates: [readCertificate(root.der)], intermediates: [] }
  return {
    token,
    issuer: compileTrustedIssuer('prod', spec, { kinds: [kind], ourIssuer: US }),
    tools: verifyTools({ now: NOW, token, keys: [], anchors: () => anchors, carried: { certificate: leaf.chain() } }),
    expected: {
      uri,
      keyProven: true,
      audiences: [],
      claims: {},
      expiresAt: NOW + 3000,
      certificate: readCertificate(leaf.der),
      useId: readCertificate(leaf.der).fingerprint,
      mayAct: undefined,
    },
    tampered: [
      ['the certificate of another, which is public', text(another, intermediate), ['confirmation_unproven']],
      ['another certificate of the same key', text(renewed, intermediate), ['confirmation_unproven']],
      ['a forged certificate of the same names', text(forgedLeaf, forged), ['confirmation_unproven']],
      ['the authority before the leaf', text(intermediate, leaf), ['confirmation_unproven', 'certificate_refused']],
      ['no authority', text(leaf), ['certificate_refused']],
      ['a forged authority', text(leaf, forged), ['certificate_refused']],
    ],
  }
}
