import { seconds, systemClock } from '../../lib/clock.ts'
import type { TrustedIssuer } from '../../trust/contract.ts'
import { lintTrustedIssuer } from '../../trust/lint.ts'
import { compileTrustedIssuer, trustedIssuerSchema } from '../../trust/trusted-issuer.ts'
import type { NounKind } from '../contract.ts'

export const trustedIssuer: NounKind<TrustedIssuer> = {
  kind: 'TrustedIssuer',
  path: 'trusted-issuers',
  summary: 'Whom we believe: whose credentials are taken, with which keys, and what of them policies see.',
  writtenBy: 'admin',
  schema: ({ credentialKinds }) => trustedIssuerSchema(credentialKinds),
  references: () => [],
  compile: (name, spec, { credentialKinds, ourIssuer, adminAudience, ourTrustDomain, insecureFetch }) =>
    compileTrustedIssuer(name, spec, {
      kinds: credentialKinds,
      ourIssuer,
      ...(adminAudience === undefined ? {} : { adminAudience }),
      ...(ourTrustDomain === undefined ? {} : { ourTrustDomain }),
      ...(insecureFetch === undefined ? {} : { insecureFetch }),
    }),
  lint: (issuer) => lintTrustedIssuer(issuer, seconds(systemClock)),
}
