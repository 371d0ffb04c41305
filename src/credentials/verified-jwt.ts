import type { UnverifiedJws } from '../lib/jws.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { VerifiedFacts, VerifyTools } from './contract.ts'
import {
  actorsOf,
  audiencesOf,
  checkAudience,
  checkedAlgorithm,
  checkedTimes,
  checkHeader,
  checkSignature,
  checkType,
  mayActOf,
  requiredText,
  useIdOf,
} from './jwt-checks.ts'

/** What a JWT may be, beside what its issuer's document says in `algorithms` and of times. */
export interface AcceptedJwt {
  readonly typ: ReadonlySet<string>
  readonly audiences: readonly string[]
  readonly several: boolean
}

/** Verifies a JWT that names its issuer in `iss`, and says what all of those say. Rejects with a Refusal. */
export async function verifiedJwt(
  token: UnverifiedJws,
  issuer: TrustedIssuer<{ readonly algorithms: ReadonlySet<string> }>,
  accepted: AcceptedJwt,
  { now, keys }: VerifyTools,
): Promise<VerifiedFacts> {
  const { header, claims } = token
  const algorithm = checkedAlgorithm(header, issuer.settings.algorithms)
  checkHeader(header)
  checkType(header, accepted.typ)
  const expiresAt = checkedTimes(claims, issuer, now)
  const audiences = audiencesOf(claims)
  checkAudience(audiences, accepted.audiences, accepted.several)
  const pending = checkSignature(token, issuer, algorithm, keys)
  if (pending !== undefined) await pending
  const authority = requiredText(claims, 'iss')
  return {
    authority,
    claims,
    header,
    uri: undefined,
    audiences,
    expiresAt,
    useId: useIdOf(token),
    keyProven: false,
    actors: actorsOf(claims, authority),
    mayAct: mayActOf(claims),
  }
}
