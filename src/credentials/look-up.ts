import { type Reason, Refusal } from '../refusal.ts'
import type { Position, TrustedIssuer } from '../trust/contract.ts'
import type { TrustIndex } from '../trust/trust-index.ts'
import type { AnyCredentialKind, Possession, Presented } from './contract.ts'
import { shown } from './jwt-checks.ts'

/**
 * The register of credential kinds, by declared type in the positions `client` and `assertion` and in all others. One
 * declared type is read by the kinds that answer to it, and by no other (TE-32).
 */
export interface CredentialKinds {
  readonly ofTokens: ReadonlyMap<string, readonly AnyCredentialKind[]>
  readonly ofClients: ReadonlyMap<string, readonly AnyCredentialKind[]>
  readonly ofAssertions: ReadonlyMap<string, readonly AnyCredentialKind[]>
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
    ofAssertions: filed((kind) => kind.assertionTypes ?? []),
  })
}

/** The client authentication methods of the register: a kind's own, and those of registered clients that are their own issuers. */
export function authenticationMethodsOf({ ofClients }: CredentialKinds): readonly string[] {
  const methods = new Set(['private_key_jwt', 'self_signed_tls_client_auth', 'attest_jwt_client_auth_dpop'])
  for (const kinds of ofClients.values())
    for (const kind of kinds) for (const name of kind.clientTypes?.values() ?? []) methods.add(name)
  return [...methods]
}

/** Names of the kinds whose credentials are taken as assertions. */
export const assertionKindsOf = ({ ofAssertions }: CredentialKinds): readonly string[] =>
  [...new Set([...ofAssertions.values()].flat().map(({ name }) => name))].sort()

/** Profiles of authorization grants that kinds of the register answer to. */
export const grantProfilesOf = ({ ofAssertions }: CredentialKinds): readonly string[] => [
  ...new Set([...ofAssertions.values()].flat().flatMap(({ grantProfile }) => grantProfile ?? [])),
]

/** What a credential is looked up in. */
export interface LookUp {
  readonly kinds: CredentialKinds
  readonly issuers: TrustIndex
  readonly possession: Possession
}

export interface Found {
  readonly kind: AnyCredentialKind
  readonly issuer: TrustedIssuer
  readonly reading: unknown
}

/** The trusted issuer by look-up key, whose document names the kind. The credential never chooses its verifier. */
export function found(presented: Presented, { kinds, issuers, possession }: LookUp): Found {
  const { position, token, tokenType } = presented
  // A type of one position means nothing in another (RFC 7521 §4.2, KX-01).
  const answering = answeringIn(position, kinds).get(tokenType)
  if (answering === undefined)
    throw new Refusal('token_type_unsupported', `no credential kind answers to type ${shown(tokenType)}`)
  let met: Found | undefined
  let told: Told | undefined
  let read: AnyCredentialKind['read'] | undefined
  let reading: unknown
  for (const kind of readersOf(token, answering)) {
    try {
      if (kind.dear) checkWorthReading(kind, issuers, possession)
      if (kind.read !== read) {
        reading = kind.read(token)
        read = kind.read
      }
      const outcome = foundAs(kind, reading, presented, issuers)
      if ('reason' in outcome) {
        told = further(told, outcome)
        continue
      }
      if (met?.kind.general) met = undefined
      if (met !== undefined) {
        if (kind.general) continue
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

/** Those of the kinds that could read a credential that begins so: to have another try costs more than to look. */
function readersOf(token: string, answering: readonly AnyCredentialKind[]): readonly AnyCredentialKind[] {
  if (answering.length === 1 || answering.every(({ prefix }) => prefix === undefined)) return answering
  const known = answering.filter(({ prefix }) => prefix !== undefined && token.startsWith(prefix))
  return known.length > 0 ? known : answering.filter(({ prefix }) => prefix === undefined)
}

function answeringIn(position: Position, { ofTokens, ofClients, ofAssertions }: CredentialKinds) {
  if (position === 'client') return ofClients
  return position === 'assertion' ? ofAssertions : ofTokens
}

function checkWorthReading({ name }: AnyCredentialKind, issuers: TrustIndex, { confirmation }: Possession): void {
  if (!issuers.have(name)) throw new Refusal('issuer_unknown', `no trusted issuer has credentials ${name}`)
  if (confirmation === undefined)
    throw new Refusal(
      'confirmation_unproven',
      `a credential ${name} comes with a proven key, and the request proves none`,
    )
}

/** Whether some trusted issuer answers to the credential in its position: as found() finds it, unverified. */
export function isAnswered(presented: Presented, lookUp: LookUp): boolean {
  try {
    const { issuer } = found(presented, lookUp)
    return !issuer.disabled && issuer.uses.has(presented.position)
  } catch (error) {
    // What meets two documents is refused, and never passed over.
    if (error instanceof Refusal) return error.reason === 'issuer_ambiguous'
    throw error
  }
}

interface Told {
  readonly reason: Reason
  readonly detail: string
  /** A kind whose credentials look otherwise. */
  readonly unlocated?: true
}

/** Told is what the kind says that got furthest. */
function further(before: Told | undefined, now: Told): Told {
  return before === undefined || distance(now) > distance(before) ? now : before
}

const distance = ({ unlocated, reason }: Told): number => (unlocated ? 0 : UNREAD.has(reason) ? 1 : 2)

const UNREAD: ReadonlySet<Reason> = new Set<Reason>(['token_malformed', 'claim_missing', 'claim_malformed'])

function foundAs(
  kind: AnyCredentialKind,
  reading: unknown,
  { position, tokenType }: Presented,
  issuers: TrustIndex,
): Found | Told {
  const where = kind.locate(reading)
  if ('unlocated' in where) return { reason: where.unlocated, detail: where.detail, unlocated: true }
  const { authorities, audiences, named } = where
  for (const authority of authorities) {
    const issuer =
      position === 'administrator'
        ? issuers.ofAdministrators(tokenType, authority)
        : issuers.knows(tokenType, authority)
          ? issuers.find(tokenType, authority, audiences)
          : undefined
    if (issuer === undefined) continue
    if (issuer.credential === kind.name) return { kind, issuer, reading }
    return { reason: 'issuer_unknown', detail: `trusted issuer ${issuer.name} has credentials of another kind` }
  }
  return {
    reason: 'issuer_unknown',
    detail: `no trusted issuer ${position === 'administrator' ? 'with administrator in its uses ' : ''}is named ${named ?? authorities.map(shown).join(' or ')}`,
  }
}
