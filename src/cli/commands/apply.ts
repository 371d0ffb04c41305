import type { Applied } from '../../documents/contract.ts'
import { type ApplyOptions, applyInput, showWarnings, withApplyOptions } from '../applying.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { type WithOutput, withOutput } from '../options.ts'
import { json, table } from '../table.ts'

export const apply: CliCommand = {
  name: 'apply',
  summary: 'Put documents: all of them, or none where one cannot be taken',
  examples: [
    ['cambist apply -f examples/quickstart', 'puts every document in a folder'],
    ['cambist apply -f orders.yaml --dry-run', 'says what would change'],
    ['cambist apply -f team/ --prune team=shop', 'also deletes what carries the label and is not in the folder'],
    ['cambist apply -f - < all.yaml', 'reads the standard input'],
  ],
  define(command, run) {
    withOutput(withApplyOptions(command))
      .option('--dry-run', 'say what would change, and change nothing')
      .option('--message <text>', 'why, for the history')
      .action((options: ApplyOptions & WithOutput) =>
        run(async (terminal) => {
          // What reads documents is loaded by the commands alone that need it.
          const { readInput } = await import('../files.ts')
          const applied = await applyInput(terminal, await readInput(options.file, terminal), options)
          if (options.output === 'json') terminal.out(json(applied))
          else {
            showChanges(terminal, applied)
            showWarnings(terminal, applied.warnings)
            terminal.err(summary(applied, options.dryRun === true))
          }
          return EXIT.done
        }),
      )
  },
}

function showChanges(terminal: { out(text: string): void }, { changes }: Applied): void {
  terminal.out(
    table(
      ['ACTION', 'KIND', 'NAME'],
      changes.map(({ action, kind, name }) => [action, kind, name]),
    ),
  )
}

function summary({ version, changes }: Applied, dryRun: boolean): string {
  const changed = changes.filter(({ action }) => action !== 'unchanged').length
  if (dryRun)
    return `Nothing was changed; ${changed === 0 ? 'nothing' : `${changed} of ${changes.length} documents`} would be. Version ${version} is in force.\n`
  return changed === 0 ? `Nothing to change: version ${version} stays in force.\n` : `Version ${version} is in force.\n`
}
