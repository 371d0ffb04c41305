import { readConfig } from '../../config/config.ts'
import { readEnvironment } from '../../config/environment.ts'
import { configured } from '../configured.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { type WithOutput, withOutput } from '../options.ts'
import { json } from '../table.ts'

export const migrate: CliCommand = {
  name: 'migrate',
  summary: 'Bring the database’s schema to this version; serve does so by itself',
  examples: [
    [
      'DATABASE_URL=postgres://owner@db/cambist cambist migrate --application-role cambist',
      'as the owner of the schema, for servers that run as cambist and own nothing',
    ],
  ],
  define(command, run) {
    command.option('--application-role <name>', 'give this role what a server needs, and no right to change the record')
    withOutput(command).action((options: WithOutput & { readonly applicationRole?: string }) =>
      run(async (terminal) => {
        const config = configured(() => readConfig(readEnvironment().values))
        // The server and all it stands on are loaded by the commands alone that need them.
        const { migrateDatabase } = await import('../../serve.ts')
        const steps: string[] = []
        const say = (line: string) => (options.output === 'json' ? void steps.push(line) : terminal.out(`${line}\n`))
        await migrateDatabase(config, say, options.applicationRole)
        if (options.output === 'json') terminal.out(json({ steps }))
        return EXIT.done
      }),
    )
  },
}
