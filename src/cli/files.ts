import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Document } from '../documents/contract.ts'
import { type DocumentFault, DocumentFaults } from '../documents/faults.ts'
import { type MediaType, type Reading, readWithPlaces } from '../documents/read.ts'
import { isTestFile } from '../documents/test-file.ts'
import { CommandFailure, type Terminal } from './contract.ts'
import { nameOfError } from './error-name.ts'

/** The documents of several files as one input, with the file and line that a fault in one of them belongs to. */
export interface Input {
  readonly documents: readonly Document[]
  place(fault: DocumentFault): DocumentFault
}

const SUFFIX = /\.(ya?ml|json)$/i

/**
 * Reads files, folders (their .yaml, .yml and .json files, in the order of their names) and `-`, the standard input. Policy
 * tests are passed over, also where a pattern of the shell names them. Throws DocumentFaults over all of them.
 */
export async function readInput(paths: readonly string[], terminal: Terminal): Promise<Input> {
  if (paths.every(isTestFile))
    throw new CommandFailure(`There are policy tests and no documents in ${paths.join(', ')}; cambist test runs them.`)
  const faults: DocumentFault[] = []
  const readings: Reading[] = []
  const seen = new Map<string, string>()
  for (const file of paths.flatMap(filesAt)) {
    try {
      const reading =
        file === '-'
          ? readWithPlaces(await terminal.input(), 'application/yaml', 'standard input')
          : readWithPlaces(textOf(file), typeOf(file), file)
      readings.push(reading)
      for (const { kind, metadata } of reading.documents) {
        const key = `${kind}/${metadata.name}`
        const other = seen.get(key)
        if (other !== undefined)
          faults.push(
            reading.place({
              kind,
              name: metadata.name,
              path: 'metadata.name',
              message: `there is a ${kind} ${metadata.name} in ${other} already; a name stands once`,
            }),
          )
        seen.set(key, file)
      }
    } catch (error) {
      if (!(error instanceof DocumentFaults)) throw error
      faults.push(...error.faults)
    }
  }
  if (faults.length > 0) throw new DocumentFaults(faults)
  const place = (fault: DocumentFault): DocumentFault => {
    const { kind, name, path, message } = fault
    const plain: DocumentFault = { kind, name, path, message }
    return readings.map((reading) => reading.place(plain)).find((placed) => placed.document !== undefined) ?? plain
  }
  return { documents: readings.flatMap(({ documents }) => documents), place }
}

function filesAt(path: string): readonly string[] {
  if (path === '-') return [path]
  if (isTestFile(path)) return []
  const entries = entriesOf(path)
  if (entries === undefined) return [path]
  const files = entries
    .filter((entry) => !entry.isDirectory() && SUFFIX.test(entry.name) && !isTestFile(entry.name))
    .map((entry) => join(path, entry.name))
  if (files.length === 0) throw new CommandFailure(`There is no .yaml, .yml or .json file in ${path}.`)
  return files.sort()
}

/** What is in a folder; undefined where the path is none. */
function entriesOf(path: string): readonly Dirent[] | undefined {
  try {
    return statSync(path).isDirectory() ? readdirSync(path, { withFileTypes: true }) : undefined
  } catch (error) {
    throw new CommandFailure(`${path} cannot be read (${nameOfError(error)}).`)
  }
}

/** Paths of documents, and the files of policy tests among them and beside them. A folder of tests alone has no documents. */
export function withTestFiles(paths: readonly string[]): {
  readonly documents: readonly string[]
  readonly tests: readonly string[]
} {
  const documents: string[] = []
  const tests = paths.flatMap((path) => {
    if (isTestFile(path)) return [path]
    const files = path === '-' ? undefined : entriesOf(path)?.filter((entry) => !entry.isDirectory())
    const found = (files ?? []).filter(({ name }) => isTestFile(name)).map(({ name }) => join(path, name))
    if (found.length === 0 || files?.some(({ name }) => SUFFIX.test(name) && !isTestFile(name))) documents.push(path)
    return found.sort()
  })
  return { documents, tests: [...new Set(tests)] }
}

export function textOf(file: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new CommandFailure(`${file} cannot be read (${nameOfError(error)}).`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new CommandFailure(`${file} is not UTF-8.`)
  }
}

const typeOf = (file: string): MediaType => (/\.json$/i.test(file) ? 'application/json' : 'application/yaml')
