import type { Reference } from './contract.ts'

/** Reading names out of specs that nobody has checked yet: what is no text is no reference, and its own fault elsewhere. */
type Spec = Readonly<Record<string, unknown>>

export function memberOf(spec: unknown, name: string): unknown {
  return typeof spec === 'object' && spec !== null && !Array.isArray(spec) ? (spec as Spec)[name] : undefined
}

export function textsOf(value: unknown): readonly (readonly [index: number, text: string])[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((item, index) => (typeof item === 'string' ? [[index, item] as const] : []))
}

/** References from a list of names at a path; names in `without` mean something else there. */
export function referencesFrom(
  value: unknown,
  path: string,
  kind: string,
  without: ReadonlySet<string> = NONE,
): readonly Reference[] {
  return textsOf(value)
    .filter(([, name]) => !without.has(name))
    .map(([index, name]) => ({ path: `${path}[${index}]`, kind, name }))
}

const NONE: ReadonlySet<string> = new Set()
