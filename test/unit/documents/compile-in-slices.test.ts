import { describe, expect, it } from 'vitest'
import { type Compiled, Compiler } from '../../../src/documents/compile.ts'
import type { Document, StateStore, StoredState } from '../../../src/documents/contract.ts'
import { propose } from '../../../src/documents/proposal.ts'
import { type SnapshotEvents, Snapshots } from '../../../src/documents/snapshots.ts'
import { findWarnings, warningsOf } from '../../../src/documents/warnings.ts'
import { atOnce, Slices } from '../../../src/lib/slices.ts'
import { evaluate } from '../../../src/policy/evaluate.ts'
import { factsOf, largeWorld, workloadOf } from '../../bench/large-world.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { base, changed, compiler, context, document, rejection, whole } from './world.ts'

const large = largeWorld(100)
const stateOf = (version: number, documents: readonly Document[]): StoredState => ({
  version,
  documents: documents.map((each) => ({ ...each, changedIn: version })),
  keys: [],
  revocations: [],
  blocks: [],
})

/** Slices of one step each, that wait for the test between any two. */
function byHand() {
  let turns = 0
  let now = 0
  const meanwhile: (() => void)[] = []
  const slices = new Slices({
    clock: { now: () => now, monotonic: () => now++ },
    budget: 1,
    async giveWay() {
      turns++
      meanwhile.shift()?.()
    },
  })
  return { slices, meanwhile, turns: () => turns }
}

describe('documents compiled in slices', () => {
  it('come to what they come to at once, and give way for each of them', async () => {
    const { slices, turns } = byHand()
    const sliced = new Compiler(context, slices)
    const [one, other] = [await sliced.compileInSlices(large), compiler().compile(large)]
    expect(turns()).toBeGreaterThan(large.length)
    for (const kind of ['issuers', 'clients', 'targets', 'policies'] as const)
      expect([...one.nouns[kind].keys()]).toEqual([...other.nouns[kind].keys()])
    for (let index = 0; index < 100; index++) {
      const [found, alike] = [one, other].map(({ clients, targets, policies }) => {
        const candidates = clients.selecting(workloadOf(index)).map(({ name }) => name)
        const {
          targets: _,
          profile: __,
          ...decision
        } = {
          targets: undefined,
          profile: undefined,
          ...evaluate(factsOf(index, candidates), { clients, targets, policies }),
        }
        return { candidates, decision }
      })
      expect(found).toEqual(alike)
    }
    expect(await sliced.inSlices(findWarnings(one))).toEqual(warningsOf(other))
  })

  it('have the same faults, in the same order', async () => {
    const wrong = [
      ...whole,
      changed(base.policy, { scope: ['orders:read'] }),
      document('Client', 'stock', { workloads: [{ issuer: 'prodd', ids: ['stock'] }] }),
      document('Targe', 'x', {}),
      document('Target', 'again', { audience: 'https://orders.example', scopes: ['orders:read'] }),
    ]
    const { slices } = byHand()
    const error = await rejection(new Compiler(context, slices).compileInSlices(wrong))
    expect(error.message.split('\n').length).toBeGreaterThan(3)
    expect(() => compiler().compile(wrong)).toThrow(error.message)
  })
})

/** Nouns that tell when a member of one is read. */
const watched = <Noun extends object>(nouns: ReadonlyMap<string, Noun>, member: keyof Noun, read: () => void) =>
  new Map(
    Array.from(nouns, ([name, noun]) => [
      name,
      new Proxy(noun, {
        get(of, asked) {
          if (asked === member) read()
          return Reflect.get(of, asked)
        },
      }),
    ]),
  )

describe('lint', () => {
  it('gives way within each of its rules, and not only where it finds something', () => {
    // Subjects that can meet, and rules that name no target: what speaks of all rules at all targets.
    const compiled = compiler().compile(
      large.map((each) =>
        each.kind === 'Target'
          ? changed(each, { tokens: [{ kind: 'access-token', subject: 'subject.instance' }] })
          : each.metadata.name.endsWith('6') && each.kind === 'Policy'
            ? changed(each, { targets: ['*'], subject: undefined })
            : each,
      ),
    )
    let reads = 0
    const read = () => void reads++
    const nouns: Compiled['nouns'] = {
      ...compiled.nouns,
      clients: watched(compiled.nouns.clients, 'workloads', read),
      policies: watched(compiled.nouns.policies, 'effect', read),
    }
    let most = 0
    let all = 0
    const steps = findWarnings({ ...compiled, nouns })
    for (;;) {
      reads = 0
      const { done } = steps.next()
      most = Math.max(most, reads)
      all += reads
      if (done === true) break
    }
    expect(all).toBeGreaterThan(10 * large.filter(({ kind }) => kind === 'Policy').length)
    // A few of one document; who makes a list of all first reads a hundred.
    expect(most).toBeLessThan(20)
  })
})

