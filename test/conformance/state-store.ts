import { describe, expect, it } from 'vitest'
import type { Block } from '../../src/blocks/contract.ts'
import type { Document, StateChange, StateStore } from '../../src/documents/contract.ts'
import { PendingDecided } from '../../src/documents/objections.ts'
import type { Proposed } from '../../src/documents/pending.ts'
import type { StoredKey } from '../../src/keys/contract.ts'
import type { Revocable, Revocation } from '../../src/tokens/revocations.ts'

const document = (name: string, spec: Record<string, unknown> = {}, labels?: Record<string, string>): Document => ({
  apiVersion: 'cambist/v1',
  kind: 'Target',
  metadata: labels === undefined ? { name } : { name, labels },
  spec,
})

const change = (different: Partial<StateChange> = {}): StateChange => ({
  author: 'ada',
  message: 'why',
  put: [],
  delete: [],
  putKeys: [],
  changes: [],
  ...different,
})

const key = (kid: string, different: Partial<StoredKey> = {}): StoredKey => ({
  kid,
  use: 'sig',
  algorithm: 'ES256',
  publicJwk: { kty: 'EC', kid },
  backend: 'local',
  wrapped: 'wrapped',
  createdAt: 1_750_000_000,
  activeAt: 1_750_000_600,
  retiredAt: undefined,
  removeAt: undefined,
  ...different,
})

const revocation = (what: Revocable, value: string, different: Partial<Revocation> = {}): Revocation => ({
  what,
  value,
  at: 1_750_000_000,
  until: 1_750_086_400,
  reason: 'stolen',
  author: 'ada',
  ...different,
})

const pending = (id: string, different: Partial<Proposed> = {}): Proposed => ({
  id,
  author: 'ada',
  principal: 'wimse://example/corporate/ada',
  message: 'why',
  baseVersion: 0,
  intent: { documents: [] },
  changes: [],
  confirmed: false,
  ...different,
})

