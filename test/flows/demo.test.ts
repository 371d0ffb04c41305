import { spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'

interface Printed {
  readonly administrators: readonly { command: string; code: number; output: string }[]
  readonly chain: {
    readonly actors: readonly string[]
    readonly path: readonly string[]
    readonly refused: readonly string[]
    readonly active: readonly (readonly [boolean, boolean])[]
  }
  readonly domains: { readonly granted: string; readonly refused: readonly string[] }
  readonly matrix: readonly { credential: string; cells: Record<string, { outcome: string }> }[]
  readonly refusals: readonly { status: number; reason: string }[]
  readonly faults: readonly string[]
}

/** What the tour of every credential prints for a script. */
async function demo(): Promise<{ readonly code: number | null; readonly printed: Printed }> {
  const child = spawn(process.execPath, ['examples/demo/main.ts', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  for await (const chunk of child.stdout) output += String(chunk)
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve)))
  return { code, printed: JSON.parse(output) }
}

describe('the guided tour', () => {
  it('takes every credential where it may be presented, refuses what it says it refuses, and ends with 0', {
    timeout: 240_000,
  }, async () => {
    const { code, printed } = await demo()
    expect(printed.faults).toEqual([])
    expect(code).toBe(0)
    expect(printed.administrators.map(({ command, code: ended }) => [command.split(' ')[1], ended])).toEqual([
      ...['explain', 'test', 'diff', 'apply', 'audit', 'apply', 'history', 'rollback', 'block', 'block'].map((verb) => [
        verb,
        0,
      ]),
    ])
    const { chain, domains } = printed
    expect(chain.actors.map((id) => decodeURIComponent(id).split(':').at(-1))).toEqual(['fraud', 'orders', 'gateway'])
    expect(chain.path).toEqual(['gateway', 'orders', 'fraud'])
    expect(chain.refused).toEqual([
      'denied',
      ...['confirmation_unproven', 'confirmation_unproven', 'replayed'],
      ...['revoked', 'revoked'],
    ])
    expect(chain.active).toEqual([
      [true, false],
      [true, false],
    ])
    expect(domains.granted).toMatch(/^wimse:\/\/partner\.example\/example\//)
    expect(domains.refused).toEqual(['replayed', 'issuer_unknown', 'denied'])
    expect(printed.matrix.length).toBeGreaterThan(15)
    for (const { credential, cells } of printed.matrix) {
      const outcomes = Object.values(cells).map(({ outcome }) => outcome)
      expect(outcomes, credential).toHaveLength(3)
      expect(outcomes, credential).toContain('granted')
    }
    expect(printed.refusals.length).toBeGreaterThan(5)
    for (const { status, reason } of printed.refusals) expect([status >= 400, reason !== '']).toEqual([true, true])
  })
})
