/**
 * targets/ owns for whom we mint: audience and resource names, scopes and types of authorization details, and how tokens
 * for that audience look. Who may have one is policy/; how one is written is tokens/.
 */
import type { z } from 'zod'
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
  readonly lifetime: number
  readonly algorithm: string
  /** Proof of possession that the target demands. */
  readonly binding: Binding
  /** Whether each of its tokens has a place in a status list, where its audience reads that it was revoked. */
  readonly revocable: boolean
  /** The ways in which a token of the kind can be bound at all; `any` stands for each. */
  readonly bindings: readonly Binding[]
  /** The issued `sub`, where it is not `subject.id`. */
  readonly subject: Mapping | undefined
  readonly claims: readonly (readonly [name: string, mapping: Mapping])[]
  /** What the token kind adds, checked by its own schema (for access tokens: `typ`). */
  readonly settings: Readonly<Record<string, unknown>>
}

/** Seconds: no target's tokens live longer. */
export const MAX_TOKEN_LIFETIME = 86_400

export const bindings = ['none', 'dpop', 'mtls', 'any'] as const
export type Binding = (typeof bindings)[number]

/** What of a token kind a Target document depends on; tokens/ hands its kinds in. */
export interface TokenKindForm {
  /** The word in documents, records and documentation. */
  readonly name: string
  /** The token type URI: `issued_token_type`, and what `requested_token_type` selects (RFC 8693 §3). */
  readonly tokenType: string
  /** What the change class `format` compares; `jwt` where it says nothing. */
  readonly format?: string
  /** `reference`: it is not signed and says nothing; what it stands for is kept with the record of its exchange. */
  readonly form?: 'reference'
  /** Seconds that its tokens live where a target says nothing, and at most; 5m and a day where the kind says nothing. */
  readonly lifetime?: { readonly standard: number; readonly most: number }
  /** An object schema: what a target's entry of this kind may say beside what all say. */
  readonly settings: z.ZodType
  /** Claim names that this kind writes itself, and a target's `claims` cannot. */
  readonly ownClaims?: readonly string[]
  /** Algorithms that it may be signed with; all where it says nothing. */
  readonly algorithms?: ReadonlySet<string>
  /** How it can be bound to a key, and so what a target and its rules can demand, by default the first; in every way where it says nothing. */
  readonly bindings?: readonly Binding[]
  /** It says no scopes, so that none can be granted with it. */
  readonly withoutScopes?: true
}

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
