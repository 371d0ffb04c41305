import type { Grant } from '../clients/contract.ts'
import type { Identified } from '../credentials/identify.ts'
import { boundKey } from '../credentials/proofs/confirmation.ts'
import type { Clock } from '../lib/clock.ts'
import type { Decision, Facts, Permission } from '../policy/contract.ts'
import { type Reason, type Refusal, whatIsMeant } from '../refusal.ts'
import type { Minted } from '../tokens/mint.ts'
import type { Entry, ExchangeRecord, Mark, Outcome } from './contract.ts'

/** What a record needs of a request when it is opened. Times as in exchange/contract.ts. */
export interface Opening {
  readonly id: string
  readonly receivedAt: number
  readonly startedAt: number
  readonly remote: string
  readonly traceId: string
}

interface Request {
  readonly grant: Grant
  readonly scopes: readonly string[]
  readonly audiences: readonly string[]
  readonly resources: readonly string[]
  readonly requestedTokenType: string | undefined
}

/**
 * The record of one exchange while it is under way: opened first, told of everything as it becomes known, and closed in
 * every outcome, so that a refusal is recorded with whom it met and how far it came (habit 11).
 */
export class OpenRecord {
  readonly #opening: Opening
  readonly #clock: Clock
  #version = 0
  #request: Request | undefined
  #client: Facts['client'] | undefined
  #subject: Identified | undefined
  #actor: Identified | undefined
  #decision: Decision | undefined
  #facts: Facts | undefined
  #granted: { readonly permission: Permission; readonly token: Minted } | undefined
  #refusal: Refusal | undefined
  #descent: { readonly lineage: string; readonly parents: readonly string[] } | undefined
  #credentials: ExchangeRecord['credentials'][number][] = []
  #clientTokenHash = ''
  #keys: readonly string[] = NO_KEYS
  #boundKey: string | undefined
  #marks: Mark[] = []
  #leniencies: string[] = []
  #decidedAt = 0
  #durationMs = 0

  constructor(opening: Opening, clock: Clock) {
    this.#opening = opening
    this.#clock = clock
  }

  get remote(): string {
    return this.#opening.remote
  }

  get grant(): Grant | '' {
    return this.#request?.grant ?? ''
  }

