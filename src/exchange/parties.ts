import type { Carried } from '../credentials/contract.ts'
import type { Identified } from '../credentials/identify.ts'
import { CLIENT_ASSERTION_TYPE } from '../credentials/kinds/jwt.ts'
import { CLIENTS_ISSUER } from '../identity/principal.ts'
import type { Facts } from '../policy/contract.ts'
import { Refusal } from '../refusal.ts'
import { type Bound, boundBy } from './bound.ts'
import { authenticatedBy, foundClient } from './client.ts'
import type { DecidingSnapshot } from './contract.ts'
import { type Meeting, meetingOf, type Trust, type Witness } from './meeting.ts'
import type { CallerRequest, ExchangeRequest } from './request.ts'

/** Everybody who takes part in an exchange, verified, and what the request proves of keys. */
export interface Parties {
  readonly client: Facts['client']
  readonly subject: Identified
  readonly actor: Identified | undefined
  /** What the acting party's own credential names as its issuer; undefined for a registered client. */
  readonly actorIssuer: string | undefined
  /** How the issued token is bound. */
  readonly possession: Bound
}

/**
 * Who asks, for whom, and who acts. The order is the client's own credential first, because it is bound to us and used
 * once, then the subject, then the actor. Rejects with a Refusal.
 */
export async function identifyParties(
  request: ExchangeRequest,
  carried: Carried,
  snapshot: DecidingSnapshot,
  trust: Trust,
  witness: Witness,
): Promise<Parties> {
  const meeting = meetingOf(carried, snapshot, trust, witness)
  const { possession, identified } = meeting
  const caller = await authenticatedBy(request, meeting)
  const subject = await subjectOf(request, caller?.authenticated, meeting)
  const actor = request.actor === undefined ? undefined : await identified('actor', request.actor)
  possession.checkAllUsed()
  const client = caller?.client ?? foundClient(subject, actor, request, meeting)
  const acting = actor ?? caller?.authenticated ?? subject
  return {
    client,
    subject,
    actor,
    actorIssuer: acting.issuer.name === CLIENTS_ISSUER ? undefined : acting.issuer.authority,
    possession: boundBy(possession, subject),
  }
}

/** Who asks, where nobody is asked for: the client that authenticates. Rejects with a Refusal. */
export async function identifyClient(
  request: CallerRequest,
  carried: Carried,
  snapshot: DecidingSnapshot,
  trust: Trust,
  witness: Witness,
): Promise<Facts['client']> {
  const meeting = meetingOf(carried, snapshot, trust, witness)
  const caller = await authenticatedBy(request, meeting)
  meeting.possession.checkAllUsed()
  if (caller === undefined) throw new Refusal('client_required', 'the request came without client authentication')
  return caller.client
}

/** For whom the token is to be: whose credential the request brings for that; else the client itself. */
async function subjectOf(
  { subject }: ExchangeRequest,
  authenticated: Identified | undefined,
  { identified, witness }: Meeting,
): Promise<Identified> {
  if (subject !== undefined) return identified(subject.position, subject)
  if (authenticated === undefined)
    throw new Refusal('client_required', 'client credentials are asked for without client authentication')
  witness.subject(authenticated)
  return isProofAlone(authenticated) ? { ...authenticated, expiresAt: Number.POSITIVE_INFINITY } : authenticated
}

/** A registered client's own assertion says until when it may be presented, and not how long its client lives (P-11). */
const isProofAlone = ({ issuer, tokenType }: Identified): boolean =>
  issuer.name === CLIENTS_ISSUER && tokenType === CLIENT_ASSERTION_TYPE
