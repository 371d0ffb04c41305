import { z } from 'zod'
import { ACCESS_TOKEN_TYPE } from '../../lib/token-types.ts'
import { actOf } from '../act.ts'
import {
  actClaim,
  authorizationDetailsClaim,
  COMMON_CLAIMS,
  confirmationClaim,
  LINEAGE_CLAIMS,
  scopeClaim,
} from '../claims.ts'
import type { Mintable, TokenKind } from '../contract.ts'

const settings = z.strictObject({
  /** `JWT` is for relying parties that refuse `at+jwt`; lint says what it gives up (AT-01, JB-07). */
  typ: z.enum(['at+jwt', 'JWT']).default('at+jwt').describe('Its header type; at+jwt where nothing is said'),
})

/** RFC 9068 §2.2 (AT-02, AT-11). */
const claims = z.looseObject({
  ...COMMON_CLAIMS,
  client_id: z.string().min(1).describe('The client that asked for it'),
  scope: scopeClaim.optional(),
  authorization_details: authorizationDetailsClaim.optional(),
  act: actClaim.optional(),
  cnf: confirmationClaim.optional(),
  ...LINEAGE_CLAIMS,
})

/** A JWT access token by RFC 9068 (AT-01 to AT-12), with `act` by RFC 8693 §4.1. */
export const accessToken: TokenKind<z.output<typeof settings>> = {
  name: 'access-token',
  summary: 'A short-lived JWT access token (RFC 9068) that any JOSE library validates from /jwks.',
  format: 'jwt',
  tokenType: ACCESS_TOKEN_TYPE,
  usage: 'Bearer',
  settings,
  ownClaims: ['client_id', 'scope', 'authorization_details', 'act', 'cnf', 'auth_time', 'acr', 'amr'],
  claims,

  write: (mintable, { typ }) => ({ header: { typ }, claims: accessTokenClaims(mintable) }),
}

/** What an access token says, whether it is signed or a reference stands for it. */
export function accessTokenClaims({
  issuer,
  permission,
  audience,
  issuedAt,
  expiresAt,
  id,
  lineage,
  path,
  confirmation,
  claims: mapped,
}: Mintable): Record<string, unknown> {
  const token: Record<string, unknown> = {
    ...mapped,
    iss: issuer,
    sub: permission.subject,
    aud: audience,
    client_id: permission.client,
    iat: issuedAt,
    exp: expiresAt,
    jti: id,
    cambist_lineage: lineage,
    cambist_path: path,
  }
  if (permission.scopes.length > 0) token['scope'] = permission.scopes.join(' ')
  if (permission.authorizationDetails.length > 0) token['authorization_details'] = permission.authorizationDetails
  if (confirmation !== undefined) token['cnf'] = confirmation
  const act = actOf(permission.actors)
  if (act !== undefined) token['act'] = act
  return token
}
