/** Issuers that sign for all customers of their service alike: without a tenant everybody there could be anybody (P-4). */
export const SHARED_ISSUERS: ReadonlySet<string> = new Set([
  'https://accounts.google.com',
  'https://agent.buildkite.com',
  'https://app.terraform.io',
  'https://gitlab.com',
  'https://oidc.vercel.com',
  'https://token.actions.githubusercontent.com',
])
