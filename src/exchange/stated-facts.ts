import type { Client } from '../clients/contract.ts'
import type { CredentialKinds } from '../credentials/look-up.ts'
import { CLIENTS_ISSUER, canonicalId, type Principal, SELF_ISSUER } from '../identity/principal.ts'
import { parseWorkloadId } from '../identity/spiffe-id.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { nearestName } from '../lib/nearest.ts'
import type { Facts } from '../policy/contract.ts'
import { Refusal } from '../refusal.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import { candidatesOf } from './candidates.ts'
import type { DecidingSnapshot } from './contract.ts'
import type { WrittenClient, WrittenFacts, WrittenParty } from './written-facts.ts'

/** What written facts are read with. `now` is seconds since the epoch, for those that say no time. */
export interface Stating {
  readonly snapshot: DecidingSnapshot
  readonly kinds: CredentialKinds
  readonly trustDomain: string
  readonly now: number
}

/**
 * The Facts that a person means, by the documents. What they name must be there: a name that is misspelt would be
 * refused by every policy, and a test of it would pass whatever the policies say. Throws Faults, each under `path`; and
 * Refusal `client_unknown` or `client_required` where no client is written and the road would find none either.
 */
export function statedFacts(written: WrittenFacts, stating: Stating, path: string): Facts {
  const reader = new Reader(stating, path)
  const subject = reader.principal(written.subject, 'subject')
  const actor = written.actor === undefined ? undefined : reader.principal(written.actor, 'actor')
  const client = reader.client(written, subject, actor)
  const format = written.format ?? reader.format(subject.kind)
  const acting = actor ?? client.principal
  if (written.grant === 'client-credentials') reader.checkItself(subject, acting)
  if (reader.faults.length > 0) throw new Faults(reader.faults)
  const { mayAct, subjectAudiences, subjectClient, subjectUnproven, path: passed, tokenType } = written
  const { madeFor, conveys, onlyResources, issuedTo, authorizationDetails, subjectDetails } = written
  return {
    grant: written.grant ?? 'token-exchange',
    client,
    subject,
    ...(acting.id === subject.id ? {} : { actor: acting }),
    actors: (written.actors ?? []).map(({ sub, iss }) => (iss === undefined ? { sub } : { sub, iss })),
    ...(mayAct === undefined ? {} : { mayAct: reader.mayAct(mayAct, subject, acting) }),
    ...(subjectAudiences === undefined ? {} : { subjectAudiences }),
    ...(subjectClient === undefined ? {} : { subjectClient }),
    ...(subjectUnproven === true ? { subjectUnproven } : {}),
    ...(madeFor === undefined ? {} : { madeFor }),
    ...(conveys === undefined ? {} : { conveys }),
    ...(onlyResources === undefined ? {} : { onlyResources }),
    ...(issuedTo === undefined ? {} : { issuedTo }),
    ...(passed === undefined ? {} : { path: passed }),
    audiences: written.audiences ?? [],
    resources: written.resources ?? [],
    scopes: written.scopes ?? [],
    ...(authorizationDetails === undefined ? {} : { authorizationDetails }),
    ...(subjectDetails === undefined ? {} : { subjectDetails }),
    ...(tokenType === undefined ? {} : { tokenType }),
    binding: written.binding ?? 'none',
    format,
    time: written.time ?? stating.now,
  }
}

class Reader {
  readonly faults: Fault[] = []
  readonly #stating: Stating
  readonly #path: string

  constructor(stating: Stating, path: string) {
    this.#stating = stating
    this.#path = path
  }

  principal(written: WrittenParty, at: string): Principal {
    const { issuer: issuerName, subject, attributes = {} } = written
    const issuer = this.#issuer(issuerName, `${at}.issuer`)
    this.#checkAttributes(Object.keys(attributes), issuer, issuerName, `${at}.attributes`)
    return {
      id: written.id ?? this.#id(issuerName, issuer, subject),
      issuer: issuerName,
      subject,
      kind: written.kind ?? issuer?.credential ?? 'jwt',
      key: written.key ?? false,
      instance: written.instance ?? '',
      scopes: written.scopes ?? [],
      attributes,
    }
  }

