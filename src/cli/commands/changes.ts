import type { Command } from 'commander'
import type { Applied, Document } from '../../documents/contract.ts'
import { showApplied } from '../applying.ts'
import { type CliCommand, EXIT, type Run, type Terminal } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, wholeNumber, withOutput } from '../options.ts'
import { json, listing, table } from '../table.ts'

interface PendingChange {
  readonly id: string
  readonly at: string
  readonly author: string
  readonly message: string
  readonly baseVersion: number
  readonly changes: readonly {
    readonly kind: string
    readonly name: string
    readonly action: string
    readonly renamedFrom?: string
  }[]
  readonly state: string
  readonly decidedBy: string | null
  readonly decidedAt: string | null
  readonly version: number | null
}

interface Shown extends PendingChange {
  readonly documents: readonly { readonly before: Document | null; readonly after: Document | null }[]
}

interface ListOptions extends WithOutput {
  readonly state?: string
  readonly limit: number
  readonly cursor?: string
}

export const changes: CliCommand = {
  name: 'changes',
  summary: 'Show changes that wait for a second administrator, approve or withdraw them',
  examples: [
    ['cambist changes', 'what waits'],
    ['cambist changes show ID', 'what it would change, field by field'],
    ['cambist changes approve ID', 'puts it in force; its author cannot'],
    ['cambist changes withdraw ID', 'takes it back'],
    ['cambist changes list --state approved', 'what was approved'],
  ],
  define(command, run) {
    // Options belong to the subcommands, so that each stands where a person writes it.
    const list = command.command('list', { isDefault: true }).description('Those of a state, newest first')
    withOutput(list)
      .option('--state <state>', 'open, approved, withdrawn, stale or all', 'open')
      .option('--limit <number>', 'how many', wholeNumber, 20)
      .option('--cursor <value>', 'where an earlier list ended')
      .action((options: ListOptions) => run((terminal) => listThem(terminal, options)))
    withOutput(command.command('show <id>').description('What one changes, field by field')).action(
      (id: string, { output }: WithOutput) => run((terminal) => showOne(terminal, id, output)),
    )
    approving(command, run)
    withOutput(command.command('withdraw <id>').description('Take one back')).action(
      (id: string, { output }: WithOutput) =>
        run(async (terminal) => {
          const change = await askAdminJson<PendingChange>(terminal, pathOf(id, 'withdraw'), { method: 'POST' })
          if (output === 'json') terminal.out(json(change))
          else terminal.err(`The change ${change.id} is withdrawn.\n`)
          return EXIT.done
        }),
    )
  },
}

function approving(command: Command, run: Run): void {
  withOutput(command.command('approve <id>').description('Put one in force, as somebody else than its author'))
    .option('--yes', 'say yes to what may be a mistake and its author was not asked about')
    .action((id: string, { yes, output }: WithOutput & { readonly yes?: boolean }) =>
      run(async (terminal) => {
        const query = { confirm: yes === true ? 'true' : undefined }
        const applied = await askAdminJson<Applied>(terminal, pathOf(id, 'approve'), { method: 'POST', query })
        showApplied(terminal, applied, { output })
        return EXIT.done
      }),
    )
}

const pathOf = (id: string, verb: string): string => `/admin/v1/changes/${encodeURIComponent(id)}/${verb}`

async function listThem(terminal: Terminal, { state, limit, cursor, output }: ListOptions): Promise<number> {
  const query = { state: state === 'all' ? undefined : state, limit: String(limit), cursor }
  const page = await askAdminJson<{ items: readonly PendingChange[]; next: string | null }>(
    terminal,
    '/admin/v1/changes',
    { query },
  )
  if (output === 'json') terminal.out(json(page))
  else {
    terminal.out(
      table(
        ['AT', 'STATE', 'AUTHOR', 'CHANGES', 'MESSAGE', 'ID'],
        page.items.map(({ at, state: is, author, changes: list, message, id }) => [
          at,
          is,
          author,
          list.map(({ action, kind, name }) => `${action} ${kind} ${name}`).join(', '),
          message,
          id,
        ]),
      ),
    )
    if (page.next !== null) terminal.err(`There are older ones: add --cursor ${page.next}\n`)
  }
  return EXIT.done
}

async function showOne(terminal: Terminal, id: string, output: string): Promise<number> {
  const shown = await askAdminJson<Shown>(terminal, `/admin/v1/changes/${encodeURIComponent(id)}`)
  if (output === 'json') {
    terminal.out(json(shown))
    return EXIT.done
  }
  const { differencesOf, shownDifference } = await import('../differences.ts')
  terminal.out(
    listing([
      ['id', shown.id],
      ['state', shown.state],
      ['at', shown.at],
      ['author', shown.author],
      ['message', shown.message],
      ['against', `version ${shown.baseVersion}`],
      ['decided by', shown.decidedBy ?? ''],
      ['decided at', shown.decidedAt ?? ''],
      ['became', shown.version === null ? '' : `version ${shown.version}`],
    ]),
  )
  for (const [index, change] of shown.changes.entries()) {
    const { before, after } = shown.documents[index] ?? {}
    terminal.out(shownDifference({ ...change, differences: differencesOf(before, after) }))
  }
  return EXIT.done
}
