import type { Command } from 'commander'
import { DocumentFaults } from '../documents/faults.ts'
import type { Replayed } from '../exchange/replay.ts'
import { CommandFailure, EXIT, type Terminal } from './contract.ts'
import type { Input } from './files.ts'
import { DoorRefusal, linesOfAdmin } from './http.ts'
import { printable, table } from './table.ts'

export interface ReplayOptions {
  readonly replay?: string
  readonly prune?: string
  readonly failOnChange?: boolean
  readonly failOnDenial?: boolean
}

export const withReplay = (command: Command): Command =>
  command
    .option('--replay <time>', 'judge the requests since then by the draft: a moment, or a duration back such as 7d')
    .option('--fail-on-change', 'with --replay: end with 1 where a decision would be another')
    .option('--fail-on-denial', 'with --replay: end with 1 where a request would be refused that was not')

/** Throws CommandFailure where options have no meaning together. */
export function checkReplay({ replay, failOnChange, failOnDenial }: ReplayOptions): void {
  if (replay === undefined && (failOnChange === true || failOnDenial === true))
    throw new CommandFailure(
      '--fail-on-change and --fail-on-denial say what a replay may find: add --replay, such as --replay 7d.',
      EXIT.usage,
    )
}

interface Judgement {
  readonly verdict: 'permitted' | 'refused'
  readonly reason: string
  readonly detail: string
  readonly client: string
  readonly rules: readonly string[]
  readonly scopes?: readonly string[]
  readonly lifetime?: number
}

interface Group {
  readonly differs: readonly string[]
  readonly before: Judgement
  readonly draft: Judgement
  readonly client: string
  readonly targets: readonly string[]
  readonly subjectIssuer: string
  readonly count: number
  readonly examples: readonly string[]
}

/** What a draft would have made of a period's requests, as the administrators' door answers it. */
export interface ReplayAnswer extends Omit<Replayed, 'groups' | 'first' | 'last'> {
  readonly version: number
  readonly since: string
  readonly until: string
  readonly complete: boolean
  readonly groups: readonly Group[]
  readonly first: string | null
}

type Line =
  | { readonly progress: { readonly judged: number; readonly total: number } }
  | { readonly result: ReplayAnswer }

/** Has the door judge what was asked by the input. Undefined where that is not asked for. Throws DocumentFaults with file and line. */
export async function replayInput(
  terminal: Terminal,
  input: Input,
  { replay: since, prune }: ReplayOptions,
): Promise<ReplayAnswer | undefined> {
  if (since === undefined) return undefined
  const body = { type: 'application/json', text: JSON.stringify({ documents: input.documents, since, prune }) }
  try {
    for await (const line of linesOfAdmin<Line>(terminal, '/admin/v1/replay', { method: 'POST', body })) {
      if ('result' in line) return line.result
      if (terminal.screen === true) terminal.err(overwriting(progress(line.progress)))
    }
  } catch (error) {
    if (error instanceof DoorRefusal && error.problem.faults.some(({ kind }) => kind !== ''))
      throw new DocumentFaults(error.problem.faults.map(input.place))
    throw error
  } finally {
    if (terminal.screen === true) terminal.err(overwriting(''))
  }
  throw new CommandFailure('The replay ended before its result. Ask again; the log of the server says why.')
}

const overwriting = (text: string): string => `\r\u001b[K${text}`

function progress({ judged, total }: { readonly judged: number; readonly total: number }): string {
  const share = total === 0 ? 100 : Math.floor((100 * judged) / total)
  return `Judging ${spaced(judged)} of ${spaced(total)} requests (${share} %)`
}

export const failsBy = (
  { changed, newlyRefused }: ReplayAnswer,
  { failOnChange, failOnDenial }: ReplayOptions,
): boolean => (failOnChange === true && changed > 0) || (failOnDenial === true && newlyRefused > 0)

/** The groups that a table shows; --output json has them all. */
const MAX_SHOWN = 30

