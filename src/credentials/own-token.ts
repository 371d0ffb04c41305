import { z } from 'zod'
import type { JsonObject } from '../lib/json.ts'
import type { UnverifiedJws } from '../lib/jws.ts'
import { Refusal } from '../refusal.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { CredentialKind, OwnToken, VerifiedFacts, VerifyTools } from './contract.ts'
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
} from './jwt-checks.ts'

const settings = z.strictObject({ issuer: z.string(), algorithms: z.custom<ReadonlySet<string>>() })

export type OwnSettings = z.output<typeof settings>

export type OwnTokenKind = CredentialKind<OwnSettings, UnverifiedJws>

/** In what kinds of tokens of ours differ when they come back. */
interface OwnProfile extends OwnClaims {
  readonly name: string
  readonly summary: string
  readonly tokenType: string
  /** Media types of the header, in their normal form. */
  readonly typ: ReadonlySet<string>
}

/** Where their claims say what all of them say. */
export interface OwnClaims {
  /** The client that it was issued to. */
  clientOf(claims: JsonObject, path: readonly string[]): string
  /** What it says that others do not. */
  besides?(claims: JsonObject): Pick<OwnToken, 'authorizationDetails' | 'transaction'>
}

/**
 * A JWT of ours that comes back: its audience is somebody else and not us, so who may bring it is the decision's, which
 * knows the client. The built-in issuer `self` has these, and no document can.
 */
export const ownTokenKind = ({ name, summary, tokenType, typ, ...profile }: OwnProfile): OwnTokenKind => ({
  name,
  summary,
  format: 'jwt',
  tokenTypes: [tokenType],
  settings,
  header: ({ algorithms }) => ({ algorithms, typ }),
  builtIn: true,

  authority: ({ issuer }) => issuer,
  read: readToken,

  locate: ({ claims }) => ({ authorities: [requiredText(claims, 'iss')], audiences: audiencesOf(claims) }),

  async verify(token, issuer, tools) {
    const expiresAt = await verified(token, issuer, typ, tools)
    return ownFacts(token, expiresAt, profile)
  },
})

/** What a verified token of ours says, however it came by its claims. */
export function ownFacts(
  { header, claims }: Pick<UnverifiedJws, 'header' | 'claims'>,
  expiresAt: number,
  profile: OwnClaims,
): VerifiedFacts {
  const ours = ownToken(claims, profile)
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

/** When a token of ours ends. Clocks that differ may not lengthen what we have issued. Throws Refusal. */
export function checkedEnd(claims: JsonObject, issuer: TrustedIssuer, now: number): number {
  const expiresAt = checkedTimes(claims, issuer, now)
  if (expiresAt <= now) throw new Refusal('expired', `expired ${Math.ceil(now - expiresAt)} s ago`)
  return expiresAt
}

/** Demands that the token is ours, of one of these header types, and not over; answers its end. Rejects with a Refusal. */
async function verified(
  token: UnverifiedJws,
  issuer: TrustedIssuer<OwnSettings>,
  typ: ReadonlySet<string>,
  { now, keys }: VerifyTools,
): Promise<number> {
  const { header, claims } = token
  const algorithm = checkedAlgorithm(header, issuer.settings.algorithms)
  checkHeader(header)
  checkType(header, typ)
  const expiresAt = checkedEnd(claims, issuer, now)
  const pending = checkSignature(token, issuer, algorithm, keys)
  if (pending !== undefined) await pending
  return expiresAt
}

/** What mint() wrote; a token of ours without it is of another profile. */
function ownToken(claims: JsonObject, { clientOf, besides }: OwnClaims): OwnToken {
  const path = claims['cambist_path']
  if (!Array.isArray(path) || path.length === 0 || !path.every(isName))
    throw new Refusal('claim_malformed', 'cambist_path is not a list of clients')
  return {
    id: checkedTokenId(claims),
    client: clientOf(claims, path),
    issuedAt: Number(claims['iat']),
    lineage: requiredText(claims, 'cambist_lineage'),
    path,
    ...besides?.(claims),
  }
}

const scopesOf = (claims: JsonObject): readonly string[] =>
  typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : []
