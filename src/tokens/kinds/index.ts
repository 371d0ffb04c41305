export { accessToken } from './access-token.ts'