describe('what is proposed', () => {
  const stored = stateOf(1, large).documents
  const others = large.map((each) => (each.kind === 'Policy' ? changed(each, { lifetime: '90s' }) : each))
  const given = others.filter(({ spec }) => spec['effect'] !== 'forbid')

  it('is worked out in slices, since a rollback gives all documents, and comes to the same', async () => {
    const { slices, turns } = byHand()
    const sliced = await new Compiler(context, slices).inSlices(propose(stored, given, () => true))
    expect(turns()).toBeGreaterThan(stored.length + given.length)
    const { given: _, ...proposal } = sliced
    const { given: __, ...alike } = atOnce(propose(stored, given, () => true))
    expect(proposal).toEqual(alike)
    expect(sliced.removed.length).toBe(stored.length - given.length)
    expect(sliced.put.length).toBe(given.filter(({ kind }) => kind === 'Policy').length)
    expect(sliced.given('Policy', 'policy-0')).toBe(true)
  })
})

function recorded() {
  const told: string[] = []
  const events: SnapshotEvents = {
    inForce: ({ version }) => void told.push(`in force ${version}`),
    refused: (version) => void told.push(`refused ${version}`),
    trouble: () => void told.push('trouble'),
  }
  return { told, events }
}

const put = (store: StateStore, ...documents: readonly Document[]) =>
  store.change(() => ({ author: 'a', message: '', put: documents, delete: [], putKeys: [], changes: [] }))

describe('a swap', () => {
  it('leaves the whole of the old in force until the whole of the new is', async () => {
    const store = new MemoryStateStore()
    await put(store, ...whole)
    const { slices, meanwhile } = byHand()
    const { told, events } = recorded()
    const snapshots = new Snapshots(store, new Compiler(context, slices), events)
    await snapshots.start()
    const before = snapshots.current()
    const seen = new Set<unknown>()
    const look = () => {
      seen.add(snapshots.current())
      meanwhile.push(look)
    }
    meanwhile.push(look)
    await put(store, document('Target', 'billing', { audience: 'https://billing.example', scopes: ['pay'] }))
    const after = await snapshots.atLeast(2)
    expect([...seen]).toEqual([before])
    expect(before.targets.byName('billing')).toBeUndefined()
    expect(after.targets.byName('billing')?.name).toBe('billing')
    expect(snapshots.current()).toBe(after)
    expect(told).toEqual(['in force 1', 'in force 2'])
    await snapshots.close()
  })

  it('is followed by that of a change that came while it was under way', async () => {
    const store = new MemoryStateStore()
    await put(store, ...whole)
    const { slices, meanwhile } = byHand()
    const { told, events } = recorded()
    const snapshots = new Snapshots(store, new Compiler(context, slices), events)
    await snapshots.start()
    const { promise, resolve } = Promise.withResolvers<void>()
    meanwhile.push(
      () => {},
      () => void put(store, changed(base.policy, { lifetime: '3m' })).then(() => resolve()),
    )
    await put(store, changed(base.policy, { lifetime: '2m' }))
    // Nobody asks for the second: the watch alone has to bring it.
    await promise
    while (told.length < 3) await new Promise((turn) => setImmediate(turn))
    expect(told).toEqual(['in force 1', 'in force 2', 'in force 3'])
    expect(snapshots.current().policies.byName('checkout-reads-orders')?.lifetime).toBe(180)
    await snapshots.close()
  })

  it('serves who waits for either of two changes', async () => {
    const store = new MemoryStateStore()
    await put(store, ...whole)
    const { slices, meanwhile } = byHand()
    const snapshots = new Snapshots(store, new Compiler(context, slices), recorded().events)
    await snapshots.start()
    const later: Promise<unknown>[] = []
    meanwhile.push(() => {
      later.push(put(store, changed(base.policy, { lifetime: '3m' })).then(({ version }) => snapshots.atLeast(version)))
    })
    const { version } = await put(store, changed(base.policy, { lifetime: '2m' }))
    expect((await snapshots.atLeast(version)).version).toBeGreaterThanOrEqual(2)
    expect(await Promise.all(later)).toMatchObject([{ version: 3 }])
    await snapshots.close()
  })

  it('does not take what was kept of another history, when a database is put back meanwhile', async () => {
    const { slices } = byHand()
    const both = new Compiler(context, slices)
    const disabled = whole.map((each) => (each === base.target ? changed(each, { disabled: true }) : each))
    const [first, second, third] = await Promise.all([
      both.snapshot(stateOf(5, whole)),
      both.snapshot(stateOf(4, [])),
      both.snapshot(stateOf(5, disabled)),
    ])
    expect(first.targets.byName('orders')?.disabled).toBe(false)
    expect(second.targets.byName('orders')).toBeUndefined()
    expect(third.targets.byName('orders')?.disabled).toBe(true)
  })
})
