import type { Json, JsonObject } from '../../lib/json.ts'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { Refusal } from '../../refusal.ts'
import { readDetails } from '../../targets/authorization-details.ts'
import type { CredentialKind, OwnToken } from '../contract.ts'
import { readToken, requiredText } from '../jwt-checks.ts'
import { locateOwn, type OwnSettings, ownFacts, ownSettings, ownTokenOf, verifyOwn } from '../own-token.ts'

export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const TYPES: ReadonlySet<string> = new Set(['at+jwt', 'jwt'])

/**
 * An access token of ours that comes back (TE-30, TE-70): its audience is a resource server and not us, so who may bring
 * it is the decision's, which knows the client. The built-in issuer `self` has these, and no document can.
 */
export const ownAccessToken: CredentialKind<OwnSettings, UnverifiedJws> = {
  name: 'access-token',
  summary: 'An access token that this server issued itself, brought back by a client it was issued to or meant for.',
  format: 'jwt',
  tokenTypes: [ACCESS_TOKEN_TYPE],
  settings: ownSettings,
  header: ({ algorithms }) => ({ algorithms, typ: TYPES }),
  builtIn: true,

  authority: ({ issuer }) => issuer,
  read: readToken,
  locate: locateOwn,

  async verify(token, issuer, tools) {
    const { header, claims } = token
    const expiresAt = await verifyOwn(token, issuer, TYPES, tools)
    return ownFacts(header, claims, expiresAt, accessTokenOf(claims))
  },
}

/** What an access token of ours says of the exchange that made it, however it came by its claims. One without a client is none (RFC 9068 §2.2). */
export const accessTokenOf = (claims: JsonObject): OwnToken => ({
  ...ownTokenOf(claims, () => requiredText(claims, 'client_id')),
  ...detailsOf(claims['authorization_details']),
})

/** What it holds beyond scopes, which no token made of it may exceed (RA-05). */
function detailsOf(claim: Json | undefined): Pick<OwnToken, 'authorizationDetails'> {
  if (claim === undefined) return NONE
  const authorizationDetails = readDetails(claim)
  if (typeof authorizationDetails === 'string')
    throw new Refusal('claim_malformed', `authorization_details: ${authorizationDetails}`)
  return { authorizationDetails }
}

const NONE = Object.freeze({})
