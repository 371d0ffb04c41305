import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../src/identity/pattern.ts'
import { compileCondition } from '../../src/lib/cel.ts'
import { Faults } from '../../src/lib/fault.ts'
import { resourceKey } from '../../src/targets/resource.ts'

/** Milliseconds that the work takes: far above what it needs, far below what backtracking would take. */
const BOUND = 500
const took = (work: () => unknown): number => {
  const start = performance.now()
  work()
  return performance.now() - start
}

describe('T33 slow matching', () => {
  it('patterns take linear time on what strangers send', () => {
    const stars = parsePattern(`${Array.from({ length: 200 }, () => '*').join('/')}/b`)
    const open = parsePattern('*/*/*/*/**')
    for (const text of ['a'.repeat(1_000_000), 'a/'.repeat(500_000), `${'a/'.repeat(201)}c`]) {
      expect(took(() => [stars.matches(text), open.matches(text)])).toBeLessThan(BOUND)
    }
  })

  it('regular expressions do not backtrack', () => {
    const condition = compileCondition("x.matches('^(a+)+$')", ['x'])
    condition.test({ x: 'a' })
    expect(took(() => condition.test({ x: `${'a'.repeat(20_000)}!` }))).toBeLessThan(BOUND)
    expect(condition.test({ x: `${'a'.repeat(30)}!` })).toBe(false)
  })

  it('expressions whose cost is a product of lists cannot be written, and lists that are long are not gone over', () => {
    expect(() => compileCondition('x.exists(a, x.exists(b, a == b))', ['x'])).toThrow(Faults)
    const condition = compileCondition('x.exists(a, a in x)', ['x'])
    expect(() => condition.test({ x: Array.from({ length: 10_000 }, (_, index) => index) })).toThrow('256 is the most')
    expect(took(() => condition.test({ x: Array.from({ length: 256 }, () => 'a') }))).toBeLessThan(BOUND)
  })

  it('resources are read in linear time', () => {
    for (const text of [`https://${'/'.repeat(100_000)}`, `a:${'?'.repeat(100_000)}`, `${'a'.repeat(100_000)}:`]) {
      expect(took(() => resourceKey(text))).toBeLessThan(BOUND)
    }
  })
})
