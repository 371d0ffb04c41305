import type { Condition } from '../lib/cel.ts'
import { readsOf } from '../lib/cel-reads.ts'
import { type Case, POLICY_VARIABLES } from './case.ts'
import type { Seen } from './contract.ts'

const MAX_TEXT = 256

/** The values of the members that a condition reads, by the names it reads them by; null: there is none. */
export function membersSeen({ source }: Condition, bindings: Case['bindings']): Seen {
  return Object.fromEntries(
    readsOf(source, POLICY_VARIABLES).map((path) => [path.join('.'), shown(valueAt(path, bindings))]),
  )
}

function valueAt([variable = '', ...steps]: readonly string[], bindings: Case['bindings']): unknown {
  let value: unknown = bindings[variable]
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step))
      return undefined
    value = (value as Readonly<Record<string, unknown>>)[step]
  }
  return value
}

/** A value as it is shown: what is long is cut. */
function shown(value: unknown): Seen[string] {
  const text = JSON.stringify(value)
  if (text === undefined) return null
  if (text.length <= MAX_TEXT) return JSON.parse(text)
  return `${(typeof value === 'string' ? value : text).slice(0, MAX_TEXT)}…`
}
