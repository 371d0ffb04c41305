/**
 * The one pipeline for every credential, in whatever position it is presented: spelling, trusted issuer by look-up key,
 * verification by the kind that the issuer's document names, then subject, tenant and attributes. There is no second way
 * to a Principal (T3, T9, T23), and a kind cannot skip a step, because it never performs one of these.
 */
import type { Blocks } from '../blocks/block-index.ts'
import type { ActorChain, MayAct } from '../identity/actor.ts'
import type { Principal } from '../identity/principal.ts'
import { hashOf } from '../lib/ids.ts'
import type { Certificate } from '../lib/x509/contract.ts'
import { Refusal } from '../refusal.ts'
import type { CredentialSource, KeyFinder, Position, StatusChecks, TrustedIssuer } from '../trust/contract.ts'
import { acceptedAudiences, leniencies } from './accepted-audiences.ts'
import { checkNotBlocked } from './blocked.ts'
import { certificateFacts } from './certificate-facts.ts'
import type {
  GrantTerms,
  Leniency,
  Mark,
  OwnToken,
  Possession,
  Presented,
  References,
  VerifiedFacts,
} from './contract.ts'
import { checkCovered } from './coverage.ts'
import { shown } from './jwt-checks.ts'
import { type Found, found, type LookUp } from './look-up.ts'
import { marksOf } from './marks.ts'
import { checkConnection } from './presented-certificate.ts'
import { principalOf, type Seen } from './principal-of.ts'
import { readConfirmation } from './proofs/confirmation.ts'

/** What identify() works with: the trust of one snapshot, who we are, and what the request proves. `now` is seconds since the epoch. */
export interface Trusting extends LookUp {
  readonly keys: KeyFinder
  readonly source: CredentialSource
  readonly status: StatusChecks
  readonly references: References
  /** Why a token of ours counts no longer, though its time is not over; undefined where it does. */
  revoked(token: OwnToken, tokenHash: string, subject: string): string | undefined
  readonly blocked: Blocks
  /** Hears of a party that was verified and is blocked, so that the refusal is recorded with whom it met. */
  onBlocked?(party: Identified): void
  /** What identify() has verified on this request and is the same in every position: credentials that name no audience. */
  readonly met: Map<TrustedIssuer, { readonly token: string; readonly facts: VerifiedFacts }>
  readonly ourIssuer: string
  /** What administrators' tokens are for, instead of their issuer's `audiences`; absent, no token is. */
  readonly adminAudience?: string | undefined
  readonly trustDomain: string
  readonly now: number
}

/** A credential that has been verified, and whose it is. Only identify() makes one. */
export interface Identified {
  readonly principal: Principal
  readonly issuer: TrustedIssuer
  readonly format: string
  readonly tokenType: string
  /** base64url SHA-256 of the token as presented. */
  readonly tokenHash: string
  /** What this one credential is named by (contract.ts, VerifiedFacts). */
  readonly useId: string
  readonly position: Position
  /** Seconds since the epoch. */
  readonly expiresAt: number
  readonly audiences: readonly string[]
  /** Whether we are its only audience. */
  readonly forUsAlone: boolean
  /** How a client authenticates by it: a name that policies demand and metadata lists. '' in any other position. */
  readonly authentication: string
  readonly actors: ActorChain
  readonly mayAct: MayAct | undefined
  readonly certificate: Certificate | undefined
  /** What conditions about the credential itself see. */
  readonly seen: Seen
  readonly ours: OwnToken | undefined
  /** Thumbprint of the key that a token of ours is bound to, where the request does not prove it: a rule may waive that, or it is refused (TE-74). */
  readonly unproven: string | undefined
  /** For how much it is good, where it is an authorization grant of another server; any other credential says whose it is. */
  readonly grant: GrantTerms | undefined
  /** What of it only an explicit leniency of the issuer's document has let pass. */
  readonly leniencies: readonly Leniency[]
  /** Claimed with the record (audit/contract.ts). */
  readonly marks: readonly Mark[]
}

/** Longest credential that is read at all (T12). */
export const MAX_TOKEN_LENGTH = 16_384

/** Verifies a credential and says whose it is. Rejects with a Refusal that says which credential it is about. */
export async function identify(presented: Presented, trusting: Trusting): Promise<Identified> {
  try {
    return await verified(presented, trusting)
  } catch (error) {
    if (error instanceof Refusal) error.about = presented.position
    throw error
  }
}

