import { CLIENTS_ISSUER, SELF_ISSUER } from '../identity/principal.ts'
import { type Fault, Faults } from '../lib/fault.ts'
import { atOnce, type Steps } from '../lib/slices.ts'
import { Refusal } from '../refusal.ts'
import type { Position, TrustedIssuer } from './contract.ts'

/** The trusted issuers of one snapshot, by the look-up key of credentials (interfaces.md, "Issuer"). Map look-ups only. */
export interface TrustIndex {
  readonly size: number
  /** Whether any issuer has credentials of the kind. */
  have(credential: string): boolean
  /** Whether any issuer answers to the declared type and the exact authority. */
  knows(tokenType: string, authority: string): boolean
  /**
   * The one issuer that a credential can be of: declared type, exact authority, and our audience in it. Throws Refusal
   * `issuer_unknown`, `audience_mismatch` or `issuer_ambiguous`. A single issuer of the authority is answered whatever
   * the audience: its own audience check comes later, and names what it expects.
   */
  find(tokenType: string, authority: string, audiences: readonly string[]): TrustedIssuer
  /** The one issuer of the declared type and the exact authority that may be used for administrators: there everybody's audience is the same. */
  ofAdministrators(tokenType: string, authority: string): TrustedIssuer | undefined
  /** By name of its document; issuers of registered clients have none. */
  byName(name: string): TrustedIssuer | undefined
  all(): Iterable<TrustedIssuer>
}

/** The issuers that share a declared type and an authority. */
interface Namesakes {
  readonly only: TrustedIssuer | undefined
  readonly byAudience: ReadonlyMap<string, TrustedIssuer>
}

export const trustIndex = (issuers: Iterable<TrustedIssuer>): TrustIndex => atOnce(indexIssuers(issuers))

/** Throws Faults where two issuers answer to one look-up key (P-20), or two documents have one name. */
export function* indexIssuers(issuers: Iterable<TrustedIssuer>): Steps<TrustIndex> {
  const all = Object.freeze([...issuers])
  const faults: Fault[] = []
  const byName = new Map<string, TrustedIssuer>()
  const grouped = new Map<string, Map<string, TrustedIssuer[]>>()
  const administering = new Map<string, Map<string, TrustedIssuer>>()
  for (const issuer of all) {
    if (issuer.name === SELF_ISSUER) byName.set(issuer.name, byName.get(issuer.name) ?? issuer)
    else if (issuer.name !== CLIENTS_ISSUER) {
      if (byName.has(issuer.name))
        faults.push({ path: 'metadata.name', message: `two trusted issuers are named ${issuer.name}` })
      byName.set(issuer.name, issuer)
    }
    if (issuer.uses.has('administrator')) fileForAdministrators(issuer, administering, faults)
    if (isForAdministratorsAlone(issuer.uses)) continue
    for (const tokenType of issuer.tokenTypes) {
      const authorities = grouped.get(tokenType) ?? new Map<string, TrustedIssuer[]>()
      grouped.set(tokenType, authorities)
      for (const authority of issuer.lookUp) authorities.set(authority, [...(authorities.get(authority) ?? []), issuer])
    }
    yield
  }
  const told = new Set<string>()
  const byType = new Map<string, ReadonlyMap<string, Namesakes>>()
  for (const [tokenType, authorities] of grouped) {
    const entries = new Map<string, Namesakes>()
    for (const [authority, namesakes] of authorities) {
      entries.set(authority, indexed(authority, namesakes, told, faults))
      yield
    }
    byType.set(tokenType, entries)
  }
  if (faults.length > 0) throw new Faults(faults)
  const credentials = new Set(all.map(({ credential }) => credential))

  return Object.freeze({
    size: all.length,
    have: (credential: string) => credentials.has(credential),
    knows: (tokenType: string, authority: string) => byType.get(tokenType)?.has(authority) ?? false,
    find(tokenType: string, authority: string, audiences: readonly string[]) {
      const namesakes = byType.get(tokenType)?.get(authority)
      if (namesakes === undefined) {
        throw new Refusal('issuer_unknown', `no trusted issuer answers to ${quoted(authority)} for this token type`)
      }
      return namesakes.only ?? meeting(namesakes, authority, audiences)
    },
    ofAdministrators: (tokenType: string, authority: string) => administering.get(tokenType)?.get(authority),
    byName: (name: string) => byName.get(name),
    all: () => all,
  })
}