  client(facts: WrittenFacts, subject: Principal, actor?: Principal): Facts['client'] {
    const { client: written, actors = [], grant = 'token-exchange' } = facts
    const bySubject = BY_SUBJECT[grant]
    if (written === undefined) return this.#found(subject, bySubject, actor, actors.length > 0)
    const { candidates, name, named, authentication } = written
    const stated = written.principal === undefined ? undefined : this.principal(written.principal, 'client.principal')
    if (candidates !== undefined) {
      const principal = stated ?? subject
      const by = authentication ?? 'client_assertion'
      return { candidates, authentication: by, principal, ...(named === undefined ? {} : { named }) }
    }
    const client = name === undefined ? undefined : this.#stating.snapshot.clients.byName(name)
    if (client !== undefined) return this.#named(client, written, stated, [subject, bySubject], actor)
    const near = name === undefined ? undefined : nearestName(name, this.#names(this.#stating.snapshot.clients.all()))
    const message =
      name === undefined
        ? 'names nobody; write a name, or leave the client out where the workload itself is one'
        : `there is no Client ${JSON.stringify(name)}${near === undefined ? '' : `; did you mean ${near}?`}`
    this.#fault('client', message)
    return { candidates: [], authentication: '', principal: subject }
  }

  /** With client credentials a client asks for itself, and for nobody else. */
  checkItself(subject: Principal, acting: Principal): void {
    if (this.faults.length === 0 && subject.id !== acting.id)
      this.#fault('subject', `is not the client, ${acting.id}, which is the subject of its client credentials`)
  }

  /** As identify() has them: whose name `iss` means, and whose the acting party's own is. */
  mayAct(
    { members, issuer, actorIssuer }: NonNullable<WrittenFacts['mayAct']>,
    subject: Principal,
    acting: Principal,
  ): NonNullable<Facts['mayAct']> {
    const authorityOf = ({ issuer: named }: Principal) => this.#stating.snapshot.issuers.byName(named)?.authority
    const ofActor = actorIssuer ?? authorityOf(acting)
    return {
      members,
      issuer: issuer ?? authorityOf(subject) ?? '',
      ...(ofActor === undefined ? {} : { actorIssuer: ofActor }),
    }
  }

  /** The format of a credential kind, which the change class `format` compares. */
  format(kind: string): string {
    const { ofTokens, ofClients } = this.#stating.kinds
    const known = [...ofTokens.values(), ...ofClients.values()].flat().find(({ name }) => name === kind)
    if (known === undefined) this.#fault('subject.kind', `there is no credential kind ${JSON.stringify(kind)}`)
    return known?.format ?? 'jwt'
  }

  /** Without client authentication (parties.ts): from the actor, else from the subject, where that says who brings it. */
  #found(subject: Principal, bySubject: string, actor: Principal | undefined, delegated: boolean): Facts['client'] {
    const [bearer, by] = actor === undefined ? [subject, bySubject] : [actor, 'actor_token']
    const speaksForItself = bearer.issuer !== SELF_ISSUER && bearer.issuer !== CLIENTS_ISSUER && !delegated
    if (this.faults.length === 0 && !speaksForItself) {
      throw new Refusal(
        'client_required',
        `the ${by.replace('_', ' ')} does not prove who brings it, and no client is named`,
      )
    }
    const clients = this.#candidates(bearer, by)
    if (this.faults.length === 0 && clients.length === 0)
      throw new Refusal('client_unknown', `no client selects ${bearer.subject} of ${bearer.issuer}`)
    return { candidates: this.#names(clients), authentication: by, principal: bearer }
  }

  #named(
    client: Client,
    { authentication }: WrittenClient,
    stated: Principal | undefined,
    [subject, bySubject]: readonly [Principal, by: string],
    actor: Principal | undefined,
  ): Facts['client'] {
    const bearer =
      stated ?? [actor, subject].find((each) => each !== undefined && this.#selected(each).includes(client))
    if (bearer !== undefined && client.authentication === undefined) {
      const by = bearer === actor ? 'actor_token' : bearer === subject && actor === undefined ? bySubject : ASSERTION
      return this.#oneOf(client, authentication ?? by, bearer)
    }
    const principal = stated ?? this.#sample(client)
    return this.#oneOf(client, authentication ?? client.authentication?.method ?? ASSERTION, principal)
  }

  /** A workload that is several clients at once is judged as all of them; the one that is written is the one that it names. */
  #oneOf({ name }: Client, authentication: string, principal: Principal): Facts['client'] {
    const others = this.#names(this.#candidates(principal, authentication))
    const candidates = [...new Set([name, ...others])].sort()
    return { candidates, authentication, principal, ...(candidates.length > 1 ? { named: name } : {}) }
  }

