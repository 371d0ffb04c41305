import type { Document } from '../../documents/contract.ts'
import { type CliCommand, EXIT, type Terminal } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, wholeNumber, withOutput } from '../options.ts'
import { json, listing, table } from '../table.ts'

interface Change {
  readonly kind: string
  readonly name: string
  readonly action: string
  readonly renamedFrom?: string
}

interface Revision {
  readonly version: number
  readonly at: string
  readonly author: string
  readonly message: string
  readonly approvedBy?: string
  readonly changes: readonly Change[]
}

interface Shown extends Revision {
  readonly documents: readonly {
    readonly kind: string
    readonly name: string
    readonly before: Document | null
    readonly after: Document | null
  }[]
}

interface Options extends WithOutput {
  readonly limit: number
  readonly cursor?: string
}

export const history: CliCommand = {
  name: 'history',
  summary: 'Show who changed what, when and why, newest first',
  examples: [
    ['cambist history', 'the last 20 versions'],
    ['cambist history 42', 'what version 42 changed, field by field'],
    ['cambist history 42 --output json', 'the same with the documents and their hashes'],
  ],
  define(command, run) {
    withOutput(command.argument('[version]', 'number of a version', wholeNumber))
      .option('--limit <number>', 'how many', wholeNumber, 20)
      .option('--cursor <value>', 'where an earlier list ended')
      .action((version: number | undefined, options: Options) =>
        run(async (terminal) => {
          if (version === undefined) await list(terminal, options)
          else await showOne(terminal, version, options)
          return EXIT.done
        }),
      )
  },
}

async function list(terminal: Terminal, { limit, cursor, output }: Options): Promise<void> {
  const page = await askAdminJson<{ items: readonly Revision[]; next: string | null }>(terminal, '/admin/v1/history', {
    query: { limit: String(limit), cursor },
  })
  if (output === 'json') return terminal.out(json(page))
  terminal.out(
    table(
      ['VERSION', 'AT', 'AUTHOR', 'CHANGES', 'MESSAGE'],
      page.items.map(({ version, at, author, approvedBy, changes, message }) => [
        String(version),
        at,
        approvedBy === undefined ? author : `${author}, approved by ${approvedBy}`,
        counted(changes),
        message,
      ]),
    ),
  )
  if (page.next !== null) terminal.err(`There are older ones: add --cursor ${page.next}\n`)
}

/** `1 created, 2 updated`; a version of keys or revocations changes no document. */
function counted(changes: readonly Change[]): string {
  const counts = Object.entries(Object.groupBy(changes, ({ action }) => action))
  return counts.map(([action, alike]) => `${alike?.length ?? 0} ${action}`).join(', ') || '-'
}

async function showOne(terminal: Terminal, version: number, { output }: Options): Promise<void> {
  const shown = await askAdminJson<Shown>(terminal, `/admin/v1/history/${version}`)
  if (output === 'json') return terminal.out(json(shown))
  const { differencesOf, shownDifference } = await import('../differences.ts')
  terminal.out(
    listing([
      ['version', String(shown.version)],
      ['at', shown.at],
      ['author', shown.author],
      ['approved by', shown.approvedBy ?? ''],
      ['message', shown.message],
    ]),
  )
  for (const [index, change] of shown.changes.entries()) {
    const { before, after } = shown.documents[index] ?? {}
    terminal.out(shownDifference({ ...change, differences: differencesOf(before, after) }))
  }
}
