import { type ApplyOptions, applyInput, showApplied, withApplyOptions } from '../applying.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { type WithOutput, withOutput } from '../options.ts'

export const apply: CliCommand = {
  name: 'apply',
  summary: 'Put documents: all of them, or none where one cannot be taken',
  examples: [
    ['cambist apply -f examples/quickstart', 'puts every document in a folder'],
    ['cambist apply -f orders.yaml --dry-run', 'says what would change'],
    ['cambist apply -f team/ --prune team=shop', 'also deletes what carries the label and is not in the folder'],
    ['cambist apply -f team/ --yes', 'also where that denies much of what was granted last week'],
    ['cambist apply -f - < all.yaml', 'reads the standard input'],
  ],
  define(command, run) {
    withOutput(withApplyOptions(command))
      .option('--dry-run', 'say what would change, and change nothing')
      .option('--message <text>', 'why, for the history')
      .option('--yes', 'say yes to what may be a mistake: a lock-out of administrators, many denials')
      .action((options: ApplyOptions & WithOutput) =>
        run(async (terminal) => {
          // What reads documents is loaded by the commands alone that need it.
          const { readInput } = await import('../files.ts')
          const applied = await applyInput(terminal, await readInput(options.file, terminal), options)
          showApplied(terminal, applied, options)
          return EXIT.done
        }),
      )
  },
}
