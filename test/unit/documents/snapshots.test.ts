import { describe, expect, it } from 'vitest'
import { apply } from '../../../src/documents/apply.ts'
import type { StateStore, StoredState } from '../../../src/documents/contract.ts'
import { type SnapshotEvents, Snapshots } from '../../../src/documents/snapshots.ts'
import { Refusal } from '../../../src/refusal.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { base, changed, compiler, document, newKeys, rejection, whole } from './world.ts'

const author = { author: 'alice', message: '' }

function recorded() {
  const told: string[] = []
  const events: SnapshotEvents = {
    inForce: ({ version }) => told.push(`in force ${version}`),
    refused: (version, why) => told.push(`refused ${version}: ${why}`),
    trouble: (error) => told.push(`trouble ${(error as Error).message}`),
  }
  return { told, events }
}

/** A store whose loads a test holds back, counts, or lets fail; its writers go past it. */
class SlowStore implements StateStore {
  readonly inner = new MemoryStateStore()
  loads = 0
  failing = false
  gate: Promise<void> = Promise.resolve()

  async load(): Promise<StoredState> {
    this.loads++
    const state = await this.inner.load()
    await this.gate
    if (this.failing) throw new Error('the database is away')
    return state
  }

  get pending() {
    return this.inner.pending
  }
  change: StateStore['change'] = (plan) => this.inner.change(plan)
  at: StateStore['at'] = (version) => this.inner.at(version)
  history: StateStore['history'] = (limit, before) => this.inner.history(limit, before)
  /** What the watch is told of its looks, as a test has them happen. */
  look: (version: number, ageMs: number) => void = () => {}
  asked = 0
  watch: StateStore['watch'] = (onVersion, onLook) => {
    this.look = onLook ?? this.look
    return this.inner.watch(onVersion)
  }
  currentVersion: StateStore['currentVersion'] = async () => {
    this.asked++
    if (this.failing) throw new Error('the database is away')
    return this.inner.currentVersion()
  }
}

const put = (store: StateStore, documents = whole) => apply({ store, compiler: compiler(), newKeys }, documents, author)
const later = changed(base.policy, { lifetime: '2m' })

