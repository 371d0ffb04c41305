import { z } from 'zod'
import { ID_JAG_TYPE } from '../../credentials/jwt-types.ts'
import { ID_TOKEN_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import type { Mintable, TokenKind } from '../contract.ts'
import {
  actSetting,
  checkAudienceNamed,
  GRANT_CLAIMS,
  grantClaims,
  MAX_GRANT_LIFETIME,
  OWN_GRANT_CLAIMS,
} from '../grant.ts'

const settings = z.strictObject({ act: actSetting })

/** IJ-02, IJ-03. What a user is called and how he signed in are the target's own `claims`. */
const claims = z.looseObject(GRANT_CLAIMS)

/**
 * An identity assertion authorization grant (draft-ietf-oauth-identity-assertion-authz-grant, IJ-01 to IJ-18): a client
 * brings the ID token of its user, and has a grant for him at the authorization server of another domain. For users
 * alone: a workload's grant never bears this type (IJ-40).
 */
export const idJag: TokenKind<z.output<typeof settings>> = {
  name: 'id-jag',
  summary: 'An ID-JAG: a grant for the user of an ID token at the authorization server of another domain.',
  format: 'jwt',
  tokenType: 'urn:ietf:params:oauth:token-type:id-jag',
  usage: 'N_A',
  chains: true,
  // It may be brought again until it ends (IJ-35), so that it lives as long as it may.
  lifetime: { standard: MAX_GRANT_LIFETIME, most: MAX_GRANT_LIFETIME },
  settings,
  ownClaims: OWN_GRANT_CLAIMS,
  claims,

  write(mintable, { act }) {
    checkUser(mintable)
    checkAudienceNamed(mintable)
    return { header: { typ: ID_JAG_TYPE }, claims: grantClaims(mintable, { act, confirmation: 'cnf' }) }
  },
}

/** An ID token that was issued to the client that brings it; policy has compared the two (IJ-12, TE-72). */
function checkUser({ subject, facts }: Mintable): void {
  if (subject.tokenType !== ID_TOKEN_TYPE)
    throw new Refusal('token_unfit', `an ID-JAG is made from an ID token, declared as ${ID_TOKEN_TYPE}`)
  if (facts.issuedTo === undefined)
    throw new Refusal('token_unfit', 'an ID-JAG is made from an ID token of the client, and this one was issued to us')
}
