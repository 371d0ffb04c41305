import { z } from 'zod'
import { algorithms } from '../../lib/algorithms.ts'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { type CredentialKind, JWT_BEARER_GRANT } from '../contract.ts'
import {
  actorsOf,
  audiencesOf,
  checkAudience,
  checkedAlgorithm,
  checkedTimes,
  checkHeader,
  checkSignature,
  checkType,
  mayActOf,
  normalType,
  readToken,
  requiredText,
  useIdOf,
} from '../jwt-checks.ts'

/** Types that are never those of this kind: taken here, a proof or a bound token would be a bearer (S-63, P-14). */
const OTHERS: ReadonlySet<string> = new Set([
  ...['wit+jwt', 'wpt+jwt', 'dpop+jwt', 'client-authentication+jwt', 'secevent+jwt', 'token-introspection+jwt'],
  ...['oauth-client-attestation+jwt', 'oauth-client-attestation-pop+jwt'],
])

/** What a TrustedIssuer of this kind says beside what all say. */
const settings = z.strictObject({
  issuer: z.string().min(1).max(1024).describe('Exact iss of its credentials'),
  algorithms: z
    .array(
      z.string().refine((name) => algorithms.has(name), {
        error: ({ input }) =>
          `${JSON.stringify(input)} is not an algorithm that is verified; there are ${[...algorithms.keys()].join(', ')}`,
      }),
    )
    .min(1)
    .default(['RS256', 'ES256'])
    .transform((names) => new Set(names))
    .describe('What its credentials may be signed with'),
  typ: z
    .array(
      z.string().refine((name) => !OTHERS.has(normalType(name)), {
        error: ({ input }) =>
          `${JSON.stringify(input)} is the type of a proof or of another credential, which is never a platform's token`,
      }),
    )
    .min(1)
    .default(['', 'JWT'])
    .transform((names) => new Set(names.map(normalType)))
    .describe("Header types of its credentials; '' for none"),
})

export type JwtSettings = z.output<typeof settings>

export const ID_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:id_token'
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** A signed JWT of an issuer with its own name in `iss`: Kubernetes, CI systems, clouds, any OpenID provider; and a registered client's assertion. */
export const jwt: CredentialKind<JwtSettings, UnverifiedJws> = {
  name: 'jwt',
  summary:
    'A JWT that its issuer signs and names itself in, such as a Kubernetes service-account token or a CI job token.',
  format: 'jwt',
  tokenTypes: [JWT_TYPE, ID_TOKEN_TYPE],
  clientTypes: new Map([[CLIENT_ASSERTION_TYPE, 'client_assertion']]),
  assertionTypes: [JWT_BEARER_GRANT],
  settings,
  header: ({ algorithms, typ }) => ({ algorithms, typ }),

  authority: ({ issuer }) => issuer,
  read: readToken,

  locate({ claims }) {
    if (claims['iss'] === undefined) return { unlocated: 'claim_missing', detail: 'iss is missing' }
    return { authorities: [requiredText(claims, 'iss')], audiences: audiencesOf(claims) }
  },

  async verify(token, issuer, { now, accepted, keys }) {
    const { header, claims } = token
    const algorithm = checkedAlgorithm(header, issuer.settings.algorithms)
    checkHeader(header)
    checkType(header, issuer.settings.typ)
    const expiresAt = checkedTimes(claims, issuer, now)
    const audiences = audiencesOf(claims)
    checkAudience(audiences, accepted.audiences, accepted.several)
    const pending = checkSignature(token, issuer, algorithm, keys)
    if (pending !== undefined) await pending
    const authority = requiredText(claims, 'iss')
    return {
      authority,
      claims,
      header,
      uri: undefined,
      audiences,
      expiresAt,
      useId: useIdOf(token),
      keyProven: false,
      actors: actorsOf(claims, authority),
      mayAct: mayActOf(claims),
    }
  },
}
