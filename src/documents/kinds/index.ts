export { client } from './client.ts'
export { policy } from './policy.ts'
export { target } from './target.ts'
export { trustedIssuer } from './trusted-issuer.ts'
