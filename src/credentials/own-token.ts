/** What is the same in tokens of ours of every kind that come back: how they are verified, and what they say of the exchange that made them. */
import { z } from 'zod'
import type { JsonObject } from '../lib/json.ts'
import type { UnverifiedJws } from '../lib/jws.ts'
import { Refusal } from '../refusal.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { OwnToken, TrustKey, VerifiedFacts, VerifyTools } from './contract.ts'
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
  requiredText,
} from './jwt-checks.ts'

export const ownSettings = z.strictObject({ issuer: z.string(), algorithms: z.custom<ReadonlySet<string>>() })

export type OwnSettings = z.output<typeof ownSettings>

export const locateOwn = ({ claims }: UnverifiedJws): TrustKey => ({
  authorities: [requiredText(claims, 'iss')],
  audiences: audiencesOf(claims),
})

/** Demands that the token is ours, of one of these header types, and not over; answers its end. Rejects with a Refusal. */
export async function verifyOwn(
  token: UnverifiedJws,
  issuer: TrustedIssuer<OwnSettings>,
  types: ReadonlySet<string>,
  { now, keys }: Pick<VerifyTools, 'now' | 'keys'>,
): Promise<number> {
  const { header, claims } = token
  const algorithm = checkedAlgorithm(header, issuer.settings.algorithms)
  checkHeader(header)
  checkType(header, types)
  const expiresAt = checkedEnd(claims, issuer, now)
  const pending = checkSignature(token, issuer, algorithm, keys)
  if (pending !== undefined) await pending
  return expiresAt
}

/** When a token of ours ends. Clocks that differ may not lengthen what we have issued. Throws Refusal. */
export function checkedEnd(claims: JsonObject, issuer: TrustedIssuer, now: number): number {
  const expiresAt = checkedTimes(claims, issuer, now)
  if (expiresAt <= now) throw new Refusal('expired', `expired ${Math.ceil(now - expiresAt)} s ago`)
  return expiresAt
}

/** What a verified token of ours says, however it came by its claims. */
export const ownFacts = (header: JsonObject, claims: JsonObject, expiresAt: number, ours: OwnToken): VerifiedFacts => ({
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
})

/** What mint() wrote; a token of ours without it is of another profile. */
export function ownTokenOf(claims: JsonObject, clientOf: (path: readonly string[]) => string): OwnToken {
  const path = claims['cambist_path']
  if (!Array.isArray(path) || path.length === 0 || !path.every(isName))
    throw new Refusal('claim_malformed', 'cambist_path is not a list of clients')
  return {
    id: checkedTokenId(claims),
    client: clientOf(path),
    issuedAt: Number(claims['iat']),
    lineage: requiredText(claims, 'cambist_lineage'),
    path,
  }
}

const scopesOf = (claims: JsonObject): readonly string[] =>
  typeof claims['scope'] === 'string' ? claims['scope'].split(' ') : []
