import { type Fault, Faults } from '../lib/fault.ts'
import { type Pattern, parsePattern } from './pattern.ts'
import type { Principal } from './principal.ts'

/**
 * Which principals of an issuer are meant, by plain fields (interfaces.md, "`ids`"). Attributes are compared as texts
 * with texts: a number, a list, an object or nothing at all matches no pattern; a condition can look into those.
 */
export interface Selector {
  /** Compared with the subject as its issuer names it; undefined: not restricted. */
  readonly ids: readonly Pattern[] | undefined
  readonly match: readonly (readonly [attribute: string, patterns: readonly Pattern[]])[]
}

export interface WrittenSelector {
  readonly ids?: readonly string[] | undefined
  readonly match?: Readonly<Record<string, readonly string[]>> | undefined
}

/** Adds what is wrong to `faults`, under `path`, and leaves it out. */
export function compileSelector(written: WrittenSelector, path: string, faults: Fault[]): Selector {
  const patterns = (sources: readonly string[], at: string): readonly Pattern[] =>
    sources.flatMap((source, index) => {
      try {
        return [parsePattern(source)]
      } catch (error) {
        if (!(error instanceof Faults)) throw error
        faults.push(...error.faults.map(({ message }) => ({ path: `${at}[${index}]`, message })))
        return []
      }
    })
  const match = Object.entries(written.match ?? {}).map(
    ([attribute, sources]) => [attribute, patterns(sources, `${path}.match.${attribute}`)] as const,
  )
  return Object.freeze({ ids: written.ids === undefined ? undefined : patterns(written.ids, `${path}.ids`), match })
}

/** What of a selector does not mean a principal: its ids, or one member of `match`. */
export type Unselected = 'ids' | Selector['match'][number]

/** The first part of the selector that does not mean the principal; undefined where all of it does. */
export function unselected(selector: Selector, principal: Principal): Unselected | undefined {
  if (selector.ids !== undefined && !selector.ids.some((pattern) => pattern.matches(principal.subject))) return 'ids'
  for (const member of selector.match) {
    const value = attributeText(principal, member[0])
    if (value === undefined || !member[1].some((pattern) => pattern.matches(value))) return member
  }
  return undefined
}

export const selects = (selector: Selector, principal: Principal): boolean =>
  unselected(selector, principal) === undefined

/** An attribute that is a text; undefined where it is absent or is anything else. */
export function attributeText(principal: Principal, attribute: string): string | undefined {
  if (!Object.hasOwn(principal.attributes, attribute)) return undefined
  const value = principal.attributes[attribute]
  return typeof value === 'string' ? value : undefined
}
