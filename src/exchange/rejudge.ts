import type { ClientIndex } from '../clients/contract.ts'
import { CLIENTS_ISSUER, type Principal, SELF_ISSUER } from '../identity/principal.ts'
import type { Decision, Facts } from '../policy/contract.ts'
import { evaluate, type Rules } from '../policy/evaluate.ts'
import { Refusal } from '../refusal.ts'
import type { Position } from '../trust/contract.ts'
import type { TrustIndex } from '../trust/trust-index.ts'
import { candidatesOf } from './candidates.ts'

/** Documents that a recorded request is judged by: whom they believe, and what they allow. */
export interface Judging extends Rules {
  readonly issuers: Pick<TrustIndex, 'byName'>
}

/**
 * What the road would decide on a request of these facts under the documents. Pure, since all of it is on the record:
 * whether the parties' issuers are believed at all, which clients the caller is, and the decision. What a credential said
 * is not on the record but as the attributes that were mapped from it, so those stay as they were.
 */
export function rejudge(facts: Facts, documents: Judging): Decision {
  try {
    return evaluate(factsUnder(facts, documents), documents)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    const { reason, detail } = error
    return { permitted: false, reason, detail, rules: NONE, shadow: NONE, changes: NONE, errors: NONE }
  }
}

/** The facts as the road would have them under the documents. Throws Refusal where it would refuse before a decision. */
export function factsUnder(facts: Facts, documents: Judging): Facts {
  checkBelieved(facts, documents)
  const candidates = clientsOf(facts, documents.clients)
  return equal(candidates, facts.client.candidates) ? facts : withClients(facts, candidates)
}

const NONE: readonly never[] = Object.freeze([])

/** In the order of the road: the client's own credential, the subject's, the actor's. */
function checkBelieved({ grant, client, subject, actor, actors }: Facts, documents: Judging): void {
  const { principal, authentication } = client
  if (!CREDENTIALS_OF_OTHERS.has(authentication)) checkIssuer(principal, 'client', documents)
  checkIssuer(subject, POSITION_OF_SUBJECT[grant], documents)
  const issuer = documents.issuers.byName(subject.issuer)
  if (actors.length > 0 && issuer?.act === 'refuse') {
    throw new Refusal(
      'actor_claim_refused',
      `the token names actors, and trusted issuer ${issuer.name} does not say act: keep`,
    )
  }
  if (authentication === 'actor_token') checkIssuer(principal, 'actor', documents)
  else if (actor !== undefined && actor.id !== principal.id) checkIssuer(actor, 'actor', documents)
}

/** Where the subject's credential stands in a request of a grant. */
const POSITION_OF_SUBJECT: Readonly<Record<Facts['grant'], Position>> = {
  'token-exchange': 'subject',
  'jwt-bearer': 'assertion',
  'client-credentials': 'client',
}

/** Ways in which a client is found without a credential of its own. */
const CREDENTIALS_OF_OTHERS: ReadonlySet<string> = new Set(['subject_token', 'actor_token', 'assertion'])

/** Refuses as identify() does, as far as it goes by the document alone. */
function checkIssuer({ issuer: name }: Principal, position: Position, { issuers }: Judging): void {
  if (name === CLIENTS_ISSUER || name === SELF_ISSUER) return
  const issuer = issuers.byName(name)
  if (issuer === undefined) throw new Refusal('issuer_unknown', `no trusted issuer is named ${name}`)
  if (issuer.disabled) throw new Refusal('issuer_disabled', `trusted issuer ${name} is disabled`)
  if (!issuer.uses.has(position))
    throw new Refusal('position_refused', `trusted issuer ${name} does not say ${position} in uses`)
}

/** The names of the clients that the caller is under the documents, in order. Refuses where it is none, or not the one that it named. */
function clientsOf({ client }: Facts, clients: ClientIndex): readonly string[] {
  const { principal, authentication, named, candidates } = client
  if (principal.issuer === CLIENTS_ISSUER) return [registered(principal.subject, authentication, clients)]
  // Blocks are of now and not of the documents: who is kept out is not what a draft changes.
  const known = { clients, blocked: NOBODY }
  const found = candidatesOf(principal, authentication, known, ({ name }) => candidates.includes(name)).map(
    ({ name }) => name,
  )
  // Its certificate is not on the record: who was registered by a name in it still is.
  if (authentication === 'tls_client_auth' && named !== undefined)
    found.unshift(registered(named, authentication, clients))
  if (found.length === 0)
    throw new Refusal('client_unknown', `no client selects ${principal.subject} of ${principal.issuer}`)
  if (named !== undefined && !found.includes(named))
    throw new Refusal('client_mismatch', `client_id ${JSON.stringify(named)} is not ${found.join(' or ')}`)
  return found.length > 1 ? [...new Set(found)] : found
}

const NOBODY: ReadonlySet<string> = new Set()

/** A registered client that says it authenticates as this one did. */
function registered(name: string, authentication: string, clients: ClientIndex): string {
  const method = clients.byName(name)?.authentication?.method
  if (method === undefined) throw new Refusal('client_unknown', `no client is registered as ${name}`)
  if (!authentication.startsWith(method))
    throw new Refusal(
      'client_mismatch',
      `${name} authenticates by ${method}, and the request came by ${authentication}`,
    )
  return name
}

const withClients = (facts: Facts, candidates: readonly string[]): Facts => ({
  ...facts,
  client: { ...facts.client, candidates },
})

const equal = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((each, at) => each === others[at])
