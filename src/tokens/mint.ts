/**
 * The only road to a signature. It takes a permission, which only policy/evaluate.ts makes, and credentials, which only
 * credentials/identify.ts makes; the lifetime is the least of all ceilings, then the kind writes, then the signer signs.
 */
import { type Possession, REFERENCE_PREFIX } from '../credentials/contract.ts'
import type { Identified } from '../credentials/identify.ts'
import type { Keyring } from '../keys/contract.ts'
import { hashOf } from '../lib/ids.ts'
import { newOpaqueText } from '../lib/opaque-text.ts'
import { sightOf } from '../policy/case.ts'
import type { Facts, Permission } from '../policy/contract.ts'
import { isPermission } from '../policy/evaluate.ts'
import { Refusal } from '../refusal.ts'
import type { AuthorizationDetails } from '../targets/authorization-details.ts'
import type { Mintable, TokenKind, TokenUsage, Written } from './contract.ts'
import { signedJwt } from './signed-jwt.ts'
import { type StatusIndex, type StatusIndexes, statusListUri } from './status-indexes.ts'

/** A token kind by the name that a target's profile gives. */
export type TokenKinds = ReadonlyMap<string, TokenKind>

export const tokenKinds = (register: readonly TokenKind[]): TokenKinds =>
  new Map(register.map((kind) => [kind.name, kind]))

/** What a token is made of. `now` is seconds since the epoch; `id` becomes `jti`. */
export interface DraftRequest {
  readonly permission: Permission
  readonly facts: Facts
  readonly subject: Identified
  readonly actor: Identified | undefined
  /** What the request proves: the key that the token is bound to (CB-01, DP-04). */
  readonly possession: Pick<Possession, 'confirmation' | 'provenKey'>
  readonly transaction: Mintable['transaction']
  readonly remote: string
  readonly id: string
  readonly lineage: string
  readonly path: readonly string[]
  readonly issuer: string
  readonly trustDomain: string
  readonly kinds: TokenKinds
  readonly now: number
}

export interface MintRequest extends DraftRequest {
  readonly keyring: Keyring
  /** Where the statuses of revocable tokens stand. */
  readonly statuses: Pick<StatusIndexes, 'take'>
}

export interface Minted {
  readonly token: string
  readonly tokenHash: string
  readonly id: string
  /** The transaction that it belongs to (RFC 8417 §2.2); '' for none. */
  readonly txn: string
  readonly tokenType: string
  readonly usage: TokenUsage
  /** Seconds. */
  readonly expiresIn: number
  readonly scopes: readonly string[]
  readonly authorizationDetails: AuthorizationDetails
  /** Where its status stands; undefined where its target asked for none. */
  readonly status: StatusIndex | undefined
  /** Of a reference: its claims, and when it has expired (seconds since the epoch). They are kept with its record. */
  readonly standsFor?: { readonly claims: Written['claims']; readonly until: number }
}

/** A token without its signature and the place of its status: what explain() shows, and mint() signs. */
export interface Draft extends Written {
  readonly kind: TokenKind
  readonly expiresAt: number
}

/**
 * Signs what draft() wrote, or makes a reference that stands for it. Throws Refusal `no_lifetime_left` where the credential
 * ends too soon to be worth a token, and `token_unfit` where the kind cannot make one of it.
 */
export function mint(request: MintRequest): Minted | Promise<Minted> {
  const { permission } = request
  if (!isPermission(permission))
    throw new Error('mint() takes what the policy has decided, and nothing that looks like it')

  const written = draft(request)
  const status = permission.profile.revocable ? request.statuses.take() : undefined
  return status instanceof Promise
    ? status.then((one) => issue(written, request, one))
    : issue(written, request, status)
}