export function showReplay(terminal: Terminal, answer: ReplayAnswer): void {
  const { groups, more, changed, notes } = answer
  const shown = groups.slice(0, MAX_SHOWN)
  terminal.out(`\n${heading(answer)}\n`)
  if (shown.length > 0) {
    terminal.out('\n')
    terminal.out(
      table(['COUNT', 'CHANGE', 'CLIENT', 'TARGETS', 'ISSUER', 'IN FORCE', 'DRAFT', 'EXAMPLE'], shown.map(cells)),
    )
    terminal.out(`\n${shown.map(sentence).map(printable).join('\n')}\n`)
  }
  const rest = groups.slice(MAX_SHOWN).reduce((sum, { count }) => sum + count, more)
  if (rest > 0) terminal.err(`${spaced(rest)} more of the ${spaced(changed)} changed decisions: see --output json.\n`)
  for (const note of [...notes, ...remarks(answer)]) terminal.err(`note: ${printable(note)}\n`)
}

function heading(answer: ReplayAnswer): string {
  const { version, since, until, judged, unchanged, newlyRefused, newlyPermitted, differently } = answer
  const what = [
    [newlyRefused, 'would be refused'],
    [newlyPermitted, 'would be permitted'],
    [differently, 'would be permitted differently'],
    [unchanged, unchanged === 1 ? 'stays as it is' : 'stay as they are'],
  ] as const
  const counts = what.flatMap(([count, does]) => (count === 0 ? [] : [`${spaced(count)} ${does}`]))
  const period = `Of ${spaced(judged)} decisions from ${since} to ${until}`
  return counts.length === 0
    ? `No request from ${since} to ${until} was decided on.`
    : `${period}, judged by version ${version} and by the draft, ${counts.join(', ')}.`
}

function remarks({ complete, first, drifted, undecided, version }: ReplayAnswer): readonly string[] {
  return [
    ...(complete
      ? []
      : [`There were more requests than are judged at once: these are the newest, from ${first ?? 'none'} on.`]),
    ...(drifted === 0
      ? []
      : [
          `${spaced(drifted)} ${was(drifted)} decided otherwise than version ${version} would decide now: the documents have changed since.`,
        ]),
    ...(undecided.count === 0
      ? []
      : [
          `${spaced(undecided.count)} more ${was(undecided.count)} refused for what no policy decides, such as an expired credential.`,
        ]),
  ]
}

function cells({ count, before, draft, client, targets, subjectIssuer, differs, examples }: Group): readonly string[] {
  return [
    spaced(count),
    before.verdict === draft.verdict ? differs.join(' ') : draft.verdict,
    client || '-',
    targets.join(' ') || '-',
    subjectIssuer,
    brief(before),
    brief(draft),
    examples[0] ?? '-',
  ]
}

const brief = ({ verdict, reason, scopes = [], lifetime, rules }: Judgement): string =>
  verdict === 'refused' ? reason : [...(scopes.length === 0 ? rules : scopes), `${lifetime}s`].join(' ')

function sentence({ count, before, draft, client, targets, differs }: Group): string {
  const exchanges = `${spaced(count)} ${count === 1 ? 'exchange' : 'exchanges'} of ${client || 'nobody'} at ${targets.join(' and ') || 'no target'}`
  if (draft.verdict === 'refused') return `${exchanges} would be refused: ${draft.detail}.`
  const by = draft.rules.length === 0 ? 'no rule' : draft.rules.join(' and ')
  if (before.verdict === 'refused') {
    const scopes = draft.scopes === undefined || draft.scopes.length === 0 ? '' : ` with ${draft.scopes.join(' ')}`
    return `${exchanges} would be permitted${scopes}, by ${by}; ${count === 1 ? 'it' : 'they'} ${was(count)} refused: ${before.detail}.`
  }
  return `${exchanges} would be permitted with another ${differs.join(' and ')}, by ${by}.`
}

const was = (count: number): string => (count === 1 ? 'was' : 'were')

/** 1240 → `1 240`. */
const spaced = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ' ')
