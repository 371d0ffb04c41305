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
import { type Reason, Refusal } from '../refusal.ts'
import type { KeyFinder, Position, TrustedIssuer } from '../trust/contract.ts'
import type { TrustIndex } from '../trust/trust-index.ts'
import type { AnyCredentialKind, VerifiedFacts } from './contract.ts'
import { isName, shown } from './jwt-checks.ts'

/** A credential as a request brings it. */
export interface Presented {
  readonly position: Position
  /** The declared type: `subject_token_type`, `actor_token_type`, `client_assertion_type`. */
  readonly tokenType: string
  readonly token: string
}

/** What identify() works with: the trust of one snapshot, and who we are. `now` is seconds since the epoch. */
export interface Trusting {
  readonly kinds: CredentialKinds
  readonly issuers: TrustIndex
  readonly keys: KeyFinder
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
  /** Whether we are its only audience. */
  readonly forUsAlone: boolean
  readonly actors: ActorChain
  readonly mayAct: MayAct | undefined
  /** Set where the credential may be accepted once: claimed with the record (audit/contract.ts). */
  readonly mark:
    | {
        readonly purpose: string
        readonly issuer: string
        readonly id: string
        readonly until: number
        readonly about: Position
      }
    | undefined
}

/** The register of credential kinds, by declared type. One declared type is read by the kinds that answer to it, and by no other (TE-32). */
export type CredentialKinds = ReadonlyMap<string, readonly AnyCredentialKind[]>

export function credentialKinds(register: readonly AnyCredentialKind[]): CredentialKinds {
  const kinds = new Map<string, AnyCredentialKind[]>()
  for (const kind of register) {
    for (const type of kind.tokenTypes) kinds.set(type, [...(kinds.get(type) ?? []), kind])
  }
  return kinds
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

  const { now, keys, ourIssuer } = trusting
  const accepted = acceptedAudiences(issuer, position, ourIssuer, now)
  const facts = await kind.verify(reading, issuer, { now, accepted, keys })
  if (facts.authority !== issuer.authority) {
    throw new Refusal(
      'issuer_unknown',
      `verified as ${shown(facts.authority)} but trusted as ${shown(issuer.authority)}`,
    )
  }
  // Before a mapping reads them: a credential that its document does not cover is nobody's.
  const seen = { assertion: facts.claims, header: facts.header }
  checkConditions(issuer, seen)
  checkTenant(issuer, seen)
  if (facts.claims['cnf'] !== undefined && !facts.keyProven) {
    throw new Refusal('confirmation_unproven', 'the token is bound to a key (cnf) that was not proven on this request')
  }
  if (facts.actors.length > 0 && issuer.act === 'refuse') {
    throw new Refusal(
      'actor_claim_refused',
      `the token names actors, and trusted issuer ${issuer.name} does not say act: keep`,
    )
  }
  return {
    principal: principalOf(issuer, kind, facts, seen, trusting.trustDomain),
    issuer,
    format: kind.format,
    tokenType,
    tokenHash: hashOf(token),
    expiresAt: facts.expiresAt,
    forUsAlone: facts.audiences.length === 1,
    actors: facts.actors,
    mayAct: facts.mayAct,
    mark: issuer.singleUse
      ? {
          purpose: issuer.name === CLIENTS_ISSUER ? 'client-assertion' : 'token',
          issuer: issuer.name === CLIENTS_ISSUER ? issuer.authority : issuer.name,
          id: facts.useId,
          until: Math.ceil(facts.expiresAt) + issuer.clockSkew,
          about: position,
        }
      : undefined,
  }
}

const ASSERTION_TYPES = 'urn:ietf:params:oauth:client-assertion-type:'

interface Found {
  readonly kind: AnyCredentialKind
  readonly issuer: TrustedIssuer
  readonly reading: unknown
}

/** The trusted issuer by look-up key, whose document names the kind. The credential never chooses its verifier. */
function found({ position, token, tokenType }: Presented, trusting: Trusting): Found {
  const answering = trusting.kinds.get(tokenType)
  // A type of one parameter means nothing in another (RFC 7521 §4.2, KX-01).
  if (answering === undefined || tokenType.startsWith(ASSERTION_TYPES) !== (position === 'client'))
    throw new Refusal('token_type_unsupported', `no credential kind answers to type ${shown(tokenType)}`)
  let refusal: Refusal | undefined
  for (const kind of answering) {
    try {
      return foundAs(kind, token, tokenType, trusting)
    } catch (error) {
      // What one kind cannot read may be another's; told is what the kind says that got furthest.
      if (!(error instanceof Refusal)) throw error
      if (refusal === undefined || UNREAD.has(refusal.reason)) refusal = error
    }
  }
  throw refusal ?? new Refusal('issuer_unknown', `no trusted issuer takes this credential as ${shown(tokenType)}`)
}

const UNREAD: ReadonlySet<Reason> = new Set<Reason>(['token_malformed', 'claim_missing', 'claim_malformed'])

function foundAs(kind: AnyCredentialKind, token: string, tokenType: string, { issuers }: Trusting): Found {
  const reading = kind.read(token)
  const { authority, audiences } = kind.locate(reading)
  if (!issuers.knows(tokenType, authority)) {
    throw new Refusal('issuer_unknown', `no trusted issuer is named ${shown(authority)}`)
  }
  const issuer = issuers.find(tokenType, authority, audiences)
  if (issuer.credential === kind.name) return { kind, issuer, reading }
  throw new Refusal('issuer_unknown', `trusted issuer ${issuer.name} has credentials of another kind`)
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
    key: facts.keyProven,
    instance: instanceOf(issuer, seen),
    scopes: [],
    attributes: attributesOf(issuer, seen),
  }
}

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