/** Signs it, with the place of its status where it has one (draft-ietf-oauth-status-list-20 §6.2), or makes the reference that stands for it. */
function issue(written: Draft, request: MintRequest, status: StatusIndex | undefined): Minted | Promise<Minted> {
  const { permission, issuer, id, now } = request
  const { kind, expiresAt } = written
  const claims = status === undefined ? written.claims : { ...written.claims, status: statusClaim(status, issuer) }
  const made = kind.form === 'reference' ? newOpaqueText(REFERENCE_PREFIX) : sign({ ...written, claims }, request)
  const answer = (token: string): Minted => ({
    token,
    tokenHash: hashOf(token),
    id,
    txn: typeof claims['txn'] === 'string' ? claims['txn'] : '',
    tokenType: kind.tokenType,
    // A token that is no access token stays N_A, bound or not (DP-11).
    usage: permission.binding === 'dpop' && kind.usage === 'Bearer' ? 'DPoP' : kind.usage,
    expiresIn: expiresAt - now,
    scopes: permission.scopes,
    authorizationDetails: permission.authorizationDetails,
    status,
    ...(kind.form === 'reference' ? { standsFor: { claims, until: expiresAt } } : {}),
  })
  return made instanceof Promise ? made.then(answer) : answer(made)
}

function sign({ kind, header, claims }: Draft, { permission, keyring, now }: MintRequest): string | Promise<string> {
  const { algorithm } = permission.profile
  const use = kind.keyUse ?? 'sig'
  const signer = keyring.signer(use, algorithm, now)
  if (signer === undefined) throw new Error(`no signing key for ${use} of algorithm ${algorithm} is active`)
  return signedJwt(signer, header, claims)
}

const statusClaim = ({ list, index }: StatusIndex, issuer: string) => ({
  status_list: { idx: index, uri: statusListUri(issuer, list) },
})

/** Writes the token that a permission gives. Throws Refusal as mint() does. */
export function draft(request: DraftRequest): Draft {
  const { permission, facts, kinds, possession } = request
  const kind = kinds.get(permission.profile.kind)
  if (kind === undefined) throw new Error(`no token kind is named ${permission.profile.kind}`)
  const expiresAt = endOf(request)
  const mintable: Mintable = {
    issuer: request.issuer,
    trustDomain: request.trustDomain,
    permission,
    facts,
    subject: request.subject,
    audience: audienceOf(permission, facts),
    issuedAt: request.now,
    expiresAt,
    id: request.id,
    lineage: request.lineage,
    path: request.path,
    confirmation: possession.confirmation,
    provenKey: possession.provenKey,
    transaction: request.transaction,
    remote: request.remote,
    claims: mappedClaims(request),
  }
  const { header, claims } = kind.write(mintable, permission.profile.settings)
  // What is not in the token is not granted, whatever the answer says (RA-03).
  if (permission.authorizationDetails.length > 0 && claims['authorization_details'] === undefined)
    throw new Refusal('token_unfit', `a token of kind ${kind.name} carries no authorization details`)
  return { kind, expiresAt, header, claims }
}

/**
 * The least of: profile and rules, subject token, actor token (TE-13, P-11, I4: no exchange lengthens anything). Throws
 * Refusal `no_lifetime_left`.
 */
function endOf({ permission, subject, actor, now }: DraftRequest): number {
  const end = Math.floor(
    Math.min(now + permission.lifetime, subject.expiresAt, actor?.expiresAt ?? Number.POSITIVE_INFINITY),
  )
  if (end <= now) throw new Refusal('no_lifetime_left', 'the credential ends now, and a token cannot outlive it')
  return end
}

/** Each target by the audience it was asked by, else by its first (RI-02). */
function audienceOf({ targets }: Permission, { audiences }: Facts): string | readonly string[] {
  const names = new Set<string>()
  for (const target of targets) {
    const asked = audiences.filter((audience) => target.audiences.includes(audience))
    for (const name of asked.length > 0 ? asked : target.audiences.slice(0, 1)) names.add(name)
  }
  const [first = '', ...others] = names
  return others.length === 0 ? first : [first, ...others]
}

/** Claims that the target maps, which see what its conditions see. One that fails is left out, like an attribute. */
function mappedClaims({ permission, facts }: DraftRequest): Record<string, unknown> {
  const { client, profile, targets } = permission
  const claims: Record<string, unknown> = {}
  const [target] = targets
  if (profile.claims.length === 0 || target === undefined) return claims
  const seen = sightOf(facts, client, target)
  for (const [name, mapping] of profile.claims) {
    try {
      claims[name] = mapping.value(seen)
    } catch {
      // an absent claim, not a refused exchange (interfaces.md, "Errors in conditions")
    }
  }
  return claims
}
