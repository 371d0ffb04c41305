/**
 * The only road to a signature. It takes a permission, which only policy/evaluate.ts makes, and credentials, which only
 * credentials/identify.ts makes; the lifetime is the least of all ceilings, then the kind writes, then the signer signs.
 */
import type { Identified } from '../credentials/identify.ts'
import type { Keyring } from '../keys/contract.ts'
import { hashOf } from '../lib/ids.ts'
import { sightOf } from '../policy/case.ts'
import type { Facts, Permission } from '../policy/contract.ts'
import { isPermission } from '../policy/evaluate.ts'
import { Refusal } from '../refusal.ts'
import type { Mintable, TokenKind, TokenUsage } from './contract.ts'
import { signedJwt } from './signed-jwt.ts'

/** A token kind by the name that a target's profile gives. */
export type TokenKinds = ReadonlyMap<string, TokenKind>

/** What is needed to mint. `now` is seconds since the epoch; `id` becomes `jti`. */
export interface MintRequest {
  readonly permission: Permission
  readonly facts: Facts
  readonly subject: Identified
  readonly actor: Identified | undefined
  /** The key that the request proves, which the token is bound to (CB-01, DP-04). */
  readonly confirmation: Mintable['confirmation']
  readonly id: string
  readonly lineage: string
  readonly path: readonly string[]
  readonly issuer: string
  readonly kinds: TokenKinds
  readonly keyring: Keyring
  readonly now: number
}

export interface Minted {
  readonly token: string
  readonly tokenHash: string
  readonly id: string
  readonly tokenType: string
  readonly usage: TokenUsage
  /** Seconds. */
  readonly expiresIn: number
  readonly scopes: readonly string[]
}

/** Throws Refusal `no_lifetime_left` where the credential ends too soon to be worth a token. */
export function mint(request: MintRequest): Minted | Promise<Minted> {
  const { permission, kinds, keyring, id, now } = request
  if (!isPermission(permission))
    throw new Error('mint() takes what the policy has decided, and nothing that looks like it')
  const kind = kinds.get(permission.profile.kind)
  if (kind === undefined) throw new Error(`no token kind is named ${permission.profile.kind}`)
  const signer = keyring.signer(permission.profile.algorithm, now)
  if (signer === undefined) throw new Error(`no signing key of algorithm ${permission.profile.algorithm} is active`)

  const expiresAt = endOf(request)
  const written = kind.write({
    issuer: request.issuer,
    permission,
    subject: request.subject.principal,
    audience: audienceOf(permission, request.facts),
    issuedAt: now,
    expiresAt,
    id,
    lineage: request.lineage,
    path: request.path,
    confirmation: request.confirmation,
    claims: mappedClaims(request),
  })
  const signed = signedJwt(signer, written.header, written.claims)
  const answer = (token: string): Minted => ({
    token,
    tokenHash: hashOf(token),
    id,
    tokenType: kind.tokenType,
    // A token that is no access token stays N_A, bound or not (DP-11).
    usage: permission.binding === 'dpop' && kind.usage === 'Bearer' ? 'DPoP' : kind.usage,
    expiresIn: expiresAt - now,
    scopes: permission.scopes,
  })
  return signed instanceof Promise ? signed.then(answer) : answer(signed)
}

/**
 * The least of: profile and rules, subject token, actor token (TE-13, P-11, I4: no exchange lengthens anything). Throws
 * Refusal `no_lifetime_left`.
 */
export function endOf({
  permission,
  subject,
  actor,
  now,
}: Pick<MintRequest, 'subject' | 'actor' | 'now'> & { readonly permission: Pick<Permission, 'lifetime'> }): number {
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
function mappedClaims({ permission, facts }: MintRequest): Record<string, unknown> {
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
