import type { Mark } from '../audit/contract.ts'
import type { Blocks } from '../blocks/block-index.ts'
import { blockedBecause } from '../blocks/sentence.ts'
import { matchesCertificate } from '../clients/certificate-names.ts'
import type { Client } from '../clients/contract.ts'
import { CARRIED_TYPE, type Carried, type Leniency, type Possession } from '../credentials/contract.ts'
import { type Identified, identify, type Trusting } from '../credentials/identify.ts'
import { ID_TOKEN_TYPE } from '../credentials/kinds/jwt.ts'
import { isAnswered } from '../credentials/look-up.ts'
import { possessionOf } from '../credentials/possession.ts'
import { CLIENTS_ISSUER, type Principal } from '../identity/principal.ts'
import { parseSpiffeId } from '../identity/spiffe-id.ts'
import type { Facts } from '../policy/contract.ts'
import { Refusal } from '../refusal.ts'
import type { Position } from '../trust/contract.ts'
import { candidatesOf, type KnownClients } from './candidates.ts'
import type { DecidingSnapshot } from './contract.ts'
import type { DeclaredToken, ExchangeRequest } from './request.ts'

/** Everybody who takes part in an exchange, verified, and what the request proves of keys. */
export interface Parties {
  readonly client: Facts['client']
  readonly subject: Identified
  readonly actor: Identified | undefined
  /** What the acting party's own credential names as its issuer; undefined for a registered client. */
  readonly actorIssuer: string | undefined
  readonly possession: Possession
}

/** Told of each party as soon as it is verified, so that a refusal further on is recorded with whom it met. */
export interface Witness {
  subject(subject: Identified): void
  actor(actor: Identified): void
  client(client: Facts['client']): void
  /** A credential that was verified, also where its party is blocked. */
  presented(party: Identified): void
  /** Thumbprints of the keys that the request proves: a list that grows while credentials are read. */
  proves(keys: readonly string[]): void
  /** A one-use mark of a credential, or of a proof, that was verified. */
  mark(mark: Mark): void
  /** A credential that only an explicit leniency has let pass. */
  lenient(position: Position, leniency: Leniency): void
}

/** The trust of a snapshot, before anything is known of what the request proves. */
export type Trust = Omit<Trusting, 'possession' | 'met'> & { readonly endpoints: readonly string[] }

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
  const possession = possessionOf(carried, trust, (mark) => witness.mark(mark))
  witness.proves(possession.keys)
  const trusting: Trusting = { ...trust, possession, met: new Map(), onBlocked: (party) => toldOf(party, witness) }
  const known: KnownClients = { clients: snapshot.clients, blocked: snapshot.blocked.clients(trust.now) }
  const identified = async (position: Exclude<Position, 'administrator'>, declared: DeclaredToken) => {
    const party = await identify({ position, ...declared }, trusting)
    toldOf(party, witness)
    for (const mark of party.marks) witness.mark(mark)
    for (const leniency of party.leniencies) witness.lenient(position, leniency)
    return party
  }

  const credential = request.authentication ?? certificateAsClient(request, snapshot, trusting)
  const authenticated = credential === undefined ? undefined : await identified('client', credential)
  let client = authenticated === undefined ? undefined : authenticatedClient(authenticated, request, known)
  if (client !== undefined) {
    witness.client(client)
    checkNotBlocked(client, snapshot.blocked, trust.now)
  }

  const subject = await subjectOf(request, authenticated, identified, witness)
  const actor = request.actor === undefined ? undefined : await identified('actor', request.actor)
  possession.checkAllUsed()

  if (client === undefined) {
    client = foundClient(subject, actor, request, known)
    witness.client(client)
    checkNotBlocked(client, snapshot.blocked, trust.now)
  }
  const acting = actor ?? authenticated ?? subject
  return {
    client,
    subject,
    actor,
    actorIssuer: acting.issuer.name === CLIENTS_ISSUER ? undefined : acting.issuer.authority,
    possession,
  }
}

/** For whom the token is to be: whose credential the request brings for that; else the client itself. */
async function subjectOf(
  { subject }: ExchangeRequest,
  authenticated: Identified | undefined,
  identified: (position: 'subject' | 'assertion', declared: DeclaredToken) => Promise<Identified>,
  witness: Witness,
): Promise<Identified> {
  if (subject !== undefined) return identified(subject.position, subject)
  if (authenticated === undefined)
    throw new Refusal('client_required', 'client credentials are asked for without client authentication')
  witness.subject(authenticated)
  return isAssertion(authenticated) ? { ...authenticated, expiresAt: Number.POSITIVE_INFINITY } : authenticated
}

/**
 * Whether a registered client has said with a key of its own, for a minute and once, that it asks: what it is known by is
 * that key, which does not end. A credential that somebody else gave it does, and no token outlives that (I4).
 */
const isAssertion = ({ issuer }: Identified): boolean => issuer.name === CLIENTS_ISSUER && issuer.singleUse

function toldOf(party: Identified, witness: Witness): void {
  witness.presented(party)
  if (party.position === 'subject' || party.position === 'assertion') witness.subject(party)
  else if (party.position === 'actor') witness.actor(party)
}

/** A block on any client that the caller is denies, whichever it names (interfaces.md, "Client"). */
function checkNotBlocked({ candidates }: Facts['client'], blocked: Blocks, now: number): void {
  if (blocked.none) return
  for (const name of candidates) {
    const block = blocked.client(name, now)
    if (block === undefined) continue
    const refusal = new Refusal('blocked', blockedBecause(block))
    refusal.about = 'caller'
    throw refusal
  }
}

