import { describe, expect, it } from 'vitest'
import { RateByKey, sourceOf } from '../../../src/lib/rate.ts'

describe('RateByKey', () => {
  it('admits the burst, then the rate, each key for itself', () => {
    let now = 0
    const rate = new RateByKey({ now: () => now, monotonic: () => now }, { perSecond: 2, burst: 3, keys: 10 })
    expect([1, 2, 3, 4].map(() => rate.admits('a'))).toEqual([true, true, true, false])
    expect(rate.admits('b')).toBe(true)
    now += 500
    expect([1, 2].map(() => rate.admits('a'))).toEqual([true, false])
    now += 60_000
    expect([1, 2, 3, 4].map(() => rate.admits('a'))).toEqual([true, true, true, false])
  })
})

describe('sourceOf', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['::1', '0:0:0:0'],
  ])('%s is of source %s', (address, source) => {
    expect(sourceOf(address)).toBe(source)
  })
})
