import { parseSpiffeId, type WorkloadId } from '../identity/spiffe-id.ts'
import { type Certificate, CertificateFault } from '../lib/x509/contract.ts'

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/**
 * The workload that a leaf names, if it is an X.509-SVID (X509-SVID §5.2, S-21 to S-26, SC-21). That somebody trustworthy
 * has issued it is lib/x509's to find out, with the anchors of this trust domain and no other (S-20). Throws
 * CertificateFault `names`, `is_a_ca`, `key_usage` or `extended_key_usage`.
 */
export function svidOf(leaf: Certificate): WorkloadId {
  if (leaf.isCa)
    throw new CertificateFault('is_a_ca', 'the certificate is an authority, and an X.509-SVID is none (S-23)')
  checkUsage(leaf)
  const [uri, ...more] = leaf.names.uris
  if (uri === undefined || more.length > 0)
    throw new CertificateFault(
      'names',
      `an X.509-SVID has one URI among its names, this has ${leaf.names.uris.length} (S-21)`,
    )
  const id = parseSpiffeId(uri)
  if (id === undefined)
    throw new CertificateFault('names', `${JSON.stringify(uri.slice(0, 120))} is not a SPIFFE ID (S-22)`)
  if (id.path === '')
    throw new CertificateFault('names', `${JSON.stringify(id.uri)} names a trust domain and no workload of it (S-22)`)
  return id
}

function checkUsage({ keyUsage, extendedKeyUsage }: Certificate): void {
  // That issuers mark keyUsage critical (S-26) is for readers who do not know the extension. Here it is read either way.
  if (keyUsage?.has('digitalSignature') !== true)
    throw new CertificateFault('key_usage', 'an X.509-SVID has a keyUsage with digitalSignature (S-26)')
  for (const usage of ['keyCertSign', 'cRLSign']) {
    if (keyUsage.has(usage))
      throw new CertificateFault('key_usage', `an X.509-SVID has a keyUsage without ${usage} (S-24)`)
  }
  // Issuers have to set serverAuth as well (S-27). A workload that presents the certificate is a client, and an issuer that
  // allows it nothing else has allowed less; so serverAuth is not asked for, and clientAuth is.
  if (extendedKeyUsage?.includes(CLIENT_AUTH) === false)
    throw new CertificateFault('extended_key_usage', 'the extKeyUsage of the X.509-SVID has no clientAuth (S-27)')
}
