import type { Command } from 'commander'
import { type CliCommand, CommandFailure, EXIT, type Run, type Terminal } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, wholeNumber, withOutput } from '../options.ts'
import { json, listing, table } from '../table.ts'

/** A block as the administrators' door answers it. */
interface Block {
  readonly id: string
  readonly match: Readonly<Record<string, string>>
  readonly reason: string
  readonly author: string
  readonly at: string
  readonly expires: string | null
}

interface Made {
  readonly version: number
  readonly block: Block
  readonly revoked: number
  readonly lineages: number
}

interface Asked extends WithOutput {
  readonly reason: string
  readonly expires?: string
}

/** What a block of one name names. */
const NAMED = [
  ['subject', 'an id, as the record has it: as subject, as any actor, and as client'],
  ['instance', 'one copy of a workload'],
  ['client', 'the name of a Client'],
  ['lineage', 'a chain of exchanges, by the id of its first record'],
  ['key', 'the thumbprint of a key, or of a certificate (x5t#S256)'],
  ['issuer', 'the name of a TrustedIssuer, with all that it vouches for'],
] as const

const PATH = '/admin/v1/blocks'

export const block: CliCommand = {
  name: 'block',
  summary: 'Keep somebody or something out, and take back what it was given',
  examples: [
    ['cambist block instance 7f0f2c3e-8a51 --reason "taken over"', 'one pod; its neighbours go on'],
    ['cambist block subject spiffe://prod.example/x --reason lost --expires 24h', 'for a day, wherever it takes part'],
    ['cambist block credential --issuer prod --jti ID --reason leaked', 'one credential; or by --token-hash'],
    ['cambist block list', 'the blocks that are in force'],
    ['cambist block remove ID', 'lifts one; what it took back stays taken back'],
  ],
  define(command, run) {
    for (const [what, meaning] of NAMED)
      withReason(command.command(`${what} <value>`).description(`Block ${meaning}`)).action(
        (value: string, options: Asked) => run((terminal) => put(terminal, { [what]: value }, options)),
      )
    defineCredential(command, run)
    defineList(command, run)
    withOutput(command.command('remove <id>').description('Lift a block')).action((id: string, options: WithOutput) =>
      run(async (terminal) => {
        const lifted = await askAdminJson<Pick<Made, 'version' | 'block'>>(
          terminal,
          `${PATH}/${encodeURIComponent(id)}`,
          {
            method: 'DELETE',
          },
        )
        if (options.output === 'json') terminal.out(json(lifted))
        else terminal.out(shown(lifted.block))
        terminal.err(`No longer blocked, in version ${lifted.version}. Tokens that were taken back stay so.\n`)
        return EXIT.done
      }),
    )
  },
}

function defineCredential(command: Command, run: Run): void {
  withReason(command.command('credential').description('Block one credential of an issuer'))
    .requiredOption('--issuer <name>', 'the TrustedIssuer that vouches for it; self for a token of ours')
    .option('--jti <id>', 'its jti, as the record has it')
    .option('--token-hash <hash>', 'its hash, as the record has it')
    .action((options: Asked & { readonly issuer: string; readonly jti?: string; readonly tokenHash?: string }) =>
      run((terminal) => {
        const { issuer, jti, tokenHash } = options
        // With neither, the whole issuer would be blocked.
        if ((jti === undefined) === (tokenHash === undefined))
          throw new CommandFailure('One credential is named by exactly one of --jti and --token-hash.', EXIT.usage)
        return put(terminal, jti === undefined ? { issuer, tokenHash } : { issuer, jti }, options)
      }),
    )
}

function defineList(command: Command, run: Run): void {
  withOutput(command.command('list').description('Blocks that are in force, newest first'))
    .option('--limit <number>', 'how many', wholeNumber, 100)
    .option('--cursor <cursor>', 'where an earlier list ended')
    .action((options: WithOutput & { readonly limit: number; readonly cursor?: string }) =>
      run(async (terminal) => {
        const query = { limit: String(options.limit), cursor: options.cursor }
        const page = await askAdminJson<{ items: readonly Block[]; next: string | null }>(terminal, PATH, { query })
        if (options.output === 'json') terminal.out(json(page))
        else {
          const cells = ({ id, match, reason, author, at, expires }: Block) => [
            at,
            named(match),
            reason,
            author,
            expires ?? '-',
            id,
          ]
          terminal.out(table(['AT', 'BLOCKED', 'REASON', 'AUTHOR', 'UNTIL', 'ID'], page.items.map(cells)))
          if (page.next !== null) terminal.err(`There are older ones: add --cursor ${page.next}\n`)
        }
        return EXIT.done
      }),
    )
}

const withReason = (command: Command): Command =>
  withOutput(command)
    .requiredOption('--reason <text>', 'why, for the record and the history')
    .option('--expires <when>', 'a moment, or a duration such as 24h; without it, until it is removed')

async function put(terminal: Terminal, match: object, asked: Asked): Promise<number> {
  const { reason, expires, output } = asked
  const text = JSON.stringify({ match, reason, ...(expires === undefined ? {} : { expires }) })
  const made = await askAdminJson<Made>(terminal, PATH, { method: 'POST', body: { type: 'application/json', text } })
  terminal.out(output === 'json' ? json(made) : shown(made.block))
  terminal.err(
    `In force everywhere, in version ${made.version}. Taken back: living tokens ${made.revoked}, lineages ${made.lineages}.\n`,
  )
  return EXIT.done
}

const named = (match: Block['match']): string =>
  Object.entries(match)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')

const shown = ({ id, match, reason, author, at, expires }: Block): string =>
  listing([
    ['id', id],
    ['blocked', named(match)],
    ['reason', reason],
    ['author', author],
    ['at', at],
    ['until', expires ?? ''],
  ])
