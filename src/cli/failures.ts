import { type DocumentFault, DocumentFaults, sentence } from '../documents/faults.ts'
import { Faults } from '../lib/fault.ts'
import { CommandFailure, EXIT } from './contract.ts'
import { DoorRefusal } from './http.ts'
import { printable } from './table.ts'

const MAX_SHOWN = 50

/** What a person is told of whatever a command threw, and the exit code. */
export function explained(error: unknown): { readonly lines: readonly string[]; readonly exitCode: number } {
  if (error instanceof CommandFailure) return { lines: [error.message], exitCode: error.exitCode }
  if (error instanceof DocumentFaults) return { lines: faultLines(error.faults), exitCode: EXIT.failed }
  if (error instanceof Faults) return { lines: error.message.split('\n'), exitCode: EXIT.failed }
  if (error instanceof DoorRefusal) {
    const { detail, faults, instance, status } = error.problem
    const id = status >= 500 && instance !== undefined ? ` (request ${instance})` : ''
    return { lines: faults.length > 0 ? faultLines(faults) : [`${detail}${id}`], exitCode: EXIT.failed }
  }
  return { lines: [error instanceof Error ? error.message : String(error)], exitCode: EXIT.failed }
}

export function faultLines(faults: readonly DocumentFault[]): readonly string[] {
  const shown = faults.slice(0, MAX_SHOWN).map((fault) => printable(sentence(fault)))
  return faults.length > MAX_SHOWN ? [...shown, `… and ${faults.length - MAX_SHOWN} more`] : shown
}
