/**
 * targets/ owns for whom we mint: audience and resource names, scopes, and how tokens for that audience look. Who may
 * have one is policy/; how one is written is tokens/.
 */
import type { Mapping } from '../lib/cel.ts'
import type { DetailTypes } from './authorization-details.ts'

/** One member of a Target's `tokens`: how a token of one kind looks for this target. Lifetime in seconds. */
export interface TokenProfile {
  /** The name of the token kind. */
  readonly kind: string
  /** The token type URI by which `requested_token_type` selects it. */
  readonly tokenType: string
  /** The format of the kind, for the change class `format`. */
  readonly format: string
  /** Tokens of the kind hold no key. */
  readonly unbound?: true
  readonly lifetime: number
  readonly algorithm: string
  /** Proof of possession that the target demands. */
  readonly binding: Binding
  /** The issued `sub`, where it is not `subject.id`. */
  readonly subject: Mapping | undefined
  readonly claims: readonly (readonly [name: string, mapping: Mapping])[]
  /** What the token kind adds, checked by its own schema (for access tokens: `typ`). */
  readonly settings: Readonly<Record<string, unknown>>
}

export const bindings = ['none', 'dpop', 'mtls', 'any'] as const
export type Binding = (typeof bindings)[number]

/** A Target document, compiled. */
export interface Target {
  readonly name: string
  readonly disabled: boolean
  readonly audiences: readonly string[]
  readonly resources: readonly string[]
  readonly scopes: ReadonlySet<string>
  readonly defaultScopes: readonly string[]
  /** Types of authorization details that it knows, by name (RFC 9396). */
  readonly authorizationDetails: DetailTypes
  /** The first is the default. */
  readonly tokens: readonly TokenProfile[]
  /** Clients that may ask at all; undefined: any that a policy names. */
  readonly clients: ReadonlySet<string> | undefined
  /** Our clients' ids at a foreign authorization server, by Client name. */
  readonly clientIds: ReadonlyMap<string, string>
}

export interface TargetIndex {
  readonly size: number
  byName(name: string): Target | undefined
  /** Compared character by character: an audience is a name, also where it looks like a URL. */
  byAudience(audience: string): Target | undefined
  /** Compared as URLs: an empty path equals `/` (interfaces.md, "Resources"). */
  byResource(resource: string): Target | undefined
  all(): Iterable<Target>
}
