import { describe, expect, it } from 'vitest'
import { BLOCK_SIZE, LIST_SIZE, StatusIndexes } from '../../../src/tokens/status-indexes.ts'

/** Blocks in turn, each when the test lets it come. */
function blocks(from = 0) {
  const asked: PromiseWithResolvers<number>[] = []
  let number = from
  return {
    asked,
    next() {
      const one = Promise.withResolvers<number>()
      asked.push(one)
      return one.promise
    },
    give: (at: number) => asked[at]?.resolve(number++),
    fail: (at: number) => asked[at]?.reject(new Error('the database is away')),
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const placeOf = ({ list, index }: { list: number; index: number }) => list * LIST_SIZE + index

describe('indexes of status lists', () => {
  it('waits for the first block, and for no other while it has some', async () => {
    const source = blocks()
    const indexes = new StatusIndexes(source)
    const first = [indexes.take(), indexes.take(), indexes.take()]
    expect(first.every((one) => one instanceof Promise)).toBe(true)
    expect(source.asked).toHaveLength(1)
    source.give(0)
    const places = (await Promise.all(first)).map(placeOf)
    for (let count = 3; count < BLOCK_SIZE / 2; count++) {
      const one = indexes.take()
      if (one instanceof Promise) throw new Error('waited')
      places.push(placeOf(one))
    }
    expect(source.asked).toHaveLength(1)
    await indexes.take()
    expect(source.asked).toHaveLength(2) // ahead of need
    source.give(1)
    await turn()
    expect(indexes.take()).not.toBeInstanceOf(Promise)
    expect(new Set(places).size).toBe(BLOCK_SIZE / 2)
  })

  it('hands every index of its blocks out once, in no order', async () => {
    let block = 7
    const indexes = new StatusIndexes({ next: async () => block++ })
    const places: number[] = []
    for (let count = 0; count < BLOCK_SIZE * 2; count++) places.push(placeOf(await indexes.take()))
    expect(new Set(places).size).toBe(places.length)
    expect(Math.min(...places)).toBeGreaterThanOrEqual(7 * BLOCK_SIZE)
    expect(Math.max(...places)).toBeLessThan(block * BLOCK_SIZE)
    expect(block).toBe(10)
    const steps = places.slice(1).filter((place, at) => Math.abs(place - (places[at] ?? 0)) === 1)
    expect(steps.length).toBeLessThan(places.length / 100)
  })

  it('goes over to the next list where one is full', async () => {
    const last = LIST_SIZE / BLOCK_SIZE - 1
    for (const [block, list] of [
      [last, 0],
      [last + 1, 1],
    ] as const) {
      const source = blocks(block)
      const one = new StatusIndexes(source).take()
      source.give(0)
      expect((await one).list).toBe(list)
    }
  })

  it('refuses while none is left and none can be had, and asks anew for the next token', async () => {
    const source = blocks()
    const indexes = new StatusIndexes(source)
    const refused = Promise.resolve(indexes.take())
    source.fail(0)
    await expect(refused).rejects.toMatchObject({ reason: 'record_unavailable', retryAfter: 1 })
    const taken = indexes.take()
    source.give(1)
    expect((await taken).list).toBe(0)
  })

  it('goes on with what it has where it cannot have more ahead of need', async () => {
    const source = blocks()
    const indexes = new StatusIndexes(source)
    const first = indexes.take()
    source.give(0)
    await first
    for (let count = 1; count < BLOCK_SIZE; count++) {
      expect(indexes.take()).not.toBeInstanceOf(Promise)
      const latest = source.asked.length - 1
      if (latest > 0) source.fail(latest)
      if (count % 512 === 0) await turn()
    }
    expect(source.asked.length).toBeGreaterThan(2)
    const empty = indexes.take()
    expect(empty).toBeInstanceOf(Promise)
    source.fail(source.asked.length - 1)
    await expect(empty).rejects.toMatchObject({ reason: 'record_unavailable' })
  })
})
