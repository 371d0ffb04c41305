import { z } from 'zod'
import { hashOf } from '../../lib/ids.ts'
import { isOpaqueText } from '../../lib/opaque-text.ts'
import { ACCESS_TOKEN_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import { type CredentialKind, REFERENCE_PREFIX } from '../contract.ts'
import { checkedEnd, ownFacts } from '../own-token.ts'
import { accessTokenOfOurs } from './own-access-token.ts'

/**
 * An opaque access token of ours that comes back. What it stands for is as we wrote it, so that there is no signature to
 * verify; from then on it is what ownAccessToken is. The built-in issuer `self` has these, and no document can.
 */
export const ownOpaqueToken: CredentialKind<Record<string, never>, string> = {
  name: 'opaque',
  summary: 'An opaque token that this server issued itself, brought back by a client it was issued to or meant for.',
  format: 'opaque',
  tokenTypes: [ACCESS_TOKEN_TYPE],
  settings: z.strictObject({}),
  prefix: REFERENCE_PREFIX,
  builtIn: true,

  // Its issuer is found by how it begins (lookUp): it names nobody.
  authority: () => '',
  read(token) {
    if (!isOpaqueText(REFERENCE_PREFIX, token))
      throw new Refusal('token_malformed', `not a token of ours that begins with ${REFERENCE_PREFIX}`)
    return token
  },

  // Whom it is for is not known before it is looked up.
  locate: () => ({ authorities: [REFERENCE_PREFIX], audiences: ['*'] }),

  async verify(token, issuer, { now, references }) {
    const claims = await references.claimsOf(hashOf(token))
    if (claims === undefined)
      throw new Refusal('token_unknown', 'no opaque token with this hash was issued here, or it has long expired')
    return ownFacts({ header: NO_HEADER, claims }, checkedEnd(claims, issuer, now), accessTokenOfOurs)
  },
}

const NO_HEADER = Object.freeze({})
