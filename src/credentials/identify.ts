/**
 * The one pipeline for every credential, in whatever position it is presented: spelling, trusted issuer by look-up key,
 * verification by the kind that the issuer's document names, then subject, tenant and attributes. There is no second way
 * to a Principal (T3, T9, T23), and a kind cannot skip a step, because it never performs one of these.
 */
import type { ActorChain, MayAct } from '../identity/actor.ts'
import {
  type Attributes,
  type AttributeValue,
  CLIENTS_ISSUER,
  canonicalId,
  type Principal,
} from '../identity/principal.ts'
import { hashOf } from '../lib/ids.ts'
import type { Certificate } from '../lib/x509/contract.ts'
import { type Reason, Refusal } from '../refusal.ts'
import type { KeyFinder, Position, StatusChecks, TrustedIssuer } from '../trust/contract.ts'
import type { TrustIndex } from '../trust/trust-index.ts'
import { certificateFacts } from './certificate-facts.ts'
import type { AnyCredentialKind, Mark, OwnToken, Possession, VerifiedFacts } from './contract.ts'
import { isName, shown } from './jwt-checks.ts'

/** A credential as a request brings it. */
export interface Presented {
  readonly position: Position
  /** The declared type: `subject_token_type`, `actor_token_type`, `client_assertion_type`, or the place that declares it (CARRIED_TYPE). */
  readonly tokenType: string
  readonly token: string
}

/** What identify() works with: the trust of one snapshot, who we are, and what the request proves. `now` is seconds since the epoch. */
export interface Trusting {
  readonly kinds: CredentialKinds
  readonly issuers: TrustIndex
  readonly keys: KeyFinder
  readonly status: StatusChecks
  /** Why a token of ours counts no longer, though its time is not over; undefined where it does. */
  revoked(token: OwnToken, tokenHash: string, subject: string): string | undefined
  readonly possession: Possession
  readonly ourIssuer: string
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
  readonly ours: OwnToken | undefined
  /** Claimed with the record (audit/contract.ts). */
  readonly marks: readonly Mark[]
}

/** The register of credential kinds, by declared type in the position `client` and in all others. One declared type is read by the kinds that answer to it, and by no other (TE-32). */
export interface CredentialKinds {
  readonly ofTokens: ReadonlyMap<string, readonly AnyCredentialKind[]>
  readonly ofClients: ReadonlyMap<string, readonly AnyCredentialKind[]>
}

export function credentialKinds(register: readonly AnyCredentialKind[]): CredentialKinds {
  const filed = (typesOf: (kind: AnyCredentialKind) => Iterable<string>) => {
    const kinds = new Map<string, AnyCredentialKind[]>()
    for (const kind of register) for (const type of typesOf(kind)) kinds.set(type, [...(kinds.get(type) ?? []), kind])
    return kinds
  }
  return Object.freeze({
    ofTokens: filed((kind) => kind.tokenTypes),
    ofClients: filed((kind) => kind.clientTypes?.keys() ?? []),
  })
}

/** The client authentication methods of the register: a kind's own, and those of registered clients that are their own issuers. */
export function authenticationMethodsOf({ ofClients }: CredentialKinds): readonly string[] {
  const methods = new Set(['private_key_jwt', 'self_signed_tls_client_auth', 'attest_jwt_client_auth_dpop'])
  for (const kinds of ofClients.values())
    for (const kind of kinds) for (const name of kind.clientTypes?.values() ?? []) methods.add(name)
  return [...methods]
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

  const { kind, issuer, reading } = found(presented, trusting)
  if (issuer.disabled) throw new Refusal('issuer_disabled', `trusted issuer ${issuer.name} is disabled`)
  if (!issuer.uses.has(position)) {
    throw new Refusal('position_refused', `trusted issuer ${issuer.name} does not say ${position} in uses`)
  }

  const { now, keys, ourIssuer, possession } = trusting
  const accepted = acceptedAudiences(issuer, position, ourIssuer, now)
  const pending = kind.verify(reading, issuer, { token, now, accepted, keys, possession, ourIssuer })
  const facts = pending instanceof Promise ? await pending : pending
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
  checkConditions(issuer, seen)
  checkTenant(issuer, seen)
  const keyProven = facts.keyProven || provesKey(facts, possession)
  if (facts.actors.length > 0 && issuer.act === 'refuse') {
    throw new Refusal(
      'actor_claim_refused',
      `the token names actors, and trusted issuer ${issuer.name} does not say act: keep`,
    )
  }
  const principal = principalOf(issuer, kind, facts, keyProven, seen, trusting.trustDomain)
  const tokenHash = hashOf(token)
  const marks = marksOf(issuer, facts, possession, position)
  await checkInForce(presented, issuer, facts, principal, tokenHash, trusting)
  return {
    principal,
    issuer,
    format: kind.format,
    tokenType,
    tokenHash,
    expiresAt: facts.expiresAt,
    audiences: facts.audiences,
    forUsAlone: facts.audiences.length === 1,
    authentication: position === 'client' ? (facts.authentication ?? kind.clientTypes?.get(tokenType) ?? '') : '',
    actors: facts.actors,
    mayAct: facts.mayAct,
    certificate: facts.certificate,
    ours: facts.ours,
    marks,
  }
}

