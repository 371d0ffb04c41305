import { readConfig } from '../../config/config.ts'
import { readEnvironment } from '../../config/environment.ts'
import { configured, configuredLater } from '../configured.ts'
import { type CliCommand, CommandFailure, EXIT } from '../contract.ts'

export const serve: CliCommand = {
  name: 'serve',
  summary: 'Start the server; configured by CAMBIST_* variables alone',
  examples: [
    ['cambist serve', 'on an embedded database, with the quickstart documents'],
    ['DATABASE_URL=postgres://cambist@db/cambist cambist serve', 'on a PostgreSQL of yours'],
  ],
  define(command, run) {
    command.action(() =>
      run(async (terminal) => {
        const { values, warnings } = readEnvironment()
        const config = configured(() => readConfig(values))
        // The server and all it stands on are loaded by the commands alone that need them.
        const { serve: start } = await import('../../serve.ts')
        const { isWorker } = await import('../../server/workers.ts')
        if (!isWorker()) for (const warning of warnings) terminal.err(`warning: ${warning}\n`)
        const serving = await configuredLater(() => start(config, (line) => terminal.out(`${line}\n`)))
        const why = await serving.stopped
        if (why !== undefined) throw new CommandFailure(why)
        return EXIT.done
      }),
    )
  },
}
