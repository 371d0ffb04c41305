export { accessToken } from './access-token.ts'
export { jwtSvid } from './jwt-svid.ts'
export { wit } from './wit.ts'