/** A credential that is bound to a key is good for nothing without it; others have none to prove. */
function provesKey({ claims }: VerifiedFacts, possession: Possession): boolean {
  if (claims['cnf'] === undefined) return false
  possession.confirm(claims)
  return true
}

/** What a signature cannot tell: that the token was revoked, that its workload is gone (UC-106). Last, because it may cost a question. */
async function checkInForce(
  { token }: Presented,
  issuer: TrustedIssuer,
  { ours, claims, useId, expiresAt }: VerifiedFacts,
  principal: Principal,
  tokenHash: string,
  trusting: Trusting,
): Promise<void> {
  const why = ours === undefined ? undefined : trusting.revoked(ours, tokenHash, principal.id)
  if (why !== undefined) throw new Refusal('revoked', why)
  if (issuer.onlineCheck === undefined) return
  const subject = typeof claims['sub'] === 'string' ? claims['sub'] : undefined
  await trusting.status.check(issuer, { token, id: useId, subject, expiresAt })
}

/** One-use marks: of credentials that may be used once, of evidence that enrols once, of the key that a credential was first used with (UC-03). */
function marksOf(
  issuer: TrustedIssuer,
  facts: VerifiedFacts,
  possession: Possession,
  about: Position,
): readonly Mark[] {
  const { enrols, useId, expiresAt } = facts
  if (enrols === undefined && !issuer.singleUse && issuer.firstUse === 'any') return NO_MARKS
  const marks: Mark[] = []
  const until = Math.ceil(expiresAt) + issuer.clockSkew
  if (enrols !== undefined) marks.push({ purpose: 'enrolment', issuer: issuer.name, about, ...enrols })
  if (issuer.singleUse) {
    marks.push(
      issuer.name === CLIENTS_ISSUER
        ? { purpose: 'client-assertion', issuer: issuer.authority, id: useId, until, about }
        : { purpose: 'token', issuer: issuer.name, id: useId, until, about },
    )
  }
  if (issuer.firstUse === 'bind') {
    const { confirmation } = possession
    if (confirmation === undefined)
      throw new Refusal(
        'confirmation_unproven',
        `trusted issuer ${issuer.name} says firstUse: bind, and the request proves no key to bind the credential to`,
      )
    const [[name, thumbprint] = []] = Object.entries(confirmation)
    marks.push({ purpose: 'first-use', issuer: issuer.name, id: useId, until, about, holder: `${name}:${thumbprint}` })
  }
  return marks
}

const NO_MARKS: readonly Mark[] = Object.freeze([])

interface Found {
  readonly kind: AnyCredentialKind
  readonly issuer: TrustedIssuer
  readonly reading: unknown
}

/** The trusted issuer by look-up key, whose document names the kind. The credential never chooses its verifier. */
function found({ position, token, tokenType }: Presented, { kinds, issuers }: Trusting): Found {
  // A type of one position means nothing in another (RFC 7521 §4.2, KX-01).
  const answering = (position === 'client' ? kinds.ofClients : kinds.ofTokens).get(tokenType)
  if (answering === undefined)
    throw new Refusal('token_type_unsupported', `no credential kind answers to type ${shown(tokenType)}`)
  let met: Found | undefined
  let told: Told | undefined
  let read: AnyCredentialKind['read'] | undefined
  let reading: unknown
  for (const kind of answering) {
    try {
      if (kind.read !== read) {
        reading = kind.read(token)
        read = kind.read
      }
      const outcome = foundAs(kind, reading, tokenType, issuers)
      if ('reason' in outcome) {
        told = further(told, outcome)
        continue
      }
      if (met !== undefined) {
        throw new Refusal(
          'issuer_ambiguous',
          `trusted issuers ${met.issuer.name} and ${outcome.issuer.name} both answer to this credential; give their credentials audiences of their own`,
        )
      }
      met = outcome
    } catch (error) {
      // What one kind cannot read may be another's.
      if (!(error instanceof Refusal) || error.reason === 'issuer_ambiguous') throw error
      told = further(told, error)
    }
  }
  if (met !== undefined) return met
  if (told instanceof Refusal) throw told
  throw new Refusal(told?.reason ?? 'issuer_unknown', told?.detail ?? 'no trusted issuer takes this credential')
}

/** Whether some trusted issuer answers to the credential in its position: as found() finds it, unverified. */
export function isAnswered(presented: Presented, trusting: Trusting): boolean {
  try {
    const { issuer } = found(presented, trusting)
    return !issuer.disabled && issuer.uses.has(presented.position)
  } catch (error) {
    if (error instanceof Refusal) return false
    throw error
  }
}

interface Told {
  readonly reason: Reason
  readonly detail: string
}

/** Told is what the kind says that got furthest. */
function further(before: Told | undefined, now: Told): Told {
  return before === undefined || (UNREAD.has(before.reason) && !UNREAD.has(now.reason)) ? now : before
}

