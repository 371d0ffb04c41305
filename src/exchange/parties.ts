import type { Mark } from '../audit/contract.ts'
import type { Client } from '../clients/contract.ts'
import { type Identified, identify, type Trusting } from '../credentials/identify.ts'
import { ID_TOKEN_TYPE } from '../credentials/kinds/jwt.ts'
import type { Snapshot } from '../documents/contract.ts'
import { CLIENTS_ISSUER, type Principal } from '../identity/principal.ts'
import type { Facts } from '../policy/contract.ts'
import { Refusal } from '../refusal.ts'
import type { ExchangeRequest } from './request.ts'

/** Everybody who takes part in an exchange, verified. */
export interface Parties {
  readonly client: Facts['client']
  readonly subject: Identified
  readonly actor: Identified | undefined
  /** What the acting party's own credential names as its issuer; undefined for a registered client. */
  readonly actorIssuer: string | undefined
  /** One-use marks of all their credentials. */
  readonly marks: readonly Mark[]
}

/** Told of each party as soon as it is verified, so that a refusal further on is recorded with whom it met. */
export interface Witness {
  subject(subject: Identified): void
  actor(actor: Identified): void
  client(client: Facts['client']): void
  mark(mark: Mark): void
}

/**
 * Who asks, for whom, and who acts. The order is the client's own credential first, because it is bound to us and used
 * once, then the subject, then the actor. Rejects with a Refusal.
 */
export async function identifyParties(
  request: ExchangeRequest,
  snapshot: Snapshot,
  trusting: Trusting,
  witness: Witness,
): Promise<Parties> {
  const marks: Mark[] = []
  const identified = async (position: 'client' | 'subject' | 'actor', declared: ExchangeRequest['subject']) => {
    const party = await identify({ position, ...declared }, trusting)
    if (party.mark !== undefined) {
      marks.push(party.mark)
      witness.mark(party.mark)
    }
    return party
  }

  const assertion =
    request.clientAssertion === undefined ? undefined : await identified('client', request.clientAssertion)
  let client = assertion === undefined ? undefined : authenticatedClient(assertion, request, snapshot)
  if (client !== undefined) witness.client(client)

  const subject = await identified('subject', request.subject)
  witness.subject(subject)
  const actor = request.actor === undefined ? undefined : await identified('actor', request.actor)
  if (actor !== undefined) witness.actor(actor)

  if (client === undefined) {
    client = foundClient(subject, actor, request, snapshot)
    witness.client(client)
  }
  const acting = actor ?? assertion ?? subject
  return {
    client,
    subject,
    actor,
    actorIssuer: acting.issuer.name === CLIENTS_ISSUER ? undefined : acting.issuer.authority,
    marks,
  }
}

/** The client that a client assertion proves: a registered one, or every client that the workload is. */
function authenticatedClient(assertion: Identified, request: ExchangeRequest, snapshot: Snapshot): Facts['client'] {
  const { principal } = assertion
  if (principal.issuer !== CLIENTS_ISSUER) return selected(principal, 'client_assertion', request, snapshot)
  const client = snapshot.clients.byName(principal.subject)
  if (client === undefined) throw new Refusal('client_unknown', `no client is named ${principal.subject}`)
  return asClient([client], 'private_key_jwt', principal, request)
}

/**
 * The client that is found without client authentication (interfaces.md, "Client"): from the actor token, else from a
 * subject token that is key-proven or meant for us alone; never from an ID token, nor from a token that others act in,
 * since whoever holds one of those need not be its subject.
 */
function foundClient(
  subject: Identified,
  actor: Identified | undefined,
  request: ExchangeRequest,
  snapshot: Snapshot,
): Facts['client'] {
  if (actor !== undefined) return selected(actor.principal, 'actor_token', request, snapshot)
  const owned =
    subject.principal.key || (subject.forUsAlone && subject.tokenType !== ID_TOKEN_TYPE && subject.actors.length === 0)
  if (!owned) {
    throw new Refusal(
      'client_required',
      'the subject token does not prove who brings it, and there is no client assertion and no actor token',
    )
  }
  return selected(subject.principal, 'subject_token', request, snapshot)
}

function selected(
  workload: Principal,
  authentication: string,
  request: ExchangeRequest,
  snapshot: Snapshot,
): Facts['client'] {
  const clients = snapshot.clients.selecting(workload)
  if (clients.length === 0)
    throw new Refusal('client_unknown', `no client selects ${workload.subject} of ${workload.issuer}`)
  return asClient(clients, authentication, workload, request)
}

/** `client_id`, when sent, must be one of the names: it chooses who may permit, and frees from no forbid. */
function asClient(
  clients: readonly Client[],
  authentication: string,
  principal: Principal,
  { clientId }: ExchangeRequest,
): Facts['client'] {
  const candidates = clients.map((client) => client.name)
  if (clientId !== undefined && !candidates.includes(clientId)) {
    throw new Refusal(
      'client_mismatch',
      `client_id ${JSON.stringify(clientId.slice(0, 120))} is not ${candidates.join(' or ')}`,
    )
  }
  return { candidates, authentication, principal, ...(clientId === undefined ? {} : { named: clientId }) }
}
