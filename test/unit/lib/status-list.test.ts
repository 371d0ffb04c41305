import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { revokeAt, validStatuses, writeStatusList } from '../../../src/lib/status-list.ts'
import { readStatusList } from '../../harness/status-list.ts'
import vectors from './status-list-vectors.json' with { type: 'json' }

const SIZE = 2 ** 20

describe('a status list', () => {
  it.each(vectors)('of the draft is read: $bits bits (draft-ietf-oauth-status-list-20, appendix)', (vector) => {
    const list = readStatusList(vector)
    expect(list.size).toBe(SIZE)
    const expected = new Map(vector.statuses.map(([index = 0, status = 0]) => [index, status]))
    const wrong: number[] = []
    for (let index = 0; index < SIZE; index++) if (list.at(index) !== (expected.get(index) ?? 0)) wrong.push(index)
    expect(wrong).toEqual([])
    expect(vector.statuses.length).toBeGreaterThan(10)
  })

  it('of one bit is written with the bytes of the draft’s own', async () => {
    const [vector] = vectors
    const indexes = vector?.statuses.map(([index = 0]) => index) ?? []
    const { lst } = await writeStatusList(revokedAt(indexes, SIZE))
    expect(inflatedBytes(lst)).toEqual(inflatedBytes(vector?.lst ?? ''))
    // §4.1
    const sixteen = revokedAt([0, 3, 4, 5, 7, 8, 9, 13, 15], 16)
    expect(Buffer.from(sixteen).toString('hex')).toBe('b9a3')
    expect(inflatedBytes((await writeStatusList(sixteen)).lst)).toEqual(inflatedBytes('eNrbuRgAAhcBXQ'))
  })

  it.each([
    [0.01, 21_000],
    [0.5, 180_000],
  ])('of a million tokens of which %f were revoked has at most %i characters', async (share, most) => {
    const bytes = validStatuses(SIZE)
    // Drawn, and the same in every run.
    for (let drawn = 1, count = 0; count < share * SIZE; count++) {
      drawn = (drawn * 48_271) % 2_147_483_647
      revokeAt(bytes, drawn % SIZE)
    }
    expect((await writeStatusList(bytes)).lst.length).toBeLessThanOrEqual(most)
  })

  it('has exactly the bits that were set, whichever they are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc
          .integer({ min: 1, max: 4096 })
          .chain((size) => fc.tuple(fc.constant(size), fc.uniqueArray(fc.integer({ min: 0, max: size - 1 })))),
        async ([size, indexes]) => {
          const list = readStatusList({ ...(await writeStatusList(revokedAt(indexes, size))) })
          expect(list.size).toBe(Math.ceil(size / 8) * 8)
          const set = Array.from({ length: list.size }, (_, index) => index).filter((index) => list.at(index) === 1)
          expect(set).toEqual(indexes.toSorted((one, other) => one - other))
        },
      ),
      { numRuns: 100 },
    )
  })

  it.each([-1, 16, 0.5, Number.NaN])('says nothing of the index %s, which it does not have', async (index) => {
    const list = readStatusList({ ...(await writeStatusList(revokedAt([], 16))) })
    expect(list.at(index)).toBeUndefined()
    expect(() => revokeAt(validStatuses(16), index)).toThrow(RangeError)
  })

  it.each([
    ['no number of bits', { lst: 'eNrbuRgAAhcBXQ' }],
    ['three bits', { bits: 3, lst: 'eNrbuRgAAhcBXQ' }],
    ['bits as a text', { bits: '1', lst: 'eNrbuRgAAhcBXQ' }],
    ['no list', { bits: 1 }],
    ['an empty list', { bits: 1, lst: '' }],
    ['a list that is cut off', { bits: 1, lst: 'eNrbuRgAAhc' }],
    ['plain bytes', { bits: 1, lst: 'uaM' }],
  ])('is refused with %s', (_, written) => {
    expect(() => readStatusList(written)).toThrow(TypeError)
  })

  it('is not inflated beyond what a list can be', async () => {
    const { lst } = await writeStatusList(new Uint8Array(2 ** 24 + 1))
    expect(lst.length).toBeLessThan(30_000)
    expect(() => readStatusList({ bits: 1, lst })).toThrow('longer')
  })
})

function revokedAt(indexes: readonly number[], size: number): Uint8Array {
  const bytes = validStatuses(size)
  for (const index of indexes) revokeAt(bytes, index)
  return bytes
}

function inflatedBytes(lst: string): Buffer {
  const list = readStatusList({ bits: 8, lst })
  return Buffer.from(Uint8Array.from({ length: list.size }, (_, index) => list.at(index) ?? 0))
}