/** Whether credentials of the issuer are nobody's at the workloads' door. */
export const isForAdministratorsAlone = (uses: Iterable<Position>): boolean =>
  [...uses].every((use) => use === 'administrator')

function fileForAdministrators(
  issuer: TrustedIssuer,
  administering: Map<string, Map<string, TrustedIssuer>>,
  faults: Fault[],
): void {
  const others = new Set<string>()
  for (const tokenType of issuer.tokenTypes) {
    const authorities = administering.get(tokenType) ?? new Map<string, TrustedIssuer>()
    administering.set(tokenType, authorities)
    for (const authority of issuer.lookUp) {
      const other = authorities.get(authority)
      if (other === undefined) authorities.set(authority, issuer)
      else others.add(other.name)
    }
  }
  for (const other of others) {
    faults.push({
      path: 'spec.uses',
      message: `trusted issuers ${other} and ${issuer.name} are both ${quoted(issuer.authority)} and both for administrators, so that a token could be of either and one person be two; leave administrator out of the uses of one`,
    })
  }
}

function meeting({ byAudience }: Namesakes, authority: string, audiences: readonly string[]): TrustedIssuer {
  let met: TrustedIssuer | undefined
  for (const audience of audiences.length === 0 ? [NO_AUDIENCE] : audiences) {
    const issuer = byAudience.get(audience)
    if (issuer === undefined || issuer === met) continue
    if (met !== undefined) {
      throw new Refusal(
        'issuer_ambiguous',
        `trusted issuers ${met.name} and ${issuer.name} are both ${quoted(authority)}, and the credential names audiences of both`,
      )
    }
    met = issuer
  }
  if (met === undefined) {
    throw new Refusal(
      'audience_mismatch',
      `several trusted issuers are ${quoted(authority)}, and the credential names an audience of none of them`,
    )
  }
  return met
}

/** What stands for the audience where credentials name none. */
const NO_AUDIENCE = ''

function indexed(
  authority: string,
  namesakes: readonly TrustedIssuer[],
  told: Set<string>,
  faults: Fault[],
): Namesakes {
  const byAudience = new Map<string, TrustedIssuer>()
  for (const issuer of namesakes) {
    for (const audience of new Set(issuer.audiences.length === 0 ? [NO_AUDIENCE] : issuer.audiences)) {
      const other = byAudience.get(audience)
      if (other === undefined) {
        byAudience.set(audience, issuer)
        continue
      }
      const conflict = JSON.stringify([other.name, issuer.name, authority, audience])
      if (told.has(conflict)) continue
      told.add(conflict)
      faults.push({
        ...(audience === NO_AUDIENCE
          ? {
              path: 'spec.keys',
              message: `${named(other)} and ${named(issuer)} both answer to ${issuer.authority === '' ? 'one root or intermediate certificate' : quoted(authority)}, so a credential could be of either; keep one of the two documents`,
            }
          : {
              path: 'spec.audiences',
              message: `${named(other)} and ${named(issuer)} both answer to ${quoted(authority)} with audience ${quoted(audience)}, so a credential could be of either; give each an audience of its own`,
            }),
      })
    }
  }
  return { only: namesakes.length === 1 ? namesakes[0] : undefined, byAudience }
}

/** A registered client vouches for itself, under its own name. */
export function named(issuer: TrustedIssuer): string {
  return issuer.name === CLIENTS_ISSUER ? `client ${issuer.authority}` : `trusted issuer ${issuer.name}`
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text)
}
