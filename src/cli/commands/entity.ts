import type { Command } from 'commander'
import { type CliCommand, CommandFailure, EXIT, type Run, type Terminal } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, wholeNumber, withOutput } from '../options.ts'
import { json, listing, table } from '../table.ts'

/** Somebody in the register, as the administrators' door answers it. */
interface Entity {
  readonly id: string
  readonly issuer: string
  readonly kind: string
  readonly firstSeen: string
  readonly lastSeen: string
  readonly granted: number
  readonly refused: number
  readonly rules: readonly string[]
  readonly instances: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly status: string
  readonly blockedBy: string | null
}

interface Detail extends Entity {
  readonly notes: readonly { readonly at: string; readonly author: string; readonly text: string }[]
  readonly records: {
    readonly items: readonly {
      readonly id: string
      readonly at: string
      readonly outcome: string
      readonly reason: string
      readonly client: string
      readonly targets: readonly string[]
      readonly jti: string
    }[]
    readonly next: string | null
  }
}

const FILTERS = [
  ['issuer', 'name of the TrustedIssuer that vouches'],
  ['status', 'active or blocked'],
  ['label', 'NAME or NAME=VALUE'],
  ['since', 'seen since a moment, or a duration back such as 24h'],
  ['q', 'what the id begins with'],
  ['cursor', 'where an earlier list ended'],
] as const

type Filters = { readonly [K in (typeof FILTERS)[number][0]]?: string }

const PATH = '/admin/v1/entities'
const pathOf = (id: string): string => `${PATH}/${encodeURIComponent(id)}`

export const entity: CliCommand = {
  name: 'entity',
  summary: 'Show who has taken part, and note what is known of them',
  examples: [
    ['cambist entity list --status blocked', 'who is kept out'],
    ['cambist entity list --q spiffe://prod.example/ --since 24h', 'who was seen in a trust domain today'],
    ['cambist entity show ID', 'its history: exchanges, tokens by their ids, labels, notes'],
    ['cambist entity note ID "rebuilt after the incident"', 'adds a note, with author and time'],
    ['cambist entity label ID team=shop incident-', 'sets one label and takes one away'],
  ],
  define(command, run) {
    defineList(command, run)
    defineShow(command, run)
    withOutput(command.command('note <id> <text>').description('Add a note')).action(
      (id: string, text: string, options: WithOutput) =>
        run((terminal) => change(terminal, id, { notes: [text] }, options)),
    )
    withOutput(
      command.command('label <id> <label...>').description('Set labels, NAME=VALUE each, or take one away, NAME-'),
    ).action((id: string, labels: readonly string[], options: WithOutput) =>
      run((terminal) => change(terminal, id, { labels: Object.fromEntries(labels.map(labelOf)) }, options)),
    )
  },
}

function defineList(command: Command, run: Run): void {
  const list = withOutput(command.command('list').description('Who has taken part, newest first'))
  for (const [name, what] of FILTERS) list.option(`--${name} <value>`, what)
  list
    .option('--limit <number>', 'how many', wholeNumber, 20)
    .action((options: Filters & WithOutput & { readonly limit: number }) =>
      run(async (terminal) => {
        const query = {
          ...Object.fromEntries(FILTERS.map(([name]) => [name, options[name]])),
          limit: String(options.limit),
        }
        const page = await askAdminJson<{ items: readonly Entity[]; next: string | null }>(terminal, PATH, { query })
        if (options.output === 'json') terminal.out(json(page))
        else {
          terminal.out(
            table(
              ['ID', 'ISSUER', 'FIRST SEEN', 'LAST SEEN', 'GRANTED', 'REFUSED', 'STATUS', 'LABELS'],
              page.items.map(cells),
            ),
          )
          if (page.next !== null) terminal.err(`There are older ones: add --cursor ${page.next}\n`)
        }
        return EXIT.done
      }),
    )
}

function defineShow(command: Command, run: Run): void {
  withOutput(command.command('show <id>').description('Everything about one of them'))
    .option('--limit <number>', 'how many exchanges', wholeNumber, 20)
    .option('--cursor <cursor>', 'where an earlier list of its exchanges ended')
    .action((id: string, options: WithOutput & { readonly limit: number; readonly cursor?: string }) =>
      run(async (terminal) => {
        const query = { limit: String(options.limit), cursor: options.cursor }
        const detail = await askAdminJson<Detail>(terminal, pathOf(id), { query })
        terminal.out(options.output === 'json' ? json(detail) : shown(detail))
        if (options.output !== 'json' && detail.records.next !== null)
          terminal.err(`There are older exchanges: add --cursor ${detail.records.next}\n`)
        return EXIT.done
      }),
    )
}

async function change(
  terminal: Terminal,
  id: string,
  body: { readonly labels?: object; readonly notes?: readonly string[] },
  { output }: WithOutput,
): Promise<number> {
  const text = JSON.stringify(body)
  const detail = await askAdminJson<Detail>(terminal, pathOf(id), {
    method: 'PATCH',
    body: { type: 'application/json', text },
  })
  terminal.out(output === 'json' ? json(detail) : described(detail))
  return EXIT.done
}

function labelOf(text: string): readonly [string, string | null] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  if (text.endsWith('-') && text.length > 1) return [text.slice(0, -1), null]
  throw new CommandFailure(
    `${JSON.stringify(text)} is no label: write NAME=VALUE to set one, NAME- to take one away.`,
    EXIT.usage,
  )
}

const labelsOf = ({ labels }: Entity): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')

const statusOf = ({ status, blockedBy }: Entity): string => (blockedBy === null ? status : `blocked by ${blockedBy}`)

const cells = (one: Entity): readonly string[] => [
  one.id,
  one.issuer,
  one.firstSeen,
  one.lastSeen,
  String(one.granted),
  String(one.refused),
  one.status,
  labelsOf(one) || '-',
]

const described = (detail: Detail): string =>
  listing([
    ['id', detail.id],
    ['status', statusOf(detail)],
    ['issuer', detail.issuer],
    ['kind', detail.kind],
    ['first seen', detail.firstSeen],
    ['last seen', detail.lastSeen],
    ['granted', String(detail.granted)],
    ['refused', String(detail.refused)],
    ['rules', detail.rules.join(' ')],
    ['instances', detail.instances.join(' ')],
    ['labels', labelsOf(detail)],
    ...detail.notes.map(({ at, author, text }) => ['note', `${at} ${author}: ${text.replaceAll('\n', ' ')}`] as const),
  ])

const shown = (detail: Detail): string =>
  `${described(detail)}\n${table(
    ['AT', 'OUTCOME', 'REASON', 'CLIENT', 'TARGETS', 'TOKEN (JTI)', 'RECORD'],
    detail.records.items.map(({ at, outcome, reason, client, targets, jti, id }) => [
      at,
      outcome,
      reason === outcome ? '-' : reason,
      client || '-',
      targets.join(' ') || '-',
      jti || '-',
      id,
    ]),
  )}`
