import { seconds } from '../lib/clock.ts'
import type { Facts } from '../policy/contract.ts'
import type { Asked, DecidingSnapshot, ExchangeEvents, Road } from './contract.ts'
import { type Descent, descentOf } from './descent.ts'
import { factsOf } from './facts.ts'
import type { Trust, Witness } from './meeting.ts'
import { identifyParties, type Parties } from './parties.ts'
import { type ExchangeRequest, readRequest } from './request.ts'

/** As much of the road as lies before the decision: nothing of it mints, marks or records. */
export type RoadToDecision = Pick<
  Road,
  | 'issuer'
  | 'endpoints'
  | 'nonces'
  | 'trustDomain'
  | 'clock'
  | 'keys'
  | 'source'
  | 'status'
  | 'references'
  | 'credentialKinds'
  | 'tokenKinds'
> & { readonly events: Pick<ExchangeEvents, 'unknownParameter'> }

/** Told of everything as soon as it is known, so that a refusal further on can say how far the request came. */
export interface RequestWitness extends Witness {
  asks(request: ExchangeRequest): void
  descends(descent: Descent): void
}

/** A request with everybody in it verified: all that a decision is made of. */
export interface IdentifiedRequest {
  readonly parties: Parties
  readonly descent: Descent
  readonly facts: Facts
  readonly transaction: ExchangeRequest['transaction']
}

/** What is asked, who asks it for whom, and the facts that come of it. Rejects with a Refusal. */
export async function identifyRequest(
  asked: Asked,
  snapshot: DecidingSnapshot,
  road: RoadToDecision,
  witness: RequestWitness,
): Promise<IdentifiedRequest> {
  const now = seconds(road.clock)
  const request = requestOf(asked, road)
  witness.asks(request)
  const parties = await identifyParties(request, asked.carried, snapshot, trustOf(road, snapshot, now), witness)
  const descent = descentOf(parties, asked.id)
  witness.descends(descent)
  const facts = factsOf(request, parties, descent, { ourIssuer: road.issuer, clients: snapshot.clients, now })
  return { parties, descent, facts, transaction: request.transaction }
}

/** What is asked; a door that could not even read it has a refusal instead, which is recorded like any other. */
function requestOf(asked: Asked, { events }: RoadToDecision): ExchangeRequest {
  if (asked.refusal !== undefined) throw asked.refusal
  return readRequest(asked.parameters, asked.carried, events.unknownParameter)
}

/** The trust of a snapshot, for requests to the endpoints of the road. */
export const trustOf = (road: RoadToDecision, { issuers, revoked, blocked }: DecidingSnapshot, now: number): Trust => ({
  kinds: road.credentialKinds,
  issuers,
  keys: road.keys,
  source: road.source,
  status: road.status,
  references: road.references,
  revoked,
  blocked,
  endpoints: road.endpoints,
  nonces: road.nonces,
  ourIssuer: road.issuer,
  trustDomain: road.trustDomain,
  now,
})
