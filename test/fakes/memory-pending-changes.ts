import type { StateChange } from '../../src/documents/contract.ts'
import { PendingDecided } from '../../src/documents/objections.ts'
import type { PendingChange, PendingChanges, PendingState, Proposed } from '../../src/documents/pending.ts'
import type { Clock } from '../../src/lib/clock.ts'

/** Changes that wait for a second person, in memory. */
export class MemoryPendingChanges implements PendingChanges {
  readonly #all = new Map<string, PendingChange>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async propose(pending: Proposed): Promise<void> {
    this.#all.set(pending.id, structuredClone({ ...pending, at: this.#clock.now(), state: 'open' as const }))
  }

  async get(id: string): Promise<PendingChange | undefined> {
    return structuredClone(this.#all.get(id))
  }

  async list(limit: number, state?: PendingState, before?: string): Promise<readonly PendingChange[]> {
    return [...this.#all.values()]
      .filter((each) => (state === undefined || each.state === state) && (before === undefined || each.id < before))
      .sort((one, other) => (one.id < other.id ? 1 : -1))
      .slice(0, limit)
  }

  async close(id: string, state: 'withdrawn' | 'stale', by: string): Promise<boolean> {
    return this.#decide(id, { state, decidedBy: by })
  }

  /** What the change of the state does with the pending change that it is. */
  approve(approves: StateChange['approves'], version: number): void {
    if (approves === undefined) return
    const { id, by } = approves
    if (!this.#decide(id, { state: 'approved', decidedBy: by, version })) throw new PendingDecided(id, 'decided')
  }

  #decide(id: string, decision: Pick<PendingChange, 'state' | 'decidedBy' | 'version'>): boolean {
    const known = this.#all.get(id)
    if (known?.state !== 'open') return false
    this.#all.set(id, { ...known, ...decision, decidedAt: this.#clock.now() })
    return true
  }
}
