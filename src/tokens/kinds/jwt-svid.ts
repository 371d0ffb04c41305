import { z } from 'zod'
import { SPIFFE_ALGORITHMS } from '../../credentials/kinds/spiffe-jwt-svid.ts'
import { parseSpiffeId } from '../../identity/spiffe-id.ts'
import { JWT_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import { COMMON_CLAIMS } from '../claims.ts'
import type { TokenKind } from '../contract.ts'
import { workloadOf } from '../workload-identity.ts'

const { exp, iat, jti } = COMMON_CLAIMS

/** What a verifier may rely on (S-40 to S-47). Targets add claims of their own. */
const claims = z.looseObject({
  sub: z.string().describe('The SPIFFE ID of the workload, in our trust domain'),
  aud: z.string().describe('The one service that it is for'),
  exp,
  iat,
  jti,
})

/**
 * A SPIFFE JWT-SVID of our trust domain, validated by the keys of our bundle that are for it. A header parameter more, and
 * verifiers refuse it (S-43). It has no `iss`, as SPIRE's have none: whom it is of is the trust domain of `sub`, and with our
 * issuer in it, it would look like a token that `/jwks` validates. Whoever holds it may use it, so it has one audience alone (S-45).
 */
export const jwtSvid: TokenKind = {
  name: 'jwt-svid',
  summary: 'A SPIFFE JWT-SVID of our trust domain, which SPIFFE libraries validate from /bundle.',
  format: 'jwt',
  tokenType: JWT_TYPE,
  usage: 'N_A',
  keyUse: 'jwt-svid',
  algorithms: SPIFFE_ALGORITHMS,
  bindings: ['none'],
  withoutScopes: true,
  settings: z.strictObject({}),
  ownClaims: [],
  claims,

  write(mintable) {
    const { audience, facts, issuedAt, expiresAt, id, claims: mapped } = mintable
    const { uri } = workloadOf(mintable, jwtSvid, parseSpiffeId)
    if (typeof audience !== 'string')
      throw new Refusal(
        'token_unfit',
        `a jwt-svid is for one audience, not for ${audience.join(' and ')}; ask for each`,
      )
    // A proof that is brought binds what is issued; a client certificate is brought for many reasons, and binds what can be bound.
    if (facts.binding === 'dpop')
      throw new Refusal(
        'token_unfit',
        'a jwt-svid is bound to no key, and the request brings a DPoP proof; ask for a wit',
      )
    return {
      header: { typ: 'JWT' },
      claims: { ...mapped, sub: uri, aud: audience, exp: expiresAt, iat: issuedAt, jti: id },
    }
  },
}
