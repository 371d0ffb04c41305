import { describe, expect, it } from 'vitest'
import { onceEach } from '../../../src/lib/once-each.ts'
import { atOnce, Slices, type Steps } from '../../../src/lib/slices.ts'

/** A clock that a step moves by what it takes, and a turn that is counted. */
function timed(budget: number) {
  const told: string[] = []
  let now = 0
  const slices = new Slices({
    clock: { now: () => now, monotonic: () => now },
    budget,
    giveWay: async () => void told.push('turn'),
  })
  function* work(name: string, steps: number, milliseconds = 1): Steps<string> {
    for (let step = 0; step < steps; step++) {
      told.push(`${name}${step}`)
      now += milliseconds
      yield
    }
    return name
  }
  return { told, slices, work }
}

describe('slices', () => {
  it('give way before the work begins, and whenever a slice is used up', async () => {
    const { told, slices, work } = timed(2)
    expect(await slices.run(work('a', 5))).toBe('a')
    expect(told).toEqual(['turn', 'a0', 'a1', 'turn', 'a2', 'a3', 'turn', 'a4'])
  })

  it('end a step that was begun, and give way after it', async () => {
    const { told, slices, work } = timed(2)
    await slices.run(work('a', 2, 100))
    expect(told).toEqual(['turn', 'a0', 'turn', 'a1', 'turn'])
  })

  it('of several works take turns, one slice for each turn', async () => {
    const { told, slices, work } = timed(2)
    expect(await Promise.all([slices.run(work('a', 4)), slices.run(work('b', 4))])).toEqual(['a', 'b'])
    expect(told).toEqual([
      'turn',
      'a0',
      'a1',
      'turn',
      'b0',
      'b1',
      'turn',
      'a2',
      'a3',
      'turn',
      'b2',
      'b3',
      'turn',
      'turn',
    ])
  })

  it('throw what the work throws, and go on with others', async () => {
    const { slices, work } = timed(2)
    function* failing(): Steps<never> {
      yield
      throw new Error('it cannot be done')
    }
    const failed = slices.run(failing())
    const other = slices.run(work('b', 3))
    await expect(failed).rejects.toThrow('it cannot be done')
    expect(await other).toBe('b')
  })

  it('let the event loop turn where nothing else is said', async () => {
    let turned = 0
    const count = () => {
      turned++
      if (turned < 10) setImmediate(count)
    }
    setImmediate(count)
    let now = 0
    const slices = new Slices({ clock: { now: () => now, monotonic: () => now } })
    function* work(): Steps<number> {
      for (let step = 0; step < 5; step++) {
        now += 10
        yield
      }
      return turned
    }
    expect(await slices.run(work())).toBeGreaterThanOrEqual(5)
  })

  it('are left out by who cannot wait', () => {
    const { told, work } = timed(2)
    expect(atOnce(work('a', 3))).toBe('a')
    expect(told).toEqual(['a0', 'a1', 'a2'])
  })
})

describe('once for each', () => {
  it('asks once for one object, whatever the answer was', () => {
    let asked = 0
    const answer = onceEach((_: object) => {
      asked++
      return undefined
    })
    const [one, other] = [{}, {}]
    expect([answer(one), answer(one), answer(other)]).toEqual([undefined, undefined, undefined])
    expect(asked).toBe(2)
  })
})