/** What every state store does. `open` answers two stores of two processes over one empty state. */
export function stateStoreConformance(name: string, open: () => Promise<readonly [StateStore, StateStore]>): void {
  describe(`${name} as a state store`, () => {
    it('begins empty, at version 0', async () => {
      const [store] = await open()
      expect(await store.currentVersion()).toBe(0)
      expect(await store.load()).toEqual({ version: 0, documents: [], keys: [], revocations: [], blocks: [] })
      expect(await store.history(10)).toEqual([])
    })

    it('gives back what was put, in order of kind and name, with the version of its last change', async () => {
      const [store, other] = await open()
      const b = document(
        'b',
        { audience: 'https://b.example', nested: { list: [1, 'zwei', null, true] } },
        { team: 'x' },
      )
      expect(await store.change(() => change({ put: [b, document('a')] }))).toEqual({ version: 1 })
      const policy: Document = { ...document('z'), kind: 'Policy' }
      expect(await other.change(() => change({ put: [document('a', { changed: true }), policy] }))).toEqual({
        version: 2,
      })
      for (const one of [store, other]) {
        expect(await one.load()).toEqual({
          version: 2,
          documents: [
            { ...policy, changedIn: 2 },
            { ...document('a', { changed: true }), changedIn: 2 },
            { ...b, changedIn: 1 },
          ],
          keys: [],
          revocations: [],
          blocks: [],
        })
      }
    })

    it('deletes documents and forgets keys', async () => {
      const [store] = await open()
      await store.change(() =>
        change({ put: [document('a'), document('b')], putKeys: [key('k1'), key('k2', { use: 'jwt-svid' })] }),
      )
      await store.change(() =>
        change({
          delete: [
            { kind: 'Target', name: 'a' },
            { kind: 'Target', name: 'never' },
          ],
          putKeys: [key('k2', { use: 'jwt-svid', retiredAt: 1_750_001_000, removeAt: 1_750_002_000 })],
          removeKeys: ['k1'],
        }),
      )
      expect(await store.load()).toEqual({
        version: 2,
        documents: [{ ...document('b'), changedIn: 1 }],
        keys: [key('k2', { use: 'jwt-svid', retiredAt: 1_750_001_000, removeAt: 1_750_002_000 })],
        revocations: [],
        blocks: [],
      })
    })

    it('keeps revocations apart by what they name, and one that is said again reaches further, never less far', async () => {
      const [store, other] = await open()
      const named = [
        revocation('client', 'checkout'),
        revocation('subject', 'checkout'),
        revocation('lineage', 'ünï "quoted" \\ 😀'),
        revocation('jti', 'Checkout', { at: 1_750_000_001 }),
        revocation('tokenHash', 'checkout '),
      ]
      expect(await store.change(() => change({ putRevocations: named }))).toEqual({ version: 1 })
      const byName = async (from: StateStore) =>
        [...(await from.load()).revocations].sort((one, two) => (one.what < two.what ? -1 : 1))
      const inOrder = [...named].sort((one, two) => (one.what < two.what ? -1 : 1))
      for (const one of [store, other]) expect(await byName(one)).toEqual(inOrder)

      const later = { at: 1_750_000_500, until: 1_750_086_900, reason: 'again', author: 'bob' }
      await other.change(() => change({ putRevocations: [revocation('client', 'checkout', later)] }))
      const earlier = { at: 1_749_999_000, until: 1_750_085_400, reason: 'late', author: 'eve' }
      await store.change(() =>
        change({ put: [document('a')], putRevocations: [revocation('client', 'checkout', earlier)] }),
      )
      for (const one of [store, other]) {
        const { version, revocations } = await one.load()
        expect(version).toBe(3)
        expect(await one.currentVersion()).toBe(3)
        expect(revocations).toHaveLength(5)
        expect(revocations.find(({ what }) => what === 'client')).toEqual({
          ...revocation('client', 'checkout', { ...earlier, at: later.at, until: later.until }),
        })
        expect(revocations.find(({ what }) => what === 'subject')).toEqual(revocation('subject', 'checkout'))
      }
      expect((await store.history(1))[0]).toMatchObject({ version: 3, author: 'ada' })
    })

    it('keeps blocks as they were put, in the order of their ids, until they are lifted', async () => {
      const [store, other] = await open()
      const block = (id: string, different: Partial<Block> = {}): Block => ({
        ...{
          id: `01900000-0000-7000-8000-00000000000${id}`,
          what: 'subject',
          value: 'spiffe://prod.example/x',
          issuer: '',
        },
        ...{ reason: 'stolen', author: 'ada', at: 1_750_000_000, until: undefined },
        ...different,
      })
      const blocks = [
        block('1'),
        block('2', { what: 'jti', value: 'ünï "quoted" \\ 😀', issuer: 'prod', until: 1_750_003_600 }),
        block('3', { value: 'spiffe://prod.example/X' }),
      ]
      await store.change(() => change({ putBlocks: [block('3', { value: 'spiffe://prod.example/X' })] }))
      await other.change(() => change({ put: [document('a')], putBlocks: blocks.slice(0, 2) }))
      for (const one of [store, other]) expect((await one.load()).blocks).toEqual(blocks)
      await store.change(({ blocks: known }) => change({ removeBlocks: [known[1]?.id ?? ''] }))
      for (const one of [store, other]) {
        expect(await one.load()).toMatchObject({ version: 3, blocks: [{ id: blocks[0]?.id }, { id: blocks[2]?.id }] })
      }
    })

    it('changes nothing where the plan wants nothing or throws', async () => {
      const [store] = await open()
      await store.change(() => change({ put: [document('a')] }))
      const before = await store.load()
      expect(await store.change(() => undefined)).toEqual({ version: 1 })
      await expect(
        store.change(() => {
          throw new RangeError('not this way')
        }),
      ).rejects.toThrow(new RangeError('not this way'))
      await expect(store.change(() => Promise.reject(new RangeError('nor this')))).rejects.toThrow('nor this')
      expect(await store.load()).toEqual(before)
      expect(await store.history(10)).toHaveLength(1)
      expect(await store.change(() => change())).toEqual({ version: 2 })
    })

    it('makes changes one after the other, each seeing the one before', async () => {
      const stores = await open()
      await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          stores[at % 2 === 0 ? 0 : 1].change(async (current) => {
            const count = Number(current.documents[0]?.spec['count'] ?? 0)
            await Promise.resolve()
            return change({ put: [document('counter', { count: count + 1 })] })
          }),
        ),
      )
      expect(await stores[0].load()).toMatchObject({ version: 20, documents: [{ spec: { count: 20 }, changedIn: 20 }] })
    })

    it('remembers every change, newest first, page by page', async () => {
      const [store] = await open()
      for (const message of ['one', 'two', 'three']) {
        const changes = [{ kind: 'Target', name: message, action: 'created' }] as const
        await store.change(() => change({ message, put: [document(message)], changes }))
      }
      const history = await store.history(2)
      expect(history).toMatchObject([
        {
          version: 3,
          author: 'ada',
          message: 'three',
          changes: [{ kind: 'Target', name: 'three', action: 'created' }],
        },
        { version: 2, author: 'ada', message: 'two' },
      ])
      expect(history[0]!.at).toBeGreaterThanOrEqual(history[1]!.at)
      expect(await store.history(2, 2)).toMatchObject([{ version: 1, message: 'one' }])
    })

    it('gives the documents as they were at any version, and nothing for one that never was', async () => {
      const [store, other] = await open()
      const labelled = document('b', { list: [1, 'zwei', true] }, { team: 'x' })
      await store.change(() => change({ put: [document('a'), labelled], putKeys: [key('k1')] }))
      await store.change(() =>
        change({ put: [document('a', { changed: 1 })], putRevocations: [revocation('client', 'checkout')] }),
      )
      await store.change(() => change({ delete: [{ kind: 'Target', name: 'a' }] }))
      await store.change(() =>
        change({ put: [document('a', { again: true })], delete: [{ kind: 'Target', name: 'b' }] }),
      )
      const past = (version: number, documents: readonly object[]) => ({
        version,
        documents,
        keys: [],
        revocations: [],
        blocks: [],
      })
      for (const one of [store, other]) {
        expect(await one.at(0)).toEqual(past(0, []))
        expect(await one.at(1)).toEqual(
          past(1, [
            { ...document('a'), changedIn: 1 },
            { ...labelled, changedIn: 1 },
          ]),
        )
        expect(await one.at(2)).toEqual(
          past(2, [
            { ...document('a', { changed: 1 }), changedIn: 2 },
            { ...labelled, changedIn: 1 },
          ]),
        )
        expect(await one.at(3)).toEqual(past(3, [{ ...labelled, changedIn: 1 }]))
        expect(await one.at(4)).toEqual(past(4, [{ ...document('a', { again: true }), changedIn: 4 }]))
        for (const never of [5, -1, 1.5, Number.NaN, 2 ** 60]) expect(await one.at(never)).toBeUndefined()
      }
    })

    it('keeps a pending change until it is decided, once', async () => {
      const [store, other] = await open()
      const first = pending('01900000-0000-7000-8000-000000000001', {
        intent: {
          documents: [document('ünï', { list: [1, null, true] })],
          prune: 'team=x',
          delete: [{ kind: 'Target', name: 'a' }],
        },
        changes: [{ kind: 'Target', name: 'ünï', action: 'created', after: 'HASH' }],
        confirmed: true,
      })
      const second = pending('01900000-0000-7000-8000-000000000002')
      const third = pending('01900000-0000-7000-8000-000000000003')
      for (const each of [first, second, third]) await store.pending.propose(each)
      const known = await other.pending.get(first.id)
      expect(known).toEqual({ ...first, at: expect.any(Number), state: 'open' })
      expect(await other.pending.get('01900000-0000-7000-8000-00000000ffff')).toBeUndefined()
      expect(await other.pending.get("'; DROP TABLE cambist.pending_changes; --")).toBeUndefined()
      expect(await store.load()).toMatchObject({ version: 0, documents: [] })

      expect(await other.pending.close(second.id, 'withdrawn', 'bob')).toBe(true)
      expect(await store.pending.close(second.id, 'stale', 'eve')).toBe(false)
      expect(await store.pending.get(second.id)).toEqual({
        ...second,
        at: expect.any(Number),
        state: 'withdrawn',
        decidedBy: 'bob',
        decidedAt: expect.any(Number),
      })
      const ids = async (...args: Parameters<StateStore['pending']['list']>) =>
        (await store.pending.list(...args)).map(({ id }) => id)
      expect(await ids(10)).toEqual([third.id, second.id, first.id])
      expect(await ids(1, 'open')).toEqual([third.id])
      expect(await ids(10, 'open', third.id)).toEqual([first.id])
      expect(await ids(10, 'stale')).toEqual([])
    })

    it('approves a pending change with the change that it is, and with one alone', async () => {
      const stores = await open()
      const [store, other] = stores
      const waits = pending('01900000-0000-7000-8000-000000000001')
      await store.pending.propose(waits)
      const approving = (by: string) => change({ put: [document(by)], approves: { id: waits.id, by } })
      const results = await Promise.allSettled([
        store.change(() => approving('bob')),
        other.change(() => approving('eve')),
      ])
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const [refused] = results.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
      expect(refused).toBeInstanceOf(PendingDecided)
      const { version, documents } = await store.load()
      expect([version, documents.length]).toEqual([1, 1])
      const by = documents[0]?.metadata.name
      expect(await store.history(10)).toEqual([
        { version: 1, at: expect.any(Number), author: 'ada', message: 'why', approvedBy: by, changes: [] },
      ])
      expect(await other.pending.get(waits.id)).toMatchObject({ state: 'approved', decidedBy: by, version: 1 })
      expect(await other.pending.close(waits.id, 'withdrawn', 'ada')).toBe(false)
    })

    it('tells every watcher of the present version and of each later one', async () => {
      const [store, other] = await open()
      await store.change(() => change())
      const seen: number[][] = [[], []]
      const arrived = Promise.withResolvers<void>()
      const watches = await Promise.all(
        [store, other].map((one, at) =>
          one.watch((version) => {
            seen[at]!.push(version)
            if (seen.every((versions) => versions.includes(3))) arrived.resolve()
          }),
        ),
      )
      await store.change(() => change())
      await other.change(() => change())
      await arrived.promise
      await Promise.all(watches.map((watch) => watch.close()))
      await store.change(() => change())
      for (const versions of seen) {
        expect(versions[0]).toBe(1)
        expect(versions.at(-1)).toBe(3)
      }
    })
  })
}
