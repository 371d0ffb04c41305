import type { Command } from 'commander'
import type { Applied, Warning } from '../documents/contract.ts'
import { DocumentFaults } from '../documents/faults.ts'
import type { Terminal } from './contract.ts'
import type { Input } from './files.ts'
import { askAdminJson, DoorRefusal } from './http.ts'
import { files, wholeNumber } from './options.ts'
import { printable } from './table.ts'

export interface ApplyOptions {
  readonly file: readonly string[]
  readonly prune?: string
  readonly dryRun?: boolean
  readonly message?: string
  readonly baseVersion?: number
}

export const withApplyOptions = (command: Command): Command =>
  command
    .addOption(files())
    .option('--prune <label>', 'delete documents that carry this label (key or key=value) and are not in the input')
    .option('--base-version <number>', 'refuse where another version is in force', wholeNumber)

/** Sends the input to the door. Throws DocumentFaults with file and line where it finds fault with a document. */
export async function applyInput(terminal: Terminal, input: Input, options: ApplyOptions): Promise<Applied> {
  const { prune, dryRun, message, baseVersion } = options
  const query = {
    prune,
    message,
    dryRun: dryRun === true ? 'true' : undefined,
    baseVersion: baseVersion === undefined ? undefined : String(baseVersion),
  }
  try {
    const body = { type: 'application/json', text: JSON.stringify(input.documents) }
    return await askAdminJson<Applied>(terminal, '/admin/v1/apply', { method: 'POST', query, body })
  } catch (error) {
    if (error instanceof DoorRefusal && error.problem.faults.some(({ kind }) => kind !== '')) {
      throw new DocumentFaults(error.problem.faults.map(input.place))
    }
    throw error
  }
}

export function showWarnings(terminal: Terminal, warnings: readonly Warning[]): void {
  for (const { kind, name, path, message } of warnings) {
    terminal.err(`warning: ${printable([`${kind} ${name}`, path, message].filter((part) => part !== '').join(': '))}\n`)
  }
}
