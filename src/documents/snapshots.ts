import { type Clock, systemClock } from '../lib/clock.ts'
import { Refusal } from '../refusal.ts'
import type { Compiler } from './compile.ts'
import type { Snapshot, StateStore, StoredState } from './contract.ts'
import { DocumentFaults } from './faults.ts'

/** What is told as documents come into force. */
export interface SnapshotEvents {
  inForce(snapshot: Snapshot): void
  /** A committed state does not compile here: a newer server has written what this one does not understand. */
  refused(version: number, why: string): void
  /** The state cannot be loaded; what is in force stays so, and the ledger refuses what was decided under it too late. */
  trouble(error: unknown): void
}

export interface SnapshotTiming {
  readonly clock?: Pick<Clock, 'monotonic'>
  /** How long after a load that failed the next one is tried. */
  readonly retryMs?: number
}

const LOADS = 3

/**
 * The snapshot of this process. It may lag behind a change by a moment: staleness is decided where it counts, by the
 * ledger at the commit (T41), and who is told of it comes back with atLeast(). A state that cannot be compiled puts
 * nothing in force, because what it changed may have been a revocation.
 */
export class Snapshots {
  readonly #store: StateStore
  readonly #compiler: Compiler
  readonly #events: SnapshotEvents
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #retryMs: number
  /** When the snapshot in force was last known to be what the database has, by the monotonic clock. */
  #freshAt = Number.NEGATIVE_INFINITY
  #current: Snapshot | undefined
  #refused: { readonly version: number; readonly why: string } | undefined
  #loading: Promise<void> | undefined
  #asking: Promise<unknown> | undefined
  #watch: { close(): Promise<void> } | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false

  constructor(
    store: StateStore,
    compiler: Compiler,
    events: SnapshotEvents,
    { clock = systemClock, retryMs = 1000 }: SnapshotTiming = {},
  ) {
    this.#store = store
    this.#compiler = compiler
    this.#events = events
    this.#clock = clock
    this.#retryMs = retryMs
  }

  /** Loads the state and follows its changes. Rejects where it cannot be loaded; resolves where it does not compile, with nothing in force. */
  async start(): Promise<void> {
    await this.#load()
    this.#watch = await this.#store.watch(
      (version) => this.#onVersion(version),
      (version, ageMs) => this.#confirm(version, this.#clock.monotonic() - ageMs),
    )
  }

  /** Throws Refusal `snapshot_unavailable` where nothing is in force. */
  current(): Snapshot {
    if (this.#current === undefined) throw this.#unavailable()
    return this.#current
  }

  /** A snapshot of the version or a newer one. Rejects with Refusal `snapshot_unavailable` where there is none to be had. */
  async atLeast(version: number): Promise<Snapshot> {
    // A load that is under way may have read before the change: the one after it has not.
    for (let loads = 0; loads < LOADS; loads++) {
      if (this.#current !== undefined && this.#current.version >= version) return this.#current
      try {
        await this.#load()
      } catch (error) {
        throw new Refusal('snapshot_unavailable', `the documents of version ${version} cannot be loaded`, {
          retryAfter: 1,
          cause: error,
        })
      }
    }
    if (this.#current !== undefined && this.#current.version >= version) return this.#current
    throw this.#current === undefined
      ? this.#unavailable()
      : new Refusal(
          'snapshot_unavailable',
          `the database answers with version ${this.#current.version}, and ${version} is asked for`,
          { retryAfter: 1 },
        )
  }

  /**
   * A snapshot that was what the database had no longer ago than so many milliseconds: for what is answered without a commit,
   * where no ledger tells that it is stale. At once where the watch has told lately; else the database is asked. Refuses with
   * `snapshot_unavailable` where it cannot be heard: no answer outlives its lease.
   */
  async freshWithin(ms: number): Promise<Snapshot> {
    if (this.#clock.monotonic() - this.#freshAt > ms) {
      // One question at a time; who comes while one is under way shares it.
      this.#asking ??= this.newest().finally(() => {
        this.#asking = undefined
      })
      await this.#asking
    }
    return this.current()
  }

  /** The snapshot of what the database has when it is asked, now. Rejects with Refusal `snapshot_unavailable` where it cannot be heard. */
  async newest(): Promise<Snapshot> {
    const asked = this.#clock.monotonic()
    const version = await this.#store.currentVersion().catch((cause: unknown) => {
      throw new Refusal('snapshot_unavailable', 'the database cannot be asked whether its documents have changed', {
        retryAfter: 1,
        cause,
      })
    })
    const snapshot = await this.atLeast(version)
    this.#confirm(version, asked)
    return snapshot
  }

  /** The database had this version at a moment after `asked`. */
  #confirm(version: number, asked: number): void {
    if (this.#current !== undefined && this.#current.version >= version) this.#freshAt = Math.max(this.#freshAt, asked)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retry)
    await this.#watch?.close()
    await this.#loading?.catch(() => {})
  }

  #onVersion(version: number): void {
    if (this.#closed || version === this.#known) return
    this.#follow(version).catch((error: unknown) => {
      this.#events.trouble(error)
      if (this.#closed) return
      clearTimeout(this.#retry)
      this.#retry = setTimeout(() => this.#onVersion(version), this.#retryMs).unref()
    })
  }

  /** Loads once more where a load was under way already: that one may have read before the change. */
  async #follow(version: number): Promise<void> {
    await this.#load()
    if (!this.#closed && this.#known !== undefined && this.#known < version) await this.#load()
  }

  /** The version that was loaded last, in force or not. */
  get #known(): number | undefined {
    return this.#refused?.version ?? this.#current?.version
  }

  /** One load at a time; who comes while one is under way shares it. */
  #load(): Promise<void> {
    const asked = this.#clock.monotonic()
    this.#loading ??= this.#store
      .load()
      .then(async (state) => {
        await this.#install(state)
        this.#confirm(state.version, asked)
      })
      .finally(() => {
        this.#loading = undefined
      })
    return this.#loading
  }

  /** What is in force stays so while the next is compiled, in slices; then one assignment puts the whole of that in its place. */
  async #install(state: StoredState): Promise<void> {
    if (state.version === this.#known) return
    let snapshot: Snapshot
    try {
      snapshot = await this.#compiler.snapshot(state)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#current = undefined
      this.#refused = {
        version: state.version,
        why: error instanceof DocumentFaults ? why : `the signing keys or documents cannot be opened: ${why}`,
      }
      this.#events.refused(state.version, this.#refused.why)
      return
    }
    this.#current = snapshot
    this.#refused = undefined
    this.#events.inForce(snapshot)
  }

  #unavailable(): Refusal {
    const why =
      this.#refused === undefined
        ? 'no documents have been loaded yet'
        : `the documents of version ${this.#refused.version} do not compile here: ${this.#refused.why}`
    return new Refusal('snapshot_unavailable', why, { retryAfter: 1 })
  }
}
