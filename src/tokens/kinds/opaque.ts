import { z } from 'zod'
import type { TokenKind } from '../contract.ts'
import { accessToken, accessTokenClaims } from './access-token.ts'

const settings = z.strictObject({
  algorithm: z.never('an opaque token is not signed; leave it out').optional(),
})

/** A text that stands for the claims of an access token: only introspection tells them, to clients that it is for (RFC 7662). */
export const opaque: TokenKind = {
  name: 'opaque',
  summary: 'A reference that means nothing by itself; clients that it is for ask /introspect what it stands for.',
  format: 'opaque',
  tokenType: accessToken.tokenType,
  usage: 'Bearer',
  form: 'reference',
  settings,
  ownClaims: accessToken.ownClaims,
  claims: accessToken.claims,
  write: (mintable) => ({ header: {}, claims: accessTokenClaims(mintable) }),
}
