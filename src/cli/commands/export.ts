import { type CliCommand, EXIT } from '../contract.ts'
import { askAdmin } from '../http.ts'
import { type WithOutput, withOutput } from '../options.ts'

export const exportAll: CliCommand = {
  name: 'export',
  summary: 'Write all documents as canonical YAML, to keep or to apply elsewhere',
  examples: [
    ['cambist export > all.yaml', 'writes a file that apply reads back to the same'],
    ['cambist export --output json', 'writes a JSON array'],
  ],
  define(command, run) {
    withOutput(command).action((options: WithOutput) =>
      run(async (terminal) => {
        terminal.out(
          await askAdmin(terminal, '/admin/v1/export', {
            query: { format: options.output === 'json' ? 'json' : 'yaml' },
          }),
        )
        return EXIT.done
      }),
    )
  },
}
