import { describe, expect, it } from 'vitest'
import type { LivingToken } from '../../../src/audit/reading.ts'
import { isFirst, revokeWithAll } from '../../../src/issued/revoking.ts'
import type { Revocation } from '../../../src/tokens/revocations.ts'
import { MemoryStateStore } from '../../fakes/memory-state-store.ts'
import { rejection } from '../documents/world.ts'

const AT = 1_800_000_000
const by = { author: 'client web', reason: 'lost', message: 'lost', at: AT }
const of = (value: string, what: Revocation['what'] = 'jti'): Revocation => ({
  ...{ what, value, at: AT, until: AT + 360, reason: by.reason, author: by.author },
})
const living = (id: string, ...parents: string[]): LivingToken => ({ id, parents, until: AT + 300 })

/** A record whose lineage is told by `lineages`, one after the other; the last again and again. An error is a database that is away. */
function world(...lineages: (readonly LivingToken[] | Error)[]) {
  const store = new MemoryStateStore()
  let asked = 0
  const revoking = {
    store,
    snapshots: { atLeast: async () => undefined },
    records: {
      async livingIn(lineage: string, now: number) {
        expect([lineage, now]).toEqual(['first', AT * 1000])
        const told = lineages[Math.min(asked++, lineages.length - 1)] ?? []
        if (told instanceof Error) throw told
        return told
      },
    },
  }
  const revoked = async () => (await store.load()).revocations.map(({ what, value }) => `${what} ${value}`).sort()
  return { store, revoking, revoked, asked: () => asked }
}

const middle = { id: 'middle', lineage: 'first' }
const CHAIN = [living('first'), living('middle', 'first'), living('child', 'middle'), living('leaf', 'child')]

describe('revoking a token with everything that was made from it', () => {
  it('follows it over hops, and leaves what it was made from and what stands beside it', async () => {
    const beside = [living('sibling', 'first'), living('nephew', 'sibling'), living('guest', 'elsewhere')]
    const { revoking, revoked, store } = world([...CHAIN, ...beside])
    expect(await revokeWithAll([of('middle')], middle, by, revoking)).toEqual({ version: 2, changed: true, under: 2 })
    expect(await revoked()).toEqual(['jti child', 'jti leaf', 'jti middle'])
    expect((await store.history(1))[0]).toMatchObject({ author: 'client web', message: 'lost' })
  })

  it('counts one that was made from two, where either is taken back', async () => {
    const { revoking, revoked } = world([living('middle', 'first'), living('both', 'other', 'middle')])
    await revokeWithAll([of('middle')], middle, by, revoking)
    expect(await revoked()).toEqual(['jti both', 'jti middle'])
  })

  it('looks again until nothing new is found: others go on until they meet the change', async () => {
    const { revoking, revoked, asked } = world(
      CHAIN.slice(0, 3),
      CHAIN,
      [...CHAIN, living('late', 'leaf')],
      [...CHAIN, living('late', 'leaf')],
    )
    expect(await revokeWithAll([of('middle')], middle, by, revoking)).toMatchObject({ under: 3 })
    expect(await revoked()).toEqual(['jti child', 'jti late', 'jti leaf', 'jti middle'])
    expect(asked()).toBe(4)
  })

  it('asks nobody about the first of a lineage, since that is all of it', async () => {
    const first = { id: 'first', lineage: 'first' }
    const { revoking, revoked, asked } = world(CHAIN)
    expect(isFirst(first)).toBe(true)
    await revokeWithAll([of('first', 'lineage')], first, by, revoking)
    expect([await revoked(), asked()]).toEqual([['lineage first'], 0])
  })

  it('writes nothing that stands already, unless it is to be said again (T38)', async () => {
    const { revoking, store } = world(CHAIN)
    await revokeWithAll([of('middle')], middle, by, revoking)
    const { version } = store
    expect(await revokeWithAll([of('middle')], middle, by, revoking)).toEqual({ version, changed: false, under: 2 })
    expect(store.version).toBe(version)
    const again = await revokeWithAll([of('middle')], middle, by, revoking, { again: true })
    expect(again).toEqual({ version: version + 1, changed: true, under: 2 })
  })

  it('finds the rest when it is asked again, where the database went away after the first change', async () => {
    const { revoking, revoked } = world(new Error('away'), CHAIN)
    expect(await rejection(revokeWithAll([of('middle')], middle, by, revoking))).toMatchObject({
      reason: 'record_unavailable',
      retryAfter: 1,
      detail: expect.stringContaining('ask again'),
    })
    expect(await revoked()).toEqual(['jti middle'])
    expect(await revokeWithAll([of('middle')], middle, by, revoking)).toMatchObject({ changed: true, under: 2 })
    expect(await revoked()).toEqual(['jti child', 'jti leaf', 'jti middle'])
  })

  it('changes nothing where nothing can be written', async () => {
    const { revoking, revoked } = world(CHAIN)
    const away = {
      ...revoking,
      store: Object.assign(new MemoryStateStore(), { change: () => Promise.reject(new Error('away')) }),
    }
    expect(await rejection(revokeWithAll([of('middle')], middle, by, away))).toMatchObject({
      reason: 'record_unavailable',
      retryAfter: 1,
    })
    expect(await revoked()).toEqual([])
  })
})
