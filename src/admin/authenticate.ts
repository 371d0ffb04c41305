import type { Secret } from '../lib/secret.ts'
import type { Administrator } from './contract.ts'
import { Problem } from './problem.ts'

/** Says who a request comes from. Throws Problem 401. JWT administrators will be another of these. */
export type Authenticate = (authorization: string | undefined) => Administrator

const BOOTSTRAP: Administrator = Object.freeze({
  name: 'bootstrap',
  principal: 'bootstrap',
  role: 'admin',
  bootstrap: true,
})
const CHALLENGE = 'Bearer realm="cambist-admin"'

/** The bootstrap token, compared in time that tells nothing about it (T34). */
export function bootstrapToken(token: Secret): Authenticate {
  return (authorization) => {
    const match = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization ?? '')
    if (match === null) {
      throw new Problem(401, 'An administrator’s token is needed: send it as Authorization: Bearer TOKEN.', {
        headers: { 'WWW-Authenticate': CHALLENGE },
      })
    }
    if (!token.equals(match[1] ?? '')) {
      throw new Problem(
        401,
        'This is not an administrator’s token. The bootstrap token is the line in CAMBIST_ADMIN_TOKEN_FILE.',
        {
          headers: { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token"` },
        },
      )
    }
    return BOOTSTRAP
  }
}
