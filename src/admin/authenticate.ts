import { identify } from '../credentials/identify.ts'
import { NOTHING_PROVEN } from '../credentials/possession.ts'
import { JWT_TYPE } from '../lib/token-types.ts'
import { Refusal } from '../refusal.ts'
import type { AdminDoor, Administrator, AdministratorTrust } from './contract.ts'
import { Problem } from './problem.ts'

/** Says who a request comes from. Rejects with Problem 401, 403 or 503. */
export type Authenticate = (authorization: string | undefined) => Promise<Administrator>

const BOOTSTRAP: Administrator = Object.freeze({
  name: 'bootstrap',
  principal: 'bootstrap',
  role: 'admin',
  bootstrap: true,
})
const CHALLENGE = 'Bearer realm="cambist-admin"'

/** By the bootstrap token, compared in time that tells nothing about it (T34), or by a JWT of a trusted issuer. */
export function authenticator({ adminToken, trust }: Pick<AdminDoor, 'adminToken' | 'trust'>): Authenticate {
  return async (authorization) => {
    const token = bearer(authorization)
    return adminToken.equals(token) ? BOOTSTRAP : administratorOf(token, trust)
  }
}

function bearer(authorization: string | undefined): string {
  const [, token] = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization ?? '') ?? []
  if (token !== undefined) return token
  throw new Problem(401, 'An administrator’s token is needed: send it as Authorization: Bearer TOKEN.', {
    headers: { 'WWW-Authenticate': CHALLENGE },
  })
}

/**
 * Whom the documents in force make an administrator. The token goes through the pipeline of every credential, as a bearer
 * that proves no key and spends no mark; what is wrong with it is for the log alone, since whoever sends it is nobody yet
 * (T25).
 */
async function administratorOf(token: string, trust: AdminDoor['trust']): Promise<Administrator> {
  try {
    const current = trust.current()
    const administrator = await administratorUnder(current, token)
    // Asked last, so that a stranger costs no question (T38): a role that was taken away is gone everywhere (T41).
    const newer = await trust.newerThan(current.version)
    return newer === undefined ? administrator : await administratorUnder(newer, token)
  } catch (error) {
    throw error instanceof Refusal ? shutOut(error) : error
  }
}

async function administratorUnder(
  { administrators, ...trusting }: AdministratorTrust,
  token: string,
): Promise<Administrator> {
  const { principal, issuer, seen } = await identify(
    { position: 'administrator', tokenType: JWT_TYPE, token },
    { ...trusting, possession: NOTHING_PROVEN, met: new Map() },
  )
  const role = administrators.roleOf(issuer.name, seen)
  if (role === undefined) throw withoutRole(principal.id, issuer.name)
  return Object.freeze({ name: principal.id, principal: principal.id, role, bootstrap: false })
}

function withoutRole(id: string, issuer: string): Problem {
  return new Problem(
    403,
    `You are ${id}, and no Administrator document gives you a role: have an administrator apply one of issuer ${issuer} whose condition your token meets.`,
    { cause: new Refusal('denied', `no Administrator document gives ${id} a role`) },
  )
}

function shutOut(refusal: Refusal): Problem {
  const { retryAfter } = refusal
  if (retryAfter !== undefined) {
    return new Problem(
      503,
      'Whose token this is cannot be told now. Try again; the log of the server says why, under this request id.',
      { headers: { 'Retry-After': String(retryAfter) }, cause: refusal },
    )
  }
  return new Problem(
    401,
    'This is not an administrator’s token. Send the bootstrap token (the line in CAMBIST_ADMIN_TOKEN_FILE), or a JWT that is in force, of a trusted issuer with administrator in its uses, for the audience in CAMBIST_ADMIN_AUDIENCE alone. The log of the server says what is wrong with this one, under this request id.',
    { headers: { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token"` }, cause: refusal },
  )
}
