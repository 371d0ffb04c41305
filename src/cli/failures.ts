import type { Doubt, Traffic } from '../documents/doubts.ts'
import { type DocumentFault, DocumentFaults, sentence } from '../documents/faults.ts'
import { Faults } from '../lib/fault.ts'
import { CommandFailure, EXIT } from './contract.ts'
import { DoorRefusal } from './http.ts'
import { printable } from './table.ts'

const MAX_SHOWN = 50
const MAX_GROUPS = 10

/** What a person is told of whatever a command threw, and the exit code. */
export function explained(error: unknown): { readonly lines: readonly string[]; readonly exitCode: number } {
  if (error instanceof CommandFailure) return { lines: [error.message], exitCode: error.exitCode }
  if (error instanceof DocumentFaults) return { lines: faultLines(error.faults), exitCode: EXIT.failed }
  if (error instanceof Faults) return { lines: error.message.split('\n'), exitCode: EXIT.failed }
  if (error instanceof DoorRefusal) {
    const { detail, faults, doubts, instance, status } = error.problem
    if (doubts.length > 0) return { lines: doubtLines(doubts), exitCode: EXIT.failed }
    const id = status >= 500 && instance !== undefined ? ` (request ${instance})` : ''
    return { lines: faults.length > 0 ? faultLines(faults) : [`${detail}${id}`], exitCode: EXIT.failed }
  }
  return { lines: [error instanceof Error ? error.message : String(error)], exitCode: EXIT.failed }
}

/** What a change asks a yes for, with the largest groups of what it would deny. */
function doubtLines(doubts: readonly Doubt[]): readonly string[] {
  return [
    ...doubts.flatMap((doubt) => [
      `${doubt.message}.`,
      ...(doubt.what === 'denials' ? doubt.groups.slice(0, MAX_GROUPS).map(groupLine) : []),
    ]),
    'Nothing was changed. Add --yes where this is meant.',
  ].map(printable)
}

const groupLine = ({ count, client, targets, examples }: Traffic['groups'][number]): string =>
  `  ${count} of client ${client} at ${targets.join(' ')}, such as ${examples[0] ?? ''}`

export function faultLines(faults: readonly DocumentFault[]): readonly string[] {
  const shown = faults.slice(0, MAX_SHOWN).map((fault) => printable(sentence(fault)))
  return faults.length > MAX_SHOWN ? [...shown, `… and ${faults.length - MAX_SHOWN} more`] : shown
}