  get outcome(): Outcome {
    if (this.#granted !== undefined) return 'granted'
    return this.#refusal?.reason === 'internal' ? 'failed' : 'refused'
  }

  get reason(): Reason | 'granted' {
    return this.#granted === undefined ? (this.#refusal?.reason ?? 'internal') : 'granted'
  }

  /** Milliseconds from the request's arrival to the closing. */
  get durationMs(): number {
    return this.#durationMs
  }

  /** Nothing about the caller is verified: what it says may be anybody's invention. */
  get nobodyVerified(): boolean {
    // A mark is of a credential that was verified, also where nobody could be made of it: it is spent by its row. But a DPoP
    // proof brings its own key, so anybody can make one: it buys no row (T38).
    return (
      this.#client === undefined &&
      this.#subject === undefined &&
      this.#actor === undefined &&
      // Only who was verified can be found to be blocked.
      this.#refusal?.reason !== 'blocked' &&
      this.#marks.every(({ purpose }) => purpose === 'dpop')
    )
  }

  get leniencies(): readonly string[] {
    return this.#leniencies
  }

  under(version: number): void {
    this.#version = version
  }

  asks(request: Request): void {
    this.#request = request
  }

  client(client: Facts['client']): void {
    this.#client = client
  }

  subject(subject: Identified): void {
    this.#subject = subject
  }

  actor(actor: Identified): void {
    this.#actor = actor
  }

  presented({ position, issuer, useId, tokenHash, grant }: Identified): void {
    if (grant?.confirmation !== undefined) this.#boundKey = boundKey(grant.confirmation)
    this.#credentials.push({ position, issuer: issuer.name, id: useId })
    if (position === 'client') this.#clientTokenHash = tokenHash
  }

  proves(keys: readonly string[]): void {
    this.#keys = keys
  }

  lenient(position: string, leniency: string): void {
    this.#leniencies.push(`${position}: ${leniency}`)
  }

  mark(mark: Mark): void {
    this.#marks.push(mark)
  }

  descends(descent: { readonly lineage: string; readonly parents: readonly string[] }): void {
    this.#descent = descent
  }

  decided(decision: Decision, facts: Facts): void {
    this.#decision = decision
    this.#facts = facts
    this.#decidedAt = this.#clock.now()
  }

  granted(permission: Permission, token: Minted): void {
    this.#granted = { permission, token }
  }

  refused(refusal: Refusal): void {
    this.#refusal = refusal
  }

  /** Decided under documents that have changed since: everything is judged again, and nothing of it stands. */
  reopen(): void {
    this.#request = this.#client = this.#subject = this.#actor = this.#decision = this.#facts = undefined
    this.#granted = this.#refusal = this.#descent = undefined
    this.#credentials = []
    this.#clientTokenHash = ''
    this.#keys = NO_KEYS
    this.#boundKey = undefined
    this.#marks = []
    this.#leniencies = []
    this.#decidedAt = 0
  }

  close(): Entry {
    this.#durationMs = Math.max(0, this.#clock.monotonic() - this.#opening.startedAt)
    return { record: this.#row(), marks: this.#marks, standsFor: this.#granted?.token.standsFor }
  }

  #row(): ExchangeRecord {
    const { id, receivedAt, remote, traceId } = this.#opening
    const request = this.#request
    const decision = this.#decision
    const granted = this.#granted
    const principal = this.#subject?.principal
    return {
      id,
      at: receivedAt,
      decidedAt: this.#decidedAt === 0 ? this.#clock.now() : this.#decidedAt,
      outcome: this.outcome,
      reason: this.reason,
      detail: detailOf(this.#refusal),
      grant: request?.grant ?? '',
      client:
        decision?.client ??
        this.#client?.named ??
        (this.#client?.candidates.length === 1 ? (this.#client.candidates[0] ?? '') : ''),
      authentication: this.#client?.authentication ?? '',
      subject:
        principal === undefined
          ? null
          : { issuer: principal.issuer, id: principal.id, kind: principal.kind, instance: principal.instance },
      actors: granted?.permission.actors ?? this.#subject?.actors ?? [],
      requested: {
        scopes: request?.scopes ?? [],
        audiences: request?.audiences ?? [],
        resources: request?.resources ?? [],
        tokenType: request?.requestedTokenType ?? '',
      },
      granted:
        granted === undefined
          ? null
          : {
              scopes: granted.token.scopes,
              targets: granted.permission.targets.map((target) => target.name),
              tokenType: granted.token.tokenType,
              lifetime: granted.token.expiresIn,
              binding: granted.permission.binding,
              ...(granted.permission.subject === principal?.id ? {} : { subject: granted.permission.subject }),
              ...(granted.token.status === undefined ? {} : { status: granted.token.status }),
            },
      rules: decision?.rules ?? [],
      shadow: decision?.shadow ?? [],
      changes: decision?.changes ?? [],
      errors: decision?.errors ?? [],
      leniencies: this.#leniencies,
      snapshotVersion: this.#version,
      facts: this.#facts === undefined ? null : recordedFacts(this.#facts),
      jti: granted?.token.id ?? '',
      txn: granted?.token.txn ?? '',
      tokenHash: granted?.token.tokenHash ?? '',
      subjectTokenHash: this.#subject?.tokenHash ?? '',
      actorTokenHash: this.#actor?.tokenHash ?? '',
      clientTokenHash: this.#clientTokenHash,
      credentials: this.#credentials,
      keys: this.#boundKey === undefined ? this.#keys : [...new Set([...this.#keys, this.#boundKey])],
      parents: this.#descent?.parents ?? [],
      lineage: this.#descent?.lineage ?? id,
      traceId,
      remote,
      durationMs: Math.round(this.#durationMs * 1000) / 1000,
    }
  }
}

const NO_KEYS: readonly string[] = Object.freeze([])

export const openRecord = (opening: Opening, clock: Clock): OpenRecord => new OpenRecord(opening, clock)

/** The facts, with a client that is the subject said once: most workloads are both. storedFacts() has it back. */
function recordedFacts(facts: Facts): unknown {
  if (facts.client.principal !== facts.subject) return facts
  const { principal: _, ...client } = facts.client
  return { ...facts, client }
}

/** The Facts that a record keeps, whole again, for judging once more (I6). */
export function storedFacts(recorded: unknown): Facts | undefined {
  if (typeof recorded !== 'object' || recorded === null) return undefined
  const facts = recorded as Facts
  const { client, subject } = facts
  return client === undefined ? facts : { ...facts, client: { ...client, principal: client.principal ?? subject } }
}

/** The administrator's sentence: which credential it is about, then what was wrong with it. */
function detailOf(refusal: Refusal | undefined): string {
  if (refusal === undefined) return ''
  return refusal.about === undefined ? refusal.detail : `${whatIsMeant[refusal.about]}: ${refusal.detail}`
}