/** Until what was asked for has come about; the test's time-out is the limit. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

describe('snapshots', () => {
  it('has nothing before it has begun', async () => {
    const snapshots = new Snapshots(new MemoryStateStore(), compiler(), recorded().events)
    expect(() => snapshots.current()).toThrow(Refusal)
    await snapshots.start()
    expect(snapshots.current().version).toBe(0)
    await snapshots.close()
  })

  it('follows every change', async () => {
    const store = new MemoryStateStore()
    const { told, events } = recorded()
    const snapshots = new Snapshots(store, compiler(), events)
    await snapshots.start()
    await put(store)
    await until(() => snapshots.current().version === 1)
    expect(snapshots.current().targets.byName('orders')).toBeDefined()
    expect(told).toEqual(['in force 0', 'in force 1'])
    await snapshots.close()
  })

  it('loads once for all who ask', async () => {
    const store = new SlowStore()
    await put(store.inner)
    const snapshots = new Snapshots(store, compiler(), recorded().events)
    const answers = await Promise.all([snapshots.atLeast(1), snapshots.atLeast(1), snapshots.atLeast(1)])
    expect(answers.map(({ version }) => version)).toEqual([1, 1, 1])
    expect(store.loads).toBe(1)
  })

  it('loads again for a version that came while it was loading', async () => {
    const store = new SlowStore()
    await put(store.inner)
    const snapshots = new Snapshots(store, compiler(), recorded().events)
    const { promise, resolve } = Promise.withResolvers<void>()
    store.gate = promise
    const asked = snapshots.atLeast(2)
    await until(() => store.loads === 1)
    await put(store.inner, [later])
    resolve()
    expect((await asked).version).toBe(2)
    expect(store.loads).toBe(2)
  })

  it('refuses a version that the database does not have', async () => {
    const snapshots = new Snapshots(new MemoryStateStore(), compiler(), recorded().events)
    await snapshots.start()
    const error = (await rejection(snapshots.atLeast(9))) as Refusal
    expect(error.reason).toBe('snapshot_unavailable')
    expect(error.detail).toContain('version 0, and 9 is asked for')
    await snapshots.close()
  })

  it('keeps what is in force while the database is away, says so, and tries again', async () => {
    const store = new SlowStore()
    await put(store.inner)
    const { told, events } = recorded()
    const snapshots = new Snapshots(store, compiler(), events, { retryMs: 1 })
    await snapshots.start()
    store.failing = true
    await put(store.inner, [later])
    await until(() => told.length === 2)
    expect(told[1]).toBe('trouble the database is away')
    expect(snapshots.current().version).toBe(1)
    expect(((await rejection(snapshots.atLeast(2))) as Refusal).reason).toBe('snapshot_unavailable')
    store.failing = false
    await until(() => told.length === 3)
    expect(told[2]).toBe('in force 2')
    await snapshots.close()
  })

  it('puts nothing in force that does not compile here, and comes back with the next that does (T41)', async () => {
    const store = new MemoryStateStore()
    await put(store)
    const { told, events } = recorded()
    const snapshots = new Snapshots(store, compiler(), events)
    await snapshots.start()
    const write = (
      documents: readonly ReturnType<typeof document>[],
      gone: readonly { kind: string; name: string }[],
    ) =>
      store.change(() => ({
        author: 'a newer server',
        message: '',
        put: documents,
        delete: gone,
        putKeys: [],
        changes: [],
      }))
    await write([document('Policy', 'new', { clients: ['*'], targets: ['*'], phaseOfMoon: 'full' })], [])
    await until(() => told.length === 2)
    expect(told[1]).toContain('refused 2: Policy new: spec.phaseOfMoon')
    let refusal: unknown
    try {
      snapshots.current()
    } catch (error) {
      refusal = error
    }
    expect(refusal).toMatchObject({ reason: 'snapshot_unavailable', retryAfter: 1 })
    expect(((await rejection(snapshots.atLeast(1))) as Refusal).reason).toBe('snapshot_unavailable')
    await write([], [{ kind: 'Policy', name: 'new' }])
    await until(() => told.length === 3)
    expect(snapshots.current().version).toBe(3)
    await snapshots.close()
  })

  describe('freshWithin', () => {
    const LEASE = 30_000

    async function started() {
      const store = new SlowStore()
      await put(store.inner)
      let now = 0
      const snapshots = new Snapshots(store, compiler(), recorded().events, { clock: { monotonic: () => now } })
      await snapshots.start()
      const pass = (ms: number) => {
        now += ms
      }
      return { store, snapshots, pass }
    }

    it('asks nobody while the database was heard within the lease, and once for all who come after it', async () => {
      const { store, snapshots, pass } = await started()
      pass(LEASE)
      expect((await snapshots.freshWithin(LEASE)).version).toBe(1)
      expect(store.asked).toBe(0)
      pass(1)
      await Promise.all([snapshots.freshWithin(LEASE), snapshots.freshWithin(LEASE), snapshots.freshWithin(LEASE)])
      expect(store.asked).toBe(1)
      pass(LEASE)
      await snapshots.freshWithin(LEASE)
      expect(store.asked).toBe(1)
      await snapshots.close()
    })

    it('counts from the moment at which a look of the watch began', async () => {
      const { store, snapshots, pass } = await started()
      pass(LEASE)
      store.look(1, 2000)
      pass(LEASE - 2000)
      await snapshots.freshWithin(LEASE)
      expect(store.asked).toBe(0)
      pass(1)
      await snapshots.freshWithin(LEASE)
      expect(store.asked).toBe(1)
      await snapshots.close()
    })

    it('refuses while the database cannot be heard, though documents are in force', async () => {
      const { store, snapshots, pass } = await started()
      store.failing = true
      pass(LEASE + 1)
      expect(await rejection(snapshots.freshWithin(LEASE))).toMatchObject({ reason: 'snapshot_unavailable' })
      expect(snapshots.current().version).toBe(1)
      store.failing = false
      expect((await snapshots.freshWithin(LEASE)).version).toBe(1)
      await snapshots.close()
    })

    it('takes a look at a version that is not in force here for no confirmation of the one that is', async () => {
      const { store, snapshots, pass } = await started()
      pass(LEASE)
      store.look(2, 0)
      pass(1)
      await snapshots.freshWithin(LEASE)
      expect(store.asked).toBe(1)
      await snapshots.close()
    })

    it('brings the newer version that it hears of', async () => {
      const { store, snapshots } = await started()
      store.watch = async () => ({ close: async () => {} })
      const deaf = new Snapshots(store, compiler(), recorded().events, { clock: { monotonic: () => 0 } })
      await deaf.start()
      await put(store.inner, [later])
      expect((await deaf.freshWithin(LEASE)).version).toBe(1)
      expect((await deaf.freshWithin(-1)).version).toBe(2)
      await snapshots.close()
    })
  })
})
