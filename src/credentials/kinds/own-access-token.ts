import type { JsonObject } from '../../lib/json.ts'
import { ACCESS_TOKEN_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import { readDetails } from '../../targets/authorization-details.ts'
import type { OwnToken } from '../contract.ts'
import { requiredText } from '../jwt-checks.ts'
import { type OwnClaims, type OwnTokenKind, ownTokenKind } from '../own-token.ts'

/** What an access token of ours says, whether signed or kept here. One without a client is none (RFC 9068 §2.2). */
export const accessTokenOfOurs: OwnClaims = {
  clientOf: (claims) => requiredText(claims, 'client_id'),
  besides: detailsOf,
}

/** An access token of ours that comes back (TE-30, TE-70). */
export const ownAccessToken: OwnTokenKind = ownTokenKind({
  name: 'access-token',
  summary: 'An access token that this server issued itself, brought back by a client it was issued to or meant for.',
  tokenType: ACCESS_TOKEN_TYPE,
  typ: new Set(['at+jwt', 'jwt']),
  ...accessTokenOfOurs,
})

/** What it holds beyond scopes, which no token made of it may exceed (RA-05). */
function detailsOf(claims: JsonObject): Pick<OwnToken, 'authorizationDetails'> {
  const claim = claims['authorization_details']
  if (claim === undefined) return NONE
  const authorizationDetails = readDetails(claim)
  if (typeof authorizationDetails === 'string')
    throw new Refusal('claim_malformed', `authorization_details: ${authorizationDetails}`)
  return { authorizationDetails }
}

const NONE = Object.freeze({})
