import { z } from 'zod'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { Refusal } from '../../refusal.ts'
import { type CredentialKind, JWT_BEARER_GRANT } from '../contract.ts'
import { GRANT_LIFETIME, verifyGrant } from '../grant-checks.ts'
import { audiencesOf, checkedTokenId, readToken, requiredText } from '../jwt-checks.ts'
import { ID_JAG_TYPE } from '../jwt-types.ts'
import { signedByIssuer } from './jwt.ts'

const settings = z.strictObject(signedByIssuer)

type IdJagSettings = z.output<typeof settings>

const TYPES: ReadonlySet<string> = new Set([ID_JAG_TYPE])

/**
 * An identity assertion authorization grant (IJ-30 to IJ-38): an identity provider says of its user, and of the client
 * that he uses, that the client may have a token here. Presented again until it ends (IJ-35), by that client alone.
 */
export const idJag: CredentialKind<IdJagSettings, UnverifiedJws> = {
  name: 'id-jag',
  summary: 'An ID-JAG: the grant of an identity provider for one of its users at this server.',
  format: 'jwt',
  tokenTypes: [],
  assertionTypes: [JWT_BEARER_GRANT],
  grantProfile: 'urn:ietf:params:oauth:grant-profile:id-jag',
  settings,
  header: ({ algorithms }) => ({ algorithms, typ: TYPES }),
  without: ['multipleAudiences'],
  maxAge: GRANT_LIFETIME,
  maxLifetime: GRANT_LIFETIME,
  // A subject is one within its tenant (IJ-04), and two tenants may have one name for two people.
  subject: "has(assertion.tenant) ? assertion.tenant + '/' + assertion.sub : assertion.sub",

  authority: ({ issuer }) => issuer,
  read: readToken,
  locate: ({ claims }) => ({ authorities: [requiredText(claims, 'iss')], audiences: audiencesOf(claims) }),

  async verify(token, issuer, tools) {
    const { claims } = token
    // Our issuer identifier, whatever else the document's `audiences` may list (IJ-31).
    const audiences = tools.accepted.audiences.filter((audience) => audience === tools.ourIssuer)
    const facts = await verifyGrant(token, issuer, { typ: TYPES, audiences }, tools)
    if (Array.isArray(claims['aud']) && claims['aud'].length !== 1)
      throw new Refusal('audience_several', 'aud is a list of more than one member')
    requiredText(claims, 'client_id')
    checkedTokenId(claims)
    if (claims['iat'] === undefined) throw new Refusal('claim_missing', 'iat is missing')
    if (claims['tenant'] !== undefined && issuer.tenant === undefined)
      throw new Refusal(
        'tenant_refused',
        `it names a tenant, and trusted issuer ${issuer.name} says in tenant and tenants of none that it is ours`,
      )
    return facts
  },
}
