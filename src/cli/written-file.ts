import { type DocumentFault, DocumentFaults } from '../documents/faults.ts'
import { readYaml } from '../documents/yaml.ts'
import type { Fault } from '../lib/fault.ts'
import { textOf } from './files.ts'

/** What stands in a file that is one mapping and no document, as plain values. */
export interface WrittenFile {
  readonly value: unknown
  /** The fault with the file, and the line of its path. */
  place(fault: Fault): DocumentFault
}

/** Reads YAML, and JSON, which is YAML too. Throws DocumentFaults. */
export function readWritten(file: string): WrittenFile {
  const { readings, faults } = readYaml(textOf(file), 1)
  const [reading] = readings
  const nothing: DocumentFault = { ...NO_DOCUMENT, file, path: '', message: 'says nothing' }
  if (faults.length > 0 || reading === undefined)
    throw new DocumentFaults(
      reading === undefined && faults.length === 0
        ? [nothing]
        : faults.map(({ path, message, line }) => ({ ...NO_DOCUMENT, file, path, message, line })),
    )
  return {
    value: reading.value,
    place: ({ path, message }) => ({ ...NO_DOCUMENT, file, line: reading.lineOf(path), path, message }),
  }
}

const NO_DOCUMENT = { kind: '', name: '' } as const
