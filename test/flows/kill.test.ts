import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { killRound } from '../harness/kill.ts'

// `npm run bench:kill` does twenty rounds of each; here one of each keeps the road honest on every change.
const directories: string[] = []
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

describe('no token without a committed row (I1)', () => {
  it.each(['server', 'database'] as const)(
    'holds when the %s is killed in the middle of load',
    { timeout: 60_000 },
    async (what) => {
      const directory = mkdtempSync(join(tmpdir(), 'cambist-kill-'))
      directories.push(directory)
      const round = await killRound(what, directory, 700)
      expect(round.missing).toEqual([])
      expect(round.received).toBeGreaterThan(10)
    },
  )
})
