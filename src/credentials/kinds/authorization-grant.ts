import { z } from 'zod'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { type CredentialKind, JWT_BEARER_GRANT } from '../contract.ts'
import { GRANT_LIFETIME, verifyGrant } from '../grant-checks.ts'
import { audiencesOf, checkedTokenId, normalType, readToken, requiredText } from '../jwt-checks.ts'
import { NO_GRANT, OUR_GRANT_TYPE, TXN_CHAIN_TYPE } from '../jwt-types.ts'
import { headerTypes, type JwtSettings, signedByIssuer } from './jwt.ts'

const settings = z.strictObject({
  ...signedByIssuer,
  typ: headerTypes([OUR_GRANT_TYPE], NO_GRANT, 'a proof or of another token, which is never a peer’s grant'),
})

/**
 * A JWT authorization grant of the authorization server of another domain (IC-20 to IC-25), one that began with a
 * transaction there included (TC-07): for whom its client may have a token here.
 */
export const authorizationGrant: CredentialKind<JwtSettings, UnverifiedJws> = {
  name: 'authorization-grant',
  summary: 'A JWT authorization grant that the authorization server of another domain makes for this one.',
  format: 'jwt',
  tokenTypes: [],
  assertionTypes: [JWT_BEARER_GRANT],
  grant: true,
  settings,
  header: ({ algorithms, typ }) => ({ algorithms, typ }),
  // What other audiences could bring here, they would (IC-05).
  without: ['multipleAudiences'],
  maxAge: Number.POSITIVE_INFINITY,
  maxLifetime: GRANT_LIFETIME,
  singleUse: true,

  authority: ({ issuer }) => issuer,
  read: readToken,
  locate: ({ claims }) => ({ authorities: [requiredText(claims, 'iss')], audiences: audiencesOf(claims) }),

  async verify(token, issuer, tools) {
    const { typ } = issuer.settings
    const facts = await verifyGrant(token, issuer, { typ, audiences: tools.accepted.audiences }, tools)
    if (normalType(String(token.header['typ'] ?? '')) !== TXN_CHAIN_TYPE) return facts
    checkedTokenId(token.claims)
    return { ...facts, takenOnce: true }
  },
}
