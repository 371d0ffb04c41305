import { sentence } from '../../documents/faults.ts'
import { type CliCommand, EXIT, type Terminal } from '../contract.ts'
import { faultLines } from '../failures.ts'
import { askAdminJson } from '../http.ts'
import type { Linted } from '../linting.ts'
import { filesOrForce, type WithOutput, withOutput } from '../options.ts'
import { json, printable } from '../table.ts'

export const lint: CliCommand = {
  name: 'lint',
  summary: 'Check documents without a server, or those in force: what would be refused, and what is doubtful',
  examples: [
    ['cambist lint -f examples/quickstart', 'checks a folder as a whole'],
    ['cambist lint -f all.yaml --output json', 'for an editor or a pipeline'],
    ['cambist lint', 'asks the server about the documents in force, and which clients nobody has used for 90 days'],
  ],
  define(command, run) {
    withOutput(command.addOption(filesOrForce())).action(
      (options: WithOutput & { readonly file?: readonly string[] }) =>
        run(async (terminal) => {
          const linted =
            options.file === undefined ? await lintInForce(terminal) : await lintGiven(options.file, terminal)
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

/** What reads documents is loaded by the commands alone that need it. */
async function lintGiven(paths: readonly string[], terminal: Terminal): Promise<Linted> {
  const { lintFiles } = await import('../linting.ts')
  return lintFiles(paths, terminal)
}

async function lintInForce(terminal: Terminal): Promise<Linted> {
  const { documents, warnings } = await askAdminJson<Omit<Linted, 'faults'>>(terminal, '/admin/v1/lint')
  return { documents, faults: [], warnings }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
