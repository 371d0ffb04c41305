import { EXIT, type Terminal } from './contract.ts'
import { printable, table } from './table.ts'

type Verdict = 'permitted' | 'refused'
type Seen = Readonly<Record<string, unknown>>

interface Rule {
  readonly rule: string
  readonly effect: string
  readonly mode: string
  readonly disabled: boolean
  readonly matched: boolean
  readonly failing?: { readonly path: string; readonly why: string; readonly saw: Seen }
  readonly demands: readonly {
    readonly path: string
    readonly demands: readonly string[]
    readonly saw: Seen
    readonly met: boolean
  }[]
}

interface Case {
  readonly client: string
  readonly target?: string
  readonly stopped?: { readonly reason: string; readonly detail: string }
  readonly scopes: readonly string[]
  readonly rules: readonly Rule[]
  readonly others: number
}

interface Judged {
  readonly verdict: Verdict | null
  readonly reason: string
  readonly client: string
  readonly rules: readonly string[]
}

/** Why a request is decided as it is, as the administrators' door answers it. */
export interface ExplanationAnswer {
  readonly verdict: Verdict
  readonly stage: string
  readonly reason: string
  readonly sentence: string
  readonly version: number
  readonly draft: boolean
  readonly decision: {
    readonly shadow: readonly { readonly rule: string; readonly outcome: string }[]
    readonly errors: readonly string[]
  } | null
  readonly nearest: (Rule & { readonly client: string; readonly target: string }) | null
  readonly trace: readonly Case[] | null
  readonly unasked?: readonly { readonly issuer: string; readonly what: 'keys' | 'status' | 'signer' }[]
  readonly recorded?: Judged
  readonly replayed?: Judged | null
  readonly differences?: readonly string[]
}

export function showExplanation(terminal: Terminal, answer: ExplanationAnswer): void {
  const { trace, nearest, decision, draft, version, recorded } = answer
  terminal.out(heading(answer))
  for (const each of trace ?? []) terminal.out(`\n${caseOf(each)}`)
  if (nearest !== null) terminal.out(`\n${printable(nearestOf(nearest))}\n`)
  for (const { rule, outcome } of decision?.shadow ?? [])
    terminal.out(`${printable(`Rule ${rule} would ${outcome} it if it were not in shadow.`)}\n`)
  for (const error of decision?.errors ?? []) terminal.out(`${printable(`A condition failed: ${error}`)}\n`)
  if (recorded !== undefined) terminal.out(`\n${comparison(answer, recorded)}`)
  terminal.err(`Judged by ${draft ? `the draft over version ${version}` : `version ${version}`}.\n`)
  for (const { issuer, what } of answer.unasked ?? [])
    terminal.err(`note: ${printable(issuer)} was not asked for ${UNASKED[what]}: a draft causes no fetch.\n`)
}

const UNASKED = { keys: 'its keys', status: 'its word on the credential', signer: 'who has signed' } as const

/** What an answer ends with, where something is expected of it. */
export function exitOf({ verdict }: ExplanationAnswer, expected: Verdict | undefined, terminal: Terminal): number {
  if (expected === undefined || expected === verdict) return EXIT.done
  terminal.err(`It was expected to be ${expected}.\n`)
  return EXIT.failed
}

function heading({ verdict, reason, sentence, stage }: ExplanationAnswer): string {
  const said = printable(sentence)
  if (verdict === 'permitted') return `✓ permitted\n${said}\n`
  const where =
    stage === 'decision'
      ? ''
      : `Refused ${stage === 'token' ? 'after the' : 'before a'} decision, at the stage ${stage}: `
  return `✗ refused: ${printable(reason)}\n${where}${said}\n`
}

function caseOf({ client, target, stopped, scopes, rules, others }: Case): string {
  const where = target === undefined ? 'no target' : target
  const what = scopes.length === 0 ? '' : ` for ${scopes.join(' ')}`
  const lines = [printable(`Client ${client} at ${where}${what}:`)]
  if (stopped !== undefined) lines.push(printable(`✗ ${stopped.reason}: ${stopped.detail}`))
  const rows = rules.flatMap((rule) => [rowOf(rule), ...demandsOf(rule)])
  const shown = rows.length === 0 ? '' : withoutBlanks(table(['', 'RULE', 'EFFECT', 'MODE', 'AT', 'WHY', 'SAW'], rows))
  const about = rules.length === 0 ? 'No rule speaks of it' : ''
  const rest = others === 0 ? '' : `${others} ${others === 1 ? 'rule speaks' : 'rules speak'} of others`
  const ending = [about, rest].filter((part) => part !== '').join('; ')
  return `${lines.join('\n')}\n${shown}${ending === '' ? '' : `${ending}.\n`}`
}

const withoutBlanks = (text: string): string => text.replace(/ +$/gm, '')

function rowOf({ matched, rule, effect, mode, disabled, failing }: Rule): readonly string[] {
  const how = disabled ? 'disabled' : mode
  return [matched ? '✓' : '✗', rule, effect, how, ...failureOf(failing)]
}

const failureOf = (failing: Rule['failing']): readonly string[] =>
  failing === undefined ? ['', '', ''] : [failing.path, failing.why, seen(failing.saw)]

/** What a rule that matches demands of the request and does not find there. */
const demandsOf = ({ demands, matched }: Rule): readonly (readonly string[])[] =>
  demands
    .filter(({ met }) => matched && !met)
    .map(({ path, demands: one, saw }) => ['', '', '', '', path, `demands ${one.join(' or ')}`, seen(saw)])

const seen = (saw: Seen): string =>
  Object.entries(saw)
    .map(([name, value]) => `${name}: ${value === null ? 'nothing' : JSON.stringify(value)}`)
    .join(', ')

function nearestOf({ rule, client, target, failing, demands }: NonNullable<ExplanationAnswer['nearest']>): string {
  const unmet = demands.find(({ met }) => !met)
  const because =
    failing !== undefined
      ? `, but for ${failing.path}: ${failing.why}`
      : unmet === undefined
        ? ''
        : `, but for ${unmet.path}, which demands ${unmet.demands.join(' or ')}`
  return `Nearest to a permit: rule ${rule} for client ${client} at ${target}${because}.`
}

function comparison({ replayed, differences = [] }: ExplanationAnswer, recorded: Judged): string {
  const rows = [['recorded', ...judgedCells(recorded)]]
  if (replayed === null || replayed === undefined) return table(COMPARED, rows)
  rows.push(['replayed', ...judgedCells(replayed)])
  const same = differences.length === 0 ? 'The two are the same.' : `They differ in ${differences.join(' and ')}.`
  return `${table(COMPARED, rows)}${printable(same)}\n`
}

const COMPARED = ['', 'VERDICT', 'REASON', 'CLIENT', 'RULES'] as const
const judgedCells = ({ verdict, reason, client, rules }: Judged): readonly string[] => [
  verdict ?? 'undecided',
  reason,
  client || '-',
  rules.join(' ') || '-',
]
