/**
 * documents/ owns what administrators write, as a whole: the envelope, reading YAML and JSON, the register of document
 * kinds, references between documents, warnings (lint), the difference that an apply makes, and the immutable snapshot
 * that an exchange reads. What one document of a kind says belongs to the folder of its noun (trust/, clients/,
 * targets/, policy/, administrators/); where documents are kept is storage/; who may change them is admin/.
 */
import type { z } from 'zod'
import type { RoleBindings } from '../administrators/contract.ts'
import type { Blocks } from '../blocks/block-index.ts'
import type { Block } from '../blocks/contract.ts'
import type { ClientIndex } from '../clients/contract.ts'
import type { AnyCredentialKind } from '../credentials/contract.ts'
import type { Keyring, StoredKey } from '../keys/contract.ts'
import type { Fault } from '../lib/fault.ts'
import type { PolicyIndex } from '../policy/index-policies.ts'
import type { TargetIndex } from '../targets/contract.ts'
import type { TokenKind } from '../tokens/contract.ts'
import type { Revocation, Revoked } from '../tokens/revocations.ts'
import type { TrustIndex } from '../trust/trust-index.ts'
import type { PendingChanges } from './pending.ts'

export const API_VERSION = 'cambist/v1'

/** A document whose envelope has been read. Its `spec` is JSON, as written; compile.ts checks what it says. */
export interface Document {
  readonly apiVersion: typeof API_VERSION
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec: Readonly<Record<string, unknown>>
}

/** A place in a spec that names another document; refused when applied where that does not exist. */
export interface Reference {
  readonly path: string
  readonly kind: string
  readonly name: string
}

/** What the schemas of documents are made of beside themselves: the registers of credential and token kinds, handed in. */
export interface Formats {
  readonly credentialKinds: readonly AnyCredentialKind[]
  readonly tokenKinds: readonly TokenKind[]
}

/** What documents are compiled under. */
export interface CompileContext extends Formats {
  readonly ourIssuer: string
  /** The audience of administrators' tokens, which no issuer's document may take. Absent: not checked, since lint knows no server. */
  readonly adminAudience?: string
  /** Ours, in which ids are made of all other issuers' subjects. Absent: not checked. */
  readonly ourTrustDomain?: string
  /** `host:port` values that key fetches may reach over http or on private addresses. Absent: not checked. */
  readonly insecureFetch?: ReadonlySet<string>
  /** Throws where a signing key cannot be opened. */
  openKeys(stored: readonly StoredKey[]): Keyring
}

/** One kind of document. A kind is one file in kinds/ and one line in kinds/index.ts. */
export interface DocumentKind {
  /** `TrustedIssuer`, as written in documents. */
  readonly kind: string
  /** `trusted-issuers`, as written in paths of the administrators' door. */
  readonly path: string
  /** One sentence, for documentation and the console. */
  readonly summary: string
  /** The role that may write it. */
  readonly writtenBy: 'editor' | 'admin'
  /** The written `spec`. */
  schema(formats: Formats): z.ZodType
  /** Other documents that a spec names; the spec has not been checked when this is asked. */
  references(spec: Readonly<Record<string, unknown>>): readonly Reference[]
}

/** A kind of document with the noun that it becomes. */
export interface NounKind<Noun> extends DocumentKind {
  /** Throws Faults with every one; their paths begin with `spec`. */
  compile(name: string, spec: Readonly<Record<string, unknown>>, context: CompileContext): Noun
  /** What is allowed but doubtful in this document, seen by itself or with the targets it speaks of. */
  lint(noun: Noun, targets: TargetIndex): readonly Fault[]
}

export interface StoredDocument extends Document {
  /** Version of the whole at which this document last changed. */
  readonly changedIn: number
}

/** Everything an exchange needs that administrators or rotation can change, read in one transaction. */
export interface StoredState {
  readonly version: number
  readonly documents: readonly StoredDocument[]
  readonly keys: readonly StoredKey[]
  readonly revocations: readonly Revocation[]
  readonly blocks: readonly Block[]
}

