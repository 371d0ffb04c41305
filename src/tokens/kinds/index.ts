export { accessToken } from './access-token.ts'
export { jwtSvid } from './jwt-svid.ts'
export { opaque } from './opaque.ts'
export { wit } from './wit.ts'