/**
 * The certificate of the connection, where it is meant to authenticate the client: `client_id` names a client that
 * authenticates so (MT-01), or a SPIFFE ID (SC-20), or somebody here trusts its issuer. Otherwise it is a key and
 * nothing more: it binds what is issued (CB-03), and vouches for nobody.
 */
function certificateAsClient(
  { certificate, clientId }: ExchangeRequest,
  snapshot: DecidingSnapshot,
  trusting: Trusting,
): DeclaredToken | undefined {
  if (certificate === undefined) return undefined
  if (clientId !== undefined) {
    const method = snapshot.clients.byName(clientId)?.authentication?.method
    if (method !== undefined) return BY_CERTIFICATE.has(method) ? certificate : undefined
    if (parseSpiffeId(clientId) !== undefined) return certificate
  }
  return isAnswered({ position: 'client', ...certificate }, trusting) ? certificate : undefined
}

const BY_CERTIFICATE: ReadonlySet<string> = new Set(['tls_client_auth', 'self_signed_tls_client_auth', 'spiffe_x509'])

/** The client that a credential proves: a registered one, or every client that the workload is. */
function authenticatedClient(
  authenticated: Identified,
  request: ExchangeRequest,
  known: KnownClients,
): Facts['client'] {
  const { principal, authentication } = authenticated
  if (principal.issuer === CLIENTS_ISSUER) {
    const client = known.clients.byName(principal.subject)
    if (client?.authentication === undefined)
      throw new Refusal('client_unknown', `no client is named ${principal.subject}`)
    const { method } = client.authentication
    return asClient([client], authentication.startsWith(method) ? authentication : method, principal, request)
  }
  const named = request.clientId === undefined ? undefined : known.clients.byName(request.clientId)
  if (authenticated.tokenType === CARRIED_TYPE.certificate && named?.authentication?.method === 'tls_client_auth')
    return asClient(
      [registeredBy(authenticated, named), ...candidates(authenticated, 'tls_client_auth', known)],
      'tls_client_auth',
      principal,
      request,
    )
  return selected(authenticated, authentication, request, known)
}

/** A client whose certificate an authority vouches for: the authority and the one name that its document says (MT-02, MT-03, MT-06). */
function registeredBy(authenticated: Identified, client: Client): Client {
  if (!isRegisteredBy(authenticated, client)) {
    throw new Refusal(
      'client_mismatch',
      `the certificate of trusted issuer ${authenticated.issuer.name} does not have the name that client ${client.name} is registered by`,
    )
  }
  return client
}

const isRegisteredBy = ({ issuer, certificate }: Identified, { authentication }: Client): boolean =>
  authentication?.method === 'tls_client_auth' &&
  certificate !== undefined &&
  authentication.issuer === issuer.name &&
  matchesCertificate(authentication.name, certificate)

/**
 * The client that is found without client authentication (interfaces.md, "Client"): from the actor token, else from the
 * subject token or assertion, where that is key-proven or meant for us alone; never from an ID token, nor from a token of ours, nor from
 * one that others act in, since whoever holds one of those need not be its subject.
 */
function foundClient(
  subject: Identified,
  actor: Identified | undefined,
  request: ExchangeRequest,
  known: KnownClients,
): Facts['client'] {
  const bearer = actor ?? subject
  const by = bearer.position === 'assertion' ? 'assertion' : `${bearer.position}_token`
  if (!isOwned(bearer)) {
    throw new Refusal(
      'client_required',
      `the ${by.replace('_', ' ')} does not prove who brings it, and there is no client authentication${actor === undefined ? ' and no actor token' : ''}`,
    )
  }
  return selected(bearer, by, request, known)
}

/** Whether a token says by itself who brings it: one that is made out to a client names him for whom it is, and not the client. */
const isOwned = ({ principal, forUsAlone, ours, tokenType, actors, madeFor }: Identified): boolean =>
  (principal.key || forUsAlone) &&
  ours === undefined &&
  madeFor === undefined &&
  tokenType !== ID_TOKEN_TYPE &&
  actors.length === 0

const candidates = (workload: Identified, authentication: string, known: KnownClients): readonly Client[] =>
  candidatesOf(
    workload.principal,
    authentication,
    known,
    workload.certificate === undefined ? undefined : (client) => isRegisteredBy(workload, client),
  )

function selected(
  workload: Identified,
  authentication: string,
  request: ExchangeRequest,
  known: KnownClients,
): Facts['client'] {
  const { principal } = workload
  const clients = candidates(workload, authentication, known)
  if (clients.length === 0) {
    const others = known.clients
      .selecting(principal)
      .map(({ name, authentication: said }) => `${name} authenticates by ${said?.method}`)
    throw new Refusal(
      'client_unknown',
      others.length === 0
        ? `no client selects ${principal.subject} of ${principal.issuer}`
        : `${others.join(', ')}, and the request came by ${authentication}`,
    )
  }
  return asClient(clients, authentication, principal, request)
}

/** `client_id`, when sent, must be one of the names, or the SPIFFE ID itself: a name chooses who may permit, and frees from no forbid. */
function asClient(
  clients: readonly Client[],
  authentication: string,
  principal: Principal,
  { clientId }: ExchangeRequest,
): Facts['client'] {
  const names = [...new Set(clients.map((client) => client.name))]
  if (clientId === undefined || (clientId === principal.id && parseSpiffeId(clientId) !== undefined))
    return { candidates: names, authentication, principal }
  if (!names.includes(clientId)) {
    throw new Refusal(
      'client_mismatch',
      `client_id ${JSON.stringify(clientId.slice(0, 120))} is not ${names.join(' or ')}`,
    )
  }
  return { candidates: names, authentication, principal, named: clientId }
}
