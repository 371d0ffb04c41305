import { z } from 'zod'
import { algorithms } from '../../lib/algorithms.ts'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { ID_TOKEN_TYPE, JWT_TYPE } from '../../lib/token-types.ts'
import { type CredentialKind, JWT_BEARER_GRANT } from '../contract.ts'
import { audiencesOf, normalType, readToken, requiredText } from '../jwt-checks.ts'
import { NO_PLATFORM_TOKEN } from '../jwt-types.ts'
import { verifiedJwt } from '../verified-jwt.ts'

/** What a TrustedIssuer says whose JWTs name it in `iss`, beside what all say. */
export const signedByIssuer = {
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
}

const typNames = z.array(z.string()).min(1)

/** The setting `typ`: header types that are taken, but none of those that a credential of this sort never has. */
export const headerTypes = (standard: string[], never: ReadonlySet<string>, what: string) =>
  typNames
    .default(standard)
    .superRefine((names, context) => {
      for (const [index, name] of names.entries())
        if (never.has(normalType(name)))
          context.addIssue({ code: 'custom', path: [index], message: `${JSON.stringify(name)} is the type of ${what}` })
    })
    .transform((names) => new Set(names.map(normalType)))
    .describe("Header types of its credentials; '' for none")

const settings = z.strictObject({
  ...signedByIssuer,
  typ: headerTypes(
    ['', 'JWT'],
    NO_PLATFORM_TOKEN,
    "a proof or of another credential, which is never a platform's token",
  ),
})

export type JwtSettings = z.output<typeof settings>

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

  verify: (token, issuer, tools) => verifiedJwt(token, issuer, { typ: issuer.settings.typ, ...tools.accepted }, tools),
}
