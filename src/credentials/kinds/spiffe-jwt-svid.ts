import { z } from 'zod'
import { isTrustDomain, parseSpiffeId, type WorkloadId } from '../../identity/spiffe-id.ts'
import type { JsonObject } from '../../lib/json.ts'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { JWT_TYPE } from '../../lib/token-types.ts'
import { Refusal } from '../../refusal.ts'
import { type CredentialKind, JWT_BEARER_GRANT } from '../contract.ts'
import {
  audiencesOf,
  checkAudience,
  checkedAlgorithm,
  checkedTimes,
  checkIssuerText,
  checkSignature,
  checkType,
  readToken,
  shown,
  useIdOf,
} from '../jwt-checks.ts'

/** The nine algorithms of SPIFFE (S-41, SC-13): no EdDSA. */
export const SPIFFE_ALGORITHMS: ReadonlySet<string> = new Set([
  ...['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'],
])
const TYPES: ReadonlySet<string> = new Set(['', 'jwt', 'jose'])
/** Any other header parameter is refused (S-43). */
const HEADER: ReadonlySet<string> = new Set(['alg', 'kid', 'typ'])

export const trustDomain = z
  .string()
  .refine(
    isTrustDomain,
    'is a trust domain such as prod.example: lower-case letters, digits, dots, dashes and underscores',
  )
  .describe('The trust domain of its ids')

const settings = z.strictObject({ trustDomain })

/** A JWT-SVID (S-40 to S-49, SC-10 to SC-16): found by the trust domain of its `sub`, verified by the bundle of that domain alone. */
export const spiffeJwtSvid: CredentialKind<z.output<typeof settings>, UnverifiedJws> = {
  name: 'spiffe-jwt-svid',
  summary: 'A SPIFFE JWT-SVID, which its holder presents again and again until it expires.',
  format: 'jwt',
  tokenTypes: [JWT_TYPE],
  clientTypes: new Map([['urn:ietf:params:oauth:client-assertion-type:jwt-spiffe', 'spiffe_jwt']]),
  assertionTypes: [JWT_BEARER_GRANT],
  settings,
  header: () => ({ algorithms: SPIFFE_ALGORITHMS, typ: TYPES }),
  maxAge: Number.POSITIVE_INFINITY,
  keyUse: 'jwt-svid',
  sources: ['bundle'],

  authority: (said) => `spiffe://${said.trustDomain}`,
  read: readToken,

  locate({ claims }) {
    const id = typeof claims['sub'] === 'string' ? parseSpiffeId(claims['sub']) : undefined
    if (id === undefined) return { unlocated: 'claim_malformed', detail: 'sub is no SPIFFE ID' }
    if (claims['aud'] === undefined) return { unlocated: 'claim_missing', detail: 'aud is missing' }
    return { authorities: [id.origin], audiences: audiencesOf(claims) }
  },

  async verify(token, issuer, { now, accepted, keys }) {
    const { header, claims } = token
    const algorithm = checkedAlgorithm(header, SPIFFE_ALGORITHMS)
    for (const name of Object.keys(header)) {
      if (!HEADER.has(name))
        throw new Refusal('token_malformed', `the header has ${shown(name)}, and a JWT-SVID has alg, kid and typ only`)
    }
    checkType(header, TYPES)
    const expiresAt = checkedTimes(claims, issuer, now)
    const audiences = audiencesOf(claims)
    checkAudience(audiences, accepted.audiences, accepted.several)
    checkIssuerText(claims)
    const id = workloadOf(claims, parseSpiffeId)
    const pending = checkSignature(token, issuer, algorithm, keys)
    if (pending !== undefined) await pending
    return {
      authority: id.origin,
      claims,
      header,
      uri: id.uri,
      audiences,
      expiresAt,
      useId: useIdOf(token),
      keyProven: false,
      actors: [],
      mayAct: undefined,
    }
  },
}

/**
 * The workload in `sub`: an ID with a path, since one without is the trust domain's own (S-22, S-44). It may be longer than
 * other names (S-5).
 */
export function workloadOf({ sub }: JsonObject, parse: (text: string) => WorkloadId | undefined): WorkloadId {
  if (sub === undefined) throw new Refusal('claim_missing', 'sub is missing')
  const id = typeof sub === 'string' ? parse(sub) : undefined
  if (id === undefined || id.path === '')
    throw new Refusal('claim_malformed', `sub ${shown(sub)} is no identifier of a workload`)
  return id
}
