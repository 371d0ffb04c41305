export { kubernetes } from './kubernetes.ts'
export { oidc } from './oidc.ts'
