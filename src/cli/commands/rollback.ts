import type { Applied } from '../../documents/contract.ts'
import { showApplied } from '../applying.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, wholeNumber, withOutput } from '../options.ts'

interface Options extends WithOutput {
  readonly message?: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export const rollback: CliCommand = {
  name: 'rollback',
  summary: 'Put all documents back as they were at a version',
  examples: [
    ['cambist history', 'which versions there are'],
    ['cambist rollback 41 --dry-run', 'says what that would change'],
    ['cambist rollback 41 --message "orders cannot be read"', 'makes a new version of what version 41 was'],
  ],
  define(command, run) {
    withOutput(command.argument('<version>', 'number of a version', wholeNumber))
      .option('--dry-run', 'say what would change, and change nothing')
      .option('--message <text>', 'why, for the history')
      .option('--yes', 'say yes to what may be a mistake: a lock-out of administrators, many denials')
      .addHelpText('after', '\nWhat was revoked, blocked or rotated since stays so.')
      .action((version: number, { message, dryRun, yes, output }: Options) =>
        run(async (terminal) => {
          const body = { type: 'application/json', text: JSON.stringify({ version, message, dryRun, confirm: yes }) }
          const applied = await askAdminJson<Applied>(terminal, '/admin/v1/rollback', { method: 'POST', body })
          showApplied(terminal, applied, { dryRun, output })
          return EXIT.done
        }),
      )
  },
}
