import { z } from 'zod'
import { parseSpiffeId } from '../../identity/spiffe-id.ts'
import { MTLS_TYPE } from '../../lib/token-types.ts'
import { svidOf } from '../../trust/svid-profile.ts'
import { CARRIED_TYPE, type CredentialKind } from '../contract.ts'
import { type PresentedChain, readChain } from '../presented-certificate.ts'
import { checkChain, factsOfCertificate, faultsAsRefusals } from '../x509-checks.ts'
import { trustDomain } from './spiffe-jwt-svid.ts'

const settings = z.strictObject({ trustDomain })

/** An X.509-SVID (S-20 to S-24, SC-20 to SC-23): its key proven by TLS, its path valid to the bundle of its own trust domain. */
export const spiffeX509Svid: CredentialKind<z.output<typeof settings>, PresentedChain> = {
  name: 'spiffe-x509-svid',
  summary: 'A SPIFFE X.509-SVID, proven by TLS with us or with a trusted proxy.',
  format: 'x509',
  tokenTypes: [MTLS_TYPE],
  clientTypes: new Map([[CARRIED_TYPE.certificate, 'spiffe_x509']]),
  settings,
  audience: 'none',
  without: ['onlineCheck', 'act'],
  variables: ['certificate'],
  subject: 'certificate.uris[0]',
  maxAge: Number.POSITIVE_INFINITY,
  keyUse: 'x509-svid',
  sources: ['bundle', 'roots'],

  authority: (said) => `spiffe://${said.trustDomain}`,
  read: readChain,

  locate({ leaf }) {
    const origins = leaf.names.uris.flatMap((uri) => parseSpiffeId(uri)?.origin ?? [])
    // Several are refused when it is verified (S-21): by the issuer of the first, which is as good as any.
    const [origin] = origins
    return origin === undefined
      ? { unlocated: 'certificate_refused', detail: 'the certificate has no SPIFFE ID among its names' }
      : { authorities: [origin], audiences: [] }
  },

  async verify(chain, issuer, tools) {
    // The profile first: what is no SVID is refused for that, and costs no signatures.
    const id = faultsAsRefusals(() => svidOf(chain.leaf))
    const pending = checkChain(chain, issuer, tools)
    const validUntil = pending instanceof Promise ? await pending : pending
    return { ...factsOfCertificate(chain.leaf, issuer, tools, validUntil), authority: id.origin, uri: id.uri }
  },
}
