import { type CliCommand, EXIT } from '../contract.ts'
import { askAdminJson } from '../http.ts'
import { type WithOutput, wholeNumber, withOutput } from '../options.ts'
import { json, listing, table } from '../table.ts'

/** A row of the record as the administrators' door answers it. */
interface Row {
  readonly id: string
  readonly at: string
  readonly outcome: string
  readonly reason: string
  readonly detail: string
  readonly grant: string
  readonly client: string
  readonly authentication: string
  readonly subject: {
    readonly issuer: string
    readonly id: string
    readonly kind: string
    readonly instance: string
  } | null
  readonly credentials: readonly { readonly position: string; readonly issuer: string; readonly id: string }[]
  readonly keys: readonly string[]
  readonly actors: readonly { readonly sub: string }[]
  readonly requested: {
    readonly scopes: readonly string[]
    readonly audiences: readonly string[]
    readonly resources: readonly string[]
    readonly tokenType: string
  }
  readonly granted: {
    readonly scopes: readonly string[]
    readonly targets: readonly string[]
    readonly tokenType: string
    readonly lifetime: number
  } | null
  readonly rules: readonly string[]
  readonly shadow: readonly { readonly rule: string; readonly outcome: string }[]
  readonly errors: readonly string[]
  readonly leniencies: readonly string[]
  readonly snapshotVersion: number
  readonly jti: string
  readonly lineage: string
  readonly remote: string
  readonly durationMs: number
}

const FILTERS = [
  ['outcome', 'granted, refused or failed'],
  ['reason', 'why it was refused, such as denied or expired'],
  ['client', 'name of a client'],
  ['subject', 'id of a subject'],
  ['target', 'name of a target, or what was asked for'],
  ['jti', 'id of an issued token'],
  ['lineage', 'id of the first record of a chain'],
  ['shadow', 'name of a rule in shadow that would have decided; takes --since'],
  ['since', 'a moment, or a duration back such as 24h'],
  ['until', 'a moment, or a duration back'],
  ['cursor', 'where an earlier list ended'],
] as const

type Filters = { readonly [K in (typeof FILTERS)[number][0]]?: string }

export const audit: CliCommand = {
  name: 'audit',
  summary: 'Show the record of exchanges, newest first',
  examples: [
    ['cambist audit', 'the last 20 exchanges'],
    ['cambist audit --outcome refused --since 1h', 'what was refused in the last hour'],
    ['cambist audit --client checkout --output json', 'for another program'],
    ['cambist audit shadow --since 7d', 'what rules in shadow would have done'],
    ['cambist audit show ID', 'everything about one; the id is the Cambist-Request-Id of its answer'],
  ],
  define(command, run) {
    for (const [name, what] of FILTERS) command.option(`--${name} <value>`, what)
    withOutput(command)
      .option('--limit <number>', 'how many', wholeNumber, 20)
      .action((options: Filters & WithOutput & { readonly limit: number }) =>
        run(async (terminal) => {
          const filters = Object.fromEntries(FILTERS.map(([name]) => [name, options[name]]))
          const query = { ...filters, limit: String(options.limit) }
          const page = await askAdminJson<{ items: readonly Row[]; next: string | null }>(terminal, '/admin/v1/audit', {
            query,
          })
          if (options.output === 'json') terminal.out(json(page))
          else {
            terminal.out(
              table(['AT', 'OUTCOME', 'REASON', 'CLIENT', 'SUBJECT', 'TARGETS', 'SCOPES', 'ID'], page.items.map(cells)),
            )
            if (page.next !== null) terminal.err(`There are older ones: add --cursor ${page.next}\n`)
          }
          return EXIT.done
        }),
      )
    withOutput(command.command('show <id>').description('Everything about one exchange')).action((id: string) =>
      run(async (terminal) => {
        const row = await askAdminJson<Row>(terminal, `/admin/v1/audit/${encodeURIComponent(id)}`)
        // Both levels declare --output, and Commander gives it to the outer one.
        const { output } = command.opts<WithOutput>()
        const inner = command.commands[0]?.opts<WithOutput>().output
        terminal.out(output === 'json' || inner === 'json' ? json(row) : shown(row))
        return EXIT.done
      }),
    )
    withOutput(command.command('shadow').description('What rules in shadow would have done, for each rule')).action(
      () =>
        run(async (terminal) => {
          const { since, until, output } = command.opts<Filters & WithOutput>()
          const answer = await askAdminJson<Shadow>(terminal, '/admin/v1/shadow', { query: { since, until } })
          const inner = command.commands[1]?.opts<WithOutput>().output
          if (output === 'json' || inner === 'json') terminal.out(json(answer))
          else {
            const headers = ['RULE', 'EFFECT', 'MATCHED', 'OTHERWISE', 'LAST', 'EXAMPLES']
            terminal.out(
              table(
                headers,
                answer.rules.map((each) => [
                  ...[each.rule, each.effect, String(each.matched), String(each.otherwise), each.last],
                  each.examples.slice(0, 2).join(' ') || '-',
                ]),
              ),
            )
          }
          return EXIT.done
        }),
    )
  },
}

/** What rules in shadow would have done, as the administrators' door answers it. */
interface Shadow {
  readonly rules: readonly {
    readonly rule: string
    readonly effect: string
    readonly matched: number
    readonly otherwise: number
    readonly last: string
    readonly examples: readonly string[]
  }[]
}

function cells({ at, outcome, reason, client, subject, granted, requested, id }: Row): readonly string[] {
  const targets = granted?.targets ?? [...requested.audiences, ...requested.resources]
  const scopes = granted?.scopes ?? requested.scopes
  return [
    at,
    outcome,
    reason === outcome ? '-' : reason,
    client || '-',
    subject?.id ?? '-',
    targets.join(' ') || '-',
    scopes.join(' ') || '-',
    id,
  ]
}

function shown(row: Row): string {
  const { subject, requested, granted } = row
  return listing([
    ['id', row.id],
    ['at', row.at],
    ['outcome', row.outcome],
    ['reason', row.reason === row.outcome ? '' : row.reason],
    ['detail', row.detail],
    ['grant', row.grant],
    ['client', row.client],
    ['authentication', row.authentication],
    ['subject', subject?.id ?? ''],
    ['subject issuer', subject?.issuer ?? ''],
    ['subject kind', subject?.kind ?? ''],
    ['subject instance', subject?.instance ?? ''],
    ['credentials', row.credentials.map(({ position, issuer, id }) => `${position} ${issuer} ${id}`).join(', ')],
    ['keys', row.keys.join(' ')],
    ['actors', row.actors.map(({ sub }) => sub).join(' ← ')],
    ['asked audiences', requested.audiences.join(' ')],
    ['asked resources', requested.resources.join(' ')],
    ['asked scopes', requested.scopes.join(' ')],
    ['granted targets', granted?.targets.join(' ') ?? ''],
    ['granted scopes', granted?.scopes.join(' ') ?? ''],
    ['token type', granted?.tokenType ?? ''],
    ['lifetime', granted === null ? '' : `${granted.lifetime}s`],
    ['jti', row.jti],
    ['rules', row.rules.join(' ')],
    ['shadow rules', row.shadow.map(({ rule, outcome }) => `${rule} (${outcome})`).join(' ')],
    ['errors', row.errors.join('; ')],
    ['leniencies', row.leniencies.join('; ')],
    ['documents', `version ${row.snapshotVersion}`],
    ['lineage', row.lineage === row.id ? '' : row.lineage],
    ['remote', row.remote],
    ['duration', `${row.durationMs} ms`],
  ])
}
