import { canonicalDocument } from '../documents/canonical.ts'
import type { Document } from '../documents/contract.ts'
import { printable } from './table.ts'

/** A single value that is there in one document and not, or not the same, in the other. */
export interface Difference {
  readonly path: string
  readonly before?: unknown
  readonly after?: unknown
}

/** What an action does to a document, field by field. */
export interface DocumentDifference {
  readonly kind: string
  readonly name: string
  readonly action: string
  readonly renamedFrom?: string
  readonly differences: readonly Difference[]
}

/** What differs between two documents, of which either may not be. */
export function differencesOf(
  before: Document | null | undefined,
  after: Document | null | undefined,
): readonly Difference[] {
  const [old, fresh] = [leavesOf(before), leavesOf(after)]
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .sort()
    .filter((path) => old.get(path) !== fresh.get(path))
    .map((path) => ({
      path,
      ...(old.has(path) ? { before: old.get(path) } : {}),
      ...(fresh.has(path) ? { after: fresh.get(path) } : {}),
    }))
}

/** The same for a person: a line for what is done to the document, and one for each value that goes or comes. */
export function shownDifference({ kind, name, action, renamedFrom, differences }: DocumentDifference): string {
  const title = `${action} ${kind} ${name}${renamedFrom === undefined ? '' : ` (was ${renamedFrom})`}`
  const lines = differences.flatMap(({ path, before, after }) => [
    ...(before === undefined ? [] : [`  - ${path}: ${JSON.stringify(before)}`]),
    ...(after === undefined ? [] : [`  + ${path}: ${JSON.stringify(after)}`]),
  ])
  return `${[title, ...lines].map(printable).join('\n')}\n`
}

type Leaves = ReadonlyMap<string, unknown>

function leavesOf(document: Document | null | undefined): Leaves {
  const leaves = new Map<string, unknown>()
  const walk = (value: unknown, path: string): void => {
    if (Array.isArray(value) && value.length > 0)
      for (const [index, item] of value.entries()) walk(item, `${path}[${index}]`)
    else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
      for (const [name, member] of Object.entries(value)) walk(member, path === '' ? name : `${path}.${name}`)
    } else leaves.set(path, typeof value === 'object' ? JSON.stringify(value) : value)
  }
  if (document !== null && document !== undefined) walk(JSON.parse(canonicalDocument(document)), '')
  return leaves
}
