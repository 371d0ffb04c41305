import { sentence } from '../../documents/faults.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { faultLines } from '../failures.ts'
import { files, type WithOutput, withOutput } from '../options.ts'
import { json, printable } from '../table.ts'

export const lint: CliCommand = {
  name: 'lint',
  summary: 'Check documents without a server: what would be refused, and what is doubtful',
  examples: [
    ['cambist lint -f examples/quickstart', 'checks a folder as a whole'],
    ['cambist lint -f all.yaml --output json', 'for an editor or a pipeline'],
  ],
  define(command, run) {
    withOutput(command.addOption(files())).action((options: WithOutput & { readonly file: readonly string[] }) =>
      run(async (terminal) => {
        // What reads documents is loaded by the commands alone that need it.
        const { lintFiles } = await import('../linting.ts')
        const linted = await lintFiles(options.file, terminal)
        const { documents, faults, warnings } = linted
        if (options.output === 'json') terminal.out(json(linted))
        else {
          for (const line of faultLines(faults)) terminal.err(`${line}\n`)
          for (const warning of warnings) terminal.err(`warning: ${printable(sentence(warning))}\n`)
          const counts = [counted(faults.length, 'fault'), counted(warnings.length, 'warning')].join(', ')
          terminal.err(`${counted(documents, 'document')}: ${counts}.\n`)
        }
        return faults.length > 0 ? EXIT.failed : EXIT.done
      }),
    )
  },
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