  /** No certificate is written, so that nobody is known by a name in one. */
  #candidates(principal: Principal, authentication: string): readonly Client[] {
    const { snapshot, now } = this.#stating
    const known = { clients: snapshot.clients, blocked: snapshot.blocked.clients(now) }
    return candidatesOf(principal, authentication, known, undefined)
  }

  #selected = (principal: Principal): readonly Client[] => this.#stating.snapshot.clients.selecting(principal)

  /** Somebody who is the client, where its document says all that is to be known of such a one. */
  #sample(client: Client): Principal {
    const { authentication, name, workloads } = client
    if (authentication !== undefined && !('issuer' in authentication))
      return this.principal({ issuer: CLIENTS_ISSUER, subject: name }, 'client')
    if (authentication !== undefined && 'spiffeId' in authentication) {
      const { issuer, spiffeId, method } = authentication
      return this.principal({ issuer, subject: spiffeId, key: method !== 'spiffe_jwt' }, 'client')
    }
    for (const { issuer, ids, match, condition } of workloads) {
      const id = ids === undefined ? name : ids.find(({ literal }) => literal !== undefined)?.literal
      const values = match.map(([attribute, patterns]) => [attribute, patterns.find(isLiteral)?.literal] as const)
      if (id === undefined || condition !== undefined || values.some(([, value]) => value === undefined)) continue
      const attributes = Object.fromEntries(values.flatMap(([at, value]) => (value === undefined ? [] : [[at, value]])))
      return this.principal({ issuer, subject: id, attributes }, 'client')
    }
    this.#fault(
      'client',
      `which workload ${name} is, its document does not say in full; write it out: {name: ${name}, principal: {issuer, subject, attributes}}`,
    )
    return this.principal({ issuer: CLIENTS_ISSUER, subject: name }, 'client')
  }

  #issuer(name: string, at: string): TrustedIssuer | undefined {
    if (name === CLIENTS_ISSUER) return undefined
    const { issuers } = this.#stating.snapshot
    const issuer = issuers.byName(name)
    if (issuer !== undefined) return issuer
    const near = nearestName(name, this.#names(issuers.all()))
    const message = `there is no TrustedIssuer ${JSON.stringify(name)}${near === undefined ? '' : `; did you mean ${near}?`}`
    this.#fault(at, message)
    return undefined
  }

  /** An attribute that its issuer does not map is never there on the road. */
  #checkAttributes(names: readonly string[], issuer: TrustedIssuer | undefined, of: string, at: string): void {
    if (issuer === undefined && of !== CLIENTS_ISSUER) return // a fault already
    const mapped = (issuer?.attributes ?? []).map(([attribute]) => attribute)
    for (const attribute of names) {
      if (mapped.includes(attribute)) continue
      const near = nearestName(attribute, mapped)
      const there = mapped.length === 0 ? 'it maps none' : `it maps ${mapped.join(', ')}`
      const help = near === undefined ? there : `did you mean ${near}?`
      this.#fault(`${at}.${attribute}`, `trusted issuer ${of} maps no attribute ${attribute}; ${help}`)
    }
  }

  /** As identify() makes it: the id itself where the kind of credential guarantees it (interfaces.md, "`subject.id`"). */
  #id(name: string, issuer: TrustedIssuer | undefined, subject: string): string {
    const guaranteed =
      name === SELF_ISSUER ||
      (issuer !== undefined && issuer.keyUse !== 'sig' && parseWorkloadId(subject)?.origin === issuer.authority)
    return guaranteed ? subject : canonicalId(this.#stating.trustDomain, name, subject)
  }

  #names = (named: Iterable<{ readonly name: string }>): readonly string[] => [...named].map(({ name }) => name)

  #fault(at: string, message: string): void {
    this.faults.push({ path: this.#path === '' ? at : `${this.#path}.${at}`, message })
  }
}

const ASSERTION = 'client_assertion'
/** By what a client is known that brings nothing but what the grant brings; with client credentials it has authenticated. */
const BY_SUBJECT: Readonly<Record<Facts['grant'], string>> = {
  'token-exchange': 'subject_token',
  'jwt-bearer': 'assertion',
  'client-credentials': ASSERTION,
}
const isLiteral = ({ literal }: { readonly literal: string | undefined }): boolean => literal !== undefined
