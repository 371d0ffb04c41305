/**
 * admin/ owns the administrators' door: who may do what, the table of routes, problem documents, and the OpenAPI
 * description made from them. What documents say and how they are applied is documents/, where they are kept is storage/,
 * the record is audit/; this folder brings their answers to HTTP and decides nothing of its own but the role.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { z } from 'zod'
import { includesRole, type Role, type RoleBindings } from '../administrators/contract.ts'
import type { ActionLog } from '../audit/actions.ts'
import type { RecordReader } from '../audit/reading.ts'
import type { Trusting } from '../credentials/identify.ts'
import type { Applying } from '../documents/apply.ts'
import type { Compiler } from '../documents/compile.ts'
import type { DocumentKind, Formats, StateStore } from '../documents/contract.ts'
import type { JudgeTraffic } from '../documents/doubts.ts'
import type { Snapshots } from '../documents/snapshots.ts'
import type { EntityStore } from '../entities/contract.ts'
import type { RoadToDecision } from '../exchange/identified.ts'
import type { KeyChoice, StoredKey } from '../keys/contract.ts'
import type { Secret } from '../lib/secret.ts'
import type { Refusal } from '../refusal.ts'
import type { Unasked } from '../trust/without-network.ts'

export { type Role, roles } from '../administrators/contract.ts'

/** Who has opened the door. */
export interface Administrator {
  /** What the history of changes names as author. */
  readonly name: string
  /** The id of who it is; `bootstrap` for the bootstrap token, which nobody has by name. */
  readonly principal: string
  readonly role: Role
  readonly bootstrap: boolean
}

export const mayActAs = (administrator: Administrator, role: Role): boolean => includesRole(administrator.role, role)

/** How administrators' tokens are verified under one snapshot, and whom it gives which role. */
export interface AdministratorTrust extends Omit<Trusting, 'possession' | 'met'> {
  readonly version: number
  readonly administrators: RoleBindings
}

/** Everything behind the door, joined in app.ts. */
export interface AdminDoor {
  readonly store: StateStore
  readonly records: RecordReader
  readonly entities: EntityStore
  readonly actions: ActionLog
  readonly compiler: Compiler
  readonly snapshots: Pick<Snapshots, 'atLeast' | 'current'>
  readonly documentKinds: readonly DocumentKind[]
  readonly formats: Formats
  /** Signing keys that documents make necessary (documents/apply.ts). */
  readonly newKeys: Applying['newKeys']
  /** How last week's traffic would fare under other documents (documents/doubts.ts). */
  readonly judgeTraffic: JudgeTraffic
  readonly keys: {
    list(): readonly StoredKey[]
    /** Makes successors for those in use that are chosen, and answers them. */
    rotate(author: string, choice: KeyChoice): Promise<readonly StoredKey[]>
  }
  /** The road up to a decision, on which requests are explained. */
  readonly road: RoadToDecision
  /** The same where nobody outside may be asked; hears of everything that was not. */
  roadWithoutNetwork(onUnasked: (unasked: Unasked) => void): RoadToDecision
  /** Prometheus text. */
  metrics(): Promise<string>
  ready(): Promise<{ readonly ready: boolean; readonly checks: Readonly<Record<string, boolean>> }>
  readonly clock: { now(): number }
  readonly adminToken: Secret
  readonly trust: {
    /** Under the snapshot that this process has. Throws Refusal `snapshot_unavailable`. */
    current(): AdministratorTrust
    /** Under the one that is in force on every node, where that is not the version; a node may lag behind by a moment. Rejects with the same. */
    newerThan(version: number): Promise<AdministratorTrust | undefined>
  }
  /** Lower-case `Host` values that are answered, with port. */
  readonly hosts: ReadonlySet<string>
  readonly events: {
    changed(version: number, author: string, what: string): void
    failed(id: string, error: unknown): void
    /** A token that is no administrator's, at a request from an address. */
    shutOut(id: string, remote: string, refusal: Refusal): void
  }
}

/** A request once it has been let in and its query has been read by the route's schema. */
export interface AdminRequest<Query> {
  /** = `Cambist-Request-Id` of the answer. */
  readonly id: string
  readonly administrator: Administrator
  readonly parameters: Readonly<Record<string, string>>
  readonly query: Query
  readonly headers: IncomingHttpHeaders
  /** The body as text, of one of the media types of the route. Rejects with a Problem. */
  body(): Promise<{ readonly type: string; readonly text: string }>
  /** Aborted when whoever asks has gone, so that long work for nobody ends. */
  readonly signal: AbortSignal
}

/** What `lines` are sent as. */
export const LINES = 'application/x-ndjson'

export interface AdminAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** JSON, or with `text` a body of another type. */
  readonly json?: unknown
  readonly text?: { readonly type: string; readonly body: string }
  /** JSON, one value a line, as it comes. Where it fails on the way, its last line is `{"problem": …}`. */
  readonly lines?: AsyncIterable<unknown>
}

/** One row of the route table. A route without a role does not compile; `nobody` is said where no token is asked for. */
export interface Route<Query = never> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** With `:name` for a parameter. */
  readonly path: string
  readonly role: Role | 'nobody'
  readonly summary: string
  /** A strict object of texts as they stand in the query. */
  readonly query: z.ZodType<Query>
  /** Media types of the body, where it has one. */
  readonly takes?: readonly string[]
  /** What a JSON body is, for the description of the door; the handler reads it by the same schema. */
  readonly bodySchema?: z.ZodType
  /** What an answer is that is no problem. */
  readonly answers: {
    readonly type: string
    /** Of JSON. */
    readonly schema?: z.ZodType
    /** Further media types, which the query asks for. */
    readonly orTypes?: readonly string[]
    /** Where it is not 200 alone. */
    readonly statuses?: readonly number[]
  }
  handle(request: AdminRequest<Query>): AdminAnswer | Promise<AdminAnswer>
}

/** Routes of different queries in one table. */
export type AnyRoute = Route<never>

/** Keeps the type of a route's query between its schema and its handler, and forgets it in the table. */
export const route = <Query>(row: Route<Query>): AnyRoute => row as unknown as AnyRoute
