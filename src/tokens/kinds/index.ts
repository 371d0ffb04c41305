export { accessToken } from './access-token.ts'
export { authorizationGrant } from './authorization-grant.ts'
export { idJag } from './id-jag.ts'
export { transactionToken } from './transaction-token.ts'
