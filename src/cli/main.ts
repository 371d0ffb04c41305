import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { readCliEnvironment } from '../config/environment.ts'
import * as commands from './commands/index.ts'
import { type CliCommand, EXIT, type Run, type Terminal } from './contract.ts'
import { explained } from './failures.ts'

/** Runs one command line and answers its exit code. */
export async function run(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  let exitCode: number = EXIT.done
  const runs: Run = async (work) => {
    exitCode = await work(terminal)
  }
  const program = new Command('cambist')
    .description(
      'OAuth 2.0 token exchange for workloads: a platform’s credential in, the credential the next service wants out.',
    )
    .version(version(), '-v, --version', 'show which version this is')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .showHelpAfterError('(add --help for what can be written here)')
    .helpCommand(false)
  for (const each of Object.values(commands)) define(program, each, runs)
  program.addHelpText('after', helpOfProgram(terminal))
  try {
    await program.parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    // Help and version are no errors, but help for want of a command is.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    const { lines, exitCode: code } = explained(error)
    for (const line of lines) terminal.err(`${line}\n`)
    return code
  }
}

/** As package.json says; it lies beside the sources and beside what is built of them. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return String((JSON.parse(text) as { version?: unknown }).version)
}

function define(program: Command, { name, summary, examples, define: declare }: CliCommand, run: Run): void {
  const command = program.command(name).description(summary)
  declare(command, run)
  const width = Math.max(...examples.map(([line]) => line.length))
  command.addHelpText(
    'after',
    `\nExamples:\n${examples.map(([line, does]) => `  ${line.padEnd(width)}  ${does}`).join('\n')}\n`,
  )
}

const helpOfProgram = ({ environment }: Terminal): string => `
Environment of the commands that ask a server:
  CAMBIST_ADMIN_URL         the administrators’ door, now ${environment.adminUrl}
  CAMBIST_ADMIN_TOKEN_FILE  file of the administrator’s token, now ${environment.adminTokenFile}

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 78 configuration.
`

function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  // Whoever reads us may have had enough (head, less).
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done)
    throw error
  })
  return {
    environment: readCliEnvironment(),
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    screen: stderr.isTTY === true,
    async input() {
      const parts: Buffer[] = []
      for await (const part of stdin) parts.push(Buffer.from(part as Buffer))
      return Buffer.concat(parts).toString('utf8')
    },
  }
}
