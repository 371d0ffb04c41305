import type { Mark } from '../audit/contract.ts'
import type { Blocks } from '../blocks/block-index.ts'
import { blockedBecause } from '../blocks/sentence.ts'
import { matchesCertificate } from '../clients/certificate-names.ts'
import type { Client } from '../clients/contract.ts'
import { CARRIED_TYPE, type Carried, type Leniency, type Possession } from '../credentials/contract.ts'
import { type Identified, identify, type Trusting } from '../credentials/identify.ts'
import { CLIENT_ASSERTION_TYPE, ID_TOKEN_TYPE } from '../credentials/kinds/jwt.ts'
import { isAnswered } from '../credentials/look-up.ts'
import { type ProvenAt, possessionOf } from '../credentials/possession.ts'
import { CLIENTS_ISSUER, type Principal } from '../identity/principal.ts'
import { parseSpiffeId } from '../identity/spiffe-id.ts'
import type { Facts } from '../policy/contract.ts'
import { Refusal } from '../refusal.ts'
import type { Position } from '../trust/contract.ts'
import { type Bound, boundBy } from './bound.ts'
import { candidatesOf, type KnownClients } from './candidates.ts'
import type { DecidingSnapshot } from './contract.ts'
import type { CallerRequest, DeclaredToken, ExchangeRequest } from './request.ts'

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
export type Trust = Omit<Trusting, 'possession' | 'met'> & ProvenAt

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
  const { possession, known, identified } = meeting
  const caller = await authenticate(request, snapshot, meeting, witness)
  const authenticated = caller?.authenticated
  let client = caller?.client

  const subject = await subjectOf(request, authenticated, identified, witness)
  const actor = request.actor === undefined ? undefined : await identified('actor', request.actor)
  possession.checkAllUsed()

  if (client === undefined) {
    client = foundClient(subject, actor, request, { known, ourIssuer: trust.ourIssuer })
    witness.client(client)
    checkNotBlocked(client, snapshot.blocked, trust.now)
  }
  const acting = actor ?? authenticated ?? subject
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
  const caller = await authenticate(request, snapshot, meeting, witness)
  meeting.possession.checkAllUsed()
  if (caller === undefined) throw new Refusal('client_required', 'the request came without client authentication')
  return caller.client
}

/** A request whose parties are being met, one after the other. */
interface Meeting {
  readonly possession: Possession
  readonly trusting: Trusting
  readonly known: KnownClients
  identified(position: Exclude<Position, 'administrator'>, declared: DeclaredToken): Promise<Identified>
}

function meetingOf(carried: Carried, snapshot: DecidingSnapshot, trust: Trust, witness: Witness): Meeting {
  const possession = possessionOf(carried, trust, (mark) => witness.mark(mark))
  witness.proves(possession.keys)
  const trusting: Trusting = { ...trust, possession, met: new Map(), onBlocked: (party) => toldOf(party, witness) }
  return {
    possession,
    trusting,
    known: { clients: snapshot.clients, blocked: snapshot.blocked.clients(trust.now) },
    async identified(position, declared) {
      const party = await identify({ position, ...declared }, trusting)
      toldOf(party, witness)
      for (const mark of party.marks) witness.mark(mark)
      for (const leniency of party.leniencies) witness.lenient(position, leniency)
      return party
    },
  }
}

/** The client by a credential of its own; undefined where the request brings none. */
async function authenticate(
  request: CallerRequest,
  snapshot: DecidingSnapshot,
  { trusting, known, identified }: Meeting,
  witness: Witness,
): Promise<{ readonly authenticated: Identified; readonly client: Facts['client'] } | undefined> {
  const credential = request.authentication ?? certificateAsClient(request, snapshot, trusting)
  if (credential === undefined) return undefined
  const authenticated = await identified('client', credential)
  const client = authenticatedClient(authenticated, request, known)
  witness.client(client)
  checkNotBlocked(client, snapshot.blocked, trusting.now)
  return { authenticated, client }
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
  return isProofAlone(authenticated) ? { ...authenticated, expiresAt: Number.POSITIVE_INFINITY } : authenticated
}

/** A registered client's own assertion says until when it may be presented, and not how long its client lives (P-11). */
const isProofAlone = ({ issuer, tokenType }: Identified): boolean =>
  issuer.name === CLIENTS_ISSUER && tokenType === CLIENT_ASSERTION_TYPE

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
  { certificate, clientId }: CallerRequest,
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
function authenticatedClient(authenticated: Identified, request: CallerRequest, known: KnownClients): Facts['client'] {
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
  request: CallerRequest,
  { known, ourIssuer }: { readonly known: KnownClients; readonly ourIssuer: string },
): Facts['client'] {
  const bearer = actor ?? subject
  const by = bearer.position === 'assertion' ? 'assertion' : `${bearer.position}_token`
  if (!isOwned(bearer) || isForClient(bearer, known, ourIssuer)) {
    if (bearer.unproven !== undefined) throw boundToAnother(bearer)
    throw new Refusal(
      'client_required',
      `the ${by.replace('_', ' ')} does not prove who brings it, and there is no client authentication${actor === undefined ? ' and no actor token' : ''}`,
    )
  }
  return selected(bearer, by, request, known)
}

/** Who proves neither a token's key nor who he is himself is nobody for whom a rule could waive the key (T16). */
function boundToAnother({ position }: Identified): Refusal {
  const refusal = new Refusal(
    'confirmation_unproven',
    'the token is bound to a key, and the request proves neither that key nor which client sends it',
  )
  refusal.about = position
  return refusal
}

/** Whether a token says by itself who brings it: an authorization grant names him for whom it is, and not the client. */
const isOwned = ({ principal, forUsAlone, ours, tokenType, actors, grant }: Identified): boolean =>
  (principal.key || forUsAlone) && ours === undefined && !grant && tokenType !== ID_TOKEN_TYPE && actors.length === 0

/** Whether its audience is a client of ours, which then has it as well: that documents take it here makes it no proof of who brings it (T18). */
const isForClient = ({ principal, audiences }: Identified, { clients }: KnownClients, ourIssuer: string): boolean =>
  !principal.key && audiences.some((one) => one !== ourIssuer && clients.isMeantBy(one))

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
  request: CallerRequest,
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
  { clientId }: CallerRequest,
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
