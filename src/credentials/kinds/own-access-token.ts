import { z } from 'zod'
import type { Json, JsonObject } from '../../lib/json.ts'
import type { UnverifiedJws } from '../../lib/jws.ts'
import { Refusal } from '../../refusal.ts'
import { readDetails } from '../../targets/authorization-details.ts'
import type { TrustedIssuer } from '../../trust/contract.ts'
import type { CredentialKind, OwnToken, VerifiedFacts } from '../contract.ts'
import {
  actorsOf,
  audiencesOf,
  checkedAlgorithm,
  checkedTimes,
  checkedTokenId,
  checkHeader,
  checkSignature,
  checkType,
  isName,
  readToken,
  requiredText,
} from '../jwt-checks.ts'

const settings = z.strictObject({ issuer: z.string(), algorithms: z.custom<ReadonlySet<string>>() })

export type OwnSettings = z.output<typeof settings>

export const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token'
const TYPES: ReadonlySet<string> = new Set(['at+jwt', 'jwt'])

/**
 * An access token of ours that comes back (TE-30, TE-70): its audience is a resource server and not us, so who may bring
 * it is the decision's, which knows the client. The built-in issuer `self` has these, and no document can.
 */
export const ownAccessToken: CredentialKind<z.output<typeof settings>, UnverifiedJws> = {
  name: 'access-token',
  summary: 'An access token that this server issued itself, brought back by a client it was issued to or meant for.',
  format: 'jwt',
  tokenTypes: [ACCESS_TOKEN_TYPE],
  settings,
  header: ({ algorithms }) => ({ algorithms, typ: TYPES }),
  builtIn: true,

  authority: ({ issuer }) => issuer,
  read: readToken,

  locate: ({ claims }) => ({ authorities: [requiredText(claims, 'iss')], audiences: audiencesOf(claims) }),

  async verify(token, issuer, { now, keys }) {
    const { header, claims } = token
    const algorithm = checkedAlgorithm(header, issuer.settings.algorithms)
    checkHeader(header)
    checkType(header, TYPES)
    const expiresAt = checkedEnd(claims, issuer, now)
    const pending = checkSignature(token, issuer, algorithm, keys)
    if (pending !== undefined) await pending
    return ownFacts(header, claims, expiresAt)
  },
}

/** When a token of ours ends. Clocks that differ may not lengthen what we have issued. Throws Refusal. */
export function checkedEnd(claims: JsonObject, issuer: TrustedIssuer, now: number): number {
  const expiresAt = checkedTimes(claims, issuer, now)
  if (expiresAt <= now) throw new Refusal('expired', `expired ${Math.ceil(now - expiresAt)} s ago`)
  return expiresAt
}

/** What a verified token of ours says, however it came by its claims. */
export function ownFacts(header: JsonObject, claims: JsonObject, expiresAt: number): VerifiedFacts {
  const ours = ownToken(claims)
  return {
    authority: requiredText(claims, 'iss'),
    claims,
    header,
    uri: requiredText(claims, 'sub'),
    audiences: audiencesOf(claims),
    expiresAt,
    useId: ours.id,
    keyProven: false,
    actors: actorsOf(claims, undefined),
    mayAct: undefined,
    scopes: scopesOf(claims),
    ours,
  }
}

/** What mint() wrote; a token of ours without it is of another profile, and no access token (RFC 9068 §2.2). */
function ownToken(claims: JsonObject): OwnToken {
  const path = claims['cambist_path']
  if (!Array.isArray(path) || path.length === 0 || !path.every(isName))
    throw new Refusal('claim_malformed', 'cambist_path is not a list of clients')
  return {
    id: checkedTokenId(claims),
    client: requiredText(claims, 'client_id'),
    issuedAt: Number(claims['iat']),
    lineage: requiredText(claims, 'cambist_lineage'),
    path,
    ...detailsOf(claims['authorization_details']),
  }
}

/** What it holds beyond scopes, which no token made of it may exceed (RA-05). */
function detailsOf(claim: Json | undefined): Pick<OwnToken, 'authorizationDetails'> {
  if (claim === undefined) return NONE
  const authorizationDetails = readDetails(claim)
  if (typeof authorizationDetails === 'string')
    throw new Refusal('claim_malformed', `authorization_details: ${authorizationDetails}`)
  return { authorizationDetails }
}

const NONE = Object.freeze({})

const scopesOf = (claims: JsonObject): readonly string[] =>
  typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : []
