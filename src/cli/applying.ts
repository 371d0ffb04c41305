import type { Command } from 'commander'
import type { Applied, Warning } from '../documents/contract.ts'
import { DocumentFaults } from '../documents/faults.ts'
import type { Terminal } from './contract.ts'
import type { Input } from './files.ts'
import { askAdminJson, DoorRefusal } from './http.ts'
import { files, wholeNumber } from './options.ts'
import { json, printable, table } from './table.ts'

export interface ApplyOptions {
  readonly file: readonly string[]
  readonly prune?: string
  readonly dryRun?: boolean
  readonly message?: string
  readonly baseVersion?: number
  readonly yes?: boolean
}

export const withApplyOptions = (command: Command): Command =>
  command
    .addOption(files())
    .option('--prune <label>', 'delete documents that carry this label (key or key=value) and are not in the input')
    .option('--base-version <number>', 'refuse where another version is in force', wholeNumber)

/** Sends the input to the door. Throws DocumentFaults with file and line where it finds fault with a document. */
export async function applyInput(terminal: Terminal, input: Input, options: ApplyOptions): Promise<Applied> {
  const { prune, dryRun, message, baseVersion, yes } = options
  const query = {
    prune,
    message,
    dryRun: dryRun === true ? 'true' : undefined,
    baseVersion: baseVersion === undefined ? undefined : String(baseVersion),
    confirm: yes === true ? 'true' : undefined,
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

/** What a change has come to: what it did to which document, what is doubtful about it, and whether it is in force. */
export function showApplied(
  terminal: Terminal,
  applied: Applied,
  { dryRun = false, output }: { readonly dryRun?: boolean | undefined; readonly output: string },
): void {
  if (output === 'json') {
    terminal.out(json(applied))
    return
  }
  const { changes, warnings } = applied
  if (changes.length > 0) {
    terminal.out(
      table(
        ['ACTION', 'KIND', 'NAME'],
        changes.map(({ action, kind, name, renamedFrom }) => [
          action,
          kind,
          renamedFrom === undefined ? name : `${name} (was ${renamedFrom})`,
        ]),
      ),
    )
  }
  showWarnings(terminal, warnings)
  terminal.err(summary(applied, dryRun))
}

function summary({ version, changes, pending }: Applied, dryRun: boolean): string {
  const changed = changes.filter(({ action }) => action !== 'unchanged').length
  if (dryRun)
    return `Nothing was changed; ${changed === 0 ? 'nothing' : `${changed} of ${changes.length} documents`} would be. Version ${version} is in force.\n`
  if (pending !== undefined)
    return `Nothing is in force yet: this waits for another administrator. Version ${version} stays in force until then.\nThey see it with: cambist changes show ${pending.id}\nAnd approve it with: cambist changes approve ${pending.id}\n`
  return changed === 0 ? `Nothing to change: version ${version} stays in force.\n` : `Version ${version} is in force.\n`
}

export function showWarnings(terminal: Terminal, warnings: readonly Warning[]): void {
  for (const { kind, name, path, message } of warnings) {
    terminal.err(`warning: ${printable([`${kind} ${name}`, path, message].filter((part) => part !== '').join(': '))}\n`)
  }
}
