import { blockedBecause } from '../blocks/sentence.ts'
import { matchesCertificate } from '../clients/certificate-names.ts'
import type { Client } from '../clients/contract.ts'
import { CARRIED_TYPE } from '../credentials/contract.ts'
import type { Identified } from '../credentials/identify.ts'
import { isAnswered } from '../credentials/look-up.ts'
import { CLIENTS_ISSUER, type Principal } from '../identity/principal.ts'
import { parseSpiffeId } from '../identity/spiffe-id.ts'
import { ID_TOKEN_TYPE } from '../lib/token-types.ts'
import type { Facts } from '../policy/contract.ts'
import { Refusal } from '../refusal.ts'
import { candidatesOf, type KnownClients } from './candidates.ts'
import type { Meeting } from './meeting.ts'
import type { DeclaredToken } from './parameters.ts'
import type { CallerRequest } from './request.ts'

/** A client that authenticates, by what it does. */
interface Authenticated {
  readonly authenticated: Identified
  readonly client: Facts['client']
}

/** The client by a credential of its own; undefined where the request brings none. Rejects with a Refusal. */
export async function authenticatedBy(request: CallerRequest, meeting: Meeting): Promise<Authenticated | undefined> {
  const credential = request.authentication ?? certificateAsClient(request, meeting)
  if (credential === undefined) return undefined
  const authenticated = await meeting.identified('client', credential)
  return { authenticated, client: admitted(authenticatedClient(authenticated, request, meeting.known), meeting) }
}

/** Tells of the client. A block on any that the caller is denies, whichever it names (interfaces.md, "Client"). */
function admitted(client: Facts['client'], { snapshot: { blocked }, trusting: { now }, witness }: Meeting) {
  witness.client(client)
  if (blocked.none) return client
  for (const name of client.candidates) {
    const block = blocked.client(name, now)
    if (block === undefined) continue
    const refusal = new Refusal('blocked', blockedBecause(block))
    refusal.about = 'caller'
    throw refusal
  }
  return client
}

/**
 * The certificate of the connection, where it is meant to authenticate the client: `client_id` names a client that
 * authenticates so (MT-01), or a SPIFFE ID (SC-20), or somebody here trusts its issuer. Otherwise it is a key and
 * nothing more: it binds what is issued (CB-03), and vouches for nobody.
 */
function certificateAsClient(
  { certificate, clientId }: CallerRequest,
  { snapshot, trusting }: Meeting,
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
export function foundClient(
  subject: Identified,
  actor: Identified | undefined,
  request: CallerRequest,
  meeting: Meeting,
): Facts['client'] {
  const bearer = actor ?? subject
  const by = bearer.position === 'assertion' ? 'assertion' : `${bearer.position}_token`
  if (!isOwned(bearer) || isForClient(bearer, meeting)) {
    if (bearer.unproven !== undefined) throw boundToAnother(bearer)
    throw new Refusal(
      'client_required',
      `the ${by.replace('_', ' ')} does not prove who brings it, and there is no client authentication${actor === undefined ? ' and no actor token' : ''}`,
    )
  }
  return admitted(selected(bearer, by, request, meeting.known), meeting)
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

/** Whether its audience is a client of ours, which then has it as well: that documents take it here makes it no proof of who brings it (T18). */
const isForClient = ({ principal, audiences }: Identified, { known, trusting }: Meeting): boolean =>
  !principal.key && audiences.some((one) => one !== trusting.ourIssuer && known.clients.isMeantBy(one))

/** Whether a token says by itself who brings it: an authorization grant names him for whom it is, and not the client. */
const isOwned = ({ principal, forUsAlone, ours, tokenType, actors, grant }: Identified): boolean =>
  (principal.key || forUsAlone) &&
  ours === undefined &&
  grant === undefined &&
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