/** A compiled, frozen state. An exchange reads one snapshot from beginning to end and records its version. */
export interface Snapshot {
  readonly version: number
  readonly issuers: TrustIndex
  readonly clients: ClientIndex
  readonly targets: TargetIndex
  readonly policies: PolicyIndex
  /** Who may open the administrators' door, beside the bootstrap token. */
  readonly administrators: RoleBindings
  readonly keyring: Keyring
  /** Why a token of ours counts no longer; undefined where it does. */
  readonly revoked: Revoked
  readonly blocked: Blocks
}

export type Action = 'created' | 'updated' | 'deleted' | 'unchanged'

export interface Change {
  readonly kind: string
  readonly name: string
  readonly action: Action
  /** The name that the document had, where it says the same as one that this change deletes. */
  readonly renamedFrom?: string
}

/** A change as the history keeps it: with the hash (canonical.ts) of the document before and after, where there was one. */
export interface AuditedChange extends Change {
  readonly before?: string
  readonly after?: string
}

/** Something that is allowed but doubtful. */
export interface Warning {
  readonly kind: string
  readonly name: string
  readonly path: string
  readonly message: string
}

export interface Applied {
  readonly version: number
  readonly changes: readonly Change[]
  readonly warnings: readonly Warning[]
  /** Nothing is in force yet: the change waits under this id for another administrator (pending.ts). */
  readonly pending?: { readonly id: string }
}

export interface Revision {
  readonly version: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly author: string
  readonly message: string
  /** The second person, where the change took two. */
  readonly approvedBy?: string
  readonly changes: readonly AuditedChange[]
}

/** What a change writes: documents to put (created or updated) and to delete, and signing keys to put. */
export interface StateChange {
  readonly author: string
  readonly message: string
  readonly put: readonly Document[]
  readonly delete: readonly { readonly kind: string; readonly name: string }[]
  readonly putKeys: readonly StoredKey[]
  readonly putRevocations?: readonly Revocation[]
  readonly putBlocks?: readonly Block[]
  /** ids of blocks to lift. */
  readonly removeBlocks?: readonly string[]
  /** kids of signing keys to forget. */
  readonly removeKeys?: readonly string[]
  readonly changes: readonly AuditedChange[]
  /** The pending change that this one is. Where it is open no longer, nothing is written, and PendingDecided thrown. */
  readonly approves?: { readonly id: string; readonly by: string }
}

/** Where documents and signing keys live. Implemented by storage/. */
export interface StateStore {
  readonly pending: PendingChanges
  load(): Promise<StoredState>
  /**
   * The documents as they were at a version; undefined for one that never was. Keys and revocations are of the present
   * alone: a state of the past has none, and no exchange is decided by it.
   */
  at(version: number): Promise<StoredState | undefined>
  /**
   * One change of the whole, serialised with all others over all replicas: `plan` sees the state under a writers' lock
   * and answers what to write, or undefined for nothing. The version is bumped, and the promise resolves, only when every
   * exchange decided under the older version has either committed or will find itself stale (audit/contract.ts).
   * What `plan` throws is thrown on, and nothing is changed.
   */
  change(
    plan: (current: StoredState) => StateChange | undefined | Promise<StateChange | undefined>,
  ): Promise<{ readonly version: number }>
  /** Newest first. */
  history(limit: number, before?: number): Promise<readonly Revision[]>
  /** The version that is in force now, whatever has been told of it. */
  currentVersion(): Promise<number>
  /**
   * Calls back with a version number whenever a change was committed anywhere; also polls, as the net beneath. `onLook` is
   * told of every look at the version, new or not, and how many milliseconds ago the look began: who hears of none may be behind.
   */
  watch(
    onVersion: (version: number) => void,
    onLook?: (version: number, ageMs: number) => void,
  ): Promise<{ close(): Promise<void> }>
}
