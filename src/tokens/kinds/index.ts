export { accessToken } from './access-token.ts'
export { transactionToken } from './transaction-token.ts'
