import { z } from 'zod'
import { Refusal } from '../../refusal.ts'
import type { CredentialKind } from '../contract.ts'
import {
  checkSigned,
  EVIDENCE_MAX_AGE,
  enrolledKey,
  factsOfEvidence,
  readSignedDocument,
  type SignedDocument,
  textOf,
} from '../instance-evidence.ts'
import { signerKey } from '../x509-checks.ts'

const settings = z.strictObject({})

/** No type is registered, and none of another vendor: the name is ours. */
export const EC2_DOCUMENT_TYPE = 'urn:cambist:token-type:ec2-instance-identity'

const ACCOUNT = /^\d{12}$/
const INSTANCE = /^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

/**
 * An EC2 instance identity document, as `rsa2048` of the metadata service has it (platform-tokens.md §6.2): signed by a
 * certificate of its region, which stands in the document as a root and is the look-up key, since nothing else in it
 * names who speaks. `signature` (1024 bits) and `pkcs7` (DSA with SHA-1) are not taken.
 */
export const ec2InstanceIdentity: CredentialKind<z.output<typeof settings>, SignedDocument> = {
  name: 'ec2-instance-identity',
  summary: 'An EC2 instance identity document, which enrols a key once for each instance.',
  format: 'cms',
  tokenTypes: [EC2_DOCUMENT_TYPE],
  settings,
  audience: 'none',
  without: ['onlineCheck', 'act'],
  sharedIssuer: true,
  variables: ['assertion'],
  subject: 'assertion.instanceId',
  maxAge: EVIDENCE_MAX_AGE,
  sources: ['roots'],

  authority: () => '',
  lookUp: (keys) => (keys.from === 'certificates' ? keys.anchors.certificates.map(signerKey) : []),
  read: readSignedDocument,

  locate: ({ signer }) =>
    signer === undefined
      ? { unlocated: 'token_malformed', detail: 'the document does not name the certificate of its signer' }
      : { authorities: [signerKey(signer)], audiences: [] },

  async verify(document, issuer, { now, keys, possession }) {
    enrolledKey(possession)
    const { certificates } = await keys.anchors(issuer)
    const der = checkSigned(
      document,
      certificates.map((one) => one.der),
    )
    const signer = certificates.find((one) => one.der.equals(der))
    if (signer === undefined || signer.notBefore - issuer.clockSkew > now || signer.notAfter + issuer.clockSkew <= now)
      throw new Refusal('certificate_refused', 'the certificate of the region is not valid now')
    const { claims } = document
    textOf(claims, 'accountId', ACCOUNT)
    const id = textOf(claims, 'instanceId', INSTANCE)
    const from = Date.parse(textOf(claims, 'pendingTime', TIME)) / 1000
    if (Number.isNaN(from)) throw new Refusal('claim_malformed', 'pendingTime is no time')
    return factsOfEvidence(claims, issuer, { id, from, until: Number.POSITIVE_INFINITY, now })
  },
}
