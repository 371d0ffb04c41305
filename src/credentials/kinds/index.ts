export { jwt } from './jwt.ts'
