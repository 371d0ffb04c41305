import { CLIENTS_ISSUER, SELF_ISSUER } from '../identity/principal.ts'
import type { Position, TrustedIssuer } from '../trust/contract.ts'
import type { Leniency, VerifyTools } from './contract.ts'

interface Ourselves {
  readonly ourIssuer: string
  readonly adminAudience?: string | undefined
  readonly now: number
}

/**
 * The audiences that mean us in this position. A client assertion of a platform names us and nobody else (JC-03, T8), and
 * an administrator's token the administrators' door and nothing else, so that no workload's token opens it (T9, KX-01).
 */
export function acceptedAudiences(
  issuer: TrustedIssuer,
  position: Position,
  { ourIssuer, adminAudience, now }: Ourselves,
): VerifyTools['accepted'] {
  if (position === 'administrator')
    return { audiences: adminAudience === undefined ? [] : [adminAudience], several: false }
  let audiences = issuer.audiences
  if (position === 'client' && issuer.name !== CLIENTS_ISSUER) audiences = audiences.filter((one) => one === ourIssuer)
  const until = issuer.audienceUntil
  if (until !== undefined) audiences = audiences.filter((one) => now < (until.get(one) ?? Number.POSITIVE_INFINITY))
  return { audiences, several: issuer.multipleAudiences && position !== 'client' }
}

/** Past the check of audiences, each of these is there because a document says so. */
export function leniencies({ name, audienceUntil }: TrustedIssuer, audiences: readonly string[]): readonly Leniency[] {
  if (audiences.length > 1 && name !== SELF_ISSUER) return ['multiple_audiences']
  return audienceUntil !== undefined && audiences.some((one) => audienceUntil.has(one))
    ? ['token_endpoint_audience']
    : NO_LENIENCIES
}

const NO_LENIENCIES: readonly Leniency[] = Object.freeze([])
