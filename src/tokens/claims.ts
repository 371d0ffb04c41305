/** Claims that tokens of several kinds have, as their published schemas describe them. */
import { z } from 'zod'

const name = z.string().min(1)

export const moment = z.int().min(0).describe('Seconds since the epoch')

/** What every kind says of a token: who issued it, for whom, and until when. */
export const COMMON_CLAIMS = {
  iss: name.describe('The issuer identifier of the server'),
  sub: name.describe('For whom the token stands'),
  aud: z.union([name, z.array(name).min(2)]).describe('Who may take it: one name as a text, several as a list'),
  iat: moment.describe('When it was issued; seconds since the epoch'),
  exp: moment.describe('When it ends; seconds since the epoch'),
  jti: name.describe('The id of this token, and of the record of the exchange that made it'),
}

/** Clients that a chain of exchanges may pass; each makes the token longer (T19). */
export const MAX_PATH = 32

/** What ties a token to the exchanges before it; in tokens that stay in our trust domain alone. */
export const LINEAGE_CLAIMS = {
  cambist_lineage: name.describe('The id of the first exchange of the chain'),
  cambist_path: z.array(name).min(1).describe('Clients that the request has passed, in order'),
}

/** RFC 6749 §3.3. */
export const scopeClaim = z
  .string()
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/)
  .describe('Scopes, separated by single spaces')

/** RFC 8693 §4.1. */
export const actClaim: z.ZodType = z
  .strictObject({
    sub: name.describe('The actor'),
    iss: name.optional().describe('Whose name that is; the issuer of the token where it is absent'),
    get act() {
      return actClaim.optional()
    },
  })
  .meta({
    id: 'act',
    description: 'Who acts for the subject: the current actor outermost, and within it who acted before',
  })

/** RFC 7800, RFC 8705 §3.1, RFC 9449 §6.1. */
export const confirmationClaim = z
  .union([
    z.strictObject({ jkt: name.describe('RFC 7638 thumbprint of the key of a DPoP proof') }),
    z.strictObject({ 'x5t#S256': name.describe('Thumbprint of a client certificate') }),
  ])
  .describe('The key whose holder alone may use the token')

/** RFC 9396 §9.1. */
export const authorizationDetailsClaim = z
  .array(
    z
      .object({ type: name.describe('What the members mean') })
      .catchall(z.union([z.string(), z.number(), z.boolean(), z.array(z.string()).min(1)])),
  )
  .min(1)
  .describe('Rights that scopes say too little of')
