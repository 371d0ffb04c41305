import { requiredText } from '../jwt-checks.ts'
import { type OwnTokenKind, ownTokenKind } from '../own-token.ts'

export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'

/** An access token of ours that comes back (TE-30, TE-70). One without a client is none (RFC 9068 §2.2). */
export const ownAccessToken: OwnTokenKind = ownTokenKind({
  name: 'access-token',
  summary: 'An access token that this server issued itself, brought back by a client it was issued to or meant for.',
  tokenType: ACCESS_TOKEN_TYPE,
  typ: new Set(['at+jwt', 'jwt']),
  clientOf: (claims) => requiredText(claims, 'client_id'),
})
