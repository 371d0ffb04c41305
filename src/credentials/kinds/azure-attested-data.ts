import { z } from 'zod'
import type { JsonObject } from '../../lib/json.ts'
import { isJsonObject } from '../../lib/json.ts'
import { readCertificate } from '../../lib/x509/certificate.ts'
import { Refusal } from '../../refusal.ts'
import type { CredentialKind } from '../contract.ts'
import {
  checkSigned,
  EVIDENCE_MAX_AGE,
  enrolledKey,
  factsOfEvidence,
  nonceFor,
  readSignedDocument,
  type SignedDocument,
  textOf,
} from '../instance-evidence.ts'
import { shown } from '../jwt-checks.ts'
import { checkPath, faultsAsRefusals, issuerKey, subjectKey } from '../x509-checks.ts'

const settings = z.strictObject({
  /** DNS names of the metadata services that may have signed, and of all below them: regions have names of their own. */
  signers: z
    .array(z.string('is a DNS name').regex(/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/, 'is a DNS name in lower case'), 'is a list')
    .min(1, 'is empty, so nobody could have signed')
    .max(16, 'has more than 16 members')
    .default(['metadata.azure.com'])
    .describe('DNS names of the metadata services that may have signed, and of all below them'),
})

/** No type is registered, and none of another vendor: the name is ours. */
export const AZURE_DOCUMENT_TYPE = 'urn:cambist:token-type:azure-attested-data'

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Attested data of Azure's metadata service (platform-tokens.md §8): the member `signature` of its answer, signed by the
 * TLS certificate of that service, whose path ends at a root of the document. Its nonce binds it to us and to the key.
 */
export const azureAttestedData: CredentialKind<z.output<typeof settings>, SignedDocument> = {
  name: 'azure-attested-data',
  summary:
    'Attested data of an Azure virtual machine with a nonce made of the key that it enrols, once for each machine.',
  format: 'cms',
  tokenTypes: [AZURE_DOCUMENT_TYPE],
  settings,
  audience: 'none',
  dear: true,
  without: ['onlineCheck', 'act'],
  sharedIssuer: true,
  variables: ['assertion'],
  subject: 'assertion.vmId.lowerAscii()',
  maxAge: EVIDENCE_MAX_AGE,
  sources: ['roots'],

  authority: () => '',
  lookUp: (keys) =>
    keys.from === 'certificates'
      ? [...new Set([...keys.anchors.certificates, ...keys.anchors.intermediates].map(subjectKey))]
      : [],
  read: readSignedDocument,

  locate({ certificates }) {
    try {
      const authorities = faultsAsRefusals(() => certificates.map((der) => issuerKey(readCertificate(der))))
      return { authorities, audiences: [] }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { unlocated: error.reason, detail: error.detail }
    }
  },

  async verify(document, issuer, { now, keys, possession, ourIssuer }) {
    const key = enrolledKey(possession)
    const der = checkSigned(document)
    const leaf = faultsAsRefusals(() => readCertificate(der))
    const others = faultsAsRefusals(() => document.certificates.map(readCertificate))
    checkPath({ leaf, others }, await keys.anchors(issuer), now, 'serverAuth')
    const { signers } = issuer.settings
    if (!leaf.names.dns.some((name) => signers.some((one) => `.${name.toLowerCase()}`.endsWith(`.${one}`))))
      throw new Refusal(
        'certificate_refused',
        `the signer's certificate is of ${leaf.names.dns.slice(0, 4).map(shown).join(', ') || 'no DNS name'}, not of ${signers.join(' or ')}`,
      )
    const { claims } = document
    textOf(claims, 'subscriptionId', UUID)
    const id = textOf(claims, 'vmId', UUID).toLowerCase()
    if (claims['nonce'] !== nonceFor(ourIssuer, key))
      throw new Refusal(
        'confirmation_unproven',
        `nonce ${shown(claims['nonce'])} is not the one for this server and the key that the request proves`,
      )
    const times = claims['timeStamp']
    if (!isJsonObject(times)) throw new Refusal('claim_missing', 'timeStamp is missing, or no object')
    return factsOfEvidence(claims, issuer, {
      id,
      from: dateOf(times, 'createdOn'),
      until: dateOf(times, 'expiresOn'),
      now,
    })
  },
}

const DATE = /^(\d\d)\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) [+-]0000$/

/** `11/28/18 00:16:17 -0000`: month, day, and a year of this century. Seconds since the epoch. */
function dateOf(times: JsonObject, name: string): number {
  const [, month, day, year, time] = DATE.exec(textOf(times, name, DATE)) ?? []
  const seconds = Date.parse(`20${year}-${month}-${day}T${time}Z`) / 1000
  if (Number.isNaN(seconds)) throw new Refusal('claim_malformed', `${name} is no time`)
  return seconds
}
