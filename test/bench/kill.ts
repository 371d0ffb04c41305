/**
 * npm run bench:kill [-- --rounds N]
 *
 * Kills the server and, separately, its database with SIGKILL in the middle of load, so many times each, and counts the
 * tokens that a client received and that have no row after the restart. There must be none (I1).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { killRound } from '../harness/kill.ts'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '20' } } })
let lost = 0
for (const what of ['server', 'database'] as const) {
  const directory = mkdtempSync(join(tmpdir(), 'cambist-kill-'))
  let received = 0
  for (let round = 1; round <= Number(values.rounds); round++) {
    // Not the same moment each time: between 300 and 1300 ms into the load.
    const result = await killRound(what, directory, 300 + ((round * 397) % 1000))
    received += result.received
    lost += result.missing.length
    process.stdout.write(
      `${what} killed, round ${round}: ${result.received} tokens received, ${result.missing.length} without a row, ${result.without} requests without a token\n`,
    )
  }
  rmSync(directory, { recursive: true, force: true })
  process.stdout.write(`${what}: ${values.rounds} kills, ${received} tokens received\n`)
}
process.stdout.write(`tokens without a row: ${lost}\n`)
process.exitCode = lost === 0 ? 0 : 1
