export { accessToken } from './access-token.ts'
export { opaque } from './opaque.ts'
