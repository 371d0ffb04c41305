import { inOrder } from '../documents/canonical.ts'
import { type DocumentFault, DocumentFaults } from '../documents/faults.ts'
import { warningsOf } from '../documents/warnings.ts'
import type { Terminal } from './contract.ts'
import { type Input, readInput } from './files.ts'
import { offlineCompiler } from './offline.ts'

export interface Linted {
  readonly documents: number
  readonly faults: readonly DocumentFault[]
  readonly warnings: readonly DocumentFault[]
}

/** What a server would say of the documents if there were no others. */
export async function lintFiles(paths: readonly string[], terminal: Terminal): Promise<Linted> {
  let input: Input | undefined
  try {
    input = await readInput(paths, terminal)
    const compiler = offlineCompiler(terminal.environment.issuer)
    const warnings = inOrder(warningsOf(compiler.compile(input.documents)))
    return { documents: input.documents.length, faults: [], warnings: warnings.map(input.place) }
  } catch (error) {
    if (!(error instanceof DocumentFaults)) throw error
    const faults = input === undefined ? error.faults : error.faults.map(input.place)
    return { documents: input?.documents.length ?? 0, faults, warnings: [] }
  }
}
