import { signingUses } from '../../keys/contract.ts'
import { type CliCommand, EXIT } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, withOutput } from '../options.ts'
import { json, table } from '../table.ts'

interface Page {
  readonly items: readonly {
    readonly kid: string
    readonly use: string
    readonly algorithm: string
    readonly state: string
    readonly activeAt: string
    readonly removeAt: string | null
  }[]
}

export const keys: CliCommand = {
  name: 'keys',
  summary: 'Show the signing keys, or make successors',
  examples: [
    ['cambist keys', 'which keys are published, and what each is doing'],
    ['cambist keys rotate', 'makes successors now; each is published before it signs'],
    ['cambist keys rotate --algorithm ES256', 'of one algorithm only'],
    ['cambist keys rotate --use jwt-svid', 'for one use only'],
  ],
  define(command, run) {
    const show = (page: Page, format: string | undefined): string =>
      format === 'json'
        ? json(page)
        : table(
            ['KID', 'USE', 'ALGORITHM', 'STATE', 'SIGNS FROM', 'LEAVES'],
            page.items.map((key) => [key.kid, key.use, key.algorithm, key.state, key.activeAt, key.removeAt ?? '-']),
          )
    withOutput(command).action((options: WithOutput) =>
      run(async (terminal) => {
        terminal.out(show(await askAdminJson<Page>(terminal, '/admin/v1/keys'), options.output))
        return EXIT.done
      }),
    )
    command
      .command('rotate')
      .description('Make successors now')
      .option('--algorithm <name>', 'of this algorithm only')
      .option('--use <name>', `for this use only: ${Object.keys(signingUses).join(', ')}`)
      .action(({ algorithm, use }: { readonly algorithm?: string; readonly use?: string }) =>
        run(async (terminal) => {
          const body = { type: 'application/json', text: JSON.stringify({ algorithm, use }) }
          const made = await askAdminJson<Page>(terminal, '/admin/v1/keys/rotate', { method: 'POST', body })
          terminal.out(show(made, command.opts<WithOutput>().output))
          return EXIT.done
        }),
      )
  },
}
