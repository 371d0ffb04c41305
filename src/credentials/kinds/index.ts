export { jwt } from './jwt.ts'
export { ownAccessToken } from './own-access-token.ts'
export { spiffeJwtSvid } from './spiffe-jwt-svid.ts'
