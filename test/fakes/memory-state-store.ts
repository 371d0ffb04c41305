import type { Block } from '../../src/blocks/contract.ts'
import type { Revision, StateChange, StateStore, StoredDocument, StoredState } from '../../src/documents/contract.ts'
import type { StoredKey } from '../../src/keys/contract.ts'
import { type Clock, systemClock } from '../../src/lib/clock.ts'
import type { Revocation } from '../../src/tokens/revocations.ts'
import { MemoryPendingChanges } from './memory-pending-changes.ts'

const keyOf = ({ kind, name }: { kind: string; name: string }) => `${kind}/${name}`

/** Documents and keys in memory: test/conformance holds it to what the store in PostgreSQL does. */
export class MemoryStateStore implements StateStore {
  readonly pending: MemoryPendingChanges
  #version = 0
  #documents = new Map<string, StoredDocument>()
  /** The documents at each version, from 0. */
  readonly #past: (readonly StoredDocument[])[] = [[]]
  #keys = new Map<string, StoredKey>()
  readonly #revocations = new Map<string, Revocation>()
  readonly #blocks = new Map<string, Block>()
  readonly #revisions: Revision[] = []
  readonly #watchers = new Set<(version: number) => void>()
  readonly #clock: Clock
  #writers: Promise<unknown> = Promise.resolve()

  constructor(clock: Clock = systemClock) {
    this.#clock = clock
    this.pending = new MemoryPendingChanges(clock)
  }

  get version(): number {
    return this.#version
  }

  async load(): Promise<StoredState> {
    return structuredClone({
      version: this.#version,
      documents: this.#byName(),
      keys: [...this.#keys.values()],
      revocations: [...this.#revocations.values()],
      blocks: [...this.#blocks.values()].sort((one, two) => (one.id < two.id ? -1 : 1)),
    })
  }

  async at(version: number): Promise<StoredState | undefined> {
    const documents = this.#past[version]
    return documents === undefined
      ? undefined
      : structuredClone({ version, documents, keys: [], revocations: [], blocks: [] })
  }

  change(
    plan: (current: StoredState) => StateChange | undefined | Promise<StateChange | undefined>,
  ): Promise<{ readonly version: number }> {
    const done = this.#writers.then(async () => {
      const change = await plan(await this.load())
      if (change !== undefined) this.#write(structuredClone(change))
      return { version: this.#version }
    })
    this.#writers = done.catch(() => {})
    return done
  }

  #byName(): readonly StoredDocument[] {
    return [...this.#documents].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, document]) => document)
  }

  #write(change: StateChange): void {
    this.pending.approve(change.approves, this.#version + 1)
    const version = ++this.#version
    for (const gone of change.delete) this.#documents.delete(keyOf(gone))
    for (const document of change.put) {
      const key = keyOf({ kind: document.kind, name: document.metadata.name })
      this.#documents.set(key, { ...document, changedIn: version })
    }
    this.#past.push(this.#byName())
    for (const kid of change.removeKeys ?? []) this.#keys.delete(kid)
    for (const key of change.putKeys) this.#keys.set(key.kid, key)
    for (const one of change.putRevocations ?? []) {
      const known = this.#revocations.get(`${one.what}:${one.value}`)
      const [at, until] = [Math.max(one.at, known?.at ?? 0), Math.max(one.until, known?.until ?? 0)]
      this.#revocations.set(`${one.what}:${one.value}`, { ...one, at, until })
    }
    for (const id of change.removeBlocks ?? []) this.#blocks.delete(id)
    for (const block of change.putBlocks ?? []) this.#blocks.set(block.id, block)
    const { author, message, changes, approves } = change
    const revision = { version, at: this.#clock.now(), author, message, changes }
    this.#revisions.unshift(approves === undefined ? revision : { ...revision, approvedBy: approves.by })
    for (const watcher of this.#watchers) watcher(version)
  }

  async history(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<readonly Revision[]> {
    return this.#revisions.filter(({ version }) => version < before).slice(0, limit)
  }

  async currentVersion(): Promise<number> {
    return this.#version
  }

  async watch(onVersion: (version: number) => void): Promise<{ close(): Promise<void> }> {
    this.#watchers.add(onVersion)
    onVersion(this.#version)
    return {
      close: async () => {
        this.#watchers.delete(onVersion)
      },
    }
  }
}