const UNREAD: ReadonlySet<Reason> = new Set<Reason>(['token_malformed', 'claim_missing', 'claim_malformed'])

function foundAs(kind: AnyCredentialKind, reading: unknown, tokenType: string, issuers: TrustIndex): Found | Told {
  const where = kind.locate(reading)
  if ('unlocated' in where) return { reason: where.unlocated, detail: where.detail }
  const { authorities, audiences } = where
  for (const authority of authorities) {
    if (!issuers.knows(tokenType, authority)) continue
    const issuer = issuers.find(tokenType, authority, audiences)
    if (issuer.credential === kind.name) return { kind, issuer, reading }
    return { reason: 'issuer_unknown', detail: `trusted issuer ${issuer.name} has credentials of another kind` }
  }
  return { reason: 'issuer_unknown', detail: `no trusted issuer is named ${authorities.map(shown).join(' or ')}` }
}

/** The audiences that mean us in this position. A client assertion of a platform names us and nobody else (JC-03, T8). */
function acceptedAudiences(issuer: TrustedIssuer, position: Position, ourIssuer: string, now: number) {
  let audiences = issuer.audiences
  if (position === 'client' && issuer.name !== CLIENTS_ISSUER) audiences = audiences.filter((one) => one === ourIssuer)
  const until = issuer.audienceUntil
  if (until !== undefined) audiences = audiences.filter((one) => now < (until.get(one) ?? Number.POSITIVE_INFINITY))
  return { audiences, several: issuer.multipleAudiences && position !== 'client' }
}

type Seen = Readonly<Record<string, unknown>>

function checkConditions(issuer: TrustedIssuer, seen: Seen): void {
  for (const condition of issuer.conditions) {
    let holds: boolean
    try {
      holds = condition.test(seen)
    } catch (error) {
      throw new Refusal('condition_refused', `condition of trusted issuer ${issuer.name} failed: ${messageOf(error)}`, {
        cause: error,
      })
    }
    if (!holds)
      throw new Refusal(
        'condition_refused',
        `condition of trusted issuer ${issuer.name} is not met: ${condition.source}`,
      )
  }
}

/** Strangers share some issuers; the immutable id of the tenant keeps them apart (P-4, T21). */
function checkTenant(issuer: TrustedIssuer, seen: Seen): void {
  if (issuer.tenant === undefined) return
  const { allowed, mapping } = issuer.tenant
  let tenant: unknown
  try {
    tenant = mapping.value(seen)
  } catch (error) {
    throw new Refusal('tenant_refused', `tenant of trusted issuer ${issuer.name} cannot be read: ${messageOf(error)}`, {
      cause: error,
    })
  }
  if (typeof tenant !== 'string' || !allowed.has(tenant)) {
    throw new Refusal(
      'tenant_refused',
      `tenant ${shown(typeof tenant === 'string' ? tenant : String(tenant))} is not listed in trusted issuer ${issuer.name}`,
    )
  }
}

function principalOf(
  issuer: TrustedIssuer,
  kind: AnyCredentialKind,
  facts: VerifiedFacts,
  keyProven: boolean,
  seen: Seen,
  trustDomain: string,
): Principal {
  let subject: unknown
  try {
    subject = issuer.subject.value(seen)
  } catch (error) {
    throw new Refusal(
      'subject_unmapped',
      `subject of trusted issuer ${issuer.name} cannot be read: ${messageOf(error)}`,
      { cause: error },
    )
  }
  if (!isName(subject))
    throw new Refusal(
      'subject_unmapped',
      `subject of trusted issuer ${issuer.name} is not a text of 1 to 1024 characters`,
    )
  return {
    id: facts.uri ?? canonicalId(trustDomain, issuer.name, subject),
    issuer: issuer.name,
    subject,
    kind: kind.name,
    key: keyProven,
    instance: instanceOf(issuer, seen),
    scopes: facts.scopes ?? NO_SCOPES,
    attributes: attributesOf(issuer, seen),
  }
}

const NO_SCOPES: readonly string[] = Object.freeze([])

function instanceOf(issuer: TrustedIssuer, seen: Seen): string {
  const value = mapped(issuer.instance, seen)
  return typeof value === 'string' && value.length <= 1024 ? value : ''
}

/** A mapping that fails leaves its attribute absent, so that no rule can match on it (interfaces.md, "Errors in conditions"). */
function attributesOf(issuer: TrustedIssuer, seen: Seen): Attributes {
  // A plain object: names are checked when documents are saved, and one without a prototype costs JSON.stringify four times as much.
  const attributes: Record<string, AttributeValue> = {}
  for (const [name, mapping] of issuer.attributes) {
    const value = mapped(mapping, seen)
    if (value !== undefined) attributes[name] = value
  }
  return attributes
}

function mapped(mapping: TrustedIssuer['instance'], seen: Seen): AttributeValue | undefined {
  if (mapping === undefined) return undefined
  try {
    return mapping.value(seen)
  } catch {
    return undefined
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