async function verified(presented: Presented, trusting: Trusting): Promise<Identified> {
  const { position, token, tokenType } = presented
  if (token.length > MAX_TOKEN_LENGTH)
    throw new Refusal('parameter_too_long', `${token.length} characters, at most ${MAX_TOKEN_LENGTH} are read`)
  checkConnection(presented, trusting.possession)

  const { kind, issuer, reading } = found(presented, trusting)
  if (issuer.disabled) throw new Refusal('issuer_disabled', `trusted issuer ${issuer.name} is disabled`)
  if (!issuer.uses.has(position)) {
    throw new Refusal('position_refused', `trusted issuer ${issuer.name} does not say ${position} in uses`)
  }

  // A credential for everybody would open the administrators' door to whomever it was shown (T8).
  if (position === 'administrator' && kind.audience === 'none')
    throw new Refusal('position_refused', `a credential ${kind.name} names no audience, and an administrator's must`)

  const { possession } = trusting
  const known = trusting.met.get(issuer)
  const facts = known?.token === token ? known.facts : await factsOf({ kind, issuer, reading }, presented, trusting)
  if (kind.audience === 'none') trusting.met.set(issuer, { token, facts })
  if (facts.authority !== issuer.authority) {
    throw new Refusal(
      'issuer_unknown',
      `verified as ${shown(facts.authority)} but trusted as ${shown(issuer.authority)}`,
    )
  }
  // Before a mapping reads them: a credential that its document does not cover is nobody's.
  const seen: Seen =
    facts.certificate === undefined
      ? { assertion: facts.claims, header: facts.header }
      : { certificate: certificateFacts(facts.certificate) }
  checkCovered(issuer, seen)
  const keyProven = facts.keyProven || provesKey(facts, position, possession)
  if (facts.actors.length > 0 && issuer.act === 'refuse') {
    throw new Refusal(
      'actor_claim_refused',
      `the token names actors, and trusted issuer ${issuer.name} does not say act: keep`,
    )
  }
  // Whoever brings it is not whom it names, so that it vouches for nobody; and of a chain of actors its own would be lost (T18, T20).
  if (facts.actors.length > 0 && !isForSomebody(position))
    throw new Refusal(
      'actor_claim_refused',
      `the token names actors, and so is no proof of who its ${position} is: only a subject is somebody for whom others act`,
    )
  const principal = principalOf(issuer, kind, facts, keyProven, seen, trusting.trustDomain)
  const tokenHash = hashOf(token)
  const marks = marksOf(issuer, facts, keyProven, possession, position)
  const party: Identified = {
    principal,
    issuer,
    format: kind.format,
    tokenType,
    tokenHash,
    useId: facts.useId,
    position,
    expiresAt: facts.expiresAt,
    audiences: facts.audiences,
    forUsAlone: facts.audiences.length === 1,
    authentication: position === 'client' ? (facts.authentication ?? kind.clientTypes?.get(tokenType) ?? '') : '',
    actors: facts.actors,
    mayAct: facts.mayAct,
    certificate: facts.certificate,
    seen,
    ours: facts.ours,
    unproven: keyProven ? undefined : boundTo(facts),
    grant: facts.grant,
    leniencies: leniencies(issuer, facts.audiences),
    marks,
  }
  checkNotBlocked(party, { token, header: facts.header }, trusting)
  const asked = checkInForce(presented, issuer, facts, principal, tokenHash, trusting)
  if (asked !== undefined) await asked
  return party
}

/** Whether a credential in the position says for whom a token is to be, and not who asks. */
const isForSomebody = (position: Position): boolean => position === 'subject' || position === 'assertion'

function factsOf(
  { kind, issuer, reading }: Found,
  { position, token }: Presented,
  { now, keys, source, references, ourIssuer, adminAudience, possession }: Trusting,
): VerifiedFacts | Promise<VerifiedFacts> {
  const accepted = acceptedAudiences(issuer, position, { ourIssuer, adminAudience, now })
  return kind.verify(reading, issuer, { token, now, accepted, keys, source, references, possession, ourIssuer })
}

/**
 * A credential that is bound to a key is good for nothing without it; others have none to prove. A service that was called
 * with a token of ours cannot prove the caller's key, so what becomes of such a subject is for the decision, which knows
 * who brings it and by which rule (T16, TE-74).
 */
function provesKey({ claims, ours }: VerifiedFacts, position: Position, possession: Possession): boolean {
  if (claims['cnf'] === undefined) return false
  try {
    possession.confirm(claims)
    return true
  } catch (error) {
    const open = ours !== undefined && position === 'subject'
    if (open && error instanceof Refusal && error.reason === 'confirmation_unproven') return false
    throw error
  }
}

/** Past provesKey(), only a token of ours still has a confirmation that was not proven. */
function boundTo({ claims }: VerifiedFacts): string | undefined {
  if (claims['cnf'] === undefined) return undefined
  const { jkt, certificate, jwk } = readConfirmation(claims) ?? {}
  return jkt ?? certificate ?? jwk?.key.thumbprint
}

/** What a signature cannot tell: that the token was revoked, that its workload is gone (UC-106). Last, because it may cost a question. */
function checkInForce(
  { token }: Presented,
  issuer: TrustedIssuer,
  { ours, claims, useId, expiresAt }: VerifiedFacts,
  principal: Principal,
  tokenHash: string,
  trusting: Trusting,
): void | Promise<void> {
  const why = ours === undefined ? undefined : trusting.revoked(ours, tokenHash, principal.id)
  if (why !== undefined) throw new Refusal('revoked', why)
  if (issuer.onlineCheck === undefined) return undefined
  const subject = typeof claims['sub'] === 'string' ? claims['sub'] : undefined
  return trusting.status.check(issuer, { token, id: useId, subject, expiresAt })
}
