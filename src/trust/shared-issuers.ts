import * as presets from './presets/index.ts'

/** Issuers that sign for all customers of their service alike: without a tenant everybody there could be anybody (P-4). */
export const SHARED_ISSUERS: ReadonlySet<string> = new Set([
  ...Object.values(presets).flatMap(({ sharedIssuer, fills }) =>
    sharedIssuer && typeof fills['issuer'] === 'string' ? [fills['issuer']] : [],
  ),
  // Google names itself in both ways.
  'accounts.google.com',
  'https://api.pulumi.com/oidc',
  'https://cognito-identity.amazonaws.com',
  'https://oidc.circleci.com',
  'https://oidc.codefresh.io',
  'https://oidc.vercel.com',
  // The Entra tenant of everybody's personal account.
  'https://login.microsoftonline.com/9188040d-6c67-4b5b-b112-36a304b66dad/v2.0',
])
