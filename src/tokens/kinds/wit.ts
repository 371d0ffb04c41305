import { z } from 'zod'
import { SPIFFE_ALGORITHMS } from '../../credentials/kinds/spiffe-jwt-svid.ts'
import { parseWorkloadId } from '../../identity/spiffe-id.ts'
import type { JsonObject } from '../../lib/json.ts'
import { Refusal } from '../../refusal.ts'
import { COMMON_CLAIMS } from '../claims.ts'
import type { Mintable, TokenKind } from '../contract.ts'
import { workloadOf } from '../workload-identity.ts'

const { exp, iat, jti } = COMMON_CLAIMS

/** What a verifier may rely on (W-30, S-60). Targets add claims of their own. */
const claims = z.looseObject({
  iss: z.string().describe('Our trust domain as a URI; it is for the record, and no place where keys are'),
  sub: z.string().describe('The identifier of the workload, in our trust domain'),
  exp,
  iat,
  jti,
  cnf: z.strictObject({
    jwk: z.looseObject({ kty: z.string(), alg: z.string().describe('The one algorithm of its proofs') }),
  }),
})

/**
 * A workload identity token (draft-ietf-wimse-workload-creds-02 §5.1, W-30 to W-34), which for a SPIFFE ID is a WIT-SVID (S,
 * §4): it names the key that the DPoP proof of the request has proven, and is nothing without a proof of that key. It has no
 * audience, and an `iss` that no OpenID Connect client takes for an issuer (S-63).
 */
export const wit: TokenKind = {
  name: 'wit',
  summary:
    'A WIMSE workload identity token or SPIFFE WIT-SVID, bound to the key of the DPoP proof that it was asked with.',
  format: 'wit',
  tokenType: 'urn:cambist:token-type:wit', // no URI is registered for it
  usage: 'N_A',
  keyUse: 'wit-svid',
  algorithms: SPIFFE_ALGORITHMS,
  bindings: ['dpop'],
  withoutScopes: true,
  settings: z.strictObject({}),
  ownClaims: [],
  claims,

  write(mintable) {
    const { issuedAt, expiresAt, id, claims: mapped } = mintable
    const { uri, scheme, origin } = workloadOf(mintable, wit, parseWorkloadId)
    return {
      header: { typ: 'wit+jwt' },
      claims: {
        ...mapped,
        iss: origin,
        sub: uri,
        exp: expiresAt,
        iat: issuedAt,
        jti: id,
        cnf: { jwk: provenKey(mintable, scheme === 'spiffe') },
      },
    }
  },
}

/** The proven key as `cnf.jwk`: what makes it a key and its algorithm, and nothing else of what the proof says of it. */
function provenKey({ provenKey: proven }: Mintable, spiffe: boolean): JsonObject {
  if (proven === undefined)
    throw new Refusal('token_unfit', 'a wit is bound to the key of a DPoP proof, and the request brings none')
  const { algorithm, jwk } = proven
  if (spiffe && !SPIFFE_ALGORITHMS.has(algorithm))
    throw new Refusal(
      'token_unfit',
      `the key of a WIT-SVID is of an algorithm that SPIFFE takes (${[...SPIFFE_ALGORITHMS].join(', ')}), and the proof is of ${algorithm}`,
    )
  const key: Record<string, JsonObject[string]> = {}
  for (const member of KEY_MEMBERS) {
    const value = jwk[member]
    if (value !== undefined) key[member] = value
  }
  return { ...key, alg: algorithm }
}

/** Public members of RSA, elliptic-curve and Edwards keys (RFC 7518 §6, RFC 8037 §2). */
const KEY_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'] as const
